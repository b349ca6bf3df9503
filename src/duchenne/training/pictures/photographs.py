"""Photographs without faces: the different ones in files and folders, which of them choose, and squares of them."""

import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from duchenne.cropping import Picture
from duchenne.errors import TrainingError

PHOTO_SIDE_PX = 1024
_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def photographs(places: list[Path], without: Collection[str] = ()) -> dict[Path, Picture]:
    """Return the different photographs in files and folders, shrunk to a longer side of at most 1024 px.

    Of several sizes of one picture (the same 16 x 16 miniature but for little) the largest file is kept.

    Args:
        places: The files and folders.
        without: Stems of files to leave out.

    Raises:
        TrainingError: There is none.
    """
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    files = [file for file in files if file.suffix.lower() in _ENDINGS and not file.is_symlink()]
    kept: dict[Path, Picture] = {}
    miniatures: list[np.ndarray] = []
    for file in sorted(files, key=lambda f: (-f.stat().st_size, f.name)):
        pixels = _read(file)
        small = cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_AREA).astype(np.float32)
        small = (small - small.mean()) / (small.std() + 5)
        if not any(np.abs(small - other).mean() < 0.15 for other in miniatures):
            kept[file] = pixels
            miniatures.append(small)
    if not kept:
        raise TrainingError(f"No photograph in {', '.join(map(str, places))}; looked for {' '.join(sorted(_ENDINGS))}.")
    return {file: pixels for file, pixels in sorted(kept.items()) if file.stem not in without}


def _read(file: Path) -> Picture:
    with Image.open(file) as image:
        image.draft("RGB", (PHOTO_SIDE_PX, PHOTO_SIDE_PX))
        picture = image.convert("RGB")
    picture.thumbnail((PHOTO_SIDE_PX, PHOTO_SIDE_PX))
    return np.asarray(picture)


def held_back(file: Path) -> bool:
    """Whether a photograph is kept out of training, to choose the threshold on: one in five, by its name."""
    return zlib.crc32(file.name.encode()) % 5 == 0


def photo_squares(photos: list[Picture], side_px: int, rng: np.random.Generator) -> Iterator[Picture]:
    """Yield random squares of photographs without end, from a quarter of the shorter side to all of it.

    Args:
        photos: At least one.
        side_px: Of the squares that are yielded.
        rng: Of the random choice.
    """
    while True:
        photo = photos[rng.integers(len(photos))]
        shorter = min(photo.shape[:2])
        side = int(min(shorter, np.exp(rng.uniform(np.log(0.25), np.log(1.2))) * shorter))
        top, left = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
        yield resized_square(photo[top : top + side, left : left + side], side_px)


def resized_square(square: Picture, side_px: int) -> Picture:
    """Return a square picture at another size."""
    method = cv2.INTER_AREA if square.shape[0] > side_px else cv2.INTER_LINEAR
    return cv2.resize(square, (side_px, side_px), interpolation=method)
