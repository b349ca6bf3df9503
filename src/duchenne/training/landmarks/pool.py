"""Face crops with a margin and their targets, decoded once and read from disk as the landmarker trains."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from duchenne.colour import is_grey
from duchenne.cropping import Picture, cut
from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_COUNT, MIRROR_LANDMARKS
from duchenne.geometry import Transform, scale_of, shift, transform_points
from duchenne.landmarks import INPUT_SIDE_PX, CropRule, FaceLandmarks, head_pose, mean_face
from duchenne.pose_normalisation import pose_normalised
from duchenne.training.pictures.array_files import open_rows, read_columns

STORED_SIDE_PX = 192
"""Half as much again as the network sees, so that a jittered crop still lies inside."""
TURNED_DEG = 35.0
"""From this angle on a head counts as turned far away from the camera (`is_turned`)."""
UNEVEN = 0.04
"""By how much a point of an uneven face lies higher than its twin on the other side, in eye spans."""


@dataclass(frozen=True)
class Sample:
    """One face, or one place without a face.

    Attributes:
        crop: 192 x 192 x 3, RGB; the network's crop at its own scale with a margin around it.
        landmarks_3d: (49, 3), points and depth in pixels of the crop; zeros without a face.
        visible: (49,), whether each point is seen; meaningless where `visibility_known` is false.
        visibility_known: Rendered heads know it, real ones do not.
        face: Whether a face is there.
        grey: The picture has no colour.
        turned: The head looks far away from the camera; such faces are few and hard, and are drawn more often.
        uneven: Brows, lids or mouth corners differ between left and right; such faces are few and are drawn more often.
    """

    crop: UInt8[np.ndarray, "192 192 3"]
    landmarks_3d: Float[np.ndarray, "49 3"]
    visible: Bool[np.ndarray, "49"]
    visibility_known: bool
    face: bool
    grey: bool
    turned: bool = False
    uneven: bool = False


def stored_from_image(crop_from_image: Transform) -> Transform:
    """Return the transform to the stored crop, which is the network's crop with a margin."""
    margin = (STORED_SIDE_PX - INPUT_SIDE_PX) / 2
    return shift(margin, margin) @ crop_from_image


def face_sample(
    pixels: Picture, landmarks_3d: Float[np.ndarray, "49 3"], visible: Bool[np.ndarray, "49"] | None
) -> Sample:
    """Return the sample of a face; `landmarks_3d` in image pixels, `visible` None where it is not known."""
    stored = stored_from_image(CropRule().from_landmarks(landmarks_3d[:, :2]))
    depth = (landmarks_3d[:, 2] - landmarks_3d[:, 2].mean()) * scale_of(stored)
    moved = np.column_stack([transform_points(stored, landmarks_3d[:, :2]), depth])
    seen = np.ones(LANDMARK_COUNT, bool) if visible is None else visible
    crop, known = cut(pixels, stored, STORED_SIDE_PX), visible is not None
    return Sample(crop, moved, seen, known, True, is_grey(pixels), is_turned(landmarks_3d), is_uneven(landmarks_3d))


def is_turned(landmarks_3d: Float[np.ndarray, "49 3"]) -> bool:
    """Whether the head of these points looks away from the camera by `TURNED_DEG`, a degree of pitch counting 1.25."""
    pose = head_pose(
        FaceLandmarks(
            landmarks_3d[:, :2], landmarks_3d[:, 2] - landmarks_3d[:, 2].mean(), np.ones(len(landmarks_3d)), 1.0
        )
    )
    return float(np.hypot(pose.yaw_deg, 1.25 * pose.pitch_deg)) >= TURNED_DEG


def is_uneven(landmarks_3d: Float[np.ndarray, "49 3"]) -> bool:
    """Whether a point of the pose-normalised face lies higher than its twin by `UNEVEN`."""
    height = pose_normalised(landmarks_3d, mean_face())[:, 1]
    return bool(np.abs(height - height[MIRROR_LANDMARKS]).max() >= UNEVEN)


def empty_sample(pixels: Picture) -> Sample:
    """Return the sample of a square picture without a face."""
    crop = cv2.resize(pixels, (STORED_SIDE_PX, STORED_SIDE_PX), interpolation=cv2.INTER_AREA)
    nowhere = np.zeros((LANDMARK_COUNT, 3))
    return Sample(crop, nowhere, np.zeros(LANDMARK_COUNT, bool), False, False, is_grey(pixels))


_COLUMNS = ("landmarks_3d", "visible", "visibility_known", "face", "grey", "turned", "uneven")


def write_part(part: Path, samples: Iterable[Sample]) -> int:
    """Write samples as `part`.npy (crops, memory-mapped later) and `part`.npz (the rest); return how many.

    Raises:
        TrainingError: There is none.
    """
    kept = list(samples)
    if not kept:
        raise TrainingError(f"Nothing to write to {part}: the source gave no face. Check its folder and labels.")
    np.save(part.with_suffix(".npy"), np.stack([sample.crop for sample in kept]))
    columns: dict[str, Any] = {name: np.array([getattr(s, name) for s in kept]) for name in _COLUMNS}
    np.savez(part.with_suffix(".npz"), **columns)
    return len(kept)


class Pool:
    """Parts on disk read as one row of samples; more parts may be added as they come."""

    def __init__(self) -> None:
        self._parts: list[tuple[UInt8[np.ndarray, "n 192 192 3"], dict[str, np.ndarray]]] = []
        self._names: set[str] = set()
        self._rows: list[tuple[int, int]] = []
        self._turned: list[int] = []
        self._uneven: list[int] = []

    def add(self, part: Path) -> None:
        """Add a part that `write_part` wrote; one that is in the pool already is passed over."""
        if part.name in self._names:
            return
        crops, columns = open_rows(part.with_suffix(".npy")), read_columns(part.with_suffix(".npz"))
        self._names.add(part.name)
        for rows, name in ((self._turned, "turned"), (self._uneven, "uneven")):
            rows += [len(self._rows) + int(row) for row in np.flatnonzero(columns[name])]
        self._rows += [(len(self._parts), row) for row in range(len(crops))]
        self._parts.append((crops, columns))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Sample:
        part, row = self._rows[index]
        crops, columns = self._parts[part]
        values = [columns[name][row] for name in _COLUMNS]
        return Sample(np.array(crops[row]), values[0], values[1], *(bool(value) for value in values[2:]))

    def draw(self, rng: np.random.Generator, turned_share: float = 0.0, uneven_share: float = 0.0) -> Sample:
        """Return a random sample; of given shares, where there are any, one of the turned heads or the uneven faces."""
        chance = rng.random()
        if self._turned and chance < turned_share:
            return self[self._turned[int(rng.integers(len(self._turned)))]]
        if self._uneven and turned_share <= chance < turned_share + uneven_share:
            return self[self._uneven[int(rng.integers(len(self._uneven)))]]
        return self[int(rng.integers(len(self)))]

    def landmarks_3d(self) -> Iterator[Float[np.ndarray, "n 49 3"]]:
        """Yield the points and depths of each part."""
        for _, columns in self._parts:
            yield columns["landmarks_3d"]
