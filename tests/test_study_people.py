"""Who is who: tables of people, the column person in results, contact sheets; rendered interviews."""

import hashlib
import json

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from duchenne.commands import run
from duchenne.errors import StudyError
from duchenne.facs import AU_NAMES
from duchenne.results.columns import Columns
from duchenne.study import people, read_results, summary, with_people
from duchenne.study.people_table import StudyWarning, by_person, read_people
from duchenne.study.pictures import FaceAt, cut_faces

COLUMNS = Columns(("AU06", "AU12"))


def result(rows: list[dict]) -> pd.DataFrame:
    """Return a table with all columns of a result; what a row does not say is 0, but landmarks are seen."""
    seen = {name: 1.0 for name in COLUMNS.names if name.startswith("v_")}
    table = pd.DataFrame([{**dict.fromkeys(COLUMNS.names, 0), **seen, "confidence": 0.9, **row} for row in rows])
    return table.astype(COLUMNS.types).copy()


def two_videos() -> pd.DataFrame:
    """Return Anna, on the left in a.mp4 and on the right in b.mp4, and Ben; she smiles in 1 of 8 frames, he in 3."""
    smiles = {("a.mp4", 0): [1, 0, 0, 0], ("a.mp4", 1): [1, 1, 0, 0], ("b.mp4", 0): [0, 1, 0, 0], ("b.mp4", 1): [0] * 4}
    left = {("a.mp4", 0): 10, ("a.mp4", 1): 60, ("b.mp4", 0): 10, ("b.mp4", 1): 60}
    rows = [
        {"source": source, "frame": k, "timestamp_s": k / 10, "face_id": face, "left_px": left[source, face],
         "width_px": 20, "height_px": 20, "AU12_c": smile, "AU12_p": 0.9 * smile, "AU12_i": 3.0 * smile}
        for (source, face), own in smiles.items() for k, smile in enumerate(own)
    ]  # fmt: skip
    return result(rows)


WHO = pd.DataFrame(
    {"source": ["a.mp4", "a.mp4", "b.mp4", "b.mp4"], "face_id": [0, 1, 0, 1], "person": ["anna", "ben", "ben", "anna"]}
)


def test_the_template_names_each_face_of_each_source_once():
    found = people(two_videos())
    assert list(zip(found["source"], found["face_id"], strict=True)) == [
        ("a.mp4", 0), ("a.mp4", 1), ("b.mp4", 0), ("b.mp4", 1),
    ]  # fmt: skip
    assert set(found["person"]) == {""}
    assert list(found["middle_px"]) == [20, 70, 20, 70]
    assert list(found["frames"]) == [4] * 4


def test_rates_by_person_are_right_where_those_by_face_id_are_mixed():
    named = with_people(two_videos(), WHO)
    assert named.groupby("person", observed=True)["AU12_c"].mean().to_dict() == {"anna": 1 / 8, "ben": 3 / 8}
    assert named.groupby("face_id")["AU12_c"].mean().to_dict() == {0: 2 / 8, 1: 2 / 8}


@pytest.mark.parametrize("as_file", [True, False])
def test_sides_tell_people_apart(tmp_path, as_file):
    who = pd.DataFrame(
        {"source": ["a.mp4", "a.mp4", "*b.mp4", "*b.mp4"], "side": ["left", "right"] * 2,
         "person": ["anna", "ben", "ben", "anna"]}
    )  # fmt: skip
    who.to_csv(tmp_path / "who.csv", index=False)
    named = with_people(two_videos(), tmp_path / "who.csv" if as_file else who, {"a.mp4": 100.0, "b.mp4": 100.0})
    expected = with_people(two_videos(), WHO)
    assert list(named["person"]) == list(expected["person"])


