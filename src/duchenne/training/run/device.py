"""On what, and in which precision, a network is trained: the settings of Lightning Fabric."""

from dataclasses import dataclass
from typing import Literal

import torch

from duchenne.errors import UsageError
from duchenne.networks.patch_convolution import Convolution
from duchenne.training.run.bf16 import computes_bf16

Precision = Literal["auto", "float32", "bf16"]


@dataclass(frozen=True)
class DeviceConfig:
    """Where the steps are made.

    Attributes:
        accelerator: "auto", "cpu", "cuda" or "mps", as Fabric names them.
        devices: Processes on this machine, one device each.
        nodes: Machines.
        strategy: How processes work together, as Fabric names it; "auto" is plain data parallelism (DDP).
        threads: Threads of torch in each process; 0 takes those of the run that is continued, else torch's choice.
        precision: "float32" or "bf16" for the layers; "auto" takes bf16 where the recipe asks for it and the device
            computes in it.
        convolution: How patches are filtered on a processor (`networks.patch_convolution`); "auto" takes that
            of the run that is continued, else the fastest here.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    threads: int = 0
    precision: Precision = "auto"
    convolution: Convolution = "auto"

    def __post_init__(self) -> None:
        if self.devices < 1 or self.nodes < 1 or self.threads < 0:
            raise UsageError(
                f"Devices and nodes are at least 1, threads at least 0; got {self.devices}, {self.nodes} and "
                f"{self.threads}."
            )

    @property
    def processes(self) -> int:
        """Processes that share a batch."""
        return self.devices * self.nodes

    @property
    def kind(self) -> str:
        """What computes, as torch names it: "cuda", "mps" or "cpu"."""
        if self.accelerator in ("cuda", "mps", "cpu"):
            return self.accelerator
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"

    def uses_bf16(self, recipe_bf16: bool) -> bool:
        """Return whether layers compute in bfloat16.

        Example:
            >>> DeviceConfig(precision="bf16").uses_bf16(recipe_bf16=False)
            True
            >>> DeviceConfig(precision="float32").uses_bf16(recipe_bf16=True)
            False
        """
        if self.precision == "auto":
            return recipe_bf16 and computes_bf16(self.kind)
        return self.precision == "bf16"


def require_one_process(config: DeviceConfig, what: str) -> None:
    """Check that a training that cannot share its batches is not asked to.

    Raises:
        UsageError: There is more than one process.
    """
    if config.processes > 1:
        raise UsageError(f"{what} is trained by one process, got {config.processes}. Leave devices and nodes at 1.")
