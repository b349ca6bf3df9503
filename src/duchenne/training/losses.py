"""The loss of AU networks: multi-label cross-entropy, weighted by skew, blind to unknown labels.

Source: paper, section 2.2, with the brackets that its formula lacks (docs/method.md).
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from duchenne.errors import TrainingError


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