def test_the_width_for_sides_comes_from_the_source(tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    table = two_videos().query("source == 'a.mp4'").assign(source=str(tmp_path / "a.png"))
    who = pd.DataFrame({"source": "*", "side": ["left", "right"], "person": ["anna", "ben"]})
    assert list(with_people(table, who)["person"]) == ["anna"] * 4 + ["ben"] * 4
    with pytest.raises(StudyError, match="give face_id instead"):
        with_people(table.assign(source="gone.mp4"), who)


def test_faces_without_a_person_are_left_out_and_counted():
    with pytest.warns(StudyWarning, match="4 rows are left out"):
        named = with_people(two_videos(), WHO.assign(person=["anna", "", "ben", "anna"]))
    assert len(named) == 12


@pytest.mark.parametrize(
    ("who", "message"),
    [
        (WHO.iloc[:3], "has no row for b.mp4, face 1"),
        (WHO.assign(person=""), "names nobody"),
        (pd.concat([WHO, WHO.assign(person="carl")]), "both anna and carl"),
        (pd.concat([WHO, WHO.iloc[:1].assign(face_id=7)]), "a.mp4 face 7, which the result does not hold"),
        (WHO.assign(face_id="x"), "row 1: face_id is 'x'"),
        (WHO.assign(side="top"), "row 1: side is 'top'"),
        (WHO.assign(source=""), "row 1: no source"),
        (WHO.drop(columns="person"), "no column person"),
    ],
)
def test_tables_of_people_that_do_not_fit_are_refused(who, message):
    with pytest.raises(StudyError, match=message):
        with_people(two_videos(), who)


def test_numbers_that_a_spreadsheet_turned_into_decimals_are_read(tmp_path):
    (tmp_path / "who.csv").write_text("\ufeffsource,face_id,person\na.mp4,1.0,Änne \n", encoding="utf-8")
    assert [(row.face_id, row.person) for row in read_people(tmp_path / "who.csv")] == [(1, "Änne")]


def test_a_table_that_mixes_sources_warns(recwarn):
    one = two_videos().query("source == 'a.mp4'")
    assert set(by_person(one)["person"]) == {"a.mp4 face 0", "a.mp4 face 1"}
    assert not recwarn
    with pytest.warns(StudyWarning, match="mixes 2 sources"):
        assert by_person(two_videos())["person"].nunique() == 4
    same_name = two_videos().replace({"source": {"a.mp4": "x/c.mp4", "b.mp4": "y/c.mp4"}})
    with pytest.warns(StudyWarning):
        assert by_person(same_name)["person"].nunique() == 4


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_the_command_adds_the_person_and_changes_nothing_else(tmp_path, capsys, ending):
    before, table = tmp_path / "result.csv", two_videos()
    table.to_csv(before, index=False)
    WHO.to_csv(tmp_path / "who.csv", index=False)
    (tmp_path / "result.csv.json").write_text('{"version": "0.1"}')
    after = tmp_path / f"named{ending}"
    assert run(["people", str(before), "--table", str(tmp_path / "who.csv"), "--output", str(after)]) == 0
    read = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".jsonl": lambda p: pd.read_json(p, lines=True)}[ending]
    found = read(after)
    assert list(found["person"]) == ["anna"] * 4 + ["ben"] * 8 + ["anna"] * 4
    pd.testing.assert_frame_equal(found.drop(columns="person"), pd.read_csv(before), check_dtype=False)
    assert "anna: 8 rows" in capsys.readouterr().out
    assert set(read_results(after)["person"]) == {"anna", "ben"}
    said = json.loads(after.with_name(after.name + ".json").read_text())
    digest = hashlib.sha256(before.read_bytes()).hexdigest()
    assert said["named_from"] == [{"result": "result.csv", "sha256": digest, "run": {"version": "0.1"}}]
    assert run(["people", str(before), "--table", str(tmp_path / "who.csv"), "--output", str(after)]) == 2


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_rows_of_frames_without_a_face_are_left_out(tmp_path, ending):
    whole = {name: {"int64": "Int64", "uint8": "UInt8"}.get(kind, kind) for name, kind in COLUMNS.types.items()}
    bare = pd.DataFrame([{"source": "a.mp4", "frame": 4, "timestamp_s": 0.4}])
    rows, path = pd.concat([two_videos().astype(whole), bare], ignore_index=True), tmp_path / f"result{ending}"
    if ending == ".csv":
        rows.to_csv(path, index=False)
    elif ending == ".parquet":
        rows.to_parquet(path)
    else:
        rows.to_json(path, orient="records", lines=True)
    WHO.to_csv(tmp_path / "who.csv", index=False)
    named = tmp_path / f"named{ending}"
    assert run(["people", str(path), "--table", str(tmp_path / "who.csv"), "--output", str(named)]) == 0
    assert list(read_results(named)["person"]) == ["anna"] * 4 + ["ben"] * 8 + ["anna"] * 4


