"""Pictures without faces behind the face detector's canvases: photographs, frames whose face is covered, textures."""

import itertools
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from duchenne.cropping import Picture
from duchenne.errors import TrainingError
from duchenne.faces import FaceDetector
from duchenne.training.face_detector.pool import FacePool
from duchenne.training.pictures.textures import TEXTURE_SIDE_PX, texture

PHOTO_SIDE_PX = 1024
HARD_CONFIDENCE = 0.2
"""A place without a face in which a face detector sees one with this confidence is worth learning from."""
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


def background_pool(photos: list[Picture], faces: FacePool, count: int, seed: int) -> UInt8[np.ndarray, "m h w 3"]:
    """Return `count` squares of 320 px: a third photographs, half covered frames, the rest textures."""
    rng = np.random.default_rng(seed)
    sources: list[Iterator[Picture]] = [_photo_squares(photos, rng), _covered_squares(faces, rng), _textures(rng)]
    out = np.empty((count, TEXTURE_SIDE_PX, TEXTURE_SIDE_PX, 3), np.uint8)
    for row in range(count):
        out[row] = next(sources[(0, 0, 1, 1, 1, 2)[row % 6]])
    return out


def hard_squares(
    face_detector: FaceDetector, photos: list[Picture], count: int, tries: int, seed: int
) -> UInt8[np.ndarray, "m h w 3"]:
    """Return at most `count` squares of photographs and textures in which a face detector believes to see a face.

    Args:
        face detector: Whose errors are looked for.
        photos: Without faces.
        count: Squares wanted.
        tries: Squares looked at.
        seed: Of the random choice.
    """
    rng = np.random.default_rng(seed)
    drawn = itertools.chain.from_iterable(zip(_photo_squares(photos, rng), _textures(rng), strict=False))
    wrong = (
        square for square in itertools.islice(drawn, tries) if face_detector.find(square, confidence=HARD_CONFIDENCE)
    )
    found = list(itertools.islice(wrong, count))
    return np.array(found, np.uint8).reshape(len(found), TEXTURE_SIDE_PX, TEXTURE_SIDE_PX, 3)


def _photo_squares(photos: list[Picture], rng: np.random.Generator) -> Iterator[Picture]:
    while True:
        photo = photos[rng.integers(len(photos))]
        shorter = min(photo.shape[:2])
        side = int(min(shorter, np.exp(rng.uniform(np.log(0.25), np.log(1.2))) * shorter))
        top, left = (int(rng.integers(0, n - side + 1)) for n in photo.shape[:2])
        yield _square(photo[top : top + side, left : left + side])


def _covered_squares(faces: FacePool, rng: np.random.Generator) -> Iterator[Picture]:
    """Yield frames with much around the face, the face hidden under a piece of the same frame or a texture."""
    roomy = np.flatnonzero(faces.boxes[:, 2] < 0.45 * faces.sizes.max(1))
    if not len(roomy):
        raise TrainingError("No picture shows enough around its face to make a background of.")
    while True:
        row = int(roomy[rng.integers(len(roomy))])
        picture = covered(faces.picture(row), faces.boxes[row], rng)
        shorter = min(picture.shape[:2])
        part = int(shorter * rng.uniform(0.6, 1.0))
        top, left = (int(rng.integers(0, n - part + 1)) for n in picture.shape[:2])
        yield _square(picture[top : top + part, left : left + part])


def covered(picture: Picture, box: np.ndarray, rng: np.random.Generator) -> Picture:
    """Return the picture with the face (centre x, centre y, side) under a texture or under what lies above it."""
    out, (x, y, side) = picture.copy(), box
    reach = int(side * rng.uniform(0.62, 0.85))
    low = np.maximum(0, [int(x) - reach, int(y) - int(1.15 * reach)])
    high = np.minimum(out.shape[1::-1], [int(x) + reach, int(y) + reach])
    cover = texture(rng) if rng.random() < 0.5 else out[: max(4, low[1]), :]
    out[low[1] : high[1], low[0] : high[0]] = cv2.resize(cover, tuple(int(v) for v in high - low))
    return out


def _textures(rng: np.random.Generator) -> Iterator[Picture]:
    while True:
        yield texture(rng)


def _square(part: Picture) -> Picture:
    shrinks = part.shape[0] > TEXTURE_SIDE_PX
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(part, (TEXTURE_SIDE_PX, TEXTURE_SIDE_PX), interpolation=method)
