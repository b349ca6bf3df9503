"""What the teachers say of many pictures of real people: one row a picture, kept as one .npz."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from duchenne.errors import TrainingError
from duchenne.training.pictures.array_files import read_columns
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPE_NAMES

_NAMES = "blendshape_names"
_MAKE = "Make the labels with: duchenne dev label-faces."


@dataclass(frozen=True)
class PictureLabel:
    """What the teachers say of one picture; NaN where they see no face.

    Attributes:
        short, full: (5,) left, top, right, bottom (pixels) and score of each detector's largest face.
        n_short, n_full: Faces that each detector sees in the picture as it is.
        iou: Intersection over union of the two largest faces.
        keypoints: (6, 2), of the face that the mesh was laid on; pixels.
        points: (49, 3), pixels counted from pixel centres, and depth in the same unit.
        presence: Logit that the mesh lies on a face.
        consistency: Mean way of the points between the mesh's two passes, over the root of the area of their box.
        blendshapes: (52,), 0-1, in the order of `BLENDSHAPE_NAMES`.
    """

    short: Float[np.ndarray, "5"]
    full: Float[np.ndarray, "5"]
    n_short: int
    n_full: int
    iou: float
    keypoints: Float[np.ndarray, "6 2"]
    points: Float[np.ndarray, "49 3"]
    presence: float
    consistency: float
    blendshapes: Float[np.ndarray, "52"]


@dataclass(frozen=True)
class TeacherLabels:
    """The labels of n pictures; the columns are those of `PictureLabel` with a first axis.

    Attributes:
        picture: (n,), text: the file as index.csv names it.
        person: (n,), the number by which pictures are split.
        size: (n, 2), height and width, pixels.
    """

    picture: Shaped[np.ndarray, " n"]
    person: Int[np.ndarray, " n"]
    size: Int[np.ndarray, "n 2"]
    short: Float[np.ndarray, "n 5"]
    full: Float[np.ndarray, "n 5"]
    n_short: Int[np.ndarray, " n"]
    n_full: Int[np.ndarray, " n"]
    iou: Float[np.ndarray, " n"]
    keypoints: Float[np.ndarray, "n 6 2"]
    points: Float[np.ndarray, "n 49 3"]
    presence: Float[np.ndarray, " n"]
    consistency: Float[np.ndarray, " n"]
    blendshapes: Float[np.ndarray, "n 52"]

    def __len__(self) -> int:
        return len(self.picture)

    def write(self, path: Path) -> None:
        """Write the labels as .npz, real numbers as float32, with the names of the blendshapes beside them."""
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        columns = {name: c.astype(np.float32) if c.dtype == np.float64 else c for name, c in columns.items()}
        np.savez(path, allow_pickle=False, **columns, **{_NAMES: np.array(BLENDSHAPE_NAMES)})


def stack_labels(
    pictures: list[str], persons: list[int], sizes: list[tuple[int, int]], labels: list[PictureLabel]
) -> TeacherLabels:
    """Return the labels of several pictures as one table; `sizes` are heights and widths in pixels."""
    columns = {field.name: np.array([getattr(label, field.name) for label in labels]) for field in fields(PictureLabel)}
    return TeacherLabels(np.array(pictures), np.array(persons), np.array(sizes), **columns)


def read_teacher_labels(path: Path) -> TeacherLabels:
    """Return the labels of a file that `TeacherLabels.write` wrote.

    Raises:
        TrainingError: It is no such file, a column is missing, or its blendshapes are others.
    """
    columns = read_columns(path, _MAKE)
    wanted = [field.name for field in fields(TeacherLabels)]
    if missing := [name for name in (*wanted, _NAMES) if name not in columns]:
        raise TrainingError(f"{path} lacks the columns {', '.join(missing)}. {_MAKE}")
    if tuple(columns[_NAMES].tolist()) != BLENDSHAPE_NAMES:
        raise TrainingError(f"{path} has other blendshapes than the 52 of MediaPipe. {_MAKE}")
    return TeacherLabels(**{name: columns[name] for name in wanted})
