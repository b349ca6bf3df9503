"""Numbers that no float holds and text that is no UTF-8, in files of others: named, never another number."""

import json
from dataclasses import dataclass

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from duchenne.errors import EvaluationError, MediaError, ParquetError, StudyError, TrainingError
from duchenne.evaluation.json_record import record_from_json
from duchenne.media.sources import expand_sources
from duchenne.review.changes import change_from
from duchenne.study.codings.reading import read_codes
from duchenne.study.named_results import write_named
from duchenne.study.people_table import read_people
from duchenne.study.results import Wanted, read_results
from duchenne.training.pictures.real_faces import _read_index

FEW = Wanted(others=(), judging=False)
DIGITS = "9" * 5000
"""More than Python makes a whole number of."""
LARGE = 10**400
"""A whole number that no float holds."""
ROW = {"source": "a.mp4", "frame": 0, "timestamp_s": 0.0, "face_id": 0, "AU12_c": 1}


def test_people_are_not_numbered_by_thousands_of_digits(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(f"source,face_id,person\na.mp4,{DIGITS},anna\n")
    with pytest.raises(StudyError, match=r"row 1: face_id is '9{40}'; expected a whole number"):
        read_people(path)


def test_pictures_of_people_with_thousands_of_digits_are_named(tmp_path):
    path = tmp_path / "index.csv"
    path.write_text(f"file,person\na.png,{DIGITS}\n")
    with pytest.raises(TrainingError, match="line 2 lacks"):
        _read_index(path)


@dataclass(frozen=True)
class ByPose:
    """A record with numbers as keys."""

    faces: dict[int, int]


def test_keys_of_a_record_have_few_digits():
    read = '{"format": "f", "faces": {"%s": 1}}'
    assert record_from_json(ByPose, read % "12", "f") == ByPose({12: 1})
    with pytest.raises(EvaluationError, match="expected a whole number as key"):
        record_from_json(ByPose, read % DIGITS, "f")


def test_a_source_of_thousands_of_digits_is_no_camera():
    _, problems = expand_sources([DIGITS])
    assert [type(problem) for problem in problems] == [MediaError]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
@pytest.mark.parametrize("column", ["frame", "timestamp_s", "face_id"])
@pytest.mark.parametrize(
    "value",
    ["1e400", "-1", str(LARGE), DIGITS, "18446744073709551615"],
    ids=["infinite", "negative", "large", "digits", "2^64 - 1"],
)
def test_results_hold_no_number_that_their_columns_cannot(ending, column, value, tmp_path):
    path = tmp_path / f"a{ending}"
    cells = {**{name: json.dumps(cell) for name, cell in ROW.items()}, column: value}
    if ending == ".csv":
        path.write_text(",".join(cells) + "\n" + ",".join(cells.values()).replace('"', "") + "\n")
    else:
        path.write_text("{" + ", ".join(f'"{name}": {cell}' for name, cell in cells.items()) + "}\n")
    if (column, value) == ("timestamp_s", "18446744073709551615"):
        assert read_results(path, FEW)["timestamp_s"].tolist() == [float(value)]
        return
    with pytest.raises(StudyError, match=r"cannot be read|row 1: .* expected a number"):
        read_results(path, FEW)


def no_text(count: int) -> pyarrow.Array:
    """Return a column of text whose bytes are no UTF-8, as a damaged file gives it."""
    data, offsets = b"a\xff\xfep4" * count, pyarrow.array(range(0, 5 * count + 1, 5), pyarrow.int32())
    return pyarrow.StringArray.from_buffers(count, offsets.buffers()[1], pyarrow.py_buffer(data))


@pytest.mark.parametrize("column", ["source", "person"])
def test_text_in_parquet_that_is_none_is_named(column, tmp_path):
    path = tmp_path / "a.parquet"
    table = pyarrow.Table.from_pandas(pd.DataFrame([{**ROW, "person": "anna"}] * 3), preserve_index=False)
    place = table.column_names.index(column)
    pyarrow.parquet.write_table(table.set_column(place, column, no_text(3)), path)
    with pytest.raises(StudyError, match=r"cannot be read as Parquet .*UTF8"):
        read_results(path, FEW)


def test_text_in_a_column_that_is_only_copied_is_named(tmp_path):
    rows = pd.DataFrame([{**ROW, "left_px": 1.0, "top_px": 1.0, "width_px": 2.0, "height_px": 2.0}] * 3)
    table = pyarrow.Table.from_pandas(rows, preserve_index=False).append_column("remark", no_text(3))
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "who.csv").write_text("source,person\na.mp4,anna\n")
    with pytest.raises(ParquetError, match=r"cannot be read as Parquet .*UTF8"):
        write_named([tmp_path / "a.parquet"], tmp_path / "who.csv", tmp_path / "b.csv")
    assert not (tmp_path / "b.csv").exists()


ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0"
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="EAFv3.0.xsd">
<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
<MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" MIME_TYPE="video/mp4" {origin}/></HEADER>
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
<TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="{end}"/></TIME_ORDER>
<TIER LINGUISTIC_TYPE_REF="t" TIER_ID="anna AU12"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1"
TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2"><ANNOTATION_VALUE>C</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER><LINGUISTIC_TYPE LINGUISTIC_TYPE_ID="t" TIME_ALIGNABLE="true" GRAPHIC_REFERENCES="false"/></ANNOTATION_DOCUMENT>
"""


@pytest.mark.parametrize(
    ("origin", "end", "said"),
    [
        ("", LARGE, "a time slot is no number"),
        ('TIME_ORIGIN="soon"', 500, "TIME_ORIGIN of a.mp4 is no number"),
        ('TIME_ORIGIN="nan"', 500, "TIME_ORIGIN of a.mp4 is no number"),
    ],
    ids=["large", "word", "nan"],
)
def test_times_in_elan_that_are_none_are_named(origin, end, said, tmp_path):
    path = tmp_path / "a.eaf"
    path.write_text(ELAN.format(origin=origin, end=end))
    with pytest.raises(StudyError, match=said):
        read_codes([path])


def test_whole_times_in_elan_are_read(tmp_path):
    (tmp_path / "a.eaf").write_text(ELAN.format(origin='TIME_ORIGIN="2000"', end=500))
    (event,) = read_codes([tmp_path / "a.eaf"]).events
    assert (event.onset_s, event.offset_s) == (2.0, 2.5)


@pytest.mark.parametrize("time", [str(LARGE), "NaN", "1e400"], ids=["large", "nan", "infinite"])
def test_times_in_boris_that_are_none_are_named(time, tmp_path):
    path = tmp_path / "a.boris"
    events = f'[[{time}, "anna", "AU12", "", ""]]'
    path.write_text(
        '{"behaviors_conf": {"0": {"code": "AU12", "type": "State event"}}, "subjects_conf": {}, "observations": '
        '{"one": {"file": {"1": ["a.mp4"]}, "events": ' + events + "}}}"
    )
    with pytest.raises(StudyError, match="the time of an event is"):
        read_codes([path])


def test_times_in_a_journal_of_codes_that_no_float_holds_are_named():
    line = {"do": "span", "file": "a.mp4", "person": "anna", "onset_s": 0, "offset_s": LARGE}
    with pytest.raises(StudyError, match="offset_s is a number of seconds"):
        change_from(line)
