"""The loss of AU networks: multi-label cross-entropy, weighted by skew, blind to unknown labels.

Source: paper, section 2.2, with the brackets that its formula lacks (docs/method.md).
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES


def skew(occurrence: Bool[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]) -> Float[np.ndarray, " a"]:
    """Return negatives / positives of each AU among the known labels: the weight of a positive.

    Raises:
        TrainingError: An AU has no positive or no negative label.
    """
    positives = (occurrence & known).sum(0)
    negatives = (~occurrence & known).sum(0)
    empty = np.flatnonzero((positives == 0) | (negatives == 0))
    if empty.size:
        raise TrainingError(
            f"Column {empty[0]} of the AU labels has {positives[empty[0]]} positive and {negatives[empty[0]]} negative "
            "faces; training needs some of both. Add data or leave that AU out."
        )
    return negatives / positives


def masked_cross_entropy(
    logits: Float[Tensor, "n a"],
    occurrence: Bool[Tensor, "n a"],
    known: Bool[Tensor, "n a"],
    positive_weight: Float[Tensor, " a"],
) -> Float[Tensor, ""]:
    """Return L = -(1/N) sum_i sum_j known_ij [a_j y log x + (1 - y) log(1 - x)], x the sigmoid of the logits.

    Args:
        logits: One for each face and AU.
        occurrence: The labels y.
        known: Where false, the label has no influence on the loss or its gradient.
        positive_weight: a_j, from `skew`.
    """
    present = -torch.nn.functional.logsigmoid(logits) * positive_weight
    absent = -torch.nn.functional.logsigmoid(-logits)
    return torch.where(known, torch.where(occurrence, present, absent), 0.0).sum() / len(logits)


def labels_from_intensity(
    intensity: Float[np.ndarray, "n a"],
) -> tuple[Bool[np.ndarray, "n a"], Bool[np.ndarray, "n a"]]:
    """Return occurrence and known from intensities 0-5.

    Rounded to the letters of FACS (halves up), 0 is absent, B and above (1.5-5) present, and a trace, A, unknown.

    Raises:
        TrainingError: An intensity is not a number between 0 and 5.
    """
    wrong = intensity[~((intensity >= 0) & (intensity <= 5))]
    if wrong.size:
        raise TrainingError(f"An AU intensity is {wrong[0]}; intensities must lie between 0 and 5.")
    grade = np.floor(intensity + 0.5)
    return grade >= 2, grade != 1


def with_parted_lips(
    occurrence: Bool[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]
) -> tuple[Bool[np.ndarray, "n a"], Bool[np.ndarray, "n a"]]:
    """Return the labels with AU25 wherever a rendered face has parted lips, as a FACS coder would score it.

    Ours: the renderer's AU26 and AU27 part the lips (median gap .13 and .28 of the eye span against .02 at rest), so
    AU25 is present with them. Its AU22 often does (.08), so AU25 is unknown with AU22 alone. The columns are those of
    `facs.AU_NAMES`.
    """
    lips, jaw, stretch, funnel = (AU_NAMES.index(name) for name in ("AU25", "AU26", "AU27", "AU22"))
    occurs = occurrence & known
    parted = occurs[:, lips] | occurs[:, jaw] | occurs[:, stretch]
    doubtful = occurrence[:, funnel] | ~known[:, [jaw, stretch, funnel]].all(1)
    occurrence, known = occurrence.copy(), known.copy()
    occurrence[:, lips] = parted
    known[:, lips] = parted | (known[:, lips] & ~doubtful)
    return occurrence, known