def test_the_command_leaves_out_faces_without_a_person(tmp_path, capsys):
    two_videos().to_csv(tmp_path / "result.csv", index=False)
    WHO.assign(person=["anna", "", "ben", "anna"]).to_csv(tmp_path / "who.csv", index=False)
    words = ["--table", str(tmp_path / "who.csv"), "--output", str(tmp_path / "named.csv")]
    assert run(["people", str(tmp_path / "result.csv"), *words]) == 0
    assert list(pd.read_csv(tmp_path / "named.csv")["person"]) == ["anna"] * 4 + ["ben"] * 4 + ["anna"] * 4
    assert "4 rows are left out" in capsys.readouterr().err


def test_the_command_writes_a_template_and_a_contact_sheet(tmp_path, capsys):
    picture = np.zeros((60, 100, 3), np.uint8)
    picture[:, :50], picture[:, 50:] = (200, 0, 0), (0, 0, 200)
    Image.fromarray(picture).save(tmp_path / "a.png")
    table = two_videos().query("source == 'a.mp4' and frame == 0").assign(source=str(tmp_path / "a.png"))
    table.to_csv(tmp_path / "result.csv", index=False)
    assert run(["people", str(tmp_path / "result.csv"), "--sheet", str(tmp_path / "sheet.png")]) == 0
    assert len(pd.read_csv(tmp_path / "people.csv")) == 2
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet[70, 70].tolist() == [200, 0, 0]
    assert sheet[70, 70 + 156].tolist() == [0, 0, 200]
    assert "people.csv" in capsys.readouterr().err


def test_a_source_that_is_gone_is_named_and_the_rest_is_done(tmp_path, capsys):
    two_videos().to_csv(tmp_path / "result.csv", index=False)
    assert run(["people", str(tmp_path / "result.csv")]) == 1
    assert "a.mp4: there is no such file" in capsys.readouterr().err
    assert (tmp_path / "people.jpg").exists()


def test_faces_are_cut_from_the_frame_that_is_named(tmp_path):
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 64, 64, "yuv420p", 2_000_000
        for grey in (20, 90, 160, 230):
            frame = np.full((64, 64, 3), grey, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    wanted = [FaceAt(str(tmp_path / "v.mp4"), k, (20.0, 20.0, 10.0, 10.0)) for k in (1, 2)]
    pictures, problems = cut_faces(wanted, 8)
    assert not problems
    assert [float(np.median(pictures[face])) for face in wanted] == pytest.approx([90, 160], abs=8)


def test_interviews_hold_people_who_change_seats(tmp_path):
    from duchenne.synthesis.sets.clips import draw_clip
    from duchenne.synthesis.sets.interviews import FIRST_SUBJECT, InterviewsPlan, write_interviews

    plan = InterviewsPlan(interviews=2, people=2, seconds=0.8, fps=5, side_px=64)
    truth = read_results(write_interviews(plan, tmp_path))
    boxes = pd.read_csv(tmp_path / "truth.csv")
    middles = (boxes["left_px"] + boxes["width_px"] / 2).groupby([boxes["source"].str[-5], boxes["face_id"]]).mean()
    assert (middles > 64).tolist() == [False, True, True, False]
    with av.open(str(tmp_path / "interview_2.mp4")) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert [frame.shape for frame in frames] == [(64, 128, 3)] * 4
    assert truth.groupby(["source", "face_id"], observed=True).size().tolist() == [4, 4, 4, 3]
    assert (np.abs(truth["yaw_deg"]) > 60).sum() == 1
    named = with_people(truth, pd.DataFrame({"source": "*", "face_id": [0, 1], "person": ["P1", "P2"]}))
    rates = summary(named).set_index(["person", "au"])["rate"]
    judged = boxes[boxes["yaw_deg"].abs() <= 60].groupby("face_id")[[f"{au}_c" for au in AU_NAMES]].mean()
    assert [rates.loc["P1", au] for au in AU_NAMES] == pytest.approx(judged.loc[0].tolist())
    for number, person in ((0, 1), (1, 0)):
        own = truth[truth["source"].astype(str).str.contains(f"_{number + 1}") & (truth["face_id"] == person)]
        clip = draw_clip(100_000 + FIRST_SUBJECT + person, 0.8, seed=number, motion=0.5)
        for row in own.to_dict("records"):
            expected = clip.aus_at(row["timestamp_s"])
            for au in AU_NAMES:
                assert row[f"{au}_i"] == pytest.approx(max(expected.get(au, (0, 0))), abs=0.0051)
    for au in AU_NAMES:
        calls, grades = truth[f"{au}_c"], truth[f"{au}_i"]
        assert (calls[grades > 1.5] == 1).all()
        assert (calls[grades < 1.49] == 0).all()
