"""The loss of AU networks: multi-label cross-entropy, weighted by skew, blind to unknown labels.

Source: paper, section 2.2, with the brackets that its formula lacks (docs/method.md).
"""

from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from duchenne.errors import TrainingError
from duchenne.networks.ordinal import GRADES, OCCURS_FROM, OrdinalScale
from duchenne.networks.region import RegionNetwork
from duchenne.training.data.labels import Labels
from duchenne.training.recipes.deep import DeepRecipe


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


def ordinal_cross_entropy(
    scale: OrdinalScale, latents: Float[Tensor, "n a 2"], labels: Labels, positive_weight: Float[Tensor, " a"]
) -> Float[Tensor, ""]:
    """Return the cross-entropy of intensity >= A, C, D, E of the face, and of >= A to E on either side; mean over cuts.

    Faces in which the AU occurs weigh a_j, as in `masked_cross_entropy`, so that both see the same population. Cut B of
    the face is left to that function. Where intensity contradicts the occurrence (lips parted by the jaw), intensity
    does not count; a trace says nothing about B.
    """
    strength = labels.intensity.amax(2)
    agrees = ~labels.known | ((strength >= _lowest(OCCURS_FROM)) == labels.occurrence)
    face_known = (labels.intensity_known & agrees)[..., None].repeat(1, 1, GRADES)
    face_known[..., OCCURS_FROM - 1] = False
    face = _grade_terms(scale.grade_logits(latents.amax(2)), strength, positive_weight)
    by_side = _grade_terms(
        scale.grade_logits(latents.movedim(2, 0)), labels.intensity.movedim(2, 0), positive_weight
    ).movedim(0, 2)
    trace = (labels.intensity >= _lowest(1)) & (labels.intensity < _lowest(OCCURS_FROM))
    side_known = (labels.sides_known & agrees)[..., None, None].repeat(1, 1, 2, GRADES)
    side_known[..., OCCURS_FROM - 1] &= ~trace
    total = (face * face_known).sum() / (GRADES - 1) + (by_side * side_known).sum() / (2 * GRADES)
    return total / len(latents)


def side_cross_entropy(
    latents: Float[Tensor, "n a 2"], labels: Labels, positive_weight: Float[Tensor, " a"]
) -> Float[Tensor, ""]:
    """Return the cross-entropy of naming the stronger side, where left and right differ by a grade or more.

    Ours: few faces are uneven, and what both sides share tells nearly everything that the other terms ask, so without
    this one a network never learns which side moves.
    """
    difference = labels.intensity[..., 0] - labels.intensity[..., 1]
    uneven = labels.sides_known & (difference.abs() >= 1)
    wrong = torch.nn.functional.softplus(-difference.sign() * (latents[..., 0] - latents[..., 1]))
    return (torch.where(uneven, wrong, 0.0) * positive_weight).sum() / len(latents)


class LossModule(nn.Module):
    """The network with its loss behind it, so that processes that share a batch see one call.

    Args:
        network: Any network here.
        recipe: Says weights of the terms.
        weight: (a,), of a positive.
    """

    weight: Tensor

    def __init__(self, network: nn.Module, recipe: DeepRecipe, weight: Tensor) -> None:
        super().__init__()
        self.network, self.share, self.side_share = network, recipe.intensity_share, recipe.side_share
        self.register_buffer("weight", weight)

    def forward(self, inputs: tuple[Tensor, ...], given: tuple[Tensor, ...]) -> Tensor:
        """Return the loss of a batch; the labels come as plain tensors, since Fabric moves and casts only those."""
        labels = Labels(*given)
        scale: OrdinalScale | None = getattr(self.network, "scale", None)
        if scale is None:
            return masked_cross_entropy(self.network(*inputs).float(), labels.occurrence, labels.known, self.weight)
        latents = cast(RegionNetwork, self.network).latents(*inputs).float()
        occurrence = masked_cross_entropy(latents.amax(2), labels.occurrence, labels.known, self.weight)
        graded = ordinal_cross_entropy(scale, latents, labels, self.weight)
        return occurrence + self.share * graded + self.side_share * side_cross_entropy(latents, labels, self.weight)


def _lowest(grade: int) -> float:
    """Return the smallest intensity that rounds to the grade, halves up."""
    return grade - 0.5


def _grade_terms(
    logits: Float[Tensor, "*n a 5"], intensity: Float[Tensor, "*n a"], positive_weight: Float[Tensor, " a"]
) -> Float[Tensor, "*n a 5"]:
    grades = torch.arange(1, GRADES + 1, device=intensity.device)
    reached = (intensity[..., None] >= grades - 0.5).float()
    terms = torch.nn.functional.binary_cross_entropy_with_logits(logits, reached, reduction="none")
    return terms * torch.where(intensity >= _lowest(OCCURS_FROM), positive_weight, 1.0)[..., None]
