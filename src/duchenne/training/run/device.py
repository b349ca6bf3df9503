"""On what a network is trained: what Lightning Fabric is told."""

from dataclasses import dataclass

from duchenne.errors import UsageError


@dataclass(frozen=True)
class DeviceConfig:
    """Where the steps are made.

    Attributes:
        accelerator: "auto", "cpu", "cuda" or "mps", as Fabric names them.
        devices: Processes on this machine, one device each.
        nodes: Machines.
        strategy: How processes work together, as Fabric names it; "auto" is plain data parallelism (DDP).
        threads: Threads of torch in each process; 0 takes those of the run that is continued, else torch's choice.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.devices < 1 or self.nodes < 1 or self.threads < 0:
            raise UsageError(
                f"Devices and nodes are at least 1, threads at least 0; got {self.devices}, {self.nodes} and "
                f"{self.threads}."
            )
