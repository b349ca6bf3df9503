"""The training loop of every network: resumable at any step, with the same outcome as without the break.

Every random choice follows from the task's seed, the step and a picture's place in the batch, so nothing about chance
is kept in a checkpoint, and processes that share a batch make the choices that one process would make.
"""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import asdict
from functools import reduce
from pathlib import Path

import torch
from torch import Tensor, nn

from duchenne.errors import TrainingError
from duchenne.networks.patch_convolution import choose_convolution
from duchenne.training.run.bf16 import Bf16Layers
from duchenne.training.run.checkpoints import (
    commit,
    identity_of,
    load_optimiser,
    optimiser_tensors,
    read_tensors,
    write_tensors,
)
from duchenne.training.run.continued_convolution import continue_convolution
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.fabric import Fabric
from duchenne.training.run.log import Logbook
from duchenne.training.run.memory import keep_freed_memory
from duchenne.training.run.prefetch import drawn_ahead
from duchenne.training.run.progress import Progress, ProgressCallback, silent
from duchenne.training.run.task import Batch, Task, Trained
from duchenne.training.run.training_state import TrainingState
from duchenne.training.run.versions import numbers_rest_on, other_versions

CHECKPOINT_FILE, BEST_FILE = "checkpoint.safetensors", "best.safetensors"
_REPORT_EVERY_S = 1.0
_TIMES_A_SAVE = 20
"""After a checkpoint that took long to write, training goes on for at least so many times as long."""


