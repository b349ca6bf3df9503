"""Fine-tuning: begin with the weights of a trained system, for the same AUs or others."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from duchenne.errors import TrainingError
from duchenne.networks.ordinal import OrdinalScale
from duchenne.training.checkpoints import identity_of
from duchenne.training.deep import NETWORK_FILE, DeepSystem, load_deep


@dataclass(frozen=True)
class Start:
    """A system to begin from.

    Attributes:
        folder: Where `duchenne train` has put it.
    """

    folder: Path

    @cached_property
    def system(self) -> DeepSystem:
        """The system."""
        return load_deep(self.folder)

    @property
    def hash(self) -> str:
        """What a checkpoint of the fine-tuning must agree with."""
        return identity_of(self.system.told, (self.folder / NETWORK_FILE).stat().st_size)


def begin_from(
    start: Start, network: nn.Module, aus: tuple[str, ...], reference: Float[np.ndarray, "49 3"] | None
) -> Float[np.ndarray, "49 3"] | None:
    """Give the network the start's weights; return the reference head that goes with them.

    Outputs of AUs that the start knows are taken over by name; those of other AUs keep their random weights.

    Raises:
        TrainingError: The sizes of a layer before the output differ.
    """
    own, given = network.state_dict(), start.system.network.state_dict()
    for name, values in own.items():
        if name.startswith(("output.", "scale.")):
            continue
        if name not in given or given[name].shape != values.shape:
            raise TrainingError(
                f"{start.folder} has no {name} of {tuple(values.shape)}. Fine-tuning changes AUs, not sizes: take the "
                "recipe that it was trained with."
            )
        values.copy_(given[name])
    _take_outputs(own, given, aus, start.system.aus)
    network.load_state_dict(own)
    return start.system.reference if reference is not None else None


def _take_outputs(
    own: dict[str, Tensor], given: dict[str, Tensor], aus: tuple[str, ...], known: tuple[str, ...]
) -> None:
    ordinal = "scale.steps" in own and "scale.steps" in given
    if ("scale.steps" in own) != ("scale.steps" in given):
        return
    shared = [name for name in aus if name in known]
    here, there = OrdinalScale(aus), OrdinalScale(known)
    for name in shared:
        a, b = aus.index(name), known.index(name)
        pairs = {(a, b)} | ({(int(here.right[a]), int(there.right[b]))} if ordinal else set())
        for to, come_from in pairs:
            for part in ("output.weight", "output.bias"):
                own[part][to] = given[part][come_from]
        if ordinal:
            own["scale.steps"][a] = given["scale.steps"][b]
