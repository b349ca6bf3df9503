"""The late fusion weight of each AU: how much its score takes from the landmarks alone, chosen on rendered faces.

The largest weight is taken that costs next to nothing. What an appearance learnt from rendered skin and light says of
photographs is worth less than what it says of rendered faces; landmarks carry over better, and some training faces are
predicted from them alone (`RegionConfig.shape_alone`), so the network can give both scores. Rendered faces cannot show
how much better landmarks are; they can show what the change costs.
"""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.errors import TrainingError
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.build import WindowNetwork
from duchenne.networks.region import RegionNetwork
from duchenne.networks.symmetric import SymmetricNetwork
from duchenne.training.action_units.system import DeepSystem

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
COST = 0.003
"""What the area under the ROC of an AU may lose on validation faces, against the best weight."""
BROW_COST = 0.01
"""The same for AUs of the brows: how rendered brows look carries over badly to photographs (docs/cards)."""
BROWS = ("AU01", "AU02", "AU04")


def with_late_fusion(system: DeepSystem, faces: FaceStore) -> DeepSystem:
    """Return the system with the largest late fusion weight of each AU that costs at most `allowed_cost`.

    A network that was not taught to judge faces by landmarks alone gets none.

    Args:
        system: A region network with an ordinal head.
        faces: Rendered faces of subjects that it was not trained on.

    Raises:
        TrainingError: The network is another, or an AU has one class only among the faces.
    """
    network = system.network
    if isinstance(network, SymmetricNetwork):
        return system  # Training has balanced what appearance and landmarks say.
    if not isinstance(network, RegionNetwork) or network.scale is None:
        raise TrainingError(f"{system.name} has no ordinal head; only such networks have late fusion weights.")
    if not network.config.shape_alone:
        return system
    areas = np.stack(
        [_areas(with_late_fusion_weights(system, np.full(len(system.aus), weight)), faces) for weight in WEIGHTS]
    )
    good = areas >= areas.max(0) - [allowed_cost(name) for name in system.aus]
    weights = np.array(WEIGHTS)[len(WEIGHTS) - 1 - good[::-1].argmax(0)]
    return with_late_fusion_weights(system, weights)


def allowed_cost(au: str) -> float:
    """Return what the area under the ROC of the AU may lose."""
    return BROW_COST if au in BROWS else COST


def with_late_fusion_weights(system: DeepSystem, weights: Float[np.ndarray, " a"]) -> DeepSystem:
    """Return a copy of the system whose latents of each AU take that share from the landmarks alone."""
    copy = deepcopy(system.network)
    assert isinstance(copy, RegionNetwork)
    assert copy.scale is not None
    by_output = torch.zeros(copy.scale.latents)
    for outputs in (copy.scale.left, copy.scale.right):
        by_output[outputs] = torch.from_numpy(weights).float()
    copy.late_fusion_weight = by_output
    return replace(system, network=copy)


def late_fusion_weights(network: WindowNetwork) -> dict[str, float]:
    """Return the late fusion weight by AU, the same on both sides; nothing if the network has none."""
    if isinstance(network, SymmetricNetwork) or network.late_fusion_weight is None or network.scale is None:
        return {}
    weights = network.late_fusion_weight[network.scale.left].tolist()
    return {name: round(weight, 4) for name, weight in zip(network.config.aus, weights, strict=True)}


def _areas(system: DeepSystem, faces: FaceStore) -> Float[np.ndarray, " a"]:
    scores, found = system.scores(faces), []
    for column, name in enumerate(system.aus):
        known, truth = labels_of(faces, name)
        area = area_under_roc(truth, scores[known, column])
        if area is None:
            raise TrainingError(
                f"{name} has one class only among the {known.sum()} faces that late fusion weights are chosen on."
            )
        found.append(area)
    return np.array(found)