class Trainer:
    """Trains one task in a folder, from the checkpoint that lies there if there is one.

    Where several processes train together, making a trainer starts the others; so it is made before the task.

    Args:
        folder: For checkpoints and the log.
        device: Where the steps are made.
        on_progress: Called about once a second with the state of the run.
        bf16: Whether the recipe wants layers in bfloat16; `DeviceConfig.precision` has the last word.
    """

    def __init__(
        self,
        folder: Path,
        device: DeviceConfig | None = None,
        on_progress: ProgressCallback = silent,
        bf16: bool = False,
    ) -> None:
        self.folder, self.device, self.on_progress = folder, device or DeviceConfig(), on_progress
        keep_freed_memory()
        self.bf16 = self.device.uses_bf16(bf16)
        if bf16 and not self.bf16 and self.device.precision == "auto":
            on_progress(Progress(0, 1, remark=f"float32: the {self.device.kind} has no instructions for bfloat16"))
        autocast = Bf16Layers()
        self.fabric = Fabric(
            accelerator=self.device.accelerator,
            devices=self.device.devices,
            num_nodes=self.device.nodes,
            strategy=self.device.strategy,
            plugins=[autocast] if self.bf16 else None,
        )
        autocast.device_type = self.fabric.device.type
        if self.device.processes > 1:
            self.fabric.launch()
        if self.device.threads:
            torch.set_num_threads(self.device.threads)  # after the launch, which sets a number of its own

    @property
    def rank(self) -> int:
        """Number of this process among those that share a batch."""
        return int(self.fabric.global_rank)

    @property
    def processes(self) -> int:
        """Number of these processes."""
        return int(self.fabric.world_size)

    def train(self, task: Task) -> Trained:
        """Train to the last step, or until patience is over.

        Raises:
            TrainingError: The folder's checkpoint is of another task, or the loss is no longer a number.
        """
        return _Run(self, task).finish()

    def close(self) -> None:
        """End the group of processes once all are here; a group that is left to the interpreter's end may abort it."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            self.fabric.barrier()
            torch.distributed.destroy_process_group()


class _Run:
    """One task on its way."""

    def __init__(self, trainer: Trainer, task: Task) -> None:
        self.trainer, self.task, self.fabric = trainer, task, trainer.fabric
        self.identity = identity_of(task.identity, trainer.bf16)
        if trainer.fabric.device.type == "cpu":
            choose_convolution(task.network, trainer.device.convolution, trainer.bf16)
        self.loss, self.optimiser = self.fabric.setup(task.loss, task.optimiser)
        self.averaged = None if task.average is None else deepcopy(task.network).requires_grad_(False)
        self.state = TrainingState()

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated and handed back."""
        return self.task.network if self.averaged is None else self.averaged

    def finish(self) -> Trained:
        """Make all the steps that are left."""
        self._load()
        start_s = time.monotonic()
        log = Logbook(self.trainer.folder / "log", self.state.step, self.trainer.rank == 0)
        with closing(log):
            self._make_steps(log, start_s)
        self._save()
        task, state = self.task, self.state
        if task.patience:
            self.fabric.barrier()  # until the first process has written it
            self.evaluated.load_state_dict(read_tensors(self.trainer.folder / BEST_FILE)[0])
        score = state.best if task.patience else state.score
        return Trained(
            self.evaluated.eval(), state.step, state.best_step, score, time.monotonic() - start_s, tuple(state.notes)
        )

    def _make_steps(self, log: Logbook, start_s: float) -> None:
        task, state = self.task, self.state
        first, saved_s, reported_s, pause_s = state.step, start_s, start_s, task.keep_every_s
        for batch in self._batches():
            parts = self._step(batch)
            state.step += 1
            now_s, last = time.monotonic(), state.step == task.steps
            if now_s - reported_s > _REPORT_EVERY_S or last:
                self._report(first, now_s - start_s)
                self._log_loss(log, parts)
                reported_s = now_s
            if task.validate is not None and (last or state.step % task.validate_every == 0):
                self._validate(log)
            if self._patience_is_over():
                break
            if now_s - saved_s > pause_s:
                begun_s = time.monotonic()
                self._save()
                saved_s = time.monotonic()
                pause_s = task.keep_every_s and max(task.keep_every_s, _TIMES_A_SAVE * (saved_s - begun_s))

    def _batches(self) -> Iterator[Batch]:
        if self._patience_is_over():
            return iter(())
        return drawn_ahead(self.task.batch, range(self.state.step, self.task.steps), self.task.sampler_processes)

    def _step(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from a batch; return the parts of its loss."""
        task, state = self.task, self.state
        torch.manual_seed(task.seed * 1_000_003 + state.step)
        self.loss.train()
        parts: dict[str, Tensor] = self.loss(*self.fabric.to_device(batch))
        total = reduce(torch.add, parts.values())
        self.optimiser.zero_grad()
        self.fabric.backward(total)
        if task.gradient_norm is not None:
            learned = [values for group in task.optimiser.param_groups for values in group["params"]]
            nn.utils.clip_grad_norm_(learned, task.gradient_norm)
        self.optimiser.step()
        if task.schedule is not None:
            task.schedule.step()
        self._note(float(total.detach()))
        self._average()
        return parts

    def _note(self, loss: float) -> None:
        state = self.state
        if not math.isfinite(loss):
            raise TrainingError(f"The loss is {loss} at step {state.step}; lower the learning rate or check the data.")
        state.smooth = loss if state.smooth is None else 0.98 * state.smooth + 0.02 * loss

    @torch.no_grad()
    def _average(self) -> None:
        """Let the averaged network follow; in the first steps faster, so that the untrained weights are forgotten."""
        if self.averaged is None or self.task.average is None:
            return
        made = self.state.step + 1
        keep = min(self.task.average, made / (made + 10))
        pairs = zip(self.averaged.state_dict().values(), self.task.network.state_dict().values(), strict=True)
        for mean, now in pairs:
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)

    def _report(self, first: int, seconds: float) -> None:
        task, state = self.task, self.state
        step_s = seconds / (state.step - first)
        left_s = (task.steps - state.step) * step_s
        per_s = task.batch_size / step_s
        self.trainer.on_progress(Progress(state.step, task.steps, state.smooth, state.score, per_s, left_s))

    def _log_loss(self, log: Logbook, parts: dict[str, Tensor]) -> None:
        values = {f"loss_{name}": float(value.detach()) for name, value in parts.items()}
        rate = self.task.optimiser.param_groups[0]["lr"]
        log.write(self.state.step, loss=sum(values.values()), rate=rate, **values)

    def _validate(self, log: Logbook) -> None:
        assert self.task.validate is not None
        state = self.state
        found = self.task.validate(self.evaluated.eval())
        state.score = found.score
        log.write(state.step, **found.curves)
        if state.best is None or found.score > state.best:
            state.best, state.best_step = found.score, state.step
            if self.task.patience and self.trainer.rank == 0:
                tensors = dict(self.evaluated.state_dict())
                write_tensors(self.trainer.folder / BEST_FILE, tensors, {"step": state.step})

    def _patience_is_over(self) -> bool:
        waited = (self.state.step - self.state.best_step) // self.task.validate_every
        return bool(self.task.patience) and waited >= self.task.patience

    def _save(self) -> None:
        if self.trainer.rank:
            return
        tensors, groups = optimiser_tensors(self.task.optimiser)
        for kind, network in self._networks().items():
            tensors |= {f"{kind}.{name}": values for name, values in network.state_dict().items()}
        metadata = {
            "identity": self.identity,
            "state": asdict(self.state),
            "groups": groups,
            "schedule": None if self.task.schedule is None else self.task.schedule.state_dict(),
            "threads": torch.get_num_threads(),
            "convolution": getattr(self.task.network, "convolution", None),
            "commit": commit(),
            "versions": numbers_rest_on(),
        }
        write_tensors(self.trainer.folder / CHECKPOINT_FILE, tensors, metadata)

    def _load(self) -> None:
        path = self.trainer.folder / CHECKPOINT_FILE
        if not path.exists():
            return
        tensors, metadata = read_tensors(path)
        if metadata["identity"] == identity_of(self.task.identity, not self.trainer.bf16):
            raise TrainingError(
                f"{path} was made in {'float32' if self.trainer.bf16 else 'bfloat16'}. Go on with --precision "
                f"{'float32' if self.trainer.bf16 else 'bf16'}, or name another folder."
            )
        if metadata["identity"] != self.identity:
            raise TrainingError(
                f"{path} was made by another recipe or with other data. Name another folder, or remove it."
            )
        for kind, network in self._networks().items():
            start = f"{kind}."
            network.load_state_dict({n.removeprefix(start): v for n, v in tensors.items() if n.startswith(start)})
        load_optimiser(self.task.optimiser, tensors, metadata["groups"])
        if self.task.schedule is not None:
            self.task.schedule.load_state_dict(metadata["schedule"])
        self.state = TrainingState(**metadata["state"])
        if changed := other_versions(metadata.get("versions", {})):
            note = f"{changed} since step {self.state.step}: other weights than those of a run without the stop"
            self.state.notes = [*self.state.notes, note]
            self.trainer.on_progress(Progress(self.state.step, self.task.steps, note=note))
        if not self.trainer.device.threads:  # sums over another number of threads round otherwise
            torch.set_num_threads(metadata["threads"])
        if self.trainer.device.convolution == "auto":
            continue_convolution(self._networks().values(), metadata.get("convolution"), path)

    def _networks(self) -> dict[str, nn.Module]:
        """Return what learns, and its average if there is one, by the name that tensors begin with."""
        named = {"network": self.task.network, "average": self.averaged}
        return {name: network for name, network in named.items() if network is not None}
