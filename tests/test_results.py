"""Tables and files of results: right numbers in every format, whole or not there, continued without a seam."""

import csv
import dataclasses
import errno
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
from rich.console import Console

from duchenne.errors import MissingExtraError, OutputError, UsageError
from duchenne.faces import FaceBox
from duchenne.facs import AU_NAMES
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.media import Frame
from duchenne.results import (
    FaceAUs,
    parquet_rows,
    result_file,
    run_record,
    terminal_table,
    to_dataframe,
    to_row,
    write_table,
)
from duchenne.results.columns import Columns, parse_groups
from duchenne.results.result_file import RESULT_ENDINGS, ResultFile
from duchenne.study.results import read_results

AUS = ("AU06", "AU12")
COLUMNS = Columns(AUS, intensity=False)
FORMATS = ("csv", "parquet", "jsonl")


def face(k=0, source="clip.mp4", aus=AUS, probability=None):
    rng = np.random.default_rng(k)
    p = rng.uniform(size=len(aus)) if probability is None else np.array(probability)
    box = FaceBox(rng.uniform(0, 500, 4), float(rng.uniform()), np.zeros((5, 2)))
    landmarks = FaceLandmarks(rng.uniform(0, 999, (49, 2)), np.zeros(49), rng.uniform(size=49), 0.9)
    return FaceAUs(source, k, k / 25, k % 2, box, landmarks, HeadPose(*rng.uniform(-60, 60, 3)), aus, p, p >= 0.5)


def graded_face(k=0, aus=("AU12", "AU17"), sides=True):
    """Return a face with intensities, and sides where asked for."""
    rng = np.random.default_rng(k)
    both = rng.uniform(0, 5, (len(aus), 2))
    known = {"side_probability": both / 5, "side_intensity": both} if sides else {}
    return dataclasses.replace(face(k, "a.png", aus, both.max(1) / 5), intensity=both.max(1), **known)


def read(path: Path) -> pd.DataFrame:
    """Read a file with the reader that a user would take, not with ours."""
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    if path.suffix == ".csv":
        return pd.read_csv(path, keep_default_na=False)
    return pd.DataFrame([json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()])


