"""Rendered heads with exact landmarks, visibility and pose: one reader for face detector, landmarks and pose."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from duchenne.cropping import Picture
from duchenne.errors import ParquetError, TrainingError
from duchenne.extras.parquet import read_parquet
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import HeadPose

_COLUMNS = ("image", "landmarks_3d", "visibility", "yaw_deg", "pitch_deg", "roll_deg")
_RENDER = "Render some with: duchenne render --protocol stills."


@dataclass(frozen=True)
class RenderedFace:
    """A rendered head with its truth.

    Attributes:
        pixels: RGB.
        landmarks_3d: (49, 3), points and depth, image pixels.
        visible: (49,).
        pose: Of the head against the camera.
    """

    pixels: Picture
    landmarks_3d: Float[np.ndarray, "49 3"]
    visible: Bool[np.ndarray, "49"]
    pose: HeadPose

    @property
    def landmarks(self) -> Float[np.ndarray, "49 2"]:
        """The points, image pixels."""
        return self.landmarks_3d[:, :2]


def rendered_faces(file: Path) -> Iterator[RenderedFace]:
    """Yield the heads of a file of stills.

    Raises:
        TrainingError: It is no such file.
    """
    try:
        table = read_parquet(file, _COLUMNS)
        for cells in zip(*(table[name] for name in _COLUMNS), strict=True):
            yield _face(*cells)
    except (ParquetError, OSError, ValueError, TypeError) as error:
        raise TrainingError(f"{file} holds no readable stills ({error or type(error).__name__}). {_RENDER}") from error


def _face(image: bytes, landmarks: bytes, visibility: bytes, *angles: float) -> RenderedFace:
    with Image.open(io.BytesIO(image)) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    landmarks_3d = np.frombuffer(landmarks, np.float32).reshape(LANDMARK_COUNT, 3).astype(np.float64)
    visible = np.frombuffer(visibility, np.uint8).astype(bool)
    return RenderedFace(pixels, landmarks_3d, visible, HeadPose(*(float(angle) for angle in angles)))


def stills_in(folders: list[Path]) -> list[Path]:
    """Return the files of stills in folders, those of each folder in order."""
    return [file for folder in folders for file in sorted(folder.resolve().glob("stills-*.parquet"))]


def faces_in(folder: Path) -> Iterator[RenderedFace]:
    """Yield the heads of a folder of stills.

    Raises:
        TrainingError: It holds none.
    """
    files = stills_in([folder])
    if not files:
        raise TrainingError(f"No stills-*.parquet in {folder}. {_RENDER}")
    for file in files:
        yield from rendered_faces(file)
