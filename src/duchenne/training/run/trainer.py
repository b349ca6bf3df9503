"""The training loop of networks: resumable at any step, with the same outcome as without the break.

Every random choice follows from the recipe's seed, the step and the face's place in the batch, so nothing about chance
is kept in a checkpoint, and processes that share a batch make the choices that one process would make.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.build import build_network
from duchenne.training.action_units.initialisation import Initialisation, begin_from
from duchenne.training.action_units.losses import LossModule, skew
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.data.checks import require_trainable
from duchenne.training.data.labels import Labels
from duchenne.training.data.landmark_statistics import shape_statistics
from duchenne.training.data.sampler import BatchSampler
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.run.checkpoints import (
    commit,
    identity_of,
    load_optimiser,
    optimiser_tensors,
    read_tensors,
    write_tensors,
)
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.log import Logbook
from duchenne.training.run.memory import keep_freed_memory
from duchenne.training.run.optimisers import build_optimiser
from duchenne.training.run.progress import Progress, Report

CHECKPOINT_FILE, BEST_FILE = "checkpoint.safetensors", "best.safetensors"
_TELL_EVERY_S = 1.0


def fit(
    recipe: DeepRecipe,
    train: FaceStore,
    valid: FaceStore,
    folder: Path,
    report: Report,
    machine: DeviceConfig | None = None,
    start: Initialisation | None = None,
) -> DeepSystem:
    """Train to the end of the recipe, from the folder's checkpoint if there is one, and keep the system there.

    Raises:
        TrainingError: The data cannot teach this recipe, the checkpoint is of another recipe or other data, or the loss
            is no longer a number.
    """
    recipe = recipe if start is None else start.suited(recipe)
    require_trainable(train, valid, recipe.aus, recipe.batch)
    fitting = _Fitting(recipe, train, valid, folder, report, machine or DeviceConfig(), start)
    system = fitting.run()
    fitting.part()
    return system


class _Fitting:
    """One training run."""

    def __init__(
        self,
        recipe: DeepRecipe,
        train: FaceStore,
        valid: FaceStore,
        folder: Path,
        report: Report,
        machine: DeviceConfig,
        start: Initialisation | None,
    ) -> None:
        self.recipe, self.train, self.valid, self.folder, self.report = recipe, train, valid, folder, report
        self.machine = machine
        keep_freed_memory()
        precision: Any = "bf16-mixed" if recipe.bf16 else "32-true"
        self.fabric = Fabric(
            accelerator=machine.accelerator,
            devices=machine.devices,
            num_nodes=machine.nodes,
            strategy=machine.strategy,
            precision=precision,
        )
        if machine.devices * machine.nodes > 1:
            self.fabric.launch()
        if machine.threads:
            torch.set_num_threads(machine.threads)  # after the launch, which sets a number of its own
        self.identity = identity_of(recipe, train.fingerprint, valid.fingerprint, "" if start is None else start.hash)
        self.steps_per_epoch = len(train) // recipe.batch
        self.steps = max(2, round(recipe.epochs * self.steps_per_epoch))
        self.validate_every = max(1, round(recipe.validate_every * self.steps_per_epoch))
        self._build(start)
        self.reader = BatchSampler(
            recipe, train, self.reference, self.steps_per_epoch, self.fabric.global_rank, self.fabric.world_size
        )
        self.step, self.best, self.best_step = 0, -1.0, 0
        self.score: float | None = None
        self.smooth: float | None = None

    def _build(self, start: Initialisation | None) -> None:
        recipe = self.recipe
        torch.manual_seed(recipe.seed)
        self.reference, spread = None, None
        if recipe.network.view.shape or recipe.network.view.frontal:
            self.reference, spread = shape_statistics(self.train.points, self.train.pose_deg, recipe.seed)
        self.network = build_network(recipe.network, self.reference, spread)
        if start is not None:
            self.reference = begin_from(start, self.network, recipe.aus, self.reference)
        _freeze(self.network, recipe.freeze)
        columns = [AU_NAMES.index(name) for name in recipe.aus]
        weight = skew(self.train.occurrence[:, columns], self.train.known[:, columns])
        loss = LossModule(self.network, recipe, torch.from_numpy(weight if recipe.weighted else weight**0).float())
        learned = [values for values in self.network.parameters() if values.requires_grad]
        self.optimiser, self.schedule = build_optimiser(recipe.optimiser, learned, self.steps)
        self.loss, self.steps_of = self.fabric.setup(loss, self.optimiser)

    def run(self) -> DeepSystem:
        first = self.step = self._load()
        log = Logbook(self.folder / "log", first, self.fabric.global_rank == 0)
        start_s = kept_s = told_s = time.monotonic()
        for inputs, labels in self._batches(first):
            loss = self._step(self.step, inputs, labels)
            self.step += 1
            now_s = time.monotonic()
            if now_s - told_s > _TELL_EVERY_S or self.step == self.steps:
                self._tell(first, now_s - start_s)
                log.write(self.step, loss=loss, rate=self.optimiser.param_groups[0]["lr"])
                told_s = now_s
            if self.step % self.validate_every == 0 or self.step == self.steps:
                self._validate()
                log.write(self.step, validation_mean_area_under_roc=self.score)
            if self._patience_is_over():
                break
            if now_s - kept_s > self.recipe.keep_every_s:
                self._keep()
                kept_s = time.monotonic()
        log.close()
        return self._finish(time.monotonic() - start_s)

    def part(self) -> None:
        """End the group of processes once all are here; a group that is left to the interpreter's end may abort it."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            self.fabric.barrier()
            torch.distributed.destroy_process_group()

    def _batches(self, first: int) -> Iterator[tuple[tuple[Tensor, ...], Labels]]:
        """Yield the batches from a step on; the next one is drawn while the last one is learned from."""
        if first >= self.steps or self._patience_is_over():
            return
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.reader.read, first)
            for step in range(first, self.steps):
                batch = coming.result()
                if step + 1 < self.steps:
                    coming = pool.submit(self.reader.read, step + 1)
                yield batch

    def _step(self, step: int, inputs: tuple[Tensor, ...], labels: Labels) -> float:
        torch.manual_seed(self.recipe.seed * 1_000_003 + step)
        self.loss.train()
        device = self.fabric.device
        given = tuple(values.to(device) for values in vars(labels).values())
        loss = self.loss(tuple(values.to(device) for values in inputs), given)
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        self.steps_of.step()
        if self.schedule is not None:
            self.schedule.step()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise TrainingError(f"The loss is {value} at step {step}; lower the learning rate or look at the data.")
        self.smooth = value if self.smooth is None else 0.98 * self.smooth + 0.02 * value
        return value

    def _tell(self, first: int, seconds: float) -> None:
        step_s = seconds / (self.step - first)
        left_s = (self.steps - self.step) * step_s
        self.report(Progress(self.step, self.steps, self.smooth, self.score, self.recipe.batch / step_s, left_s))

    def _validate(self) -> None:
        score = self.score = validation_score(self._system({}), self.valid)
        if score > self.best:
            self.best, self.best_step = score, self.step
            if self.recipe.patience and self.fabric.global_rank == 0:
                write_tensors(self.folder / BEST_FILE, dict(self.network.state_dict()), {"step": self.step})

    def _patience_is_over(self) -> bool:
        waited = (self.step - self.best_step) // self.validate_every
        return bool(self.recipe.patience) and waited >= self.recipe.patience

    def _system(self, metadata: dict[str, Any]) -> DeepSystem:
        return DeepSystem(self.recipe, self.network.eval(), self.reference, metadata)

    def _finish(self, seconds: float) -> DeepSystem:
        self._keep()
        if self.recipe.patience:
            tensors, _ = read_tensors(self.folder / BEST_FILE)
            self.network.load_state_dict(tensors)
        metadata = {
            "data": self.train.fingerprint,
            "validation_data": self.valid.fingerprint,
            "commit": commit(),
            "steps": self.step,
            "best_step": self.best_step,
            "validation_score": self.best if self.recipe.patience else self.score,
            "seconds_since_last_start": round(seconds, 1),
        }
        system = self._system(metadata)
        if self.fabric.global_rank == 0:
            system.save(self.folder)
        return system

    def _keep(self) -> None:
        if self.fabric.global_rank:
            return
        tensors, groups = optimiser_tensors(self.optimiser)
        tensors |= {f"network.{name}": values for name, values in self.network.state_dict().items()}
        metadata = {
            "identity": self.identity,
            "step": self.step,
            "groups": groups,
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "best": [self.best, self.best_step, self.score, self.smooth],
            "threads": torch.get_num_threads(),
            "data": self.train.fingerprint,
            "commit": commit(),
        }
        write_tensors(self.folder / CHECKPOINT_FILE, tensors, metadata)

    def _load(self) -> int:
        path = self.folder / CHECKPOINT_FILE
        if not path.exists():
            return 0
        tensors, metadata = read_tensors(path)
        if metadata["identity"] != self.identity:
            raise TrainingError(
                f"{path} was made by another recipe or with other data. Name another folder, or remove it."
            )
        kept = {name.removeprefix("network."): v for name, v in tensors.items() if name.startswith("network.")}
        self.network.load_state_dict(kept)
        load_optimiser(self.optimiser, tensors, metadata["groups"])
        if self.schedule is not None:
            self.schedule.load_state_dict(metadata["schedule"])
        self.best, self.best_step, self.score, self.smooth = metadata["best"]
        if not self.machine.threads and "threads" in metadata:  # sums over another number of threads round otherwise
            torch.set_num_threads(metadata["threads"])
        return int(metadata["step"])


def validation_score(system: DeepSystem, valid: FaceStore) -> float:
    """Return the mean area under the ROC over the AUs that have both classes among the known labels.

    Raises:
        TrainingError: None has.
    """
    scores = system.scores(valid)
    found = []
    for column, name in enumerate(system.aus):
        row = AU_NAMES.index(name)
        known = valid.known[:, row]
        area = area_under_roc(valid.occurrence[known, row], scores[known, column])
        if area is not None:
            found.append(area)
    if not found:
        raise TrainingError("No AU has both present and absent faces in validation. Give validation more faces.")
    return float(np.mean(found))


def _freeze(network: nn.Module, beginnings: tuple[str, ...]) -> None:
    for beginning in beginnings:
        names = [name for name, _ in network.named_parameters() if name.startswith(beginning)]
        if not names:
            known = sorted({name.split(".")[0] for name, _ in network.named_parameters()})
            raise TrainingError(f"No parameter begins with {beginning!r}. They begin with: {', '.join(known)}.")
        for name, values in network.named_parameters():
            if name in names:
                values.requires_grad_(False)
