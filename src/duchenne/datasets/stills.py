"""Rendered stills: the Parquet files of `duchenne render --protocol stills`, with exact labels, points and pose."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

from duchenne.cropping import Picture
from duchenne.datasets.labels import labels_from_intensity, with_parted_lips
from duchenne.datasets.picture_files import read_whole
from duchenne.datasets.recording import Labels, Notes, Problem, Recording, Release, SkipReason, Truth
from duchenne.errors import DatasetError, ParquetError
from duchenne.extras.parquet import column_names, read_parquet
from duchenne.facs import AU_NAMES, LANDMARK_COUNT

_NEEDED = ("image", "subject", "yaw_deg", "pitch_deg", "roll_deg", "landmarks", "landmarks_3d", "au_left", "au_right")
_EXTRA = ("tone", "sex", "age", "params")


@dataclass(frozen=True)
class StillsFile:
    """Pictures inside a Parquet file.

    Attributes:
        path: The file.
    """

    path: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read."""
        return (self.path,)

    def read(self, frames: Int[np.ndarray, " k"], notes: Notes | None = None) -> Iterator[Picture | SkipReason]:
        """Yield the picture of each row of the file, or why there is none."""
        images = _images(self.path, self.path.stat().st_mtime_ns)
        yield from (read_whole(images[row], notes) for row in frames.tolist())


@lru_cache(maxsize=1)
def _images(path: Path, changed_ns: int) -> list[bytes]:
    """Return the column of pictures; several people of a file ask for it one after another."""
    return list(_table(path, ["image"])["image"])


def load_stills(source: Path) -> Release:
    """Return the stills of a folder or of one file; `frame` is the row in the file, `sequence` the file and person.

    Raises:
        DatasetError: There is no file of stills.
    """
    paths = [source] if source.is_file() else sorted(source.glob("stills-*.parquet"))
    if not paths:
        raise DatasetError(f"{source} holds no stills-*.parquet. Render some with: duchenne render --protocol stills.")
    recordings: list[Recording] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            recordings += _recordings(path)
        except DatasetError as error:
            problems.append(Problem(str(path), str(error)))
    return Release("stills", tuple(recordings), tuple(problems))


def with_depth(points: Float[np.ndarray, "49 2"], landmarks_3d: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49 3"]:
    """Return image points with their depth in pixels, 0 at the mean (weak perspective).

    Args:
        points: Image pixels.
        landmarks_3d: The same points along the camera's axes, in any unit.
    """
    flat, centred = points - points.mean(0), landmarks_3d - landmarks_3d.mean(0)
    pixels_per_unit = float((flat * centred[:, :2]).sum() / (centred[:, :2] ** 2).sum())
    return np.column_stack([points, centred[:, 2] * pixels_per_unit])


def _table(path: Path, columns: list[str]) -> dict[str, np.ndarray]:
    try:
        return read_parquet(path, columns)
    except ParquetError as error:
        raise DatasetError(f"{error} Render it again.") from error


def _recordings(path: Path) -> list[Recording]:
    """Return one recording a person of a file, as its rows lie."""
    try:
        held = set(column_names(path))
    except ParquetError as error:
        raise DatasetError(f"{error} Render it again.") from error
    if missing := [name for name in _NEEDED if name not in held]:
        raise DatasetError(f"the columns {', '.join(missing)} are missing. Render it with: duchenne render.")
    table = _table(path, [*_NEEDED[1:], *(name for name in _EXTRA if name in held)])
    try:
        return list(_by_person(path, table))
    except (ValueError, TypeError) as error:
        raise DatasetError(f"the columns hold no stills ({error}). Render it again.") from error


def _by_person(path: Path, table: dict[str, np.ndarray]) -> Iterator[Recording]:
    flat = _unpacked(table["landmarks"], (LANDMARK_COUNT, 2))
    landmarks_3d = _unpacked(table["landmarks_3d"], (LANDMARK_COUNT, 3))
    points = np.stack([with_depth(p, s) for p, s in zip(flat, landmarks_3d, strict=True)])
    pose = np.column_stack([table[name] for name in ("yaw_deg", "pitch_deg", "roll_deg")]).astype(float)
    sides = np.stack([_unpacked(table[name], (len(AU_NAMES),)) for name in ("au_left", "au_right")], 2).clip(0, 5)
    labels = _labels(sides)
    subjects = np.array([str(subject) for subject in table["subject"].tolist()])
    extra = {name: table[name] for name in _EXTRA if name in table}
    for subject in dict.fromkeys(subjects.tolist()):
        rows = np.flatnonzero(subjects == subject)
        yield Recording(
            subject,
            f"{path.stem}/{subject}",
            StillsFile(path),
            labels.subset(rows),
            moving=False,
            truth=Truth(points[rows], pose[rows]),
            extra={name: values[rows] for name, values in extra.items()},
        )


def _labels(sides: Float[np.ndarray, "k 23 2"]) -> Labels:
    occurrence, known = with_parted_lips(*labels_from_intensity(sides.max(2)))
    graded, count = np.ones_like(known), len(sides)
    return Labels(np.arange(count), occurrence, known, sides.astype(np.float32), graded, np.ones(count, bool))


def _unpacked(column: Any, shape: tuple[int, ...]) -> Shaped[np.ndarray, "..."]:
    return np.stack([np.frombuffer(values, np.float32).astype(float).reshape(shape) for values in column])
