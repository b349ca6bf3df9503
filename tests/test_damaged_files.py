"""Damage that `make fuzz` found to end in an error of Python or of a library, or to go through without a word."""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from duchenne.commands.detect_like import detection_options_like, run_options_like
from duchenne.detection import RunOptions
from duchenne.errors import EvaluationError, OutputError, StudyError, TrainingError, UsageError
from duchenne.evaluation.evaluate_system import read_scores
from duchenne.evaluation.experiment.reproduction import Experiment
from duchenne.evaluation.experiment.sizes import SIZES
from duchenne.evaluation.experiment.trial import _TrainingLog
from duchenne.files.csv_rows import check_row_lengths
from duchenne.files.json_note import read_note, write_note
from duchenne.neutral_faces import read_neutral
from duchenne.results.detection_options import DetectionOptions
from duchenne.results.result_record import read_record
from duchenne.study.people_table import read_people
from duchenne.study.provenance import origin_of
from duchenne.study.results import Wanted, read_results
from duchenne.synthesis.sets.protocols import ClipsPlan, write_clips
from duchenne.synthesis.sets.stills import StillsPlan, write_stills
from duchenne.training.landmarks.pool import Pool
from duchenne.training.pictures.array_files import open_rows, read_columns

DEEP = "[" * 5000
HEADER = "source,frame,timestamp_s,face_id,AU12_c\n"
FEW = Wanted(others=())


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a, the first.mp4,0,0.0,0,1\n", "line 2 has 6 cells, the header 5"),
        ("a.mp4,0,0.0,0,1\na.mp4,1,0.04,0\n", "line 3 has 4 cells, the header 5"),
        ('"a, the first.mp4",0,0.0,0,1\n"a, the first.mp4",1,0.04,0,1,1\n', "line 3 has 6 cells, the header 5"),
        ("a.mp4,0,0.0,0,0.5\n", "cannot be read"),
    ],
)
def test_rows_of_a_result_that_do_not_fit_its_header_are_named(rows, said, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + rows)
    with pytest.raises(StudyError, match=said):
        read_results(path, FEW)


def test_commas_and_line_ends_within_quotes_are_no_cells(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEADER + 'b.mp4,0,0.0,0,1\n"a, 1\n.mp4",0,0.0,0,1\n\n')
    check_row_lengths(path)
    assert read_results(path, FEW)["source"].tolist() == ["b.mp4", "a, 1\n.mp4"]


def test_a_surplus_cell_does_not_shift_people_or_scores(tmp_path):
    """pandas takes the first column for an index where the first row is longer than the header."""
    (tmp_path / "people.csv").write_text("source,face_id,person\nx,a.mp4,0,anna\n")
    with pytest.raises(StudyError, match="line 2 has 4 cells"):
        read_people(tmp_path / "people.csv")
    (tmp_path / "scores.csv").write_text("AU06_p,AU12_p\n0.1,0.2,0.3\n")
    with pytest.raises(EvaluationError, match="line 2 has 3 cells"):
        read_scores(tmp_path / "scores.csv")


def test_a_picture_whose_name_no_file_can_have_is_named(tmp_path):
    (tmp_path / "neutral.csv").write_text(f"person,picture\nanna,{'x' * 5000}\n")
    with pytest.raises(UsageError, match="line 2: there is no file"):
        read_neutral(tmp_path / "neutral.csv")


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"text", b"", "cut", "bit"])
def test_arrays_that_cannot_be_read_are_named(data, tmp_path):
    np.savez(tmp_path / "part.npz", face=np.arange(40))
    whole = (tmp_path / "part.npz").read_bytes()
    named = {"cut": whole[:-40], "bit": whole[:150] + bytes([whole[150] ^ 1]) + whole[151:]}
    (tmp_path / "part.npz").write_bytes(named[data] if isinstance(data, str) else data)
    with pytest.raises(TrainingError, match=r"part\.npz cannot be read"):
        read_columns(tmp_path / "part.npz")
    (tmp_path / "part.npy").write_bytes(whole if isinstance(data, str) else data)
    with pytest.raises(TrainingError, match=r"part\.npy cannot be read"):
        open_rows(tmp_path / "part.npy")
    with pytest.raises(TrainingError, match=r"part\.npy cannot be read"):
        Pool().add(tmp_path / "part")


