"""Make the face detector, as `duchenne dev train-face-detector` does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from duchenne.faces import FaceDetector
from duchenne.training.face_detector.export import export_face_detector, set_confidence
from duchenne.training.face_detector.scores import choose_threshold
from duchenne.training.face_detector.sources import prepare, validation_confidences
from duchenne.training.face_detector.training import FaceDetectorRecipe, FaceDetectorTraining
from duchenne.training.run.progress import Progress, silent


@dataclass(frozen=True)
class FaceDetectorOptions:
    """What the face detector learns from, and for how long.

    Attributes:
        faces: Folder of real faces with index.csv.
        labels: The teachers' labels of these faces (.npz).
        backgrounds: Photographs without faces, or folders of them.
        work: Folder for decoded pictures, checkpoint and log.
        out: The face_detector.onnx to write.
        rendered: Folders of rendered heads.
        start: A face_detector.onnx to go on from; its false faces are learnt from.
        recipe: How to train.
    """

    faces: Path
    labels: Path
    backgrounds: tuple[Path, ...]
    work: Path
    out: Path
    rendered: tuple[Path, ...] = ()
    start: Path | None = None
    recipe: FaceDetectorRecipe = field(default_factory=FaceDetectorRecipe)


def train_face_detector(options: FaceDetectorOptions, on_progress: Callable[[Progress], None] = silent) -> None:
    """Train, export, and choose the threshold; a run that was stopped goes on where it was.

    Raises:
        TrainingError: A source is empty, or the trained network is of no use.
    """
    faces, labels, backgrounds = options.faces, options.labels, list(options.backgrounds)
    on_progress(Progress(0, options.recipe.steps, remark="preparing pictures"))
    prepared = prepare(options.work, faces, labels, list(options.rendered), backgrounds, options.start)
    on_progress(Progress(0, options.recipe.steps, remark=f"training; log in {options.work}"))
    training = FaceDetectorTraining(options.recipe, options.work, options.start)
    network = training.run(prepared.parts, prepared.shares, prepared.backgrounds, options.work / "log.txt")
    unfinished = options.work / "face_detector.onnx"
    export_face_detector(network, unfinished, confidence=0.5)
    found, false = validation_confidences(FaceDetector(unfinished), faces, labels, backgrounds)
    set_confidence(unfinished, choose_threshold(found, false))
    options.out.write_bytes(unfinished.read_bytes())
