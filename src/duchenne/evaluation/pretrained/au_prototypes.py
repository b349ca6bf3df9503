"""Whether a network sees an AU itself or the emotion around it: the area under the ROC within each prototype.

Within rendered faces of one prototype (`synthesis.sets.prototypes`) an AU keeps nearly the same company whether it is
there or not, so a network that tells it by its company alone reaches .5.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from duchenne.datasets.face_store import labels_of
from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained.au_predictions import RenderedStore
from duchenne.facs import PAPER_AUS
from duchenne.measures.ranking import area_under_roc

FEWEST = 10
"""An AU counts in a prototype where as many of its faces show it, and as many do not."""


@dataclass(frozen=True)
class PrototypeAreas:
    """Areas under the ROC within prototypes.

    Attributes:
        faces: By prototype.
        areas: By prototype and AU; an AU that too few faces show, or too few lack, is left out there.
        aus: Mean over the prototypes of each AU; None where no prototype tells.
        mean_12: Mean over the paper's AUs that have one.
    """

    faces: dict[str, int]
    areas: dict[str, dict[str, float]]
    aus: dict[str, float | None]
    mean_12: float | None


def within_prototypes(
    aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"]
) -> PrototypeAreas:
    """Return the areas within each prototype.

    Args:
        aus: Names of the columns of `probability`.
        store: Faces that were drawn with `--cooccurrence prototypes` or `prototype-pairs`.
        probability: Predicted for them.

    Raises:
        EvaluationError: No face says which prototype it shows.
    """
    drawn = [json.loads(text).get("prototype") for text in np.asarray(store.extra("params")).tolist()]
    prototype = np.array([name or "" for name in drawn])
    names = sorted(set(prototype.tolist()) - {""})
    if not names:
        raise EvaluationError("No face of the store shows a prototype. Render with --cooccurrence prototypes.")
    areas = {name: _areas(aus, store, probability, prototype == name) for name in names}
    means = {au: _mean([found[au] for found in areas.values() if au in found]) for au in aus}
    return PrototypeAreas(
        {name: int((prototype == name).sum()) for name in names},
        areas,
        means,
        _mean([mean for au in PAPER_AUS if (mean := means.get(au)) is not None]),
    )


def _areas(aus: Sequence[str], store: RenderedStore, probability: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    found = {}
    for column, name in enumerate(aus):
        known, truth = labels_of(store, name, among=chosen)
        if min(truth.sum(), (~truth).sum()) >= FEWEST:
            area = area_under_roc(truth, probability[known, column])
            assert area is not None
            found[name] = round(area, 4)
    return found


def _mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
