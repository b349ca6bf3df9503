"""The loss of the landmark network: points, depth, shapes of features, distances between them, visibility."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from duchenne.facs import LANDMARK_COUNT, LANDMARK_GROUPS, MIRROR_LANDMARKS, MOUTH_CORNERS
from duchenne.networks.landmarker import LandmarkerNetwork
from duchenne.training.recipes.landmarks import LandmarkerRecipe

_BETA = 0.01
"""Where the smooth L1 loss turns from square to straight, in roots of the area of the points' box."""


def _centring() -> Tensor:
    """Return the 49 x 49 matrix that takes the mean of its group from each point."""
    out = torch.eye(LANDMARK_COUNT)
    for group in LANDMARK_GROUPS.values():
        rows = slice(group.start, group.stop)
        out[rows, rows] -= 1 / len(group)
    return out


_CENTRING = _centring()
_OPENINGS = ("eye_image_left", "eye_image_right", "lip_inner")
_SHAPE_WEIGHTS = torch.ones(LANDMARK_COUNT)
"""Points of lids and inner lips count twice in the shape: millimetres there are action units."""
for _name in _OPENINGS:
    _SHAPE_WEIGHTS[list(LANDMARK_GROUPS[_name])] = 2.0


_LIDS = ((20, 24), (21, 23), (26, 30), (27, 29))
_LIPS = ((43, 48), (44, 47), (45, 46))


def _gaps() -> Tensor:
    """Return the g x 49 matrix from points to vectors between brows and eyes, lids, lips, mouth corners and nose.

    A network that is unsure answers with the mean place. For points that costs little, since heads differ far more than
    one head moves; but the distance between two features is what an action unit shows.
    """
    rows = []
    for brow, eye in (("brow_image_left", "eye_image_left"), ("brow_image_right", "eye_image_right")):
        rows += [_vector((point,), LANDMARK_GROUPS[eye]) for point in LANDMARK_GROUPS[brow]]
    rows += [_vector((upper,), (lower,)) for upper, lower in _LIDS + _LIPS]
    rows += [_vector((corner,), LANDMARK_GROUPS["nose_base"]) for corner in MOUTH_CORNERS]
    return torch.stack(rows)


def _vector(points: Sequence[int], others: Sequence[int]) -> Tensor:
    """Return the row that takes the mean of some points from that of others."""
    row = torch.zeros(LANDMARK_COUNT)
    row[list(points)] += 1 / len(points)
    row[list(others)] -= 1 / len(others)
    return row


_GAPS = _gaps()
_SIDES = _GAPS - _GAPS[:, MIRROR_LANDMARKS]
"""By how much each vector differs from its twin on the other side. Faces are nearly symmetric, so a network that is
unsure makes them quite symmetric; what little differs is a one-sided action unit."""


def landmark_loss(
    outputs: tuple[Tensor, Tensor, Tensor], target: tuple[Tensor, ...], recipe: LandmarkerRecipe
) -> dict[str, Tensor]:
    """Return the weighted parts of the loss of a batch: landmarks, visibility, presence.

    Args:
        outputs: Of the network.
        target: landmarks_3d (n, 49, 3) in network units, visible and known (n, 49), face (n,).
        recipe: The weights.
    """
    points, visibility, presence = (out.float() for out in outputs)
    landmarks_3d, visible, known, face = target
    extent = landmarks_3d[..., :2].amax(1) - landmarks_3d[..., :2].amin(1)
    unit = extent.prod(1).sqrt().clamp(min=0.05)[:, None, None]
    away = (points - landmarks_3d) / unit
    error, shape = _size(away), _size(_CENTRING.to(away.device) @ away[..., :2])
    places = error[..., :2].mean((1, 2)) + recipe.depth_weight * error[..., 2].mean(1)
    places = places + recipe.shape_weight * (shape.mean(2) * _SHAPE_WEIGHTS.to(away.device)).mean(1)
    places = places + recipe.gap_weight * _size(_GAPS.to(away.device) @ away[..., :2]).mean((1, 2))
    places = places + recipe.side_weight * _size(_SIDES.to(away.device) @ away[..., 1:2]).mean((1, 2))
    seen = functional.binary_cross_entropy_with_logits(visibility, visible, reduction="none")
    return {
        "landmarks": (places * face).sum() / face.sum().clamp(min=1),
        "visibility": recipe.visibility_weight * (seen * known).sum() / known.sum().clamp(min=1),
        "presence": recipe.presence_weight * functional.binary_cross_entropy_with_logits(presence, face),
    }


def _size(away: Tensor) -> Tensor:
    return functional.smooth_l1_loss(away, torch.zeros_like(away), beta=_BETA, reduction="none")


class LandmarkerLoss(nn.Module):
    """The network with its loss behind it.

    Args:
        network: Any landmarker.
        recipe: Says the weights of the parts.
    """

    def __init__(self, network: LandmarkerNetwork, recipe: LandmarkerRecipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe

    def forward(self, crops: Tensor, target: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return the weighted parts of the loss of a batch; `landmark_loss` says the target's shapes."""
        outputs = self.network(crops)
        with torch.autocast(crops.device.type, enabled=False):
            return landmark_loss(outputs, target, self.recipe)
