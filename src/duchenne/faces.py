"""From a frame to the faces in it: the face detector's network, and how its maps become boxes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from duchenne.cropping import block_means
from duchenne.devices import CPU, Device
from duchenne.errors import UsageError, WeightsError
from duchenne.facs import (
    INNER_EYE_IMAGE_LEFT,
    INNER_EYE_IMAGE_RIGHT,
    MOUTH_CORNERS,
    NOSE_TIP,
    OUTER_EYE_IMAGE_LEFT,
    OUTER_EYE_IMAGE_RIGHT,
)
from duchenne.measures.array_values import ArrayValues
from duchenne.onnx_network import open_network, run_network
from duchenne.weights import whole_weights

KEYPOINT_NAMES = ("eye_image_left", "eye_image_right", "nose_tip", "mouth_image_left", "mouth_image_right")
_KEYPOINT_LANDMARKS = (
    (OUTER_EYE_IMAGE_LEFT, INNER_EYE_IMAGE_LEFT),
    (INNER_EYE_IMAGE_RIGHT, OUTER_EYE_IMAGE_RIGHT),
    (NOSE_TIP, NOSE_TIP),
    *((corner, corner) for corner in MOUTH_CORNERS),
)
STRIDES = (8, 16, 32)
"""Input pixels per cell of the network's three maps."""
MAP_CHANNELS = 14
"""Score, centre (dx, dy), log side, five keypoints (dx, dy) in each cell of a map."""
SIDE_UNIT = 4.0
"""A cell predicts log(side / (SIDE_UNIT * stride)); the side of a typical face of its map gives 0."""
POINT_UNIT = 2.0
"""A cell predicts keypoint offsets in units of POINT_UNIT * stride; its centre offset in units of the stride."""
NETWORK_FACE_PX = 12.0
"""The smallest face that the network is trained to see, in pixels of its input."""
DEFAULT_INPUT_PX = 112 * 1024
"""Bound of the network's input when no smallest face is asked for: a 1280 x 720 frame takes 427 x 240 of it."""
LARGEST_INPUT_PX = 4 * 1024 * 1024
"""Bound of the network's input in any case, so that a huge picture cannot fill the memory."""
PICTURE_SHARE, PICTURE_FACE_PX = 60, 32.0
"""In pictures the smallest face that is looked for is 1/60 of the shorter side, or 32 px where that is more."""
VIDEO_SHARE = 20
"""In videos it is 1/20 of the shorter side, or 12 px where that is more; likewise in the first look at a picture."""
_TINY_PX, _TINY_CONFIDENCE = 16.0, 0.3
_MERGE_IOU = 0.35
_SWALLOWED_SHARE = 0.7


@dataclass(frozen=True, eq=False)
class FaceBox(ArrayValues):
    """A face in a frame.

    Attributes:
        box: left, top, width, height in image pixels.
        confidence: 0-1.
        keypoints: (5, 2), image pixels, in the order of `KEYPOINT_NAMES`.
    """

    box: Float[np.ndarray, "4"]
    confidence: float
    keypoints: Float[np.ndarray, "5 2"]

    def __repr__(self) -> str:
        left, top, width, height = self.box
        place = f"{width:.0f} x {height:.0f} px at ({left:.0f}, {top:.0f})"
        return f"<FaceBox {place}, confidence {self.confidence:.2f}>"


@dataclass(frozen=True)
class FaceSearch:
    """What one look at a picture found.

    Attributes:
        faces: The most certain first.
        tiny: How many places look like faces at the lower end of what the network sees, uncertain ones among them;
            where there are several, smaller faces are likely.
        network_from_picture: Scale of the network's input.
    """

    faces: list[FaceBox]
    tiny: int
    network_from_picture: float


def keypoints_from_landmarks(landmarks: Float[np.ndarray, "49 2"]) -> Float[np.ndarray, "5 2"]:
    """Return eye centres, nose tip and mouth corners of 49 landmarks."""
    pairs = np.array(_KEYPOINT_LANDMARKS)
    return landmarks[pairs].mean(1)


def box_from_landmarks(landmarks: Float[np.ndarray, "49 2"]) -> Float[np.ndarray, "4"]:
    """Return the square face box of 49 landmarks: left, top, width, height.

    Ours: the box of the points, grown by a tenth of its larger side, by a further tenth upwards for the brows' upper
    edge and the forehead, and made square. The same rule makes the face detector's targets for real and rendered faces.
    """
    low, high = landmarks.min(0), landmarks.max(0)
    margin = 0.1 * float((high - low).max())
    low, high = low - [margin, 2 * margin], high + margin
    side = float((high - low).max())
    left, top = (low + high) / 2 - side / 2
    return np.array([left, top, side, side])


