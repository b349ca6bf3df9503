"""What measures the package's networks, on rendered heads whose faces, points and poses are known."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import duchenne
from duchenne.weights import FOLDER

onnx = pytest.importorskip("onnx")
pytest.importorskip("torch")

from duchenne.evaluation.pretrained.face_detector import FaceDetectorTrial, measure_face_detector  # noqa: E402
from duchenne.evaluation.pretrained.landmarks import LandmarksTrial, measure_landmarks  # noqa: E402
from duchenne.faces import box_from_landmarks  # noqa: E402
from duchenne.landmarks import mean_face  # noqa: E402
from duchenne.synthesis.sets.shots import Poses  # noqa: E402
from duchenne.synthesis.sets.stills import StillsPlan, write_stills  # noqa: E402
from duchenne.training.face_detector.export import set_confidence  # noqa: E402
from duchenne.training.pictures.teacher_labels import PictureLabel, stack_labels  # noqa: E402

SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    write_stills(StillsPlan(count=10, people_per_file=1, poses=Poses.FRONTAL), folder)
    return folder


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """Thirty copies of the package's rendered face, each of another person, with its true points as labels."""
    folder = tmp_path_factory.mktemp("portraits")
    about = json.loads(SAMPLE.with_suffix(".json").read_text())
    pixels, points = np.asarray(Image.open(SAMPLE).convert("RGB")), np.array(about["landmarks"])
    points_3d = np.column_stack([points - 0.5, 50 * mean_face()[:, 2]])
    left, top, width, height = box_from_landmarks(points)
    box = np.array([left, top, left + width, top + height, 0.9])
    label = PictureLabel(box, box, 1, 1, 0.9, np.zeros((6, 2)), points_3d, 5.0, 0.01, np.zeros(52))
    people = [10 * k for k in range(1, 31)]
    for person in people:
        Image.fromarray(pixels).save(folder / f"{person}.png")
    (folder / "index.csv").write_text("file,person\n" + "".join(f"{p}.png,{p}\n" for p in people))
    sizes = [pixels.shape[1::-1]] * len(people)
    stack_labels([f"{p}.png" for p in people], people, sizes, [label] * len(people)).write(folder / "labels.npz")
    return folder


def test_known_faces_are_found_alone_in_crowds_and_on_photographs(heads, portraits, tmp_path):
    shutil.copy(SAMPLE, tmp_path / "with_a_face.jpg")
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    Image.fromarray(np.full((200, 200, 3), 9, np.uint8)).save(tmp_path / "left_out.png")
    trial = FaceDetectorTrial(portraits, portraits / "labels.npz", (tmp_path,), ("left_out",), heads, heads)
    found = measure_face_detector(trial)
    assert (found.persons, found.recall.faces, found.recall.found) == (30, 30, 30)
    assert found.recall.mean_iou > 0.75
    assert found.false_faces.whole_photographs.pictures == 2
    assert found.false_faces.whole_photographs.with_a_false_face == 1
    assert found.false_faces.tiles.pictures == 12
    assert found.false_faces.all.pictures == 14
    assert found.recall_in_crowds["28 in 1280 x 720"].found >= 26
    assert found.recall_rendered.by_abs_yaw_deg["0-20"].found >= 4
    assert sum(one.faces for one in found.recall_rendered_by_pose.values()) == 10


def test_landmarks_of_known_faces_are_near_and_grow_with_the_truth(heads, portraits, tmp_path):
    Image.fromarray(np.full((300, 400, 3), 90, np.uint8)).save(tmp_path / "grey.png")
    trial = LandmarksTrial(portraits, portraits / "labels.npz", heads, heads, (tmp_path,))
    found = measure_landmarks(trial)
    assert found.held_out_real.agreed_faces == found.held_out_real.located == 30
    assert found.held_out_real.all.median < 0.05
    assert (found.rendered.heads, found.rendered.located) == (10, 10)
    assert found.rendered.all.points.median < 0.06
    assert found.rendered.frontal_responses.faces >= 2
    assert found.rendered.frontal_responses.both_sides["opening of the eye"] > 0.3
    assert found.without_a_face.squares == 20
    assert found.without_a_face.seem_a_face == 0


def test_an_exported_face_detector_says_of_itself_what_the_released_one_does(tmp_path):
    released, ours = FOLDER / "face_detector.onnx", tmp_path / "ours.onnx"
    shutil.copy(released, ours)
    about = {entry.key: entry.value for entry in onnx.load(str(released)).metadata_props}
    set_confidence(ours, float(about["confidence"]))
    assert {entry.key: entry.value for entry in onnx.load(str(ours)).metadata_props} == about
