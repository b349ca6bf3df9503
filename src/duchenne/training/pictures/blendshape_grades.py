"""Grades of uncoded pictures by MediaPipe's blendshapes, on the scale of the coded ones.

Source: ours; the curve from a blendshape to the grade is isotonic regression (Barlow et al., 1972), as scikit-learn
computes it.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.datasets.mean_grades import NOT_CODED
from duchenne.datasets.person_split import Part
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPES_OF_AU, aus_from_blendshapes
from duchenne.training.pictures.real_faces import RealFace, real_faces

FEWEST_CODED = 100
"""Coded faces below which a curve would be a guess."""


@dataclass(frozen=True)
class GradedPicture:
    """A picture without codes, and what its blendshapes say.

    Attributes:
        face: The picture.
        grade: (23,), in the order of `facs.AU_NAMES`; NaN for AUs that no blendshape teaches, or
            of which fewer than `FEWEST_CODED` faces are coded.
    """

    face: RealFace
    grade: Float[np.ndarray, "23"]


def grade_uncoded(faces: list[RealFace]) -> list[GradedPicture]:
    """Return the faces that have no codes, graded by curves that those with codes give.

    Args:
        faces: Of one part, with blendshapes; those on which the teachers doubt are left out.

    Raises:
        TrainingError: Fewer than `FEWEST_CODED` are coded.
    """
    from sklearn.isotonic import IsotonicRegression

    sure = [face for face in faces if face.alone and face.blendshapes is not None]
    soft = aus_from_blendshapes(np.array([face.blendshapes for face in sure]).reshape(len(sure), -1))
    coded = np.array([face.picture.grade is not None for face in sure], bool)
    if coded.sum() < FEWEST_CODED:
        raise TrainingError(
            f"{coded.sum()} of these faces are coded; {FEWEST_CODED} are needed to tell what a blendshape means. "
            "Give a folder with a codes.csv."
        )
    codes = np.array([face.picture.grade for face in sure if face.picture.grade is not None])
    grade = np.full((int((~coded).sum()), len(AU_NAMES)), np.nan)
    for name in BLENDSHAPES_OF_AU if len(grade) else ():
        column = AU_NAMES.index(name)
        known = np.isfinite(codes[:, column])
        if known.sum() < FEWEST_CODED:
            continue
        curve = IsotonicRegression(out_of_bounds="clip").fit(soft[coded, column][known], codes[known, column])
        grade[:, column] = curve.predict(soft[~coded, column])
    uncoded = [face for face, has in zip(sure, coded, strict=True) if not has]
    return [GradedPicture(face, row) for face, row in zip(uncoded, grade, strict=True)]


def write_blendshape_grades(folder: Path, labels: Path, out: Path) -> int:
    """Write a table of grades for `duchenne prepare`: the uncoded pictures of persons who teach; return their number.

    Args:
        folder: Pictures with index.csv and codes.csv.
        labels: The teachers' labels of these pictures.
        out: The CSV to write.

    Raises:
        TrainingError: A file cannot be read, or too few pictures are coded.
    """
    graded = grade_uncoded(real_faces(folder, labels, Part.TEACH))
    names = list(BLENDSHAPES_OF_AU)
    columns = [AU_NAMES.index(name) for name in names]
    with out.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "person", *names])
        for picture in graded:
            face, cells = picture.face, [_cell(picture.grade[column]) for column in columns]
            table.writerow([face.file.resolve(), face.person, *cells])
    return len(graded)


def _cell(grade: float) -> str:
    return f"{grade:.2f}" if np.isfinite(grade) else NOT_CODED
