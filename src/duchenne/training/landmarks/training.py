"""The landmarker's training loop: mixed batches, loss, schedule, checkpoints."""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT, LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.networks.landmarker import MEAN, SCALE, UNIT_PX, LandmarkerNetwork
from duchenne.training.landmarks.augmentation import Target, augment
from duchenne.training.landmarks.pool import Pool
from duchenne.training.run.batch_norm_unfolding import start_from_export


@dataclass(frozen=True)
class LandmarkerRecipe:
    """How the landmarker is trained.

    Attributes:
        steps: Optimiser steps.
        real: Real faces in a batch.
        rendered: Rendered heads in a batch; 0 trains on real faces alone.
        empty: Places without a face in a batch.
        turned_share: Share of the rendered heads that are drawn from those turned far away, beside what chance brings.
            Of real faces so few are turned, and the teacher errs so much there, that they keep their own share.
        uneven_share: Share of the rendered heads that are drawn from those whose sides differ, likewise.
        peak_rate: Learning rate of AdamW at the top of the one-cycle schedule.
        weight_decay: Of AdamW.
        depth_weight: Weight of depth beside x and y.
        shape_weight: Weight of the shape of each group of points, wherever the group lies, beside x and y.
        gap_weight: Weight of the ways between features that action units change, beside x and y (`_gaps`).
        side_weight: Weight of how far these differ between left and right, beside x and y.
        visibility_weight: Weight of the visibilities' loss.
        presence_weight: Weight of the face presence's loss.
        seed: Of every random choice.
    """

    steps: int = 8000
    real: int = 18
    rendered: int = 26
    empty: int = 4
    turned_share: float = 0.35
    uneven_share: float = 0.25
    peak_rate: float = 3e-3
    weight_decay: float = 0.02
    depth_weight: float = 0.5
    shape_weight: float = 0.7
    gap_weight: float = 1.5
    side_weight: float = 1.5
    visibility_weight: float = 0.05
    presence_weight: float = 0.05
    seed: int = 1

    def __post_init__(self) -> None:
        if self.steps < 1 or min(self.real, self.rendered, self.empty) < 0 or self.real + self.rendered < 1:
            raise TrainingError("The recipe needs at least one step and one face in a batch.")


@dataclass
class Pools:
    """Where batches come from."""

    real: Pool
    rendered: Pool
    empty: Pool


_BETA = 0.01
"""Where the smooth L1 loss turns from square to straight, in roots of the area of the points' box."""


def _centring() -> Tensor:
    """Return the 49 x 49 matrix that takes the mean of its group from each point."""
    out = torch.eye(LANDMARK_COUNT)
    for group in LANDMARK_GROUPS.values():
        rows = slice(group.start, group.stop)
        out[rows, rows] -= 1 / len(group)
    return out


_CENTRING = _centring()
_OPENINGS = ("eye_image_left", "eye_image_right", "lip_inner")
_SHAPE_WEIGHTS = torch.ones(LANDMARK_COUNT)
"""Points of lids and inner lips count twice in the shape: millimetres there are action units."""
for _name in _OPENINGS:
    _SHAPE_WEIGHTS[list(LANDMARK_GROUPS[_name])] = 2.0


_LIDS = ((20, 24), (21, 23), (26, 30), (27, 29))
_LIPS = ((43, 48), (44, 47), (45, 46))
_MOUTH_CORNERS = (31, 37)


def _gaps() -> Tensor:
    """Return the g x 49 matrix from points to ways between brows and eyes, lids, lips, mouth corners and nose.

    A network that is unsure answers with the mean place. For points that costs little, since heads differ far more than
    one head moves; but the way between two features is what an action unit shows.
    """
    rows = []
    for brow, eye in (("brow_image_left", "eye_image_left"), ("brow_image_right", "eye_image_right")):
        rows += [_way((point,), LANDMARK_GROUPS[eye]) for point in LANDMARK_GROUPS[brow]]
    rows += [_way((upper,), (lower,)) for upper, lower in _LIDS + _LIPS]
    rows += [_way((corner,), LANDMARK_GROUPS["nose_base"]) for corner in _MOUTH_CORNERS]
    return torch.stack(rows)


