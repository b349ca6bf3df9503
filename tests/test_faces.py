from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import duchenne
from duchenne.cropping import block_means
from duchenne.errors import UsageError, WeightsError
from duchenne.faces import (
    DEFAULT_INPUT_PX,
    MAP_CHANNELS,
    FaceDetector,
    decode_maps,
    input_scale,
    merge_boxes,
    overlap,
)

SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"
ASTRONAUT_FACE = (175, 70, 110, 130)
"""Left, top, width, height of the face in scikit-image's astronaut, read off the picture by eye."""


@pytest.fixture(scope="module")
def face_detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def astronaut():
    return pytest.importorskip("skimage.data").astronaut()


def empty_maps(height=64, width=96):
    return [np.zeros((height // s, width // s, MAP_CHANNELS), np.float32) for s in (8, 16, 32)]


def centre(face):
    return face.box[:2] + face.box[2:] / 2


def inside(point, box):
    return box[0] < point[0] < box[0] + box[2] and box[1] < point[1] < box[1] + box[3]


class TestDecoding:
    def test_a_cell_with_zeros_is_a_face_of_four_strides_around_the_cell_s_centre(self):
        maps = empty_maps()
        maps[1][2, 3, 0] = 0.9
        scores, boxes, keypoints = decode_maps(maps, 0.5)
        assert scores == pytest.approx([0.9])
        assert boxes[0] == pytest.approx([3.5 * 16 - 32, 2.5 * 16 - 32, 64, 64])
        assert keypoints[0] == pytest.approx(np.tile([3.5 * 16, 2.5 * 16], (5, 1)))

    def test_offsets_count_in_strides_keypoints_in_two_and_sides_as_logarithms(self):
        maps = empty_maps()
        maps[0][1, 0] = [0.8, 0.5, -0.25, np.log(2), *[1, -1] * 5]
        _, boxes, keypoints = decode_maps(maps, 0.5)
        assert boxes[0] == pytest.approx([4 + 4 - 32, 12 - 2 - 32, 64, 64])
        assert keypoints[0] == pytest.approx(np.tile([4 + 16, 12 - 16], (5, 1)))

    def test_cells_of_all_maps_come_out_and_weak_ones_stay(self):
        maps = empty_maps()
        maps[0][0, 0, 0], maps[1][0, 0, 0], maps[2][0, 0, 0] = 0.5, 0.49, 0.7
        scores, _, _ = decode_maps(maps, 0.5)
        assert scores == pytest.approx([0.5, 0.7])


class TestMerging:
    def test_overlap_of_hand_worked_boxes(self):
        others = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 5, 5]], float)
        assert overlap(np.array([0.0, 0, 10, 10]), others) == pytest.approx([1, 50 / 150, 0])

    def test_a_heap_becomes_its_average_by_score_with_the_best_score(self):
        boxes = np.array([[0, 0, 100, 100], [10, 0, 100, 100], [300, 300, 50, 50]], float)
        points = np.stack([np.full((5, 2), v) for v in (50.0, 60.0, 320.0)])
        faces = merge_boxes(np.array([0.6, 0.2, 0.9]), boxes, points)
        assert [face.confidence for face in faces] == pytest.approx([0.9, 0.6])
        assert faces[1].box == pytest.approx([2.5, 0, 100, 100])
        assert faces[1].keypoints == pytest.approx(np.full((5, 2), 52.5))

    def test_a_small_box_inside_a_better_one_is_the_same_face(self):
        boxes = np.array([[0, 0, 100, 100], [30, 30, 40, 40]], float)
        assert len(merge_boxes(np.array([0.9, 0.8]), boxes, np.zeros((2, 5, 2)))) == 1

    def test_nothing_becomes_nothing(self):
        assert merge_boxes(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 5, 2))) == []


class TestScale:
    def test_a_twentieth_of_the_shorter_side_gets_twelve_pixels(self):
        assert input_scale(720, 1280, None) * 720 / 20 == pytest.approx(12)

    def test_a_small_picture_is_not_shrunk(self):
        assert input_scale(100, 240, None) == 1

    def test_a_wish_is_followed(self):
        assert input_scale(720, 1280, 18) == pytest.approx(12 / 18)

    def test_a_wish_for_smaller_faces_than_the_network_knows_enlarges_up_to_twice(self):
        assert input_scale(300, 400, 8) == pytest.approx(12 / 8)
        assert input_scale(300, 400, 6) == input_scale(300, 400, 1) == 2.0

    @pytest.mark.parametrize(("height", "width"), [(20_000, 20_000), (500, 50_000)])
    def test_work_is_bounded(self, height, width):
        assert input_scale(height, width, None) ** 2 * height * width <= DEFAULT_INPUT_PX * 1.001
        assert input_scale(height, width, 1) ** 2 * height * width <= 4.2e6


