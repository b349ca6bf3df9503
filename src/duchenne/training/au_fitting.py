"""The training loop of AU networks: resumable at any step, with the same outcome as without the break."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.networks.region import COMPACT, RegionConfig, RegionNetwork
from duchenne.patches import windows_of
from duchenne.shape import derotate
from duchenne.training.aligned_store import AlignedStore, crop_from_stored
from duchenne.training.amounts import Augmentation
from duchenne.training.augmentation import change
from duchenne.training.losses import masked_cross_entropy, skew
from duchenne.training.memory import keep_freed_memory
from duchenne.training.shapes import shape_statistics

Report = Callable[[str], None]


@dataclass(frozen=True)
class AURecipe:
    """How an AU network is trained.

    Attributes:
        network: Its sizes.
        epochs: Times that each face is seen.
        batch: Faces in a step.
        learning_rate: Peak of the one cycle.
        weight_decay: Decoupled, of AdamW.
        warm_up: Share of the steps in which the rate rises.
        located_share: Share of faces whose points are the landmarker's; the others keep the renderer's.
        seed: Of weights, order, augmentation and dropout.
        augmentation: What faces go through.
        keep_every_s: Seconds between checkpoints.
        bf16: Whether layers compute in bfloat16.
    """

    network: RegionConfig = COMPACT
    epochs: float = 20.0
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 2e-2
    warm_up: float = 0.15
    located_share: float = 0.35
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    keep_every_s: float = 60.0
    bf16: bool = True

    def __post_init__(self) -> None:
        if self.batch < 2 or self.epochs <= 0 or self.learning_rate <= 0:
            raise TrainingError(
                f"A recipe needs a batch of 2 or more, epochs and a learning rate above 0; got {self.batch}, "
                f"{self.epochs:g} and {self.learning_rate:g}."
            )


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network with what detection needs beside it.

    Attributes:
        network: In evaluation mode.
        reference: (49, 3) head that landmarks were derotated onto; None where the network reads no shape.
        steps: Steps that were made.
        seconds: Time of the steps since the last start.
    """

    network: RegionNetwork
    reference: Float[np.ndarray, "49 3"] | None
    steps: int
    seconds: float


def fit(store: AlignedStore, recipe: AURecipe, checkpoint: Path, report: Report) -> FittedNetwork:
    """Train to the end of the recipe, from the checkpoint if there is one.

    Raises:
        TrainingError: The checkpoint is of another recipe or other data, there are too few faces, or an AU has one
            class only.
    """
    return _Fitting(store, recipe, checkpoint, report).run()


class _Fitting:
    """One training run."""

    def __init__(self, store: AlignedStore, recipe: AURecipe, checkpoint: Path, report: Report) -> None:
        if len(store) < recipe.batch:
            raise TrainingError(f"{len(store)} faces do not fill one batch of {recipe.batch}. Render more faces.")
        self.store, self.recipe, self.checkpoint, self.report = store, recipe, checkpoint, report
        self.columns = [AU_NAMES.index(name) for name in recipe.network.aus]
        self.occurrence, self.known = store.occurrence[:, self.columns], store.known[:, self.columns]
        self.weight = torch.from_numpy(skew(self.occurrence, self.known)).float()
        self.steps_per_epoch = len(store) // recipe.batch
        self.steps = max(2, round(recipe.epochs * self.steps_per_epoch))
        torch.manual_seed(recipe.seed)
        self.reference: np.ndarray | None = None
        if recipe.network.shape_width:
            self.reference, spread = shape_statistics(store.located, store.pose_deg, recipe.seed)
            mean = torch.from_numpy(self.reference).float()
            self.network = RegionNetwork(recipe.network, mean, torch.from_numpy(spread).float())
        else:
            self.network = RegionNetwork(recipe.network)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, recipe.learning_rate, total_steps=self.steps, pct_start=recipe.warm_up
        )

    def run(self) -> FittedNetwork:
        keep_freed_memory()
        first = self._load()
        start_s = kept_s = time.monotonic()
        smooth: float | None = None
        for step in range(first, self.steps):
            loss = self._step(step)
            if not np.isfinite(loss):
                raise TrainingError(f"The loss is {loss} at step {step}; lower the learning rate or look at the data.")
            smooth = loss if smooth is None else 0.98 * smooth + 0.02 * loss
            now_s = time.monotonic()
            if (step + 1) % 100 == 0:
                self._tell(step + 1, smooth, (now_s - start_s) / (step + 1 - first))
            if now_s - kept_s > self.recipe.keep_every_s:
                self._keep(step + 1)
                kept_s = now_s
        self._keep(self.steps)
        return FittedNetwork(self.network.eval(), self.reference, self.steps, time.monotonic() - start_s)

    def _step(self, step: int) -> float:
        """Make one step; every random choice follows from the seed and the step alone."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.recipe.seed, 1, epoch]).permutation(len(self.store))
        rows = order[place * self.recipe.batch : (place + 1) * self.recipe.batch]
        windows, shape = self._draw(rows, np.random.default_rng([self.recipe.seed, 2, step]))
        torch.manual_seed(self.recipe.seed * 1_000_003 + step)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.recipe.bf16):
            logits = self.network(windows, shape)
        occurrence, known = torch.from_numpy(self.occurrence[rows]), torch.from_numpy(self.known[rows])
        loss = masked_cross_entropy(logits.float(), occurrence, known, self.weight)
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.schedule.step()
        return float(loss.detach())

    def _draw(self, rows: Int[np.ndarray, " k"], rng: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        config, amounts = self.recipe.network, self.recipe.augmentation
        windows, shapes = [], []
        located = rng.random((len(rows), 1, 1)) < self.recipe.located_share
        chosen = np.where(located, self.store.located[rows], self.store.points[rows]).astype(float)
        for crop, points in zip(self.store.crops(rows), chosen, strict=True):
            face = change(crop, points, crop_from_stored(), config.layout.reduction, amounts, grey=config.grey, rng=rng)
            windows.append(windows_of(face.pixels, face.points[:, :2], config.layout))
            if self.reference is not None:
                shapes.append(derotate(face.points, self.reference))
        shape = torch.from_numpy(np.stack(shapes)).float() if shapes else None
        return torch.from_numpy(np.stack(windows)), shape

    def _tell(self, step: int, loss: float, step_s: float) -> None:
        left_s = (self.steps - step) * step_s
        self.report(
            f"step {step} of {self.steps}, loss {loss:.3f}, {self.recipe.batch / step_s:.0f} faces/s, "
            f"{left_s / 60:.1f} min left"
        )

    def _identity(self) -> str:
        """Return a hash of recipe and data: what a checkpoint must agree with."""
        told = json.dumps([asdict(self.recipe), self.store.fingerprint], sort_keys=True, default=str)
        return hashlib.sha256(told.encode()).hexdigest()

    def _keep(self, step: int) -> None:
        state: dict[str, Any] = {
            "identity": self._identity(),
            "step": step,
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.checkpoint.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.rename(self.checkpoint)

    def _load(self) -> int:
        if not self.checkpoint.exists():
            return 0
        state = torch.load(self.checkpoint, weights_only=True)
        if state["identity"] != self._identity():
            raise TrainingError(
                f"{self.checkpoint} was made by another recipe or with other data. Name another file, or remove it."
            )
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        return int(state["step"])
