"""Training canvases of the face detector: faces of known place pasted at any size into pictures without faces."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from duchenne.cropping import Picture
from duchenne.geometry import Transform, shift, similarity, transform_points
from duchenne.training.face_detector.pieces import piece_without_face
from duchenne.training.face_detector.pool import FacePool
from duchenne.training.pictures.corruption import corrupt, recolour, tinted

MAX_FACES = 8
_MIRRORED_POINTS = (1, 0, 2, 4, 3)


@dataclass(frozen=True)
class Canvas:
    """A training picture and its faces.

    Attributes:
        pixels: side x side x 3, RGB.
        boxes: Centre x, centre y, side of each face, canvas pixels; side 0 in unused rows.
        points: The five keypoints of each face.
        known: False where a face is cut so far by the border that it is neither to be found nor to be left out.
    """

    pixels: Picture
    boxes: Float[np.ndarray, "g 3"]
    points: Float[np.ndarray, "g 5 2"]
    known: Bool[np.ndarray, " g"]


class CanvasMaker:
    """Draws canvases; the same seed draws the same ones.

    Args:
        faces: Pictures with one known face each.
        backgrounds: Pictures without a face, larger than a canvas.
        side_px: Side of a canvas.
        seed: Of the random numbers.
    """

    def __init__(self, faces: FacePool, backgrounds: UInt8[np.ndarray, "m h w 3"], side_px: int, seed: int) -> None:
        self.faces, self.backgrounds, self.side_px = faces, backgrounds, side_px
        self.rng = np.random.default_rng(seed)

    def draw(self) -> Canvas:
        """Return the next canvas: one picture that fills it, a scene of several, or one without a face."""
        kind = self.rng.random()
        if kind < 0.4:
            sides = [self._log_uniform(40, 1.2 * self.side_px)]
            pieces = self.rng.integers(0, 2)
        elif kind < 0.8:
            largest = 0.6 * self.side_px
            sides = sorted((self._log_uniform(11, largest) for _ in range(self.rng.integers(1, 7))), reverse=True)
            pieces = self.rng.integers(0, 4)
        else:
            sides, pieces = [], self.rng.integers(0, 5)
        return self._compose(sides, int(pieces), fill=kind < 0.4)

    def _compose(self, sides: list[float], pieces: int, fill: bool) -> Canvas:
        pixels = self._background(fill)
        for _ in range(pieces):
            self._paste_piece(pixels)
        boxes, points = np.zeros((MAX_FACES, 3)), np.zeros((MAX_FACES, 5, 2))
        count = 0
        for side in sides:
            placed = self._paste_face(pixels, side, boxes[:count], fill)
            if placed is not None:
                boxes[count], points[count] = placed
                count += 1
        for box in boxes[:count]:
            if self.rng.random() < 0.25:
                self._occlude(pixels, box)
        return Canvas(corrupt(pixels, self.rng), boxes, points, self._visible_enough(boxes))

    def _log_uniform(self, low: float, high: float) -> float:
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def _background(self, fill: bool) -> Picture:
        if self.rng.random() < (0.3 if fill else 0.08):
            colour = (127, 127, 127) if self.rng.random() < 0.5 else self.rng.integers(0, 256, 3)
            return np.full((self.side_px, self.side_px, 3), colour, np.uint8)
        whole = self.backgrounds[self.rng.integers(len(self.backgrounds))]
        top, left = self.rng.integers(0, np.array(whole.shape[:2]) - self.side_px + 1)
        part = whole[top : top + self.side_px, left : left + self.side_px]
        part = np.rot90(part, int(self.rng.integers(4))) if self.rng.random() < 0.3 else part
        return np.ascontiguousarray(part[:, ::-1] if self.rng.random() < 0.5 else part)

    def _paste_piece(self, pixels: Picture) -> None:
        row = self.faces.draw(self.rng)
        piece = recolour(piece_without_face(self.faces, row, self.rng), self.rng, strength=0.7)
        side = self._log_uniform(14, 0.7 * self.side_px)
        at = self.rng.uniform(0, self.side_px, 2)
        middle = np.array(piece.shape[1::-1]) / 2
        turn = similarity(side / max(piece.shape[:2]), self.rng.uniform(-30, 30))
        transform = shift(*at) @ turn @ shift(*-middle)
        paste(pixels, piece, self._mask(piece.shape[:2], middle, min(middle)), transform)

    def _paste_face(
        self, pixels: Picture, side: float, taken: np.ndarray, fill: bool
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Paste one face where it hides no other; return its box and keypoints, or None where there is no room."""
        row = self.faces.draw(self.rng)
        source, box, points = self.faces.picture(row), self.faces.boxes[row], self.faces.points[row]
        if self.faces.grey[row] and self.rng.random() < 0.6:
            source = tinted(source, self.rng)
        elif self.rng.random() < 0.5:
            source = recolour(source, self.rng, strength=0.7)
        mirrored = self.rng.random() < 0.5
        turn = similarity(side / float(box[2]), float(self.rng.normal(0, 14))) @ np.diag([-1 if mirrored else 1, 1, 1])
        for _ in range(6):
            transform = shift(*self._place(side, fill)) @ turn @ shift(*-box[:2])
            centre = transform_points(transform, box[None, :2])[0]
            style = 0 if fill else int(self.rng.integers(3))
            radius = self._cut_radius(style, source, box)
            reach = max(source.shape[:2]) if style == 0 else radius
            free = side / box[2] * min(reach, 2.0 * box[2]) + taken[:, 2] / 2
            if fill or (np.abs(taken[:, :2] - centre).max(1) > free).all():
                break
        else:
            return None
        mask = None if style == 0 else self._mask(source.shape[:2], box[:2], radius)
        paste(pixels, source, mask, transform)
        order = list(_MIRRORED_POINTS) if mirrored else list(range(5))
        return np.array([*centre, side]), transform_points(transform, points[order])

    def _place(self, side: float, fill: bool) -> np.ndarray:
        margin = 0.35 * side if self.rng.random() < 0.85 else 0.1 * side
        middle = self.side_px / 2
        reach = max(middle - margin, 0.15 * self.side_px)
        return middle + self.rng.uniform(-reach, reach, 2) * (0.7 if fill else 1.0)

    def _cut_radius(self, style: int, source: Picture, box: np.ndarray) -> float:
        return float(box[2]) * (self.rng.uniform(0.65, 1.4) if style else max(source.shape[:2]))

    def _mask(self, shape: tuple[int, ...], middle: np.ndarray, radius: float) -> UInt8[np.ndarray, "h w"] | None:
        """Return a rectangle or a soft ellipse around a point of a picture, or None for all of it."""
        style = self.rng.integers(3)
        if style == 0:
            return None
        mask = np.zeros(shape[:2], np.uint8)
        x, y = int(middle[0]), int(middle[1])
        half = (max(2, int(radius)), max(2, int(radius * self.rng.uniform(0.95, 1.3))))
        if style == 1:
            mask[max(0, y - half[1]) : y + half[1], max(0, x - half[0]) : x + half[0]] = 255
            return mask
        cv2.ellipse(mask, (x, y), half, 0, 0, 360, 255, -1)
        return cv2.blur(mask, (max(1, half[0] // 4),) * 2)

    def _occlude(self, pixels: Picture, box: np.ndarray) -> None:
        """Cover up to half of a face from one side, or lay a band across it: a mask, a hand, dark glasses, a door."""
        low, high = box[:2] - box[2] / 2, box[:2] + box[2] / 2
        axis = int(self.rng.random() < 0.6)
        if self.rng.random() < 0.65:
            reach = box[2] * self.rng.uniform(0.1, 0.5)
            if axis == 0 and self.rng.random() < 0.5:
                high[0] = low[0] + reach
            else:
                low[axis] = high[axis] - reach
        else:
            low[1] += box[2] * self.rng.uniform(0.1, 0.5)
            high[1] = low[1] + box[2] * self.rng.uniform(0.1, 0.3)
        (x0, y0), (x1, y1) = (np.clip(v.astype(int), 0, self.side_px) for v in (low, high))
        patch = self.backgrounds[self.rng.integers(len(self.backgrounds))]
        plain = self.rng.random() < 0.5
        pixels[y0:y1, x0:x1] = self.rng.integers(0, 256, 3) if plain else patch[y0:y1, x0:x1]

    def _visible_enough(self, boxes: np.ndarray) -> np.ndarray:
        low = np.clip(boxes[:, :2] - boxes[:, 2:] / 2, 0, self.side_px)
        high = np.clip(boxes[:, :2] + boxes[:, 2:] / 2, 0, self.side_px)
        share = (high - low).prod(1) / np.maximum(boxes[:, 2] ** 2, 1e-6)
        return (share > 0.55) & (boxes[:, 2] >= 10)


def paste(canvas: Picture, source: Picture, mask: UInt8[np.ndarray, "h w"] | None, transform: Transform) -> None:
    """Draw a picture into a canvas, in place, through an affine canvas_from_source; averaged where it is shrunk."""
    scale = float(np.sqrt(abs(np.linalg.det(transform[:2, :2]))))
    height, width = source.shape[:2]
    if scale < 0.8:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        transform = transform @ np.diag([width / size[0], height / size[1], 1.0])
        source = cv2.resize(source, size, interpolation=cv2.INTER_AREA)
        mask = None if mask is None else cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
        width, height = size
    corners = transform_points(transform, np.array([[0, 0], [width, 0], [0, height], [width, height]], float))
    low = np.clip(np.floor(corners.min(0)), 0, canvas.shape[1]).astype(int)
    high = np.clip(np.ceil(corners.max(0)), 0, canvas.shape[0]).astype(int)
    if (high <= low).any():
        return
    # OpenCV counts from pixel centres, the transform from the outer corner.
    matrix = (shift(-0.5, -0.5) @ shift(float(-low[0]), float(-low[1])) @ transform @ shift(0.5, 0.5))[:2]
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    drawn = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    part = canvas[low[1] : high[1], low[0] : high[0]]
    if mask is None:
        inside = cv2.warpAffine(np.full((height, width), 255, np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
        part[:] = cv2.copyTo(drawn, inside, np.ascontiguousarray(part))
        return
    weight = cv2.warpAffine(mask, matrix, size, flags=cv2.INTER_LINEAR)[..., None].astype(np.uint16)
    part[:] = ((drawn * weight + part * (255 - weight) + 127) // 255).astype(np.uint8)
