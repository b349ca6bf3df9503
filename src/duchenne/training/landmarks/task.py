"""The landmark network and its faces as a task for the trainer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from duchenne.networks.landmarker import MEAN, SCALE, UNIT_PX, LandmarkerNetwork
from duchenne.training.landmarks.augmentation import Target, augment
from duchenne.training.landmarks.loss import LandmarkerLoss
from duchenne.training.landmarks.pool import Pool
from duchenne.training.recipes.landmarks import LandmarkerRecipe
from duchenne.training.run.batch_norm_unfolding import start_from_export
from duchenne.training.run.checkpoints import hash_of_files, identity_of
from duchenne.training.run.task import Task, Validation

_WATCHED, _WATCHED_SEED = 500, 7
"""Watched faces that a validation looks at, and the seed of how they are changed."""
_START_BATCHES = 8
"""Batches on which the statistics of an exported network are measured."""


@dataclass(frozen=True)
class LandmarkBatches:
    """Batches of crops by step; a batch follows from seed, step and pools alone.

    Attributes:
        real: Real faces.
        rendered: Rendered heads.
        empty: Places without a face.
        recipe: How many of each, and the seed.
    """

    real: Pool
    rendered: Pool
    empty: Pool
    recipe: LandmarkerRecipe

    def __call__(self, step: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return what `collate` makes of a step's crops."""
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        samples = [augment(self.real.draw(rng), rng) for _ in range(recipe.real)]
        rendered = [self.rendered.draw(rng, recipe.turned_share, recipe.uneven_share) for _ in range(recipe.rendered)]
        samples += [augment(sample, rng) for sample in rendered]
        samples += [augment(self.empty.draw(rng), rng) for _ in range(recipe.empty)]
        return collate(samples)

    def mean_target(self) -> Float[np.ndarray, "49 3"]:
        """Return the mean of the real faces' points in network units: what an untrained network answers."""
        landmarks_3d = np.concatenate(list(self.real.landmarks_3d())).mean(0)
        return (landmarks_3d - [*landmarks_3d[:, :2].mean(0), 0.0]) / UNIT_PX


def collate(samples: list[tuple[np.ndarray, Target]]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return normalised crops and the target of a batch: landmarks_3d, visible, known and face, as tensors."""
    crops = torch.from_numpy(np.stack([crop for crop, _ in samples])).permute(0, 3, 1, 2).float()
    columns = [[getattr(t, name) for _, t in samples] for name in ("landmarks_3d", "visible", "known", "face")]
    landmarks_3d, visible, known, face = (torch.tensor(np.array(c), dtype=torch.float32) for c in columns)
    landmarks_3d = (landmarks_3d - torch.tensor([UNIT_PX, UNIT_PX, 0.0])) / UNIT_PX
    return ((crops - MEAN) / SCALE).contiguous(memory_format=torch.channels_last), (landmarks_3d, visible, known, face)


def landmarker_task(
    recipe: LandmarkerRecipe, batches: LandmarkBatches, watched: Pool, data: str, start: Path | None = None
) -> Task:
    """Return the task.

    Args:
        recipe: How to train.
        batches: Draws the crops.
        watched: Real faces of other persons, which validation looks at.
        data: Hash of the faces in all pools: a checkpoint of others is refused.
        start: An exported landmarker to go on from; None begins with the mean landmarks.

    Raises:
        WeightsError: The start is of another architecture.
    """
    torch.manual_seed(recipe.seed)
    network = LandmarkerNetwork()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    if start is None:
        network.start_from(torch.tensor(batches.mean_target(), dtype=torch.float32))
    else:
        first = [batches(recipe.steps + 1 + k)[0] for k in range(_START_BATCHES)]
        start_from_export(network, start, torch.cat(first))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1.0, weight_decay=recipe.weight_decay)
    return Task(
        network,
        LandmarkerLoss(network, recipe),
        optimiser,
        recipe.steps,
        batches,
        recipe.batch,
        identity_of(recipe, data, "" if start is None else hash_of_files([start])),
        torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.peak_rate, total_steps=recipe.steps + 1, pct_start=recipe.warm_up
        ),
        seed=recipe.seed,
        gradient_norm=recipe.gradient_norm,
        validate=lambda network: validate(network, watched),
        validate_every=recipe.validate_every,
        keep_every_s=recipe.keep_every_s,
    )


def validate(network: nn.Module, watched: Pool) -> Validation:
    """Return the errors on watched faces; the score is the points' error, negated."""
    error, depth_error = mean_error(network, watched, _WATCHED, _WATCHED_SEED)
    return Validation(-error, {"validation_point_error": error, "validation_depth_error": depth_error})


def mean_error(network: nn.Module, pool: Pool, count: int, seed: int) -> tuple[float, float]:
    """Return the median over faces of the points' error and of the depth's, in roots of the area of the points' box."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, len(pool) - 1, min(count, len(pool))).astype(int)
    samples = [augment(pool[int(row)], rng) for row in rows]
    device = next(network.parameters()).device
    points, depths = [], []
    for first in range(0, len(samples), 64):
        crops, (landmarks_3d, _, _, _) = collate(samples[first : first + 64])
        with torch.no_grad():
            found = network(crops.to(device))[0].float().cpu()
        unit = (landmarks_3d[..., :2].amax(1) - landmarks_3d[..., :2].amin(1)).prod(1).sqrt()
        points.append((found - landmarks_3d)[..., :2].norm(dim=-1).mean(1) / unit)
        depths.append((found - landmarks_3d)[..., 2].abs().mean(1) / unit)
    return float(torch.cat(points).median()), float(torch.cat(depths).median())
