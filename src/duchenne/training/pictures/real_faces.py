"""Pictures of real people, by one reader with one split of persons, with what coders and teachers say of them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from PIL import Image

from duchenne.cropping import Picture
from duchenne.datasets.mean_grades import read_grades
from duchenne.datasets.person_split import Part, part_of
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.files.numbers import whole_number
from duchenne.training.pictures.teacher_labels import TeacherLabels, read_teacher_labels

INDEX_NAME, CODES_NAME = "index.csv", "codes.csv"
AGREEMENT_IOU = 0.5
"""Overlap from which both detectors of the teachers see the same face."""
MIN_PRESENCE = 2.0
"""Logit above which the teacher's own doubt is small."""
MAX_INCONSISTENCY = 0.03
"""Mean way between the teacher's two passes, over the root of the area of the points' box; 1% differ by more."""
CENTRE_OF_PIXEL = np.array([0.5, 0.5, 0.0])
"""Teachers count from the centres of pixels, this project from the picture's corner."""


@dataclass(frozen=True)
class RealPicture:
    """A picture of a real person.

    Attributes:
        file: Where it lies.
        person: The number by which pictures are split.
        name: The file as the index names it.
        emotion: A rough label, or nothing.
        grade: (23,), mean grade of each AU as `datasets.mean_grades` reads it, NaN where not known; None without codes.
        one_sided: (23,), on which side of the subject an AU is stronger (1 left, -1 right, 0 not noted); None likewise.
    """

    file: Path
    person: int
    name: str = ""
    emotion: str = ""
    grade: Float[np.ndarray, "23"] | None = None
    one_sided: Int[np.ndarray, "23"] | None = None

    @property
    def part(self) -> Part:
        """What the picture is for.

        Raises:
            TrainingError: For nothing: its person is kept apart.
        """
        part = part_of(self.person)
        if part is None:
            raise TrainingError(f"{self.file} shows person {self.person}, who is kept apart. Leave the picture out.")
        return part

    def pixels(self) -> Picture:
        """Return the picture."""
        with Image.open(self.file) as image:
            return np.asarray(image.convert("RGB"))


@dataclass(frozen=True)
class RealFace:
    """A picture of a real person on which both detectors of the teachers see the same face.

    Attributes:
        picture: The picture and its codes.
        landmarks_3d: (49, 3), the mesh teacher's points and depth, image pixels.
        alone: The mesh teacher believes in the face, and no detector sees a second one.
        trusted: `alone`, and the mesh teacher is sure and agrees with itself: its points are good enough to learn from.
        blendshapes: (52,), 0-1, in the order of `mediapipe_blendshapes.BLENDSHAPE_NAMES`; None where there are none.
    """

    picture: RealPicture
    landmarks_3d: Float[np.ndarray, "49 3"]
    alone: bool
    trusted: bool
    blendshapes: Float[np.ndarray, "52"] | None = None

    @property
    def file(self) -> Path:
        """Where the picture lies."""
        return self.picture.file

    @property
    def person(self) -> int:
        """The number by which pictures are split."""
        return self.picture.person

    @property
    def landmarks(self) -> Float[np.ndarray, "49 2"]:
        """The points, image pixels."""
        return self.landmarks_3d[:, :2]

    def pixels(self) -> Picture:
        """Return the picture."""
        return self.picture.pixels()


def real_pictures(folder: Path, *parts: Part) -> list[RealPicture]:
    """Return the pictures of some parts that a folder's index lists, in its order, with their codes if there are any.

    Args:
        folder: Pictures with an index.csv (file, person, and if you like emotion) and perhaps a codes.csv of grades.
        parts: Whose pictures. Persons who are kept apart are in none of them.

    Raises:
        TrainingError: A table cannot be read, or there is no picture of these parts.
    """
    codes = _read_codes(folder / CODES_NAME)
    pictures = []
    for row in _read_index(folder / INDEX_NAME):
        name, person = row["file"], int(row["person"])
        if part_of(person) in parts:
            grade, one_sided = codes.get(name, (None, None))
            pictures.append(RealPicture(folder / name, person, name, row.get("emotion") or "", grade, one_sided))
    if not pictures:
        wanted = ", ".join(parts) or "none"
        raise TrainingError(f"{folder / INDEX_NAME} lists no picture of the parts asked for ({wanted}).")
    return pictures


def real_faces(folder: Path, labels: Path, *parts: Part) -> list[RealFace]:
    """Return the pictures of some parts on which both detectors of the teachers see the same face.

    Args:
        folder: As in `real_pictures`.
        labels: Of its pictures, as `teacher_labels.TeacherLabels.write` writes them; they may lack some.
        parts: Whose pictures.

    Raises:
        TrainingError: As in `real_pictures`, or the labels are of other pictures.
    """
    table = read_teacher_labels(labels)
    index = {row["file"]: int(row["person"]) for row in _read_index(folder / INDEX_NAME)}
    if any(index.get(str(name)) != person for name, person in zip(table.picture, table.person, strict=True)):
        raise TrainingError(
            f"{labels} labels pictures or persons that {folder / INDEX_NAME} does not list. Label this folder anew."
        )
    row_of = {str(name): row for row, name in enumerate(table.picture)}
    agreed, alone, trusted = _agreed(table), _alone(table), _trusted(table)
    points = table.points.astype(np.float64) + CENTRE_OF_PIXEL
    blendshapes = table.blendshapes.astype(np.float64)
    return [
        RealFace(picture, points[row], bool(alone[row]), bool(trusted[row]), blendshapes[row])
        for picture in real_pictures(folder, *parts)
        if (row := row_of.get(picture.name)) is not None and agreed[row]
    ]


def _agreed(labels: TeacherLabels) -> Bool[np.ndarray, " n"]:
    return (labels.iou >= AGREEMENT_IOU) & np.isfinite(labels.points).all((1, 2))


def _alone(labels: TeacherLabels) -> Bool[np.ndarray, " n"]:
    return (labels.n_short < 2) & (labels.n_full < 2) & (labels.presence > 0)


def _trusted(labels: TeacherLabels) -> Bool[np.ndarray, " n"]:
    return _alone(labels) & (labels.presence > MIN_PRESENCE) & (labels.consistency < MAX_INCONSISTENCY)


def _read_index(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read ({error}). It must list each picture: file,person.") from error
    for line, row in enumerate(rows, 2):
        if not row.get("file") or whole_number(row.get("person") or "") is None:
            raise TrainingError(f"{path}: line {line} lacks a file or a person's number. It must list: file,person.")
    return rows


def _read_codes(path: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return grades and sides by the name of the file; nothing where a folder has no codes."""
    if not path.exists():
        return {}
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    grades, problems = read_grades(table, {au: au for au in AU_NAMES if au in table})
    if problems:
        raise TrainingError(f"{path}: {problems[0].where}: {problems[0].what}. Correct the file.")
    return dict(zip(table["file"], zip(grades.grade, grades.one_sided, strict=True), strict=True))