def _way(points: Sequence[int], others: Sequence[int]) -> Tensor:
    """Return the row that takes the mean of some points from that of others."""
    row = torch.zeros(LANDMARK_COUNT)
    row[list(points)] += 1 / len(points)
    row[list(others)] -= 1 / len(others)
    return row


_GAPS = _gaps()
_SIDES = _GAPS - _GAPS[:, MIRROR_LANDMARKS]
"""By how much each way differs from the one on the other side. Faces are nearly even, so a network that is unsure makes
them quite even; what little is uneven is a one-sided action unit."""


def loss_of(outputs: tuple[Tensor, Tensor, Tensor], target: tuple[Tensor, ...], recipe: LandmarkerRecipe) -> Tensor:
    """Return the loss of a batch.

    Args:
        outputs: Of the network.
        target: solid (n, 49, 3) in network units, visible and known (n, 49), face (n,).
        recipe: The weights.
    """
    points, visibility, presence = (out.float() for out in outputs)
    landmarks_3d, visible, known, face = target
    extent = landmarks_3d[..., :2].amax(1) - landmarks_3d[..., :2].amin(1)
    unit = extent.prod(1).sqrt().clamp(min=0.05)[:, None, None]
    away = (points - landmarks_3d) / unit
    error, shape = _size(away), _size(_CENTRING @ away[..., :2])
    places = error[..., :2].mean((1, 2)) + recipe.depth_weight * error[..., 2].mean(1)
    places = places + recipe.shape_weight * (shape.mean(2) * _SHAPE_WEIGHTS).mean(1)
    places = places + recipe.gap_weight * _size(_GAPS @ away[..., :2]).mean((1, 2))
    places = places + recipe.side_weight * _size(_SIDES @ away[..., 1:2]).mean((1, 2))
    out = (places * face).sum() / face.sum().clamp(min=1)
    seen = functional.binary_cross_entropy_with_logits(visibility, visible, reduction="none")
    out = out + recipe.visibility_weight * (seen * known).sum() / known.sum().clamp(min=1)
    return out + recipe.presence_weight * functional.binary_cross_entropy_with_logits(presence, face)


def _size(away: Tensor) -> Tensor:
    return functional.smooth_l1_loss(away, torch.zeros_like(away), beta=_BETA, reduction="none")


