"""Files of codes: what is read of them, what comes back of what is written, and what is said of bad ones."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pympi
import pytest

from clips import write_clip
from duchenne.commands import run
from duchenne.errors import StudyError, UsageError
from duchenne.study.codings.au_labels import AULabel, label_in_name, parse_labels
from duchenne.study.codings.boris_writing import write_boris
from duchenne.study.codings.code_table import write_code_table
from duchenne.study.codings.coding import CodedAU, CodedEvent, CodedSpan, Coding, coding_from
from duchenne.study.codings.elan import write_elan
from duchenne.study.codings.frame_tables import read_frame_table
from duchenne.study.codings.reading import read_codes
from duchenne.study.exclusion import read_exclusion

EVENTS = (
    CodedEvent("anna.mp4", "anna", "AU12", 1.0, 2.5, 3.0),
    CodedEvent("anna.mp4", "anna", "AU12", 4.0, 4.4, 5.0, "L"),
    CodedEvent("anna.mp4", "anna", "AU06", 1.2, 2.5),
    CodedEvent("anna.mp4", "ben", "AU06", 3.0, 3.2, scorable=False),
    CodedEvent("anna.mp4", "ben", "AU12", 5.0, 7.0, 3.0, "L"),
    CodedEvent("anna.mp4", "ben", "AU12", 6.0, 8.0, 2.0, "R"),
)
CODING = Coding(
    EVENTS,
    tuple(CodedAU("anna.mp4", person, au) for person in ("anna", "ben") for au in ("AU06", "AU12", "AU15")),
    (CodedSpan("anna.mp4", "anna", 0.0, 10.0), CodedSpan("anna.mp4", "ben", 0.0, 10.0)),
)


def content(coding):
    """Return what a coding says, in an order of its own; NaN is not a number, so grades are texts."""
    events = sorted(repr(one) for one in coding.events)
    return events, set(coding.coded), sorted(map(repr, coding.spans))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("12", [("AU12", None, "")]),
        ("AU 6", [("AU06", None, "")]),
        ("au12c", [("AU12", 3, "")]),
        ("L12D+6B", [("AU12", 4, "L"), ("AU06", 2, "")]),
        ("45", [("AU43", None, "")]),
        ("smile", []),
        ("12 and so on", []),
    ],
)
def test_labels_are_read_as_coders_write_them(text, labels):
    assert parse_labels(text) == tuple(AULabel(*one) for one in labels)


def test_names_of_tiers_hold_an_action_unit_and_a_person():
    assert label_in_name("P01_AU12") == (AULabel("AU12"), "P01")
    assert label_in_name("AU4") == (AULabel("AU04"), "")
    assert label_in_name("speech") == (None, "speech")


@pytest.mark.parametrize("kind", ["elan", "boris", "table"])
def test_what_is_written_is_read_again(kind, tmp_path):
    path = tmp_path / {"elan": "a.eaf", "boris": "a.boris", "table": "a.csv"}[kind]
    if kind == "elan":
        write_elan(CODING, "anna.mp4", str(tmp_path / "anna.mp4"), path)
    elif kind == "boris":
        write_boris(CODING, {}, path)
    else:
        write_code_table(CODING, path)
    found = read_codes([path])
    assert content(found)[0] == content(CODING)[0]
    assert content(found)[2] == content(CODING)[2]
    assert set(CODING.coded) <= set(found.coded)


def test_pympi_reads_our_eaf(tmp_path):
    write_elan(CODING, "anna.mp4", str(tmp_path / "clips" / "anna.mp4"), tmp_path / "a.eaf")
    document = pympi.Elan.Eaf(str(tmp_path / "a.eaf"))
    assert sorted(document.get_annotation_data_for_tier("anna AU12")) == [(1000, 2500, "C"), (4000, 4400, "LE")]
    assert document.get_annotation_data_for_tier("anna AU15") == []
    assert document.get_parameters_for_tier("ben AU06")["PARTICIPANT"] == "ben"
    (media,) = document.get_linked_files()
    assert media["RELATIVE_MEDIA_URL"] == "./clips/anna.mp4"
    assert media["MIME_TYPE"] == "video/mp4"


REQUIRED = {
    "ANNOTATION_DOCUMENT": {"DATE", "AUTHOR", "VERSION"},
    "HEADER": set(),
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "PROPERTY": set(),
    "TIME_ORDER": set(),
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "ANNOTATION": set(),
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
    "ANNOTATION_VALUE": set(),
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
}
"""Elements of EAF 3.0 that are used, and the attributes that its schema requires of them."""
ALLOWED = {
    "ANNOTATION_DOCUMENT": {"FORMAT", "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"},
    "HEADER": {"MEDIA_FILE", "TIME_UNITS"},
    "MEDIA_DESCRIPTOR": {"RELATIVE_MEDIA_URL", "TIME_ORIGIN", "EXTRACTED_FROM"},
    "PROPERTY": {"NAME"},
    "TIME_SLOT": {"TIME_VALUE"},
    "TIER": {"PARTICIPANT", "ANNOTATOR", "DEFAULT_LOCALE", "PARENT_REF", "EXT_REF", "LANG_REF"},
    "ALIGNABLE_ANNOTATION": {"SVG_REF", "EXT_REF", "LANG_REF", "CVE_REF"},
    "LINGUISTIC_TYPE": {"TIME_ALIGNABLE", "CONSTRAINTS", "GRAPHIC_REFERENCES", "CONTROLLED_VOCABULARY_REF"},
}


def test_our_eaf_holds_what_version_3_requires(tmp_path):
    write_elan(CODING, "anna.mp4", str(tmp_path / "anna.mp4"), tmp_path / "a.eaf")
    root = ET.parse(tmp_path / "a.eaf").getroot()
    for element in root.iter():
        found = set(element.attrib)
        assert REQUIRED[element.tag] <= found <= REQUIRED[element.tag] | ALLOWED.get(element.tag, set()), element.tag
    order = [element.tag for element in root]
    assert order == sorted(order, key=["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"].index)
    assert root.attrib["VERSION"] == root.attrib["FORMAT"] == "3.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", root.attrib["DATE"])
    times = [int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")]
    assert times == sorted(times)
    ids = [
        element.attrib[key]
        for key in ("TIER_ID", "ANNOTATION_ID", "TIME_SLOT_ID")
        for element in root.iter()
        if key in element.attrib
    ]
    assert len(ids) == len(set(ids))
    slots = {slot.attrib["TIME_SLOT_ID"] for slot in root.iter("TIME_SLOT")}
    assert {one.attrib[f"TIME_SLOT_REF{k}"] for one in root.iter("ALIGNABLE_ANNOTATION") for k in (1, 2)} <= slots


def test_our_boris_project_holds_what_the_format_asks_for(tmp_path):
    write_boris(CODING, {"anna.mp4": "/videos/anna.mp4"}, tmp_path / "a.boris")
    project = json.loads((tmp_path / "a.boris").read_text(encoding="utf-8"))
    assert project["project_format_version"] == "7.0"
    codes = {one["code"] for one in project["behaviors_conf"].values()}
    subjects = {one["name"] for one in project["subjects_conf"].values()}
    (observation,) = project["observations"].values()
    assert observation["file"]["1"] == ["/videos/anna.mp4"]
    assert observation["media_info"]["offset"] == {"1": 0.0}  # By player, of which the first plays the video.
    times = [event[0] for event in observation["events"]]
    assert times == sorted(times)
    for state in {tuple(event[1:4]) for event in observation["events"]}:  # Subject, behaviour and modifiers: in pairs.
        assert sum(tuple(event[1:4]) == state for event in observation["events"]) % 2 == 0, state
    assert {len(event) for event in observation["events"]} == {5}
    assert {event[2] for event in observation["events"]} <= codes
    assert {event[1] for event in observation["events"]} <= subjects


@pytest.mark.parametrize("name", ["boris_tabular.csv", "boris_aggregated.csv"])
def test_what_boris_makes_of_our_project_is_what_we_wrote(name):
    """BORIS 8.27.4 opened the project that `write_boris` makes of CODING, found no fault, and exported these."""
    found = read_codes([Path(__file__).parent / "data" / name])
    assert content(found)[0] == content(CODING)[0]
    assert content(found)[2] == content(CODING)[2]
    assert found.notes == ()


def test_boris_is_told_the_length_of_videos_that_are_there(tmp_path):
    """Without it BORIS finds a fault in the project and exports nothing."""
    video = write_clip(tmp_path / "anna.mp4", 45)
    write_boris(CODING, {"anna.mp4": str(video)}, tmp_path / "a.boris")
    (told,) = json.loads((tmp_path / "a.boris").read_text(encoding="utf-8"))["observations"].values()
    assert told["media_info"]["length"] == {str(video): pytest.approx(1.5, abs=0.05)}
    assert told["media_info"]["fps"] == {str(video): 30.0}
    assert told["media_info"]["hasAudio"] == {str(video): False}


@pytest.mark.parametrize("kind", ["eaf", "boris"])
def test_events_that_overlap_are_written_without(kind, tmp_path):
    """No tier and no state can hold them; the higher grade counts, as in `agree`."""
    events = [CodedEvent("a.mp4", "", "AU06", *times, grade) for *times, grade in ((1.0, 3.0, 2.0), (2.0, 4.0, 4.0))]
    coding = coding_from([*events, CodedEvent("a.mp4", "", "AU06", 2.5, 2.75, scorable=False)], [])
    path = tmp_path / f"a.{kind}"
    write_boris(coding, {}, path) if kind == "boris" else write_elan(coding, "a.mp4", "a.mp4", path)
    found = [(one.onset_s, one.offset_s, one.letter) for one in read_codes([path]).events]
    assert sorted(found) == [(1.0, 2.0, "B"), (2.0, 2.5, "D"), (2.5, 2.75, "ns"), (2.75, 4.0, "D")]


TABULAR = """Observation id,Date,Subject,Behavior,Category,Modifier #1,Behavior type,Time,Media file name,Comment
one,2024-01-01 10:00:00,anna,AU12,,C,START,1.0,/videos/anna.mp4,
one,2024-01-01 10:00:00,anna,AU12,,C,STOP,2.5,/videos/anna.mp4,
one,2024-01-01 10:00:00,No focal subject,AU6,,,START,3.0,/videos/anna.mp4,
one,2024-01-01 10:00:00,anna,nod,,,POINT,3.5,/videos/anna.mp4,
one,2024-01-01 10:00:00,anna,AU4,,,STOP,4.0,/videos/anna.mp4,
"""
OLD_TABULAR = "\n".join(
    [
        "Observation id\tone\t\t",
        "\t\t\t",
        "Time\tMedia file path\tSubject\tBehavior\tComment\tStatus",
        "1.0\tanna.mp4\tanna\t12\t\tSTART",
        "2.5\tanna.mp4\tanna\t12\t\tSTOP",
    ]
)
AGGREGATED = "\n".join(
    [
        "Observation id\tMedia file name\tSubject\tBehavior\tModifiers\tBehavior type\tStart (s)\tStop (s)",
        "one\tanna.mp4\tanna\tAU12\tC|Left\tSTATE\t1.000\t2.500",
        "one\tanna.mp4\tanna\tAU6\t\tPOINT\t3.000\t3.000",
        "two\ta.mp4\tanna\tAU6\t\tSTATE\t1.000\t2.000",
        "two\tb.mp4\tanna\tAU6\t\tSTATE\t101.000\t102.000",
    ]
)


def test_tabular_exports_of_boris_are_read(tmp_path):
    (tmp_path / "new.csv").write_text(TABULAR)
    (tmp_path / "old.tsv").write_text(OLD_TABULAR)
    new, old = (read_codes([tmp_path / name]) for name in ("new.csv", "old.tsv"))
    assert repr(new.events) == repr((CodedEvent("anna.mp4", "anna", "AU12", 1.0, 2.5, 3.0),))
    assert repr(old.events) == repr((CodedEvent("anna.mp4", "anna", "AU12", 1.0, 2.5),))
    told = "\n".join(new.notes)
    assert "AU6 starts at 3.000 s and never stops" in told
    assert "AU4 stops at 4.000 s without a start" in told
    assert "1 point events left out" in told


def test_aggregated_exports_of_boris_are_read(tmp_path):
    (tmp_path / "a.tsv").write_text(AGGREGATED)
    found = read_codes([tmp_path / "a.tsv"])
    assert repr(found.events) == repr((CodedEvent("anna.mp4", "anna", "AU12", 1.0, 2.5, 3.0, "L"),))
    assert any("'two' has 2 videos" in note for note in found.notes)


def test_bad_codes_are_named_and_the_rest_is_read(tmp_path):
    document = pympi.Elan.Eaf(author="kim")
    document.add_linked_file("file:///videos/anna.mp4", mimetype="video/mp4")
    document.add_tier("AU12")
    document.add_tier("AU15")
    document.add_tier("AU99")
    document.add_tier("FACS")
    document.add_annotation("AU12", 1000, 2000, "1")
    document.add_annotation("AU99", 1000, 2000, "B")
    document.add_annotation("FACS", 500, 900, "6B+12C")
    document.add_annotation("FACS", 5000, 5500, "laughs")
    document.to_file(str(tmp_path / "a.eaf"))
    found = read_codes([tmp_path / "a.eaf"])
    assert {(one.au, one.onset_s, str(one.grade)) for one in found.events} == {
        ("AU12", 1.0, "nan"),
        ("AU06", 0.5, "2.0"),
        ("AU12", 0.5, "3.0"),
    }
    told = "\n".join(found.notes)
    assert "tier 'AU15' is empty" in told
    assert "AU99 left out" in told
    assert "'laughs' left out; no action unit" in told


def test_overlapping_codes_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("file,au,onset_s,offset_s\na.mp4,AU12,1,3\na.mp4,AU12,2,4\na.mp4,AU12,6,5\n")
    found = read_codes([tmp_path / "a.csv"])
    assert "a.mp4: AU12 overlaps itself once, at 2.000 s; joined, the higher grade counts." in found.notes
    assert "a.mp4: AU12 at 6.000 s left out; it ends at 5.000 s." in found.notes


@pytest.mark.parametrize(
    ("name", "text", "error", "said"),
    [
        ("a.eaf", "<broken", StudyError, "cannot be read as an ELAN file"),
        ("a.boris", "{}", StudyError, "cannot be read as a project of BORIS"),
        ("a.csv", "one,two\n1,2\n", StudyError, "Expected ELAN"),
        ("a.csv", "file,au,onset_s,offset_s\na.mp4,AU12,soon,2\n", StudyError, "line 2: onset_s is 'soon'"),
        ("a.xyz", "", UsageError, "ending .xyz is unknown"),
    ],
)
def test_files_that_cannot_be_read_are_named(name, text, error, said, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=re.escape(said)):
        read_codes([tmp_path / name])


def test_openface_tables_are_read(tmp_path):
    (tmp_path / "anna.csv").write_text(
        "frame, face_id, timestamp, confidence, success, AU12_r, AU28_c, AU12_c\n"
        "1, 0, 0.000, 0.98, 1, 2.31, 0, 1\n2, 0, 0.040, 0.10, 0, 0, 0, 0\n3, 0, 0.080, 0.98, 1, 0.00, 1, 0\n"
    )
    table = read_codes([tmp_path / "anna.csv"])
    assert table["timestamp_s"].tolist() == [0.0, 0.08]
    assert table["AU12_c"].tolist() == [1, 0]
    assert table["AU28_c"].tolist() == [0, 1]
    assert table["AU12_i"].tolist() == pytest.approx([2.31, 0.0])
    assert set(table["source"]) == {"anna"}


def test_pyfeat_tables_need_frames_a_second(tmp_path):
    (tmp_path / "f.csv").write_text("frame,input,AU01,AU12\n0,/v/anna.mp4,0.2,0.7\n1,/v/anna.mp4,,0.1\n")
    with pytest.raises(StudyError, match="--fps 25"):
        read_frame_table(tmp_path / "f.csv")
    table = read_frame_table(tmp_path / "f.csv", fps=50)
    assert table["timestamp_s"].tolist() == [0.0, 0.02]
    assert table["AU12_c"].tolist() == [1, 0]
    assert table["AU01_c"].tolist() == [0, 9]


def test_stretches_to_leave_out_come_from_a_tier_a_behaviour_or_a_table(tmp_path):
    document = pympi.Elan.Eaf()
    document.add_linked_file("file:///v/anna.mp4", mimetype="video/mp4")
    document.add_tier("speech")
    document.add_annotation("speech", 1000, 2000, "well")
    document.to_file(str(tmp_path / "a.eaf"))
    (tmp_path / "b.tsv").write_text(OLD_TABULAR.replace("\t12\t", "\ttalks\t"))
    (tmp_path / "c.csv").write_text("tier,onset_s,offset_s\nspeech,7,8\nsilence,8,9\n")
    words = [f"{tmp_path}/a.eaf:speech", f"{tmp_path}/b.tsv:talks", f"{tmp_path}/c.csv:speech"]
    found = read_exclusion(words)
    assert found.of("clips/anna.mp4").tolist() == [[1.0, 2.5], [7.0, 8.0]]
    assert found.of("ben.mp4").tolist() == [[7.0, 8.0]]
    assert "AU12" in found.aus
    assert "AU01" not in found.aus
    assert found.inside("anna.mp4", np.array([0.5, 1.0, 2.5, 7.9])).tolist() == [False, True, False, True]
    with pytest.raises(StudyError, match="no tier 'talk'; found: default, speech"):
        read_exclusion([f"{tmp_path}/a.eaf:talk"])
    with pytest.raises(UsageError, match="there is no file"):
        read_exclusion([f"{tmp_path}/none.eaf:talk"])


def test_agree_without_codes_says_how_to_call_it(capsys, tmp_path):
    assert run(["agree", str(tmp_path / "a.csv")]) == 2
    assert "duchenne agree RESULT CODES" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "frame,timestamp,AU12,input\n0,0.0,0.5,a.mp4\n1,soon,0.5,a.mp4\n", "line 3: timestamp is 'soon'"),
        ("a.csv", "frame,timestamp,AU12\n0,0.0,0.5\n1,inf,0.5\n", "line 3: timestamp is 'inf'"),
        ("a.csv", "frame,timestamp,AU12_r,AU12_c\nx,0.0,0.5,0\n", "line 2: frame is 'x'"),
        ("a.csv", "frame,timestamp,AU12_r,AU12_c\n0.5,0.0,0.5,0\n", "line 2: frame is '0.5'"),
        ("a.csv", "frame,timestamp,AU12_r,AU12_c\n0,0.0,{},0\n", "line 2: AU12_r is '{}'"),
        ("a.csv", "frame,timestamp,AU12_r\n0,0.0,0.5,9\n1,0.1,0.5,9\n", "line 2 has 4 cells, the header 3"),
        ("a.csv", "frame,timestamp,AU12_r\n0,0.0,0.5\n1,0.1\n", "line 3 has 2 cells, the header 3"),
        ("a.csv", "au,onset_s,offset_s,file\nAU12,1,2\n", "line 2: file is empty"),
        ("a.csv", "file,au,onset_s,offset_s\na.mp4,AU12,1,inf\n", "line 2: offset_s is 'inf'"),
        ("a.csv", "Media file name,Subject,Behavior,Start (s)\na.mp4,anna,AU12,1\n", "line 2: Stop (s) is ''"),
        ("a.boris", '{"behaviors_conf": ' + "[" * 5000, "cannot be read as a project of BORIS"),
        ("a.boris", '{"behaviors_conf": {}, "subjects_conf": {}, "observations": {"o": {"file": {"1": ["a.mp4"]}}}}',
         "cannot be read as a project of BORIS (KeyError('events'))"),
    ],
)  # fmt: skip
def test_damaged_codes_are_named(name, text, said, tmp_path):
    """Found by `make fuzz`: each ended in an error of Python or pandas, or shifted columns without a word."""
    (tmp_path / name).write_text(text)
    with pytest.raises(StudyError, match=re.escape(said)):
        read_codes([tmp_path / name])


def test_a_table_without_an_action_unit_in_a_cell_is_unknown_there(tmp_path):
    (tmp_path / "a.csv").write_text("frame,timestamp,AU12_c,input\n0,0.0,1,a.mp4\n1,0.04,,\n")
    table = read_codes([tmp_path / "a.csv"])
    assert table["AU12_c"].tolist() == [1, 9]