def cell_centres(height: int, width: int, stride: int) -> Float[np.ndarray, "n 2"]:
    """Return the input pixel (x, y) at the centre of each cell of a map, row by row."""
    y, x = np.mgrid[:height, :width]
    return (np.stack([x, y], -1).reshape(-1, 2) + 0.5) * float(stride)


def decode_maps(
    maps: Sequence[Float[np.ndarray, "_ _ 14"]], confidence: float
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n 4"], Float[np.ndarray, "n 5 2"]]:
    """Return score, box (left, top, side, side) and keypoints of every cell that is at least `confidence`.

    Args:
        maps: One map per stride of `STRIDES`, height x width x `MAP_CHANNELS`; the first channel is a probability.
        confidence: Cells below are left out.
    """
    scores, boxes, keypoints = [], [], []
    for cells, stride in zip(maps, STRIDES, strict=True):
        centres = cell_centres(cells.shape[0], cells.shape[1], stride)
        flat = cells.reshape(-1, MAP_CHANNELS).astype(np.float64)
        kept = flat[:, 0] >= confidence
        flat, centres = flat[kept], centres[kept]
        side = SIDE_UNIT * stride * np.exp(np.clip(flat[:, 3:4], -4.0, 4.0))
        corner = centres + flat[:, 1:3] * stride - side / 2
        scores.append(flat[:, 0])
        boxes.append(np.hstack([corner, side, side]))
        keypoints.append(centres[:, None] + flat[:, 4:].reshape(-1, 5, 2) * (POINT_UNIT * stride))
    return np.concatenate(scores), np.concatenate(boxes), np.concatenate(keypoints)


def overlap(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Float[np.ndarray, " n"]:
    """Return the intersection over union of a box (left, top, width, height) with others."""
    shared = _shared_area(box, others)
    return shared / np.maximum(box[2] * box[3] + others[:, 2] * others[:, 3] - shared, 1e-9)


def _shared_area(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    return np.clip(high - low, 0.0, None).prod(1)


def merge_boxes(
    scores: Float[np.ndarray, " n"], boxes: Float[np.ndarray, "n 4"], keypoints: Float[np.ndarray, "n 5 2"]
) -> list[FaceBox]:
    """Return one face per heap of overlapping boxes, the most certain first.

    The best box of a heap takes with it all that overlap it by `_MERGE_IOU`, and those of which it holds most. The
    face's confidence is the best one; its box and keypoints are averages weighted by score, which shake less over
    time (Bazarevsky et al., BlazeFace, 2019, section 3.4).
    """
    faces = []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        best = left[0]
        averaged = left[(overlap(boxes[best], boxes[left]) > 0.5) | (left == best)]
        weights = scores[averaged] / scores[averaged].sum()
        box = weights @ boxes[averaged]
        points = np.tensordot(weights, keypoints[averaged], 1)
        faces.append(FaceBox(box, float(scores[best]), points))
        left = left[~(is_same_face(boxes[best], boxes[left]) | (left == best))]
    return faces


def is_same_face(box: Float[np.ndarray, "4"], others: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, " n"]:
    """Return whether a box and others mark one face: they overlap much, or one holds most of the other."""
    smaller = np.minimum(box[2:].prod(), others[:, 2:].prod(1))
    swallowed = _shared_area(box, others) / np.maximum(smaller, 1e-9) > _SWALLOWED_SHARE
    return (overlap(box, others) > _MERGE_IOU) | swallowed


def smallest_face_px(height: int, width: int) -> float:
    """Return the smallest face that is looked for in a picture unless asked otherwise.

    Ours: faces of 95 px in 4000 x 3000 are 23 px to the network then.

    Example:
        >>> smallest_face_px(3000, 4000), smallest_face_px(480, 640)
        (50.0, 24.0)
    """
    in_videos = max(NETWORK_FACE_PX, min(height, width) / VIDEO_SHARE)
    return min(in_videos, max(PICTURE_FACE_PX, min(height, width) / PICTURE_SHARE))


def input_scale(height: int, width: int, min_face_px: float | None) -> float:
    """Return the factor from picture to network input; a face of `min_face_px` gets `NETWORK_FACE_PX`, at most doubled.

    Without a wish the smallest face is that of `VIDEO_SHARE`, and the input holds at most `DEFAULT_INPUT_PX`.
    """
    if min_face_px is None:
        smallest, bound = max(NETWORK_FACE_PX, min(height, width) / VIDEO_SHARE), DEFAULT_INPUT_PX
    else:
        smallest, bound = min_face_px, LARGEST_INPUT_PX
    return min(2.0, NETWORK_FACE_PX / smallest, float(np.sqrt(bound / (height * width))))


class FaceDetector:
    """Finds faces with the network of the package.

    A face detector may be used from several threads at once.

    Args:
        path: The network; None for the one inside the package.
        threads: Threads that the network uses within one picture.
        device: Where it is computed.

    Raises:
        WeightsError: The file is missing or is not a face detector.
    """

    def __init__(self, path: Path | None = None, threads: int = 1, device: Device = CPU) -> None:
        self.path = path or whole_weights("face_detector.onnx")
        try:
            self._session = open_network(self.path, threads, "face detector", device)
            about = self._session.get_modelmeta().custom_metadata_map
            strides, self.confidence = tuple(json.loads(about["strides"])), float(about["confidence"])
        except (WeightsError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise WeightsError(
                f"{self.path} is not a face detector of this package ({error}). Install the package again."
            ) from error
        if strides != STRIDES:
            raise WeightsError(f"{self.path} has maps of stride {strides}; this version reads {STRIDES}.")
        cells = [STRIDES[-1] // stride for stride in STRIDES]
        sizes = [found.shape for found in self._maps(np.zeros((STRIDES[-1], STRIDES[-1], 3), np.uint8))]
        if sizes != [(1, side, side, MAP_CHANNELS) for side in cells]:
            raise WeightsError(f"{self.path} gives maps of the sizes {sizes}. Install the package again.")

    def _maps(self, canvas: UInt8[np.ndarray, "h w 3"]) -> list[np.ndarray]:
        return run_network(self.path, self._session, None, {"pixels": canvas[None]})

    def find(
        self, pixels: UInt8[np.ndarray, "h w 3"], min_face_px: float | None = None, confidence: float | None = None
    ) -> list[FaceBox]:
        """Return the faces that `search` finds."""
        return self.search(pixels, min_face_px, confidence).faces

    def search(
        self, pixels: UInt8[np.ndarray, "h w 3"], min_face_px: float | None = None, confidence: float | None = None
    ) -> FaceSearch:
        """Return what one look at a picture finds.

        Args:
            pixels: RGB.
            min_face_px: Smallest face to look for, pixels of the picture; None for the rule of `input_scale`.
            confidence: Faces below are left out; None for the weights' own threshold.

        Raises:
            UsageError: The picture is empty or not RGB, or an option is out of range.
        """
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or 0 in pixels.shape:
            raise UsageError(
                f"The face detector reads H x W x 3 uint8 RGB pictures; this is {pixels.dtype} {pixels.shape}."
            )
        threshold = self.confidence if confidence is None else confidence
        if not 0.0 < threshold <= 1.0:
            raise UsageError(f"The confidence is {threshold:g}; it must be above 0 and at most 1.")
        if min_face_px is not None and not min_face_px >= 1:
            raise UsageError(f"The smallest face is {min_face_px:g} px; it must be at least 1 px.")
        scale = input_scale(pixels.shape[0], pixels.shape[1], min_face_px)
        canvas, scale_xy, offset = _network_input(pixels, scale)
        maps = [found[0] for found in self._maps(canvas)]
        scores, boxes, keypoints = decode_maps(maps, threshold)
        boxes = np.hstack([boxes[:, :2] - offset, boxes[:, 2:]]) / np.tile(scale_xy, 2)
        faces = merge_boxes(scores, boxes, (keypoints - offset) / scale_xy)
        return FaceSearch(faces, _tiny_faces(maps), float(scale_xy.min()))


def _tiny_faces(maps: Sequence[Float[np.ndarray, "_ _ 14"]]) -> int:
    """Return how many places look like faces that are hardly large enough for the network."""
    scores, boxes, keypoints = decode_maps(maps, _TINY_CONFIDENCE)
    small = boxes[:, 2] < _TINY_PX
    return len(merge_boxes(scores[small], boxes[small], keypoints[small]))


def _network_input(pixels: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the scaled picture on a grey canvas of whole cells, its exact scale (x, y) and its corner there.

    A picture that shrinks is averaged over whole blocks first, which is quick, and read bilinearly then.
    """
    height, width = pixels.shape[:2]
    size = np.maximum(1, np.round(np.array([width, height]) * scale)).astype(int)
    if tuple(size) != (width, height):
        image = Image.fromarray(block_means(pixels, max(1, int(1 / scale))))
        pixels = np.asarray(image.resize((int(size[0]), int(size[1])), Image.Resampling.BILINEAR))
    whole = -(-size // STRIDES[-1]) * STRIDES[-1]
    offset = (whole - size) // 2
    canvas = np.full((whole[1], whole[0], 3), 127, np.uint8)
    canvas[offset[1] : offset[1] + size[1], offset[0] : offset[0] + size[0]] = pixels
    return canvas, size / np.array([width, height]), offset
