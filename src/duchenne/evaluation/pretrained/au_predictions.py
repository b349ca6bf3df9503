"""What a trained network predicts for prepared rendered faces."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import EvaluationError
from duchenne.networks.build import WindowNetwork
from duchenne.training.action_units.system import DeepSystem

_BATCH = 64


@runtime_checkable
class RenderedStore(FaceStore, Protocol):
    """What `duchenne prepare` keeps of rendered stills: `PreparedStore` is one."""

    @property
    def report(self) -> dict[str, Any]:
        """How many pictures were labelled, kept and lost."""
        ...

    def extra(self, name: str) -> Shaped[np.ndarray, "n ..."]:
        """Return a further column: tone, sex, age or params (JSON)."""
        ...

    def subset(self, rows: Shaped[np.ndarray, " k"]) -> "RenderedStore":
        """Return a store of these rows (numbers or a mask)."""
        ...


@dataclass(frozen=True)
class Predictions:
    """What a network predicts for each face.

    Attributes:
        probability: (n, a), of occurrence.
        intensity: (n, a), 0-5.
        side_intensity: (n, a, 2), 0-5, the subject's left and right.
    """

    probability: Float[np.ndarray, "n a"]
    intensity: Float[np.ndarray, "n a"]
    side_intensity: Float[np.ndarray, "n a 2"]

    def of(self, chosen: Bool[np.ndarray, " n"]) -> "Predictions":
        """Return the predictions for the chosen faces."""
        return Predictions(self.probability[chosen], self.intensity[chosen], self.side_intensity[chosen])


def ordinal_network_of(system: DeepSystem) -> WindowNetwork:
    """Return the system's network.

    Raises:
        EvaluationError: It has no ordinal head.
    """
    network = system.network
    if not isinstance(network, WindowNetwork) or network.scale is None:
        raise EvaluationError(f"{system.name} has no ordinal head, so it predicts no intensities; train compact.")
    return network


def predict(system: DeepSystem, store: RenderedStore) -> Predictions:
    """Return what a network with an ordinal head predicts for the faces of a store.

    Raises:
        EvaluationError: The network is another.
    """
    network = ordinal_network_of(system)
    assert network.scale is not None
    latents = []
    for start in range(0, len(store), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(store)))
        with torch.no_grad():
            latents.append(network.latents(*system.inputs(store, rows)))
    sides = torch.cat(latents)
    with torch.no_grad():
        side_intensity = network.scale.intensity(sides.movedim(2, 0)).movedim(0, 2)
        intensity = network.scale.intensity(sides.amax(2))
    probability = torch.sigmoid(sides.amax(2))
    return Predictions(*(part.double().numpy() for part in (probability, intensity, side_intensity)))