def test_a_whole_file_of_arrays_is_read(tmp_path):
    np.savez(tmp_path / "part.npz", face=np.arange(40))
    np.save(tmp_path / "part.npy", np.arange(6).reshape(3, 2))
    assert read_columns(tmp_path / "part.npz")["face"].tolist() == list(range(40))
    assert open_rows(tmp_path / "part.npy")[2].tolist() == [4, 5]
    assert zipfile.is_zipfile(tmp_path / "part.npz")


@pytest.mark.parametrize("text", ["", '{"seed": 1', "[1]", DEEP, b"\xff\xfe{}"])
@pytest.mark.parametrize("kind", ["stills", "clips", "experiment", "training"])
def test_a_damaged_plan_is_named(kind, text, tmp_path):
    name = {"experiment": "experiment.json", "training": "training.json"}.get(kind, "plan.json")
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    work = {
        "stills": lambda: write_stills(StillsPlan(count=1), tmp_path),
        "clips": lambda: write_clips(ClipsPlan("bp4d", subjects=1), tmp_path),
        "experiment": lambda: Experiment(SIZES["quick"], tmp_path).claim("rendered"),
        "training": lambda: _TrainingLog(tmp_path / name),
    }
    with pytest.raises(OutputError, match=f"{re.escape(name)} is damaged"):
        work[kind]()


def test_a_note_is_whole_or_the_former_one(tmp_path, monkeypatch):
    note = tmp_path / "note.json"
    write_note(note, {"seed": 1})

    def fail(*_):
        raise OSError(28, "no space is left")

    monkeypatch.setattr("duchenne.files.whole_files.write_all", fail)
    with pytest.raises(OSError, match="no space"):
        write_note(note, {"seed": 2})
    assert read_note(note) == {"seed": 1}


def record_with(folder: Path, **changed):
    """Return the record of a result with some of its parts exchanged."""
    named = {"name": "a.png", "kind": "picture", "sha256": None, "frames": 1, "notes": []}
    texts = dict.fromkeys(("result", "sha256", "version", "command", "fingerprint", "started", "ended"), "x")
    whole = {
        "format": "duchenne result 1", **texts, "versions": {}, "options": {}, "weights": {}, "sources": [named],
        "counts": {}, "problems": [], "notes": [], "seconds": 1.0, "cite": [],
    }  # fmt: skip
    path = folder / "a.csv.json"
    path.write_text(json.dumps(whole | changed))
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"sources": [1]},
        {"sources": [{"name": 1, "kind": "picture", "sha256": None}]},
        {"sources": 5},
        {"options": []},
        {"weights": {"a.onnx": 1}},
        {"version": None},
    ],
)
def test_a_record_of_other_kinds_of_values_is_none(changed, tmp_path):
    with pytest.raises(UsageError, match="not a record of a result"):
        read_record(record_with(tmp_path, **changed))
    assert read_record(record_with(tmp_path)).version == "x"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("weights", 5),
        ("thresholds", {"AU12": {}}),
        ("thresholds", {"AU12": None}),
        ("aus", [6]),
        ("sides", "yes"),
        ("min_face_px", "40"),
        ("step", 1.5),
        ("start_s", True),
    ],
)
def test_an_option_of_another_kind_is_named(name, value, tmp_path):
    record = read_record(record_with(tmp_path, options={name: value}))

    def options_like():
        return detection_options_like(record, DetectionOptions()), run_options_like(record, RunOptions())

    with pytest.raises(UsageError, match=f"option {name} is"):
        options_like()


def test_options_of_their_kinds_are_taken(tmp_path):
    stored = {"weights": "rendered", "thresholds": {"AU12": 1}, "aus": ["AU12"], "min_face_px": 40, "end_s": 2.0}
    record = read_record(record_with(tmp_path, options=stored))
    options = detection_options_like(record, DetectionOptions())
    assert (options.weights, options.thresholds, options.aus) == (Path("rendered"), {"AU12": 1}, ("AU12",))
    assert options.min_face_px == 40
    assert run_options_like(record, RunOptions()).end_s == 2.0


@pytest.mark.parametrize("text", [DEEP, "{", b"\xff"])
def test_a_damaged_description_of_a_result_is_named(text, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER)
    (tmp_path / "a.csv.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StudyError, match=r"a\.csv\.json, which describes a result"):
        origin_of(tmp_path / "a.csv", 0)
