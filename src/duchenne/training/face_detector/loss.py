"""The loss of the face detector: which cells of its maps answer for which face, and what their answers cost."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from duchenne.faces import POINT_UNIT, SIDE_UNIT, STRIDES, cell_centres
from duchenne.networks.face_detector import FaceDetectorNetwork, normalised
from duchenne.training.recipes.face_detector import FaceDetectorRecipe

SIDE_RANGES_PX = ((0.0, 44.0), (32.0, 112.0), (80.0, 1e9))
"""Face sides, network pixels, that the map of each stride answers for; where two overlap, both do."""
IGNORED_MARGIN = 1.5
"""A map neither learns to find nor to leave out a face this factor outside of its range."""


class CellGrid(nn.Module):
    """Cell centres, strides and side ranges of all maps of one canvas size, in one row each.

    Args:
        side_px: Side of a canvas.
    """

    centres: Tensor
    stride: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, side_px: int) -> None:
        super().__init__()
        centres, rows = [], []
        for stride, (low, high) in zip(STRIDES, SIDE_RANGES_PX, strict=True):
            cells = side_px // stride
            centres.append(torch.from_numpy(cell_centres(cells, cells, stride)).float())
            rows.append(torch.tensor([[float(stride), low, high]]).expand(cells * cells, 3))
        columns = (torch.cat(centres), *torch.cat(rows).unbind(1))
        for name, values in zip(("centres", "stride", "low", "high"), columns, strict=True):
            self.register_buffer(name, values, persistent=False)


def assign(grid: CellGrid, boxes: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each cell the face it answers for (-1: none) and whether its score counts.

    Args:
        grid: The cells.
        boxes: b x g x 3: centre x, centre y, side, network pixels; side 0 where there is no face.
        known: b x g; False for a region that may or may not hold a face: its cells are left out.
    """
    away = (grid.centres[None, :, None] - boxes[:, None, :, :2]).abs().amax(-1)
    side = boxes[:, None, :, 2]
    real = side > 0
    low, high, stride = grid.low[None, :, None], grid.high[None, :, None], grid.stride[None, :, None]
    radius = torch.maximum(0.22 * side, 0.75 * stride)
    inside = real & known[:, None] & (side >= low) & (side < high) & (away < radius)
    near = real & (side >= low / IGNORED_MARGIN) & (side < high * IGNORED_MARGIN)
    near = near & (away < torch.maximum(0.4 * side, 1.25 * stride))
    unsure = real & ~known[:, None] & (away < 0.6 * side)
    best = torch.where(inside, away / side.clamp(min=1.0), torch.inf)
    nearest, face = best.min(-1)
    positive = nearest.isfinite()
    counted = positive | ~(near | unsure).any(-1)
    return torch.where(positive, face, -1), counted


def square_iou(a: Tensor, b: Tensor) -> Tensor:
    """Return the IoU of squares given as centre x, centre y, side."""
    reach = (a[:, 2:] + b[:, 2:]) / 2 - (a[:, :2] - b[:, :2]).abs()
    shared = torch.minimum(reach, torch.minimum(a[:, 2:], b[:, 2:])).clamp(min=0).prod(1)
    return shared / (a[:, 2] ** 2 + b[:, 2] ** 2 - shared).clamp(min=1e-6)


def face_detector_loss(
    maps: list[Tensor], grid: CellGrid, boxes: Tensor, points: Tensor, known: Tensor
) -> dict[str, Tensor]:
    """Return the parts of the loss: score, box, points.

    Score: quality focal loss, beta 2, target the IoU reached (Li et al., NeurIPS 2020, eq. 5). Box: 1 - DIoU (Zheng
    et al., AAAI 2020, eq. 7). Points: smooth L1 of the error over the face's side.
    """
    flat = torch.cat([m.float().flatten(2).transpose(1, 2) for m in maps], 1)
    face, counted = assign(grid, boxes, known)
    item, cell = (face >= 0).nonzero(as_tuple=True)
    chosen = face[item, cell]
    target = boxes[item, chosen]
    answer, stride = flat[item, cell], grid.stride[cell, None]
    centre = grid.centres[cell] + answer[:, 1:3] * stride
    found = torch.cat([centre, SIDE_UNIT * stride * answer[:, 3:4].clamp(-4, 4).exp()], 1)
    iou = square_iou(found, target)
    spread = (found[:, :2] - target[:, :2]).abs() + (found[:, 2:] + target[:, 2:]) / 2
    spread = torch.maximum(spread, torch.maximum(found[:, 2:], target[:, 2:])).square().sum(1)
    distance = (found[:, :2] - target[:, :2]).square().sum(1) / spread.clamp(min=1e-6)
    where = grid.centres[cell][:, None] + answer[:, 4:].reshape(-1, 5, 2) * (POINT_UNIT * stride[:, None])
    error = (where - points[item, chosen]) / target[:, None, 2:]
    quality = torch.zeros_like(flat[..., 0])
    quality[item, cell] = iou.detach().clamp(min=0.1)
    logit = flat[..., 0]
    focal = F.binary_cross_entropy_with_logits(logit, quality, reduction="none")
    focal = focal * (quality - logit.sigmoid()).abs().square() * counted
    count = max(1, len(item))
    return {
        "score": focal.sum() / count,
        "box": (1 - iou + distance).sum() / count,
        "points": F.smooth_l1_loss(error, torch.zeros_like(error), beta=0.05, reduction="sum") / (10 * count),
    }


class FaceDetectorLoss(nn.Module):
    """The network with its loss behind it.

    Args:
        network: Any face detector.
        recipe: Says the side of a canvas and the weights of the parts.
    """

    def __init__(self, network: FaceDetectorNetwork, recipe: FaceDetectorRecipe) -> None:
        super().__init__()
        self.network, self.grid = network, CellGrid(recipe.side_px)
        self.weights = {"score": recipe.score_weight, "box": recipe.box_weight, "points": recipe.points_weight}

    def forward(self, pixels: Tensor, boxes: Tensor, points: Tensor, known: Tensor) -> dict[str, Tensor]:
        """Return the weighted parts of the loss of a batch of canvases; `canvases.CanvasBatches` says its shapes."""
        maps = self.network(normalised(pixels))
        with torch.autocast(pixels.device.type, enabled=False):
            parts = face_detector_loss([m.float() for m in maps], self.grid, boxes, points, known)
        return {name: self.weights[name] * value for name, value in parts.items()}
