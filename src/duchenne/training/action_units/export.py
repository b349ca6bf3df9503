"""From a trained system to the ONNX file that detection reads, with thresholds chosen on validation faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import UsageError
from duchenne.networks.build import WindowNetwork
from duchenne.networks.region import RegionNetwork, parameter_count
from duchenne.recognition import NeutralRule
from duchenne.training.action_units.late_fusion import late_fusion_weights
from duchenne.training.action_units.onnx_export import description, export_network
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.action_units.thresholds import (
    LEAST_POSITIVES,
    MOST_CALLED,
    ThresholdSets,
    choose_thresholds,
    choosing_scores,
)
from duchenne.training.data.learnt_people import without_people


@dataclass(frozen=True)
class ChoosingFaces:
    """The faces that choose thresholds: none trained on, none that will be reported.

    Attributes:
        faces: That choose, real ones where there are any; None where `rendered` choose everything.
        rendered: Rendered faces, for AUs that few of `faces` have.
        rendered_at_rest: Rendered heads without any AU; those among `rendered` unless given.
    """

    faces: FaceStore | None
    rendered: FaceStore | None = None
    rendered_at_rest: FaceStore | None = None

    @property
    def rule(self) -> str:
        """How they choose, in words."""
        on = "rendered" if self.faces is None else "validation"
        rule = f"best balanced accuracy on {on} faces, called on at most {MOST_CALLED:.0%} of faces without any AU"
        if self.faces is None or self.rendered is None:
            return rule
        return f"{rule}; AUs that fewer than {LEAST_POSITIVES} of them have: the same on rendered faces"

    @property
    def fingerprint(self) -> str:
        """Those of the stores."""
        stores = (self.faces, self.rendered, self.rendered_at_rest)
        return " ".join(store.fingerprint for store in stores if store is not None)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: The ONNX file.
        difference: Largest difference of any output between ONNX Runtime and torch, on noise.
        sets: The probabilities from which AUs are said to occur, and what they rest on.
        threshold_rule: How they were chosen, in words.
        size_bytes: Of the file.
    """

    path: Path
    difference: float
    sets: ThresholdSets
    threshold_rule: str
    size_bytes: int

    @property
    def thresholds(self) -> Float[np.ndarray, " a"]:
        """(a,), those that detection takes unless others are asked for."""
        return self.sets.of("balanced")


def export_system(
    system: object, valid: FaceStore | ChoosingFaces, path: Path, neutral: NeutralRule | None = None
) -> Exported:
    """Write a trained network as the ONNX file that `duchenne detect --weights` reads.

    Args:
        system: From `train_system` or `load_system`.
        valid: Faces that choose the thresholds (`thresholds.choose_thresholds`).
        path: Where to.
        neutral: How neutral faces shift scores, if that was learnt.

    Raises:
        UsageError: The system reads no windows around landmarks.
        TrainingError: An AU has one class only among the faces that choose its threshold.
        WeightsError: ONNX Runtime computes something else than torch.
    """
    network = getattr(system, "network", None)
    on_grid = isinstance(network, RegionNetwork) and network.config.grid
    if not isinstance(system, DeepSystem) or not isinstance(network, WindowNetwork) or on_grid:
        raise UsageError(
            f"{getattr(system, 'name', 'This')} reads no windows around landmarks; detection runs such networks alone."
        )
    chosen_on = valid if isinstance(valid, ChoosingFaces) else ChoosingFaces(valid)
    sets = validation_thresholds(system, chosen_on)
    card = {
        "name": system.name,
        **without_people(system.metadata),
        "threshold_rule": chosen_on.rule,
        "threshold_data": chosen_on.fingerprint,
        "parameters": parameter_count(network),
        "million_multiply_accumulates": round(network.config.multiply_accumulates() / 1e6, 2),
        "late_fusion_weights": late_fusion_weights(network),
    }
    described = description(network, sets.of("balanced"), system.reference, card, neutral) | sets.metadata()
    difference = export_network(network, described, path)
    return Exported(path, difference, sets, chosen_on.rule, path.stat().st_size)


def validation_thresholds(system: DeepSystem, chosen_on: ChoosingFaces) -> ThresholdSets:
    """Return both sets of thresholds.

    Raises:
        TrainingError: An AU has one class only among the faces that choose for it.
    """
    faces, rendered = (
        None if store is None else choosing_scores(system.scores(store), store, system.aus)
        for store in (chosen_on.faces, chosen_on.rendered)
    )
    heads = chosen_on.rendered_at_rest
    return choose_thresholds(system.aus, faces, rendered, None if heads is None else system.scores(heads))