def collate(samples: list[tuple[np.ndarray, Target]]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return normalised crops and targets of a batch as tensors."""
    crops = torch.from_numpy(np.stack([crop for crop, _ in samples])).permute(0, 3, 1, 2).float()
    columns = [[getattr(t, name) for _, t in samples] for name in ("solid", "visible", "known", "face")]
    landmarks_3d, visible, known, face = (torch.tensor(np.array(c), dtype=torch.float32) for c in columns)
    landmarks_3d = (landmarks_3d - torch.tensor([UNIT_PX, UNIT_PX, 0.0])) / UNIT_PX
    return ((crops - MEAN) / SCALE).contiguous(memory_format=torch.channels_last), (landmarks_3d, visible, known, face)


def draw_batch(pools: Pools, recipe: LandmarkerRecipe, step: int) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return the batch of a step; it depends on the seed, the step and the pools alone."""
    rng = np.random.default_rng([recipe.seed, step])
    samples = [augment(pools.real.draw(rng), rng) for _ in range(recipe.real)]
    rendered = [pools.rendered.draw(rng, recipe.turned_share, recipe.uneven_share) for _ in range(recipe.rendered)]
    samples += [augment(sample, rng) for sample in rendered]
    samples += [augment(pools.empty.draw(rng), rng) for _ in range(recipe.empty)]
    return collate(samples)


class LandmarkerTraining:
    """A run that can be stopped and goes on where it was.

    Args:
        recipe: What to do.
        work: Folder of the checkpoint.
        pools: Where faces come from.
        on_checkpoint: Called with the network and the steps done every `CHECKPOINT_STEPS` and at the end.
        start: An exported landmarker to go on from; None begins with the mean landmarks.
    """

    CHECKPOINT_STEPS = 500

    def __init__(
        self,
        recipe: LandmarkerRecipe,
        work: Path,
        pools: Pools,
        on_checkpoint: Callable[[LandmarkerNetwork, int], None],
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.pools, self._work, self._on_checkpoint = recipe, pools, work, on_checkpoint
        self.network = LandmarkerNetwork()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
        self._checkpoint = work / "checkpoint.pt"
        if start is None:
            self.network.start_from(torch.tensor(_mean_target(pools), dtype=torch.float32))
        elif not self._checkpoint.exists():
            first = [draw_batch(pools, recipe, recipe.steps + 1 + k)[0] for k in range(8)]
            start_from_export(self.network, start, torch.cat(first))
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=1.0, weight_decay=recipe.weight_decay)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, recipe.peak_rate, total_steps=recipe.steps + 1, pct_start=0.15
        )
        self._step = 0
        if self._checkpoint.exists():
            self._resume()

    def run(self) -> LandmarkerNetwork:
        """Train to the end and return the network, ready for export."""
        losses, begun = [], time.monotonic()
        with ThreadPoolExecutor(1) as loader:
            waiting = loader.submit(draw_batch, self.pools, self.recipe, self._step)
            while self._step < self.recipe.steps:
                crops, target = waiting.result()
                waiting = loader.submit(draw_batch, self.pools, self.recipe, self._step + 1)
                losses.append(self._update(crops, target))
                self._step += 1
                if self._step % self.CHECKPOINT_STEPS == 0 or self._step == self.recipe.steps:
                    waiting.result()
                    self._save(float(np.mean(losses)), time.monotonic() - begun)
                    losses = []
        return self.network.eval()

    def _update(self, crops: Tensor, target: tuple[Tensor, ...]) -> float:
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = self.network(crops)
        loss = loss_of(outputs, target, self.recipe)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        return float(loss.detach())

    def _save(self, loss: float, elapsed_s: float) -> None:
        state = {
            "recipe": asdict(self.recipe), "step": self._step, "network": self.network.state_dict(),
            "optimizer": self._optimizer.state_dict(), "schedule": self._schedule.state_dict(),
        }  # fmt: skip
        partial = self._checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self._checkpoint)
        line = {"step": self._step, "loss": round(loss, 5), "elapsed_s": round(elapsed_s, 1)}
        with (self._work / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        self._on_checkpoint(self.network.eval(), self._step)

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise TrainingError(
                f"{self._checkpoint} belongs to another recipe: {state['recipe']}. "
                "Give the same options, or name another folder with --work."
            )
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._step = int(state["step"])


def _mean_target(pools: Pools) -> Float[np.ndarray, "49 3"]:
    """Return the mean of the faces' points in network units; the bias that the net starts from."""
    landmarks_3d = np.concatenate(list(pools.real.solids())).mean(0)
    return (landmarks_3d - [*landmarks_3d[:, :2].mean(0), 0.0]) / UNIT_PX


def mean_error(network: LandmarkerNetwork, pool: Pool, count: int, seed: int) -> tuple[float, float]:
    """Return the median over faces of the points' error and of the depth's, in roots of the area of the points' box."""
    rng = np.random.default_rng(seed)
    rows = np.linspace(0, len(pool) - 1, min(count, len(pool))).astype(int)
    samples = [augment(pool[int(row)], rng) for row in rows]
    points, depths = [], []
    for first in range(0, len(samples), 64):
        crops, (landmarks_3d, _, _, _) = collate(samples[first : first + 64])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            found = network(crops)[0].float()
        unit = (landmarks_3d[..., :2].amax(1) - landmarks_3d[..., :2].amin(1)).prod(1).sqrt()
        points.append((found - landmarks_3d)[..., :2].norm(dim=-1).mean(1) / unit)
        depths.append((found - landmarks_3d)[..., 2].abs().mean(1) / unit)
    return float(torch.cat(points).median()), float(torch.cat(depths).median())
