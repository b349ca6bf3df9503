"""What runs write and read again: journals, records, plans, labels; tables of neutral faces."""

from pathlib import Path

import numpy as np

from duchenne.faces import FaceBox
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.results import FaceAUs
from duchenne.results.columns import Columns
from duchenne.results.result_file import ResultFile
from fuzz.file_kind import FileKind, digest_of
from miniature_releases import write_picture

_AUS = ("AU06", "AU12")
_COLUMNS = Columns(_AUS, intensity=False)
_ROWS, _INTERRUPTED_AT = 8, 5


def _face(number: int) -> FaceAUs:
    rng = np.random.default_rng(number)
    landmarks = FaceLandmarks(rng.uniform(0, 99, (49, 2)), np.zeros(49), np.ones(49), 0.9)
    box = FaceBox(rng.uniform(0, 99, 4), 0.9, np.zeros((5, 2)))
    probability = rng.uniform(size=2)
    return FaceAUs(
        "a.mp4", number, number / 25, 0, box, landmarks, HeadPose(1, 2, 3), _AUS, probability, probability >= 0.5
    )


def _write_on(file: ResultFile, until: int) -> None:
    first = 0 if file.state is None else file.state["next"]
    for number in range(first, until):
        file.write([_face(number)])
        file.checkpoint({"next": number + 1}, sources=[{"name": f"{number}", "frames": 1}])


def _make_journal(folder: Path) -> None:
    with ResultFile.open(folder / "faces.csv", _COLUMNS, {"of": "a test"}) as file:
        _write_on(file, _INTERRUPTED_AT)


def _read_journal(folder: Path) -> str:
    """Continue the run to its end; the result must be that of a run without a break."""
    with ResultFile.open(folder / "faces.csv", _COLUMNS, {"of": "a test"}) as file:
        _write_on(file, _ROWS)
        file.finish()
    return digest_of([(folder / "faces.csv").read_bytes()])


def _make_record(folder: Path) -> None:
    from duchenne.detection import RunOptions, run_detection
    from duchenne.detector import AUDetector
    from duchenne.media import expand_sources

    write_picture(folder / "0.png", 0)
    sources, _ = expand_sources([folder / "0.png"])
    run_detection(AUDetector(aus=[6, 12], workers=1), sources, RunOptions(output=folder / "faces.csv"), _Silent())


class _Silent:
    def begin(self, *_: object) -> None:
        pass

    frame = problem = note = begin


def _read_record(folder: Path) -> str:
    """Take the options of a result, as `duchenne detect --like` does, and what a report says of it."""
    from duchenne.commands import detect_like as of
    from duchenne.detection import RunOptions
    from duchenne.detector import AUDetector
    from duchenne.results.detection_options import DetectionOptions
    from duchenne.results.result_record import read_record
    from duchenne.study.provenance import origin_of

    record = read_record(folder / "faces.csv.json")
    options = of.detection_options_like(record, DetectionOptions())
    neutral, running = of.neutral_like(record, None), of.run_options_like(record, RunOptions())
    detector = AUDetector.from_options(options, 1)
    origin = origin_of(folder / "faces.csv", 1)
    return digest_of([record, options, neutral, running, of.check_like(record, detector), origin.facts, origin.frames])


def _make_neutral(folder: Path) -> None:
    for number, name in enumerate(("anna", "ben")):
        write_picture(folder / f"{name}.png", number)
    (folder / "neutral.csv").write_text("person,picture\nanna,anna.png\nben,ben.png\nben,anna.png\n")


def _read_neutral(folder: Path) -> str:
    from duchenne.neutral_faces import read_neutral

    faces = read_neutral(folder / "neutral.csv")
    return digest_of([sorted((name, [path.name for path in paths]) for name, paths in faces.pictures.items())])


def _make_plans(folder: Path) -> None:
    for name in ("stills", "clips", "experiment"):
        (folder / name).mkdir()
    _read_plans(folder)


def _read_plans(folder: Path) -> str:
    """Take folders of rendered sets and of an experiment again, as a run that is continued does."""
    from duchenne.evaluation.experiment.reproduction import Experiment
    from duchenne.evaluation.experiment.sizes import SIZES
    from duchenne.synthesis.sets.protocols import ClipsPlan
    from duchenne.synthesis.sets.protocols import _claim as claim_clips
    from duchenne.synthesis.sets.stills import StillsPlan
    from duchenne.synthesis.sets.stills import _claim as claim_stills

    claim_stills(StillsPlan(count=10), folder / "stills")
    claim_clips(ClipsPlan("bp4d"), folder / "clips")
    Experiment(SIZES["quick"], folder / "experiment").claim("rendered")
    return "the same plans"


def _make_teacher_labels(folder: Path) -> None:
    from duchenne.training.pictures.teacher_labels import PictureLabel, stack_labels

    nobody = PictureLabel(
        *(np.zeros(5), np.zeros(5), 0, 1, 0.5, np.zeros((6, 2)), np.zeros((49, 3)), 1.0, 0.1, np.zeros(52))
    )
    stack_labels(["a.jpg", "b.jpg"], [0, 1], [(64, 48)] * 2, [nobody] * 2).write(folder / "labels.npz")


def _read_teacher_labels(folder: Path) -> str:
    from dataclasses import fields

    from duchenne.training.pictures.teacher_labels import read_teacher_labels

    labels = read_teacher_labels(folder / "labels.npz")
    return digest_of(getattr(labels, field.name) for field in fields(labels))


RUN_KINDS = (
    FileKind("journals", _make_journal, ("*.part", "*.journal"), _read_journal, 8, sealed=True, changed=True),
    FileKind("sidecars", _make_record, ("*.json",), _read_record, 8),
    FileKind("neutral", _make_neutral, ("*.csv",), _read_neutral, 4),
    FileKind("plans", _make_plans, ("*/*.json",), _read_plans, 4),
    FileKind("teachers", _make_teacher_labels, ("*.npz",), _read_teacher_labels, 4),
)
