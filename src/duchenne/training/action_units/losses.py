"""The loss of AU networks: multi-label cross-entropy, weighted by skew, blind to unknown labels.

Source: paper, section 2.2, with the brackets that its formula lacks (docs/method.md).
"""

from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from duchenne.errors import TrainingError
from duchenne.networks.ordinal import GRADES, OCCURS_FROM, OrdinalScale
from duchenne.networks.region import RegionNetwork
from duchenne.networks.symmetric import SymmetricNetwork
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


def soft_grades(grade: Float[Tensor, "*n"], spread: float) -> Float[Tensor, "*n 5"]:
    """Return the probability that intensity reaches A to E, given a mean grade of several codings.

    Ours: grade 1 (present) lies where B begins, 2 (slight) where C does, and so on; coders scatter around what is there
    with a logistic distribution of this spread, in grades.
    """
    reached = torch.arange(1, GRADES + 1, device=grade.device) - 1.0
    traces = torch.where(grade > 0, grade, -0.5)[..., None]
    return torch.sigmoid((traces - reached) / spread)


def graded_weight(grade: Float[np.ndarray, "n a"], spread: float, power: float) -> Float[Tensor, " a"]:
    """Return the weight of a face that shows an AU among faces with mean grades: (absent / present) ** power.

    Rates are kept between .01 and .99, so that a few faces do not speak for a rare AU.
    """
    values = torch.from_numpy(np.asarray(grade, np.float32))
    present = soft_grades(torch.nan_to_num(values), spread)[..., OCCURS_FROM - 1]
    rate = torch.where(torch.isfinite(values), present, torch.nan).nanmean(0).nan_to_num(0.5).clamp(0.01, 0.99)
    return ((1 - rate) / rate) ** power


def graded_cross_entropy(
    scale: OrdinalScale,
    latents: Float[Tensor, "n a 2"],
    grade: Float[Tensor, "n a"],
    positive_weight: Float[Tensor, " a"],
    spread: float,
    share: float,
) -> Float[Tensor, ""]:
    """Return the cross-entropy of faces with mean grades: of presence, and `share` times the mean of the other cuts.

    Args:
        scale: The cuts.
        latents: Of each face; the stronger side counts.
        grade: NaN where a face has none.
        positive_weight: Of a face that surely shows the AU; others between it and 1 by their probability.
        spread: As in `soft_grades`.
        share: Of the cuts other than B.
    """
    known = torch.isfinite(grade)
    wanted = soft_grades(torch.nan_to_num(grade), spread)
    terms = torch.nn.functional.binary_cross_entropy_with_logits(
        scale.grade_logits(latents.amax(2)), wanted, reduction="none"
    )
    weight = (1 + (positive_weight - 1) * wanted[..., OCCURS_FROM - 1]) * known
    others = torch.arange(GRADES, device=grade.device) != OCCURS_FROM - 1
    total = (weight * (terms[..., OCCURS_FROM - 1] + share * terms[..., others].mean(-1))).sum()
    return total / len(latents)


def noted_side_cross_entropy(latents: Float[Tensor, "n a 2"], stronger: Int[Tensor, "n a"]) -> Float[Tensor, ""]:
    """Return the cross-entropy of naming the side that coders noted as the stronger one."""
    wrong = torch.nn.functional.softplus(-stronger * (latents[..., 0] - latents[..., 1]))
    return torch.where(stronger != 0, wrong, 0.0).sum() / len(latents)


def pair_cross_entropy(latents: Float[Tensor, "n a 2"], labels: Labels) -> Float[Tensor, ""]:
    """Return the cross-entropy of naming, of two faces of a pair, the one that shows an AU by a grade or more stronger.

    Ours: the faces of a pair share everything else, the emotion that they show above all, so what usually comes along
    with an AU is of no use here.
    """
    score, strength = latents.amax(2), labels.intensity.amax(2)
    together = (labels.pair[:, None] == labels.pair) & (labels.pair[:, None] >= 0)
    known = labels.intensity_known[:, None] & labels.intensity_known
    stronger = (strength[:, None] - strength >= 1) & known & together[..., None]
    wrong = torch.nn.functional.softplus(score - score[:, None])
    return torch.where(stronger, wrong, 0.0).sum() / len(latents)


class LossModule(nn.Module):
    """The network with its loss behind it, so that processes that share a batch see one call.

    Args:
        network: Any network here.
        recipe: Says weights of the terms.
        weight: (a,), of a positive.
        graded_weight: (a,), of a face whose mean grade says that it shows the AU; ones unless given.
    """

    weight: Tensor
    graded_weight: Tensor

    def __init__(
        self, network: nn.Module, recipe: DeepRecipe, weight: Tensor, graded_weight: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self.register_buffer("weight", weight)
        self.register_buffer("graded_weight", torch.ones_like(weight) if graded_weight is None else graded_weight)

    def forward(self, inputs: tuple[Tensor, ...], given: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return the parts of the loss of a batch, whose labels come as the values of `Labels` in their order.

        Where layers compute in bfloat16, landmarks and intensities are rounded to it, too.
        """
        if torch.is_autocast_enabled(self.weight.device.type):
            inputs, given = _rounded(inputs), _rounded(given)
        labels = Labels(*given)
        scale: OrdinalScale | None = getattr(self.network, "scale", None)
        if scale is None:
            logits = self.network(*inputs).float()
            return {"occurrence": masked_cross_entropy(logits, labels.occurrence, labels.known, self.weight)}
        if not isinstance(self.network, SymmetricNetwork):
            latents = cast(RegionNetwork, self.network).latents(*inputs).float()
            return self._parts(scale, latents, labels)
        joint, *alone = (latents.float() for latents in self.network.branches(*inputs))
        parts = self._parts(scale, joint, labels)
        for latents in alone:
            for name, part in self._parts(scale, latents, labels).items():
                parts[name] = parts[name] + self.recipe.alone_share * part
        return parts

    def _parts(self, scale: OrdinalScale, latents: Tensor, labels: Labels) -> dict[str, Tensor]:
        recipe = self.recipe
        parts = {
            "occurrence": masked_cross_entropy(latents.amax(2), labels.occurrence, labels.known, self.weight),
            "intensity": recipe.intensity_share * ordinal_cross_entropy(scale, latents, labels, self.weight),
            "sides": recipe.side_share * side_cross_entropy(latents, labels, self.weight),
        }
        if recipe.graded_weight:
            graded = graded_cross_entropy(
                scale, latents, labels.grade, self.graded_weight, recipe.grade_spread, recipe.intensity_share
            )
            noted = noted_side_cross_entropy(latents, labels.stronger)
            parts["graded"] = recipe.graded_weight * (graded + noted)
        if recipe.pair_share:
            parts["pairs"] = recipe.pair_share * pair_cross_entropy(latents, labels)
        return parts


def _rounded(values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(v.to(torch.bfloat16) if v.is_floating_point() else v for v in values)


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