def same_numbers(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Compare every number exactly; a column in single precision with the nearest such number."""
    for name in list(expected.columns)[1:]:
        single = found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], expected[name].astype(np.float32) if single else expected[name])


def write_all(path, faces, **options) -> Path:
    with ResultFile.open(path, COLUMNS, {}, **options) as file:
        file.write(faces)
        file.finish()
    return path


def test_columns_are_the_documented_ones_in_order():
    names = COLUMNS.names
    assert names[:5] == ("source", "frame", "timestamp_s", "face_id", "confidence")
    assert names[5:12] == ("left_px", "top_px", "width_px", "height_px", "yaw_deg", "pitch_deg", "roll_deg")
    assert names[12:18] == ("AU06_p", "AU06_c", "AU12_p", "AU12_c", "x_1", "x_2")
    assert names[-1] == "v_49"
    assert len(names) == 12 + 2 * 2 + 3 * 49
    page = (Path(__file__).parent.parent / "docs" / "columns.md").read_text(encoding="utf-8")
    assert not [name for name in names[:12] if f"`{name}`" not in page]


def test_a_row_holds_the_numbers_of_the_face_rounded():
    one = face(3)
    row = to_row(one)
    assert tuple(row) == COLUMNS.names
    assert (row["source"], row["frame"], row["timestamp_s"], row["face_id"]) == ("clip.mp4", 3, 0.12, 1)
    assert row["AU12_p"] == pytest.approx(one.probability[1], abs=5e-5)
    assert row["AU12_c"] == int(one.probability[1] >= 0.5)
    assert row["x_49"] == pytest.approx(one.landmarks.points[48, 0], abs=5e-3)
    assert row["y_1"] == pytest.approx(one.landmarks.points[0, 1], abs=5e-3)
    assert row["yaw_deg"] == pytest.approx(one.pose.yaw_deg, abs=5e-3)


def test_a_table_without_faces_has_headers_and_types():
    empty, full = to_dataframe([], COLUMNS), to_dataframe([face()], COLUMNS)
    assert list(empty.columns) == list(full.columns) == list(COLUMNS.names)
    assert (empty.dtypes == full.dtypes).all()
    assert len(empty) == 0
    assert empty["AU12_c"].dtype.kind in "iu"
    assert len(to_dataframe([]).columns) == len(Columns(AU_NAMES).names)


def test_a_table_of_different_aus_is_misuse():
    with pytest.raises(UsageError, match="AU01"):
        to_dataframe([face(0), face(1, aus=("AU01",))])


def test_a_face_answers_for_its_aus_only():
    assert face(probability=[0.2, 0.7]).probability_of("AU12") == 0.7
    assert face(probability=[0.2, 0.7]).occurs("AU12")
    with pytest.raises(UsageError, match="AU01"):
        face().probability_of("AU01")


def test_intensity_and_sides_have_columns_beside_the_probability():
    one = graded_face()
    names = one.columns.names[12:]
    assert names[:7] == ("AU12_p", "AU12_c", "AU12_i", "AU12L_p", "AU12L_i", "AU12R_p", "AU12R_i")
    assert names[7:11] == ("AU17_p", "AU17_c", "AU17_i", "x_1")  # FACS does not code AU17 by side
    row = to_row(one)
    assert tuple(row) == one.columns.names
    assert row["AU12L_i"] == pytest.approx(one.side_intensity[0, 0], abs=5e-3)
    assert row["AU12R_p"] == pytest.approx(one.side_probability[0, 1], abs=5e-5)
    assert row["AU12_i"] == max(row["AU12L_i"], row["AU12R_i"])
    assert graded_face(sides=False).columns.names[12:18] == tuple(f"{a}_{k}" for a in ("AU12", "AU17") for k in "pci")
    with pytest.raises(UsageError, match="with intensity and sides"):
        to_dataframe([graded_face(sides=False), one])


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_back_intensity_and_sides(tmp_path, ending):
    faces = [graded_face(k) for k in range(5)]
    path = tmp_path / f"r.{ending}"
    with ResultFile.open(path, faces[0].columns, {}) as file:
        file.write(faces)
        file.finish()
    expected = to_dataframe(faces)
    same_numbers(read(path), expected)


@pytest.mark.parametrize(
    ("intensity", "probability", "letter"), [(4.6, 0.9, "E"), (3.4, 0.9, "C"), (0.9, 0.6, "B"), (3.4, 0.4, "")]
)
def test_the_letter_is_that_of_the_intensity_but_never_contradicts_the_occurrence(intensity, probability, letter):
    one = dataclasses.replace(face(aus=("AU12",), probability=[probability]), intensity=np.array([intensity]))
    assert one.letter_of("AU12") == letter
    assert one.intensity_of("AU12") == intensity
    (line,) = [line for line in printed([one]) if "AU12" in line]
    assert line.endswith(f"{probability:.2f} {letter}".rstrip())
    with pytest.raises(UsageError, match="no intensities"):
        face().intensity_of("AU12")


ODD_NAMES = ["a, b.png", 'say "x".png', "NA", "nan", "", "ünï 😀.png", "two\nlines.png", "0012", "a;b\r.png", " 'x' "]


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_gives_back_what_was_written(tmp_path, ending):
    faces = [face(k, source) for k, source in enumerate(ODD_NAMES)]
    expected = to_dataframe(faces)
    found = read(write_all(tmp_path / f"r.{ending}", faces))
    assert list(found.columns) == list(expected.columns)
    assert list(found["source"]) == ODD_NAMES
    same_numbers(found, expected)
    assert os.listdir(tmp_path) == [f"r.{ending}"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_no_face_gives_headers(tmp_path, ending):
    found = read(write_all(tmp_path / f"r.{ending}", []))
    assert list(found.columns) == list(COLUMNS.names)
    assert len(found) == 0


def test_a_file_name_that_is_no_unicode_does_no_harm(tmp_path):
    for ending in FORMATS:
        found = read(write_all(tmp_path / f"r.{ending}", [face(0, os.fsdecode(b"caf\xe9.png"))]))
        assert found["source"][0].startswith("caf")


def test_csv_is_rectangular_for_any_reader(tmp_path):
    path = write_all(tmp_path / "r.csv", [face(k, source) for k, source in enumerate(ODD_NAMES)])
    with path.open(encoding="utf-8", newline="") as stream:
        assert {len(line) for line in csv.reader(stream)} == {len(COLUMNS.names)}


def test_parquet_of_many_row_groups_keeps_types_and_order(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_rows, "ROW_GROUP", 7)
    path = write_all(tmp_path / "r.parquet", [face(k) for k in range(50)])
    facts = pyarrow.parquet.ParquetFile(path).metadata
    assert facts.num_row_groups == 8
    assert {facts.row_group(k).column(c).compression for k in range(8) for c in range(facts.num_columns)} == {"ZSTD"}
    stored = pd.read_parquet(path)
    assert list(stored["frame"]) == list(range(50))
    assert stored["AU06_c"].dtype == np.uint8
    assert {str(stored[name].dtype) for name in ("AU06_p", "x_1", "yaw_deg")} == {"float32"}
    assert stored["timestamp_s"].dtype == np.float64


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("stops", [[0], [1], [7], [19], [3, 3, 11], [5, 12, 18]])
def test_an_interrupted_run_ends_with_the_same_bytes(tmp_path, ending, stops):
    whole = write_all(tmp_path / f"whole.{ending}", [face(k) for k in range(20)])
    path = tmp_path / f"r.{ending}"
    for stop in stops:
        with ResultFile.open(path, COLUMNS, {"a": 1}) as file:
            first = file.state["next"] if file.state else 0
            for k in range(first, stop):
                file.write([face(k)])
                if k % 2:
                    file.checkpoint({"next": k + 1})
            file.write([face(90)])
            file._flush()
        assert not path.exists()
    with ResultFile.open(path, COLUMNS, {"a": 1}) as file:
        file.write(face(k) for k in range(file.state["next"] if file.state else 0, 20))
        file.finish()
    assert path.read_bytes() == whole.read_bytes()
    assert len(os.listdir(tmp_path)) == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from duchenne.results.result_file import ResultFile
from test_results import COLUMNS, face

path, row, moment = sys.argv[1], int(sys.argv[2]), sys.argv[3]
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with ResultFile.open(path, COLUMNS, {"sources": ["clip.mp4"]}) as file:
    for k in range(file.state["next"] if file.state else 0, 30):
        if k == row and moment == "between frames":
            file._flush()
            die()
        file.write([face(k)])
        if k == row and moment == "before the record":
            file._record.append = die
        file.checkpoint({"next": k + 1})
    if moment == "before the name":
        os.link = die
    if moment == "after the name":
        os.unlink = Path.unlink = die
    file.finish()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system cannot kill outright")
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_killed_run_is_continued_to_the_same_bytes(tmp_path, ending):
    path, places = tmp_path / f"r.{ending}", os.pathsep.join([str(Path(__file__).parent), *sys.path])
    for row, moment in (
        (7, "between frames"),
        (15, "before the record"),
        (22, "between frames"),
        (0, "before the name"),
        (0, "after the name"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(path), str(row), moment],
            env={**os.environ, "PYTHONPATH": places},
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        assert path.exists() == (moment == "after the name")
    with ResultFile.open(path, COLUMNS, {"sources": ["clip.mp4"]}) as file:
        assert file.state == {"next": 30}
        file.finish()
    assert path.read_bytes() == write_all(tmp_path / f"whole.{ending}", [face(k) for k in range(30)]).read_bytes()


def journal(path: Path) -> list[dict]:
    """Return the entries of the journal of an interrupted run."""
    lines = path.with_name(path.name + ".part.journal").read_text().splitlines()
    return [json.loads(line.partition(" ")[2]) for line in lines[1:]]


def interrupted(path, fingerprint, rows=4):
    with ResultFile.open(path, COLUMNS, fingerprint) as file:
        file.write(face(k) for k in range(rows))
        file.checkpoint({"next": rows})


def test_rows_are_on_disk_after_a_checkpoint(tmp_path):
    interrupted(tmp_path / "r.csv", {})
    assert len((tmp_path / "r.csv.part").read_text().splitlines()) == 5
    (checkpoint,) = journal(tmp_path / "r.csv")[1:]
    assert (checkpoint["state"], checkpoint["rows"]) == ({"next": 4}, 4)


def test_a_continuation_drops_what_no_checkpoint_covers(tmp_path):
    with ResultFile.open(tmp_path / "r.csv", COLUMNS, {}) as file:
        file.write([face(0)])
        file.checkpoint({"next": 1})
    covered = (tmp_path / "r.csv.part").read_bytes()
    (tmp_path / "r.csv.part").write_bytes(covered + b"clip.mp4,1,0.03")
    with ResultFile.open(tmp_path / "r.csv", COLUMNS, {}) as file:
        assert (tmp_path / "r.csv.part").read_bytes() == covered
        file.finish()
    assert len(read(tmp_path / "r.csv")) == 1


def test_another_run_is_not_continued_by_mistake(tmp_path):
    path = tmp_path / "r.csv"
    interrupted(path, {"weights": "a"})
    kept = (tmp_path / "r.csv.part").read_bytes()
    with pytest.raises(UsageError, match=r"weights.*--restart"):
        ResultFile.open(path, COLUMNS, {"weights": "b"})
    with pytest.raises(UsageError, match="aus"):
        ResultFile.open(path, Columns(("AU01",), intensity=False), {"weights": "a"})
    with pytest.raises(UsageError, match="intensity"):
        ResultFile.open(path, Columns(AUS), {"weights": "a"})
    assert (tmp_path / "r.csv.part").read_bytes() == kept
    with ResultFile.open(path, COLUMNS, {"weights": "b"}, restart=True) as file:
        assert file.state is None
        file.finish()
    assert len(read(path)) == 0


@pytest.mark.parametrize("damage", ["record gone", "record garbled", "part cut", "part changed"])
def test_a_damaged_part_is_not_continued(tmp_path, damage):
    path, part, record = tmp_path / "r.csv", tmp_path / "r.csv.part", tmp_path / "r.csv.part.journal"
    interrupted(path, {})
    if damage == "record gone":
        record.unlink()
    elif damage == "record garbled":
        record.write_text(record.read_text().replace("fingerprint", "fingerprXnt", 1))
    elif damage == "part cut":
        part.write_bytes(part.read_bytes()[:-9])
    else:  # One digit of a row.
        part.write_bytes(part.read_bytes()[:-3] + b"7" + part.read_bytes()[-2:])
    with pytest.raises(UsageError, match="--overwrite" if damage == "record gone" else "--restart"):
        ResultFile.open(path, COLUMNS, {})


def test_what_cannot_be_written_is_said_before_any_work(tmp_path):
    with pytest.raises(UsageError) as raised:
        ResultFile.open(tmp_path / "r.xlsx", COLUMNS, {})
    assert all(ending in str(raised.value) for ending in RESULT_ENDINGS)
    with pytest.raises(UsageError, match="no ending"):
        ResultFile.open(tmp_path / "r", COLUMNS, {})
    with pytest.raises(OutputError, match="nowhere"):
        ResultFile.open(tmp_path / "nowhere" / "r.csv", COLUMNS, {})
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(OutputError, match="folder"):
        ResultFile.open(tmp_path / "d.csv", COLUMNS, {})
    assert os.listdir(tmp_path) == ["d.csv"]


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("precious")
    with pytest.raises(UsageError, match="--overwrite"):
        ResultFile.open(path, COLUMNS, {})
    with ResultFile.open(path, COLUMNS, {}, overwrite=True) as file:
        file.write([face()])
        file.checkpoint({})
        assert path.read_text() == "precious"
        file.finish()
    assert len(read(path)) == 1


def test_other_aus_than_the_file_has_are_misuse(tmp_path):
    with ResultFile.open(tmp_path / "r.csv", COLUMNS, {}) as file, pytest.raises(UsageError, match="AU01"):
        file.write([face(aus=("AU01",))])


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("writes", range(4, 10))
def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path, monkeypatch, ending, writes):
    path, left = tmp_path / f"r.{ending}", [writes]
    real = result_file.write_all

    def scarce(file, data):
        left[0] -= 1
        if left[0] < 0:
            real(file, bytes(data)[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(file, data)

    def run():
        with ResultFile.open(path, COLUMNS, {}) as file:
            for k in range(file.state["next"] if file.state else 0, 20):
                file.write([face(k)])
                file.checkpoint({"next": k + 1})
            file.finish()

    for module in (result_file, run_record):
        monkeypatch.setattr(module, "write_all", scarce)
    with pytest.raises(OutputError, match=r"disk is full.*run the (same )?command again") as raised:
        run()
    assert path.name in str(raised.value)
    assert not path.exists()
    monkeypatch.undo()
    run()
    assert path.read_bytes() == write_all(tmp_path / f"whole.{ending}", [face(k) for k in range(20)]).read_bytes()


def test_a_full_disk_while_parquet_is_made_keeps_the_rows(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(parquet_rows, "write_parquet", full)
    with ResultFile.open(tmp_path / "r.parquet", COLUMNS, {}) as file:
        file.write([face(k) for k in range(5)])
        file.checkpoint({"next": 5})
        with pytest.raises(OutputError, match="disk is full"):
            file.finish()
    monkeypatch.undo()
    with ResultFile.open(tmp_path / "r.parquet", COLUMNS, {}) as file:
        assert file.state == {"next": 5}
        file.finish()
    assert len(read(tmp_path / "r.parquet")) == 5


def printed(faces, width=80, **options) -> list[str]:
    console = Console(width=width, record=True, file=io.StringIO(), **options)
    console.print(terminal_table(faces, dict.fromkeys(AU_NAMES, 0.5)))
    return console.export_text().splitlines()


def test_the_terminal_shows_present_aus_first_within_80_columns():
    probability = np.linspace(0.01, 0.99, len(AU_NAMES))
    lines = printed([face(0, "photo.png", AU_NAMES, probability), face(1, "photo.png", AU_NAMES, probability)])
    assert max(map(len, lines)) <= 80
    assert any("yaw" in line and "pitch" in line and "roll" in line for line in lines)
    order = [line.split("AU")[1][:2] for line in lines if "AU" in line][: len(AU_NAMES)]
    assert order == [name[2:] for name in reversed(AU_NAMES)]
    assert any("AU43" in line and "Eyes closed" in line and "0.99" in line for line in lines)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_frame_without_a_face_leaves_a_row_with_empty_cells_where_asked_for(tmp_path, ending):
    path = tmp_path / f"r.{ending}"
    with ResultFile.open(path, dataclasses.replace(COLUMNS, every_frame=True), {}) as file:
        file.write([face(0)])
        file.write_empty(Frame("clip.mp4", 1, 0.04, np.zeros((2, 2, 3), np.uint8)))
        file.write([face(2)])
        file.finish()
    if ending == "csv":
        assert path.read_text().splitlines()[2] == "clip.mp4,1,0.04" + "," * (len(COLUMNS.names) - 3)
    table = read(path)
    assert table["frame"].tolist() == [0, 1, 2]
    assert table["timestamp_s"].tolist() == [0.0, 0.04, 0.08]
    empty = table.iloc[1].drop(["source", "frame", "timestamp_s"])
    assert (empty.isna() | (empty == "")).all()
    assert table.iloc[[0, 2]].notna().all(axis=None)
    assert int(table["face_id"].iloc[2]) == 0
    faces = read_results(path)
    assert (faces["frame"].tolist(), faces["face_id"].tolist()) == ([0, 2], [0, 0])
    assert {str(faces[f"{name}_c"].dtype) for name in AUS} == {"uint8"}


def test_frames_without_a_face_leave_nothing_unless_asked_for(tmp_path):
    with ResultFile.open(tmp_path / "r.csv", COLUMNS, {}) as file:
        file.write_empty(Frame("clip.mp4", 1, 0.04, np.zeros((2, 2, 3), np.uint8)))
        file.finish()
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 1


def test_a_table_has_only_the_columns_that_are_asked_for(tmp_path):
    some = dataclasses.replace(COLUMNS, groups=parse_groups("Pose, aus"))
    for ending in FORMATS:
        with ResultFile.open(tmp_path / f"r.{ending}", some, {}) as file:
            file.write([face(1), face(2)])
            file.finish()
        found = read(tmp_path / f"r.{ending}")
        always = ["source", "frame", "timestamp_s", "face_id", "confidence"]
        assert list(found.columns) == [
            *always,
            "yaw_deg",
            "pitch_deg",
            "roll_deg",
            "AU06_p",
            "AU06_c",
            "AU12_p",
            "AU12_c",
        ]
        assert list(found["frame"]) == [1, 2]
    assert list(to_dataframe([face(1)], some).columns) == list(found.columns)
    for wrong in ("", "aus,eyes"):
        with pytest.raises(UsageError, match="known are box, pose, aus, landmarks"):
            parse_groups(wrong)


@pytest.mark.parametrize("ending", FORMATS)
def test_faces_in_python_become_the_file_that_a_run_writes(tmp_path, ending):
    faces = [face(k) for k in range(5)]
    assert write_table(iter(faces), tmp_path / f"a.{ending}") == 5
    assert (tmp_path / f"a.{ending}").read_bytes() == write_all(tmp_path / f"b.{ending}", faces).read_bytes()
    with pytest.raises(UsageError, match="the file exists"):
        write_table(faces, tmp_path / f"a.{ending}")
    with pytest.raises(UsageError, match="AU01"):
        write_table([face(0), face(1, aus=("AU01",))], tmp_path / f"c.{ending}")
    assert sorted(os.listdir(tmp_path)) == [f"a.{ending}", f"b.{ending}"]


def test_pandas_and_parquet_name_their_extras_and_csv_needs_neither(tmp_path, monkeypatch):
    for library in ("pandas", "pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r"duchenne\[pandas\]"):
        to_dataframe([face()])
    with pytest.raises(MissingExtraError, match=r"duchenne\[parquet\]"):
        write_table([face()], tmp_path / "r.parquet")
    assert os.listdir(tmp_path) == []
    assert write_table([face()], tmp_path / "r.csv") == 1
