"""Uncoded pictures get the grade that coded ones of the same blendshape have; unsure ones and other parts get none."""

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from duchenne.datasets.mean_grades import NOT_CODED
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.training.pictures.blendshape_grades import FEWEST_CODED, grade_uncoded, write_blendshape_grades
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPE_NAMES
from duchenne.training.pictures.real_faces import RealFace, RealPicture
from duchenne.training.pictures.teacher_labels import PictureLabel, stack_labels

AU12, AU10 = AU_NAMES.index("AU12"), AU_NAMES.index("AU10")


def face(person, smile, grade=None, alone=True):
    blendshapes = np.zeros(52)
    blendshapes[BLENDSHAPE_NAMES.index("mouthSmileLeft")] = smile
    codes = None
    if grade is not None:
        codes = np.zeros(23)
        codes[AU12] = grade
    picture = RealPicture(Path(f"{person}.jpg"), person, grade=codes)
    return RealFace(picture, np.zeros((49, 3)), alone, alone, blendshapes)


def coded(count=FEWEST_CODED):
    """Smiles up to .5 are graded 0, beyond that 3."""
    return [face(2, smile, 3.0 if smile > 0.5 else 0.0) for smile in np.linspace(0, 1, count)]


def test_a_blendshape_means_the_grade_that_coders_gave_to_faces_that_have_it():
    graded = grade_uncoded([*coded(), face(3, 0.2), face(4, 0.9)])
    assert [round(float(one.grade[AU12]), 2) for one in graded] == [0.0, 3.0]


def test_an_au_that_no_blendshape_teaches_stays_unknown():
    (graded,) = grade_uncoded([*coded(), face(3, 0.2)])
    assert np.isnan(graded.grade[AU10])


def test_a_face_on_which_the_teachers_doubt_is_left_out():
    assert grade_uncoded([*coded(), face(3, 0.2, alone=False)]) == []


def test_too_few_coded_faces_are_named():
    with pytest.raises(TrainingError, match=f"{FEWEST_CODED - 1} of these faces are coded; {FEWEST_CODED} are needed"):
        grade_uncoded([*coded(FEWEST_CODED - 1), face(3, 0.2)])


def test_the_table_holds_uncoded_pictures_of_persons_who_teach_only(tmp_path):
    people = [2, 3, 4] * FEWEST_CODED + [20, 21, 25]
    names = [f"{row}.png" for row in range(len(people))]
    uncoded = {*names[:2], *names[-3:]}
    index = ["file,person", *(f"{name},{person}" for name, person in zip(names, people, strict=True))]
    codes = ["file,person,AU12", *(f"{n},{p},1" for n, p in zip(names, people, strict=True) if n not in uncoded)]
    (tmp_path / "index.csv").write_text("\n".join(index))
    (tmp_path / "codes.csv").write_text("\n".join(codes))
    box = np.array([90.0, 90.0, 170.0, 170.0, 0.9])
    label = PictureLabel(box, box, 1, 1, 0.8, np.zeros((6, 2)), np.ones((49, 3)), 5.0, 0.01, np.full(52, 0.4))
    stack_labels(names, people, [(256, 256)] * len(names), [label] * len(names)).write(tmp_path / "labels.npz")

    assert write_blendshape_grades(tmp_path, tmp_path / "labels.npz", tmp_path / "out.csv") == 2
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == names[:2]
    assert all(row["AU12"] == "1.00" for row in rows)
    assert all(row["AU01"] == NOT_CODED for row in rows)
