"""Decoded pictures for the face detector's training, kept in files that are mapped into memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.faces import box_from_landmarks, keypoints_from_landmarks
from duchenne.training.pictures.array_files import open_rows, read_columns

POOL_SIDE_PX = 256


@dataclass(frozen=True)
class LabelledPicture:
    """A picture with one known face: RGB pixels, its 49 landmarks in pixels, whether it has no colour."""

    pixels: Picture
    landmarks: Float[np.ndarray, "49 2"]
    grey: bool


class FacePool:
    """Pictures of at most 256 x 256 with one known face each.

    Attributes:
        sizes: Width and height of each picture.
        boxes: Centre x, centre y and side of each face, pixels.
        points: Its five keypoints.
        grey: True where the picture has no colour.
    """

    def __init__(self, parts: list[Path], shares: list[float]) -> None:
        self._pictures = [open_rows(part.with_suffix(".pictures.npy")) for part in parts]
        tables = [read_columns(part.with_suffix(".npz")) for part in parts]
        self.sizes: Int[np.ndarray, "n 2"] = np.concatenate([t["sizes"] for t in tables])
        self.boxes: Float[np.ndarray, "n 3"] = np.concatenate([t["boxes"] for t in tables]).astype(np.float64)
        self.points: Float[np.ndarray, "n 5 2"] = np.concatenate([t["points"] for t in tables]).astype(np.float64)
        self.grey: Bool[np.ndarray, " n"] = np.concatenate([t["grey"] for t in tables])
        self._ends = np.cumsum([len(p) for p in self._pictures])
        self._shares = np.cumsum(shares) / np.sum(shares)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def draw(self, rng: np.random.Generator) -> int:
        """Return a row: a part by its share, then a picture of the part."""
        part = int(np.searchsorted(self._shares, rng.random(), side="right"))
        first = self._ends[part] - len(self._pictures[part])
        return int(rng.integers(first, self._ends[part]))

    def picture(self, row: int) -> Picture:
        """Return the pixels of a row."""
        part = int(np.searchsorted(self._ends, row, side="right"))
        width, height = self.sizes[row]
        return self._pictures[part][row - self._ends[part] + len(self._pictures[part]), :height, :width]


def write_pool(part: Path, labelled: Iterable[LabelledPicture], capacity: int) -> int:
    """Write pictures and targets as `part.pictures.npy` and `part.npz`; return how many.

    Raises:
        TrainingError: There is no picture, or more than `capacity`.
    """
    shape = (capacity, POOL_SIDE_PX, POOL_SIDE_PX, 3)
    part.parent.mkdir(parents=True, exist_ok=True)
    scratch = part.with_suffix(".unfinished.npy")
    pictures = np.lib.format.open_memmap(scratch, mode="w+", dtype=np.uint8, shape=shape)
    sizes, boxes, points, grey = [], [], [], []
    for row, item in enumerate(labelled):
        if row == capacity:
            raise TrainingError(f"More than the {capacity} pictures that were announced for {part.name}.")
        pixels, scale = _fitted(item.pixels)
        pictures[row, : pixels.shape[0], : pixels.shape[1]] = pixels
        left, top, side, _ = box_from_landmarks(item.landmarks * scale)
        sizes.append((pixels.shape[1], pixels.shape[0]))
        boxes.append((left + side / 2, top + side / 2, side))
        points.append(keypoints_from_landmarks(item.landmarks * scale))
        grey.append(item.grey)
    if not sizes:
        raise TrainingError(f"No picture with a known face for {part.name}.")
    np.save(part.with_suffix(".pictures.npy"), pictures[: len(sizes)])
    scratch.unlink()
    np.savez(
        part.with_suffix(".npz"),
        sizes=np.array(sizes, np.int32),
        boxes=np.array(boxes, np.float32),
        points=np.array(points, np.float32),
        grey=np.array(grey, bool),
    )
    return len(sizes)


def _fitted(pixels: Picture) -> tuple[Picture, float]:
    """Return the picture shrunk so that it fits the pool, and the factor."""
    scale = min(1.0, POOL_SIDE_PX / max(pixels.shape[:2]))
    if scale == 1.0:
        return pixels, 1.0
    size = tuple(max(1, min(POOL_SIDE_PX, round(v * scale))) for v in pixels.shape[1::-1])
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), scale
