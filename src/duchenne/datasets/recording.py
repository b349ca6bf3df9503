"""What every loader hands on: recordings of labelled frames, and what was wrong with the rest.

for recording in load("/data/bp4d").recordings:
    for sample in recording.samples():
        sample.pixels, sample.subject, sample.occurrence, sample.known
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from duchenne.cropping import Picture
from duchenne.errors import DatasetError
from duchenne.facs import AU_NAMES

Notes = Counter[str]
"""What there is to know of how pictures were read, and of how many."""


class SkipReason(StrEnum):
    """Why a labelled frame gives no face."""

    MISSING = "picture missing"
    BROKEN = "picture unreadable"
    BREAKS_OFF = "video unreadable from here"
    BEYOND = "video ends before"
    NO_FACE = "no face found"
    DOUBTFUL = "no face to the landmarker"
    TOO_SMALL = "eyes too close together"
    LESSER = "only a lesser face found"
    ELSEWHERE = "found beside the face"


@dataclass(frozen=True)
class Problem:
    """Something that is missing or wrong in a data set; the rest was loaded.

    Attributes:
        where: The sequence, subject or file.
        what: What was found, in plain words.
        severe: False for what is usual in a whole release, such as frames outside the coded part.
    """

    where: str
    what: str
    severe: bool = True


@dataclass(frozen=True)
class Labels:
    """The labels of the k frames of a recording; columns of AUs in the order of `facs.AU_NAMES`.

    Attributes:
        frame: (k,), the number of the frame as the data set counts.
        occurrence: (k, 23); means nothing where it is not known.
        known: (k, 23).
        intensity: (k, 23, 2), 0-5 on the subject's left and right; means nothing where it is not known.
        intensity_known: (k, 23).
        sides_known: (k,), whether left and right were labelled apart.
    """

    frame: Int[np.ndarray, " k"]
    occurrence: Bool[np.ndarray, "k 23"]
    known: Bool[np.ndarray, "k 23"]
    intensity: Float[np.ndarray, "k 23 2"]
    intensity_known: Bool[np.ndarray, "k 23"]
    sides_known: Bool[np.ndarray, " k"]

    def subset(self, rows: Shaped[np.ndarray, " m"]) -> "Labels":
        """Return the labels of these rows (numbers or a mask)."""
        return Labels(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def labels_from_columns(
    frame: Int[np.ndarray, " k"],
    occurrence: Mapping[str, Shaped[np.ndarray, " k"]],
    intensity: Mapping[str, Shaped[np.ndarray, " k"]],
) -> Labels:
    """Return labels from one column an AU; what is not 0 or 1 (occurrence) or 0-5 (intensity) is unknown.

    Args:
        frame: Numbers of the frames.
        occurrence: By AU name.
        intensity: By AU name, without sides.
    """
    count = len(frame)
    occurs, known, graded = (np.zeros((count, len(AU_NAMES)), bool) for _ in range(3))
    strength = np.zeros((count, len(AU_NAMES), 2), np.float32)
    for column, name in enumerate(AU_NAMES):
        if name in occurrence:
            values = occurrence[name]
            occurs[:, column], known[:, column] = values == 1, (values == 0) | (values == 1)
        if name in intensity:
            values = intensity[name]
            graded[:, column] = (values >= 0) & (values <= 5)
            strength[:, column] = np.where(graded[:, column], values, 0)[:, None]
    return Labels(np.asarray(frame, np.int64), occurs, known, strength, graded, np.zeros(count, bool))


@runtime_checkable
class Pictures(Protocol):
    """Where the pictures of a recording lie."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that are read."""

    def read(self, frames: Int[np.ndarray, " k"], notes: Notes | None = None) -> Iterator[Picture | SkipReason]:
        """Yield the picture of each frame, in order, or why there is none. Frames ascend.

        Args:
            frames: Their numbers.
            notes: Counts what there is to know of how pictures were read.
        """


@dataclass(frozen=True)
class Truth:
    """What a renderer knows beyond labels.

    Attributes:
        points: (k, 49, 3), landmarks in pixels of the picture, z depth in the same unit, 0 at the mean.
        pose_deg: (k, 3), yaw, pitch, roll.
    """

    points: Float[np.ndarray, "k 49 3"]
    pose_deg: Float[np.ndarray, "k 3"]

    def subset(self, rows: Shaped[np.ndarray, " m"]) -> "Truth":
        """Return the truth of these rows."""
        return Truth(self.points[rows], self.pose_deg[rows])


@dataclass(frozen=True)
class Sample:
    """One labelled frame; arrays as in `Labels`, without the first axis."""

    pixels: Picture
    subject: str
    sequence: str
    frame: int
    pose_number: int
    occurrence: Bool[np.ndarray, "23"]
    known: Bool[np.ndarray, "23"]
    intensity: Float[np.ndarray, "23 2"]
    intensity_known: Bool[np.ndarray, "23"]


@dataclass(frozen=True)
class Recording:
    """The labelled frames of one subject in one sequence from one camera.

    Attributes:
        subject: Who it is.
        sequence: Which recording, the subject's name in it.
        pictures: Where its pictures lie.
        labels: One row a frame; frames ascend.
        moving: Whether its frames follow one another in time, so that a face can be followed.
        pose_number: The camera of FERA 2017, 1-9; 0 where there is none.
        truth: Where a renderer knows more.
        extra: Further columns by name, one row a frame: numbers, tables of numbers or text.
    """

    subject: str
    sequence: str
    pictures: Pictures
    labels: Labels
    moving: bool = True
    pose_number: int = 0
    truth: Truth | None = None
    extra: Mapping[str, Shaped[np.ndarray, "k ..."]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels.frame)

    def subset(self, rows: Shaped[np.ndarray, " m"]) -> "Recording":
        """Return the recording with these frames alone."""
        return replace(
            self,
            labels=self.labels.subset(rows),
            truth=None if self.truth is None else self.truth.subset(rows),
            extra={name: values[rows] for name, values in self.extra.items()},
        )

    def samples(self) -> Iterator[Sample]:
        """Yield the frames whose picture can be read."""
        labels = self.labels
        for row, pixels in enumerate(self.pictures.read(labels.frame)):
            if not isinstance(pixels, SkipReason):
                yield Sample(
                    pixels, self.subject, self.sequence, int(labels.frame[row]), self.pose_number,
                    labels.occurrence[row], labels.known[row], labels.intensity[row], labels.intensity_known[row],
                )  # fmt: skip


@dataclass(frozen=True)
class Release:
    """A data set as it was found on disk.

    Attributes:
        name: Of the loader: "bp4d", "fera17", "disfa", "disfa+", "ck+", "stills" or "generic".
        recordings: In a fixed order.
        problems: What could not be loaded, or only in part.
    """

    name: str
    recordings: tuple[Recording, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names of the subjects, in order."""
        return tuple(sorted({recording.subject for recording in self.recordings}))


def require(folder: Path, what: str, hint: str) -> Path:
    """Return a folder that a data set must have.

    Raises:
        DatasetError: It is not there.
    """
    if not folder.is_dir():
        raise DatasetError(f"{what}: there is no folder {folder}. {hint}")
    return folder


def few(names: Sequence[object], limit: int = 5) -> str:
    """Return the first of many names for a message."""
    shown = ", ".join(str(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
