"""The face detector and its pictures as a task for the trainer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from duchenne.networks.face_detector import FaceDetectorNetwork, normalised
from duchenne.training.face_detector.canvas import Canvas, CanvasMaker
from duchenne.training.face_detector.loss import FaceDetectorLoss
from duchenne.training.face_detector.pool import FacePool
from duchenne.training.pictures.array_files import open_rows
from duchenne.training.recipes.face_detector import FaceDetectorRecipe
from duchenne.training.run.batch_norm_unfolding import start_from_export
from duchenne.training.run.checkpoints import hash_of_files, identity_of
from duchenne.training.run.task import Task


@dataclass(frozen=True)
class CanvasBatches:
    """Batches of canvases by step; a canvas follows from seed, step and place in the batch alone.

    Pools are opened by the process that draws from them.

    Attributes:
        parts: Of the face pool (`pool.write_pool`).
        shares: How often a face is taken from each part.
        backgrounds: Pictures without a face (.npy).
        recipe: Size and number of canvases, and the seed.
    """

    parts: Sequence[Path]
    shares: Sequence[float]
    backgrounds: Path
    recipe: FaceDetectorRecipe

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return pixels (b, s, s, 3), boxes (b, 8, 3), keypoints (b, 8, 5, 2), and which faces are known (b, 8)."""
        drawn = [self._canvas(step, place) for place in range(self.recipe.batch)]
        return (
            torch.from_numpy(np.stack([c.pixels for c in drawn])),
            torch.from_numpy(np.stack([c.boxes for c in drawn])).float(),
            torch.from_numpy(np.stack([c.points for c in drawn])).float(),
            torch.from_numpy(np.stack([c.known for c in drawn])),
        )

    def _canvas(self, step: int, place: int) -> Canvas:
        faces, backgrounds = self._pools
        return CanvasMaker(faces, backgrounds, self.recipe.side_px, [self.recipe.seed, step, place]).draw()

    @cached_property
    def _pools(self) -> tuple[FacePool, np.ndarray]:
        cv2.setNumThreads(0)  # A pool of threads does not outlive the start of a drawing process.
        return FacePool(list(self.parts), list(self.shares)), open_rows(self.backgrounds)

    @property
    def hash(self) -> str:
        """What a checkpoint must agree with: faces with their pictures, shares, and backgrounds."""
        endings = (".npz", ".pictures.npy")
        faces = hash_of_files(part.with_suffix(ending) for part in self.parts for ending in endings)
        return identity_of(faces, list(self.shares), hash_of_files([self.backgrounds]))


def face_detector_task(recipe: FaceDetectorRecipe, batches: CanvasBatches, start: Path | None = None) -> Task:
    """Return the task.

    Args:
        recipe: How to train.
        batches: Draws the canvases.
        start: An exported face detector whose weights the first step begins with.

    Raises:
        WeightsError: The start is of another architecture.
    """
    torch.manual_seed(recipe.seed)
    network = FaceDetectorNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    if start is not None:
        start_from_export(network, start, normalised(batches(0)[0]))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.0, weight_decay=recipe.weight_decay)
    return Task(
        network,
        FaceDetectorLoss(network, recipe),
        optimiser,
        recipe.steps,
        batches,
        recipe.batch,
        identity_of(recipe, batches.hash, "" if start is None else hash_of_files([start])),
        # A function, since torch would keep the attributes of a method in the checkpoint.
        torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: recipe.rate_at(step)),  # noqa: PLW0108
        seed=recipe.seed,
        gradient_norm=recipe.gradient_norm,
        average=recipe.average,
        keep_every_s=recipe.keep_every_s,
        sampler_processes=1,
    )
