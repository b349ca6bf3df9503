"""The face detector's training loop: canvases drawn by one worker, bfloat16 steps, averaged weights, checkpoints."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from duchenne.errors import TrainingError
from duchenne.networks.face_detector import MEAN, SCALE, FaceDetectorNetwork
from duchenne.training.face_detector.canvas import CanvasMaker
from duchenne.training.face_detector.loss import CellGrid, face_detector_loss
from duchenne.training.face_detector.pool import FacePool
from duchenne.training.run.batch_norm_unfolding import start_from_export

LOSS_WEIGHTS = {"score": 1.0, "box": 1.5, "points": 1.0}
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class FaceDetectorRecipe:
    """How the face detector is trained; by default from nothing.

    Attributes:
        steps: Optimiser steps.
        batch: Canvases in a step.
        side_px: Side of a canvas.
        peak_rate: Highest learning rate of AdamW; it rises over `warmup` steps and falls along a cosine to 1/100.
        warmup: Steps.
        decay: Weight decay.
        average: Decay of the running average of the weights, which is what gets exported.
        seed: Of weights and canvases.
    """

    steps: int = 5650
    batch: int = 32
    side_px: int = 256
    peak_rate: float = 3e-3
    warmup: int = 200
    decay: float = 1e-3
    average: float = 0.998
    seed: int = 1

    def __post_init__(self) -> None:
        if self.side_px % 32 or not 64 <= self.side_px <= 320:
            raise TrainingError(f"A canvas of {self.side_px} px: its side must be a multiple of 32 from 64 to 320.")
        if min(self.steps, self.batch, self.warmup) < 1:
            raise TrainingError("Steps, batch and warmup must be at least 1.")

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        rise = min(1.0, (step + 1) / self.warmup)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.peak_rate * rise * (0.01 + 0.99 * fall)


class _Batches(IterableDataset[Batch]):
    """An endless row of batches; pools are opened by the worker that draws from them."""

    def __init__(
        self, parts: list[Path], shares: list[float], backgrounds: Path, recipe: FaceDetectorRecipe, seed: int
    ) -> None:
        self.parts, self.shares, self.backgrounds, self.recipe, self.seed = parts, shares, backgrounds, recipe, seed

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        faces = FacePool(self.parts, self.shares)
        behind = np.load(self.backgrounds, mmap_mode="r")
        maker = CanvasMaker(faces, behind, self.recipe.side_px, self.seed)
        while True:
            drawn = [maker.draw() for _ in range(self.recipe.batch)]
            yield (
                torch.from_numpy(np.stack([c.pixels for c in drawn])),
                torch.from_numpy(np.stack([c.boxes for c in drawn])).float(),
                torch.from_numpy(np.stack([c.points for c in drawn])).float(),
                torch.from_numpy(np.stack([c.known for c in drawn])),
            )


class FaceDetectorTraining:
    """A training that can be stopped and gone on with.

    Args:
        recipe: How to train.
        folder: Holds `checkpoint.pt`; one that lies there is gone on from.
        start: An exported face detector whose weights the first step begins with.
    """

    def __init__(self, recipe: FaceDetectorRecipe, folder: Path, start: Path | None = None) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.checkpoint, self._start = recipe, folder / "checkpoint.pt", start
        self.network = FaceDetectorNetwork()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = FaceDetectorNetwork().requires_grad_(False)
        self.averaged.load_state_dict(self.network.state_dict())
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=recipe.peak_rate, weight_decay=recipe.decay)
        self.step = 0
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step = state["step"]

    def run(self, parts: list[Path], shares: list[float], backgrounds: Path, log: Path) -> FaceDetectorNetwork:
        """Train to the recipe's last step and return the averaged network."""
        batches = _Batches(parts, shares, backgrounds, self.recipe, self.recipe.seed + 1000 * self.step)
        loader = DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=6)
        if self._start is not None and self.step == 0:
            self._begin_with(self._start, next(iter(loader))[0])
        grid = CellGrid(self.recipe.side_px)
        sums: dict[str, float] = {}
        started = time.monotonic()
        for batch in loader:
            if self.step >= self.recipe.steps:
                break
            for name, value in self._learn(batch, grid).items():
                sums[name] = sums.get(name, 0.0) + value
            if self.step % 100 == 0:
                line = " ".join(f"{name} {value / 100:.4f}" for name, value in sums.items())
                with log.open("a", encoding="utf-8") as file:
                    file.write(f"step {self.step} {line} seconds {time.monotonic() - started:.0f}\n")
                sums = {}
            if self.step % 500 == 0:
                self.save()
        self.save()
        return self.averaged.eval()

    def _begin_with(self, start: Path, pixels: Tensor) -> None:
        start_from_export(self.network, start, _normalised(pixels))
        self.averaged.load_state_dict(self.network.state_dict())

    def _learn(self, batch: Batch, grid: CellGrid) -> dict[str, float]:
        pixels, boxes, points, known = batch
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.rate_at(self.step)
        x = _normalised(pixels)
        with torch.autocast("cpu", torch.bfloat16):
            maps = self.network.train()(x)
        parts = face_detector_loss(maps, grid, boxes, points, known)
        loss = sum((LOSS_WEIGHTS[name] * value for name, value in parts.items()), torch.zeros(()))
        if not torch.isfinite(loss):
            raise TrainingError(f"The loss is not finite at step {self.step}; go on from a checkpoint at a lower rate.")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._average()
        return {name: float(value.detach()) for name, value in parts.items()}

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.recipe.average, self.step / (self.step + 10))
        for mean, now in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def save(self) -> None:
        """Write the checkpoint; an older one is replaced only by a whole one."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        unfinished = self.checkpoint.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.replace(self.checkpoint)


def _normalised(pixels: Tensor) -> Tensor:
    return (pixels.permute(0, 3, 1, 2).float() - MEAN) / SCALE