class TestFaceDetector:
    @pytest.mark.parametrize("size", [(1, 1), (30, 30), (20, 2000), (2000, 20), (33, 65)])
    @pytest.mark.parametrize("value", [0, 90, 255])
    def test_a_plain_picture_of_any_shape_holds_no_face(self, face_detector, size, value):
        assert face_detector.find(np.full((*size, 3), value, np.uint8)) == []

    def test_the_astronaut_has_one_face_in_the_right_place(self, face_detector, astronaut):
        (face,) = face_detector.find(astronaut)
        assert inside(centre(face), ASTRONAUT_FACE)
        assert 80 < face.box[2] < 150
        eye_left, eye_right, nose, mouth_left, mouth_right = face.keypoints
        assert eye_left[0] < nose[0] < eye_right[0]
        assert mouth_left[0] < mouth_right[0]
        assert max(eye_left[1], eye_right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])
        assert all(inside(point, face.box) for point in face.keypoints)

    def test_a_mirrored_picture_has_the_mirrored_face(self, face_detector, astronaut):
        (face,), (mirrored,) = face_detector.find(astronaut), face_detector.find(astronaut[:, ::-1])
        assert astronaut.shape[1] - centre(mirrored)[0] == pytest.approx(centre(face)[0], abs=0.08 * face.box[2])

    def test_a_grey_picture_and_an_enlarged_one_show_the_same_face(self, face_detector, astronaut):
        (face,) = face_detector.find(astronaut)
        grey = np.repeat(np.asarray(Image.fromarray(astronaut).convert("L"))[..., None], 3, 2)
        large = np.asarray(Image.fromarray(astronaut).resize((1024, 1024)))
        assert float(overlap(face.box, face_detector.find(grey)[0].box[None])[0]) > 0.7
        assert float(overlap(face.box, face_detector.find(large)[0].box[None] / 2)[0]) > 0.7

    def test_a_face_that_fills_the_picture_is_found(self, face_detector, astronaut):
        left, top, width, height = ASTRONAUT_FACE
        (face,) = face_detector.find(np.ascontiguousarray(astronaut[top : top + height, left : left + width]))
        assert face.box[2] > 70

    def test_two_faces_come_with_the_most_certain_first(self, face_detector, astronaut):
        half = np.asarray(Image.fromarray(astronaut).resize((256, 256)))
        pair = np.zeros((512, 1024, 3), np.uint8)
        pair[:, :512], pair[128:384, 640:896] = astronaut, half
        faces = face_detector.find(pair)
        assert len(faces) == 2
        assert faces[0].confidence >= faces[1].confidence

    @pytest.mark.parametrize("name", ["coffee", "rocket"])
    def test_pictures_without_people_hold_no_face(self, face_detector, name):
        data = pytest.importorskip("skimage.data")
        assert face_detector.find(getattr(data, name)()) == []

    def test_the_rendered_sample_has_one_face(self, face_detector):
        pixels = np.asarray(Image.open(SAMPLE).convert("RGB"))
        assert len(face_detector.find(pixels)) == 1

    def test_the_confidence_can_be_chosen(self, face_detector, astronaut):
        assert len(face_detector.find(astronaut, confidence=0.02)) >= 1
        assert face_detector.find(astronaut, confidence=1.0) == []


class TestMisuse:
    def test_options_out_of_range(self, face_detector):
        picture = np.zeros((8, 8, 3), np.uint8)
        with pytest.raises(UsageError, match="at least 1 px"):
            face_detector.find(picture, min_face_px=0.0)
        with pytest.raises(UsageError, match="above 0 and at most 1"):
            face_detector.find(picture, confidence=2.0)

    def test_an_empty_picture(self, face_detector):
        with pytest.raises(UsageError, match="reads H x W x 3"):
            face_detector.find(np.zeros((0, 8, 3), np.uint8))

    def test_a_file_that_is_no_network(self, tmp_path):
        (tmp_path / "broken.onnx").write_bytes(b"no network")
        with pytest.raises(WeightsError, match="not a face detector"):
            FaceDetector(tmp_path / "broken.onnx")


@pytest.mark.parametrize(
    ("height", "width", "factor"), [(1, 1, 1), (301, 77, 4), (128, 40, 7), (50, 50, 60), (260, 33, 1)]
)
def test_block_means_are_those_of_pillow(height, width, factor):
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(block_means(pixels, factor), np.asarray(Image.fromarray(pixels).reduce(factor)))


def test_large_pictures_are_made_smaller_in_stripes(monkeypatch):
    """A copy of all of it is what most of the time went into."""
    rows: list[int] = []
    whole = Image.fromarray
    monkeypatch.setattr("duchenne.cropping.Image.fromarray", lambda part: rows.append(len(part)) or whole(part))
    block_means(np.zeros((3000, 40, 3), np.uint8), 4)
    assert sum(rows) == 3000
    assert max(rows) < 200
