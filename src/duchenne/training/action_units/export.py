"""From a trained system to the ONNX file that detection reads, with thresholds chosen on validation faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import TrainingError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.measures.ranking import best_threshold
from duchenne.networks.region import RegionNetwork, multiply_accumulates, parameter_count
from duchenne.recognition import NeutralRule
from duchenne.training.action_units.late_fusion import late_fusion_weights
from duchenne.training.action_units.onnx_export import description, export_network
from duchenne.training.action_units.system import DeepSystem


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The ONNX file.
        difference: Largest difference of any output between ONNX Runtime and torch, on noise.
        thresholds: (a,), the probability from which an AU is said to occur.
        size_bytes: Of the file.
    """

    path: Path
    difference: float
    thresholds: Float[np.ndarray, " a"]
    size_bytes: int


def export_system(system: object, valid: FaceStore, path: Path, neutral: NeutralRule | None = None) -> Exported:
    """Write a trained region network as the ONNX file that `duchenne detect --weights` reads.

    Args:
        system: From `train_system` or `load_system`.
        valid: Faces that choose for each AU the threshold with the best F1.
        path: Where to.
        neutral: How neutral faces shift scores, if that was learnt.

    Raises:
        UsageError: The system is no region network on landmarks.
        TrainingError: An AU has one class only among the validation faces.
        WeightsError: ONNX Runtime computes something else than torch.
    """
    network = getattr(system, "network", None)
    if not isinstance(system, DeepSystem) or not isinstance(network, RegionNetwork) or network.config.grid:
        raise UsageError(f"{getattr(system, 'name', 'This')} is no region network on landmarks; detection reads those.")
    thresholds = validation_thresholds(system, valid)
    card = {
        "name": system.name,
        **system.metadata,
        "threshold_rule": "best F1 on validation faces",
        "threshold_data": valid.fingerprint,
        "parameters": parameter_count(network),
        "million_multiply_accumulates": round(multiply_accumulates(network.config) / 1e6, 2),
        "landmark_shares": late_fusion_weights(network),
    }
    difference = export_network(network, description(network, thresholds, system.reference, card, neutral), path)
    return Exported(path, difference, thresholds, path.stat().st_size)


def validation_thresholds(system: DeepSystem, valid: FaceStore) -> Float[np.ndarray, " a"]:
    """Return for each AU the threshold of the best F1 on these faces.

    Raises:
        TrainingError: An AU has one class only among them.
    """
    scores, found = system.scores(valid), []
    for column, name in enumerate(system.aus):
        row = AU_NAMES.index(name)
        known = np.asarray(valid.known[:, row])
        truth = np.asarray(valid.occurrence[known, row])
        if truth.all() or not truth.any():
            raise TrainingError(f"{name} has one class only among the validation faces, so it gets no threshold.")
        found.append(best_threshold(truth, scores[known, column]))
    return np.array(found)
