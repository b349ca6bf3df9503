from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from duchenne.errors import TrainingError
from duchenne.faces import FaceDetector, box_from_landmarks, overlap
from duchenne.geometry import shift, similarity, transform_points

pytest.importorskip("cv2")
torch = pytest.importorskip("torch")

from duchenne.evaluation.pretrained.hard_pictures import COVERS, crowds, hidden  # noqa: E402
from duchenne.networks.face_detector import FaceDetectorNetwork  # noqa: E402
from duchenne.training.face_detector import sources  # noqa: E402
from duchenne.training.face_detector.backgrounds import covered, hard_squares  # noqa: E402
from duchenne.training.face_detector.canvas import CanvasMaker, paste  # noqa: E402
from duchenne.training.face_detector.export import export_face_detector  # noqa: E402
from duchenne.training.face_detector.loss import CellGrid, assign, face_detector_loss, square_iou  # noqa: E402
from duchenne.training.face_detector.pool import FacePool, LabelledPicture, write_pool  # noqa: E402
from duchenne.training.face_detector.scores import choose_threshold, tiles  # noqa: E402
from duchenne.training.pictures.photographs import photographs  # noqa: E402
from duchenne.training.pictures.textures import _clouds, texture  # noqa: E402
from duchenne.training.run.batch_norm_unfolding import start_from_export  # noqa: E402

MARKS = {0: (255, 0, 0), 1: (0, 255, 0), 3: (0, 0, 255)}
"""Colours drawn at keypoints 0 (eye, image left), 1 (eye, image right), 3 (mouth corner, image left)."""


def landmarks():
    """49 points of which only those that make the five keypoints matter; a face 80 px wide about (130, 130)."""
    points = np.tile([130.0, 130.0], (49, 1))
    points[[19, 22]], points[[25, 28]] = (104, 104), (156, 104)
    points[31], points[37], points[8], points[2] = (108, 160), (152, 160), (170, 90), (90, 90)
    return points


@pytest.fixture
def pool(tmp_path):
    pixels = np.full((256, 256, 3), 120, np.uint8)
    for colour, (x, y) in zip(MARKS.values(), [(104, 104), (156, 104), (108, 160)], strict=True):
        pixels[y - 9 : y + 9, x - 9 : x + 9] = colour
    write_pool(tmp_path / "part", [LabelledPicture(pixels, landmarks(), grey=False)], 1)
    return FacePool([tmp_path / "part"], [1.0])


def test_a_pasted_picture_lies_where_the_transform_says():
    source = np.zeros((60, 80, 3), np.uint8)
    source[20:30, 40:50] = 255
    transform = shift(70, 60) @ similarity(1.5, 25) @ shift(-40, -30)
    canvas = np.zeros((128, 128, 3), np.uint8)
    paste(canvas, source, None, transform)
    y, x = np.nonzero(canvas[..., 0] > 128)
    expected = transform_points(transform, np.array([[45.0, 25.0]]))[0]
    assert np.array([x.mean() + 0.5, y.mean() + 0.5]) == pytest.approx(expected, abs=0.3)


def test_a_shrunk_picture_lies_there_too():
    source = np.zeros((200, 200, 3), np.uint8)
    source[40:80, 100:140] = 255
    transform = shift(50, 50) @ similarity(0.3, -10) @ shift(-100, -100)
    canvas = np.zeros((96, 96, 3), np.uint8)
    paste(canvas, source, None, transform)
    weight = canvas[..., 0].astype(float)
    y, x = np.mgrid[:96, :96] + 0.5
    found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
    assert found == pytest.approx(transform_points(transform, np.array([[120.0, 60.0]]))[0], abs=0.3)


def test_keypoints_of_canvases_lie_on_what_they_name(pool):
    maker = CanvasMaker(pool, np.full((3, 320, 320, 3), 60, np.uint8), 256, seed=0)
    seen = mirrored = 0
    for _ in range(120):
        canvas = maker._compose([150.0], pieces=0, fill=True)
        for index, colour in MARKS.items():
            x, y = canvas.points[0, index].astype(int)
            if not (4 < x < 251 and 4 < y < 251):
                continue
            strongest = int(np.argmax(canvas.pixels[y - 1 : y + 2, x - 1 : x + 2].astype(float).mean((0, 1))))
            coloured = np.ptp(canvas.pixels[y, x].astype(int)) > 40
            seen += coloured
            mirrored += coloured and strongest != int(np.argmax(colour)) and index == 0
    assert seen > 100
    assert mirrored > 10


def test_the_same_seed_draws_the_same_canvas(pool):
    behind = np.random.default_rng(0).integers(0, 256, (3, 320, 320, 3), dtype=np.uint8)
    first, second = (CanvasMaker(pool, behind, 128, seed=3).draw() for _ in range(2))
    assert (first.pixels == second.pixels).all()
    assert (first.boxes == second.boxes).all()


def test_a_covered_face_is_gone():
    pixels = np.full((200, 200, 3), 50, np.uint8)
    pixels[80:120, 80:120] = 255
    assert (
        covered(pixels, np.array([100.0, 100.0, 40.0]), np.random.default_rng(1))[80:120, 80:120] == 255
    ).mean() < 0.5


def test_false_faces_are_looked_for_where_the_known_face_is_covered(monkeypatch):
    class Watching(FaceDetector):
        def find(self, pixels, min_face_px=None, confidence=None):
            looked_at.append(pixels)
            return []

    pixels, looked_at = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8), []
    points = landmarks() + np.array([270, 170])
    face = SimpleNamespace(pixels=lambda: pixels, landmarks=points, alone=True)
    monkeypatch.setattr(sources, "real_faces", lambda *asked: [face])
    monkeypatch.setattr(sources, "photographs", lambda places: {})
    found, false = sources.validation_confidences(Watching(), Path("faces"), Path("labels"), [])
    assert (found.tolist(), false.tolist()) == ([0.0], [0.0])
    known, behind = looked_at
    rows, columns = np.nonzero((known != behind).any(2))
    left, top, width, height = box_from_landmarks(points)
    assert columns.min() < left < left + width < columns.max()
    assert rows.min() < top < top + height < rows.max()
    assert (columns.min() + columns.max()) / 2 == pytest.approx(left + width / 2, abs=2)


class TestAssignment:
    def test_the_cell_at_the_centre_of_a_face_answers_for_it(self):
        grid = CellGrid(128)
        boxes = torch.tensor([[[52.0, 60.0, 16.0], [0.0, 0.0, 0.0]]])
        face, counted = assign(grid, boxes, torch.tensor([[True, False]]))
        (cell,) = (face[0] == 0).nonzero()[:, 0].tolist()
        assert grid.centres[cell].tolist() == [52, 60]
        assert grid.stride[cell] == 8
        assert bool(counted[0, cell])
        assert not counted[0].all()

    def test_a_face_between_two_maps_belongs_to_both(self):
        grid = CellGrid(128)
        face, _ = assign(grid, torch.tensor([[[64.0, 64.0, 40.0]]]), torch.tensor([[True]]))
        assert set(grid.stride[face[0] == 0].tolist()) == {8, 16}

    def test_a_face_that_is_not_known_is_neither_found_nor_left_out(self):
        grid = CellGrid(128)
        face, counted = assign(grid, torch.tensor([[[64.0, 64.0, 60.0]]]), torch.tensor([[False]]))
        assert (face == -1).all()
        assert not counted[0][(grid.centres - 64).abs().amax(1) < 30].any()


def test_iou_of_squares_agrees_with_that_of_boxes():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(5, 30, (2, 200, 3))
    expected = [
        overlap(np.array([*(p[:2] - p[2] / 2), p[2], p[2]]), np.array([[*(q[:2] - q[2] / 2), q[2], q[2]]]))[0]
        for p, q in zip(a, b, strict=True)
    ]
    assert square_iou(torch.tensor(a), torch.tensor(b)).numpy() == pytest.approx(np.array(expected), abs=1e-6)


def test_the_right_answer_costs_next_to_nothing():
    grid = CellGrid(128)
    boxes, points = torch.tensor([[[60.0, 52.0, 32.0]]]), torch.full((1, 1, 5, 2), 56.0)
    face, _ = assign(grid, boxes, torch.tensor([[True]]))
    flat = torch.zeros(1, len(grid.centres), 14)
    flat[..., 0] = -20
    mine = face[0] == 0
    stride, centres = grid.stride[mine, None], grid.centres[mine]
    flat[0, mine, 0] = 20
    flat[0, mine, 1:3] = (boxes[0, 0, :2] - centres) / stride
    flat[0, mine, 3] = (32 / (4 * stride[:, 0])).log()
    flat[0, mine, 4:] = ((56 - centres) / (2 * stride)).repeat(1, 5)
    cells = [256, 64, 16]
    maps = [m.transpose(1, 2).reshape(1, 14, s, s) for m, s in zip(flat.split(cells, 1), (16, 8, 4), strict=True)]
    parts = face_detector_loss(maps, grid, boxes, points, torch.tensor([[True]]))
    assert all(float(value) < 1e-4 for value in parts.values())


def test_a_box_beside_the_face_costs_what_the_paper_says():
    """Zheng et al., AAAI 2020, eq. 7, by hand: 12 of 20 px shared, centres 4 px apart, an enclosing box of 20 x 16."""
    grid = CellGrid(128)
    boxes = torch.tensor([[[52.0, 60.0, 16.0]]])
    maps = [torch.zeros(1, 14, side, side) for side in (16, 8, 4)]
    maps[0][0, 1, 7, 6], maps[0][0, 3, 7, 6] = 4 / 8, float(np.log(16 / 32))
    parts = face_detector_loss(maps, grid, boxes, torch.zeros(1, 1, 5, 2), torch.tensor([[True]]))
    assert float(parts["box"]) == pytest.approx(1 - 192 / 320 + 16 / (20**2 + 16**2), abs=1e-5)


def test_the_threshold_is_the_lowest_that_is_quiet_enough():
    false = np.concatenate([np.zeros(199), [0.615]])
    assert choose_threshold(np.array([0.8, 0.9]), false) == 0.1
    assert choose_threshold(np.array([0.8, 0.9]), false[-100:]) == 0.62


def test_a_face_detector_that_is_quiet_only_where_it_is_blind_is_refused():
    with pytest.raises(TrainingError, match=r"Only 50\.0%"):
        choose_threshold(np.array([0.3, 0.9]), np.array([0.5]))


def test_a_photograph_falls_into_six_tiles():
    parts = tiles(np.zeros((90, 160, 3), np.uint8))
    assert len(parts) == 7
    assert sum(part.shape[0] * part.shape[1] for part in parts[1:]) == 90 * 160


def test_of_two_sizes_of_one_photograph_the_larger_is_kept(tmp_path):
    image = pytest.importorskip("PIL.Image")
    picture = image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)).resize((300, 200))
    picture.save(tmp_path / "large.png")
    picture.resize((150, 100)).save(tmp_path / "small.png")
    assert [file.name for file in photographs([tmp_path])] == ["large.png"]


@pytest.mark.parametrize("cover", COVERS)
def test_a_cover_hides_its_part_of_the_face_and_nothing_else(cover):
    pixels = np.full((256, 256, 3), 200, np.uint8)
    changed = (hidden(pixels, landmarks(), cover) != pixels).any(2)
    left, top, side, _ = box_from_landmarks(landmarks())
    low_x, low_y, high_x, high_y = COVERS[cover]
    assert changed.sum() / side**2 == pytest.approx((high_x - low_x) * (high_y - low_y), abs=0.03)
    y, x = np.nonzero(changed)
    assert left - 1 <= x.min() <= x.max() <= left + side
    assert top - 1 <= y.min() <= y.max() <= top + side


def test_the_landmarks_of_a_crowd_lie_on_its_faces():
    pixels = np.full((256, 256, 3), 10, np.uint8)
    pixels[95:113, 95:113] = (255, 0, 0)
    (crowd,) = crowds([(pixels, landmarks()), (pixels[:, :200], landmarks())] * 4, columns=3, rows=2)
    assert crowd.pixels.shape == (720, 1080, 3)
    for points in crowd.landmarks:
        x, y = points[[19, 22]].mean(0).astype(int)
        assert tuple(crowd.pixels[y, x]) == (255, 0, 0)


def test_places_that_fool_a_face_detector_are_kept_and_others_are_not():
    class Fooled(FaceDetector):
        """Sees a face wherever the middle is bright."""

        def find(self, pixels, min_face_px=None, confidence=None):
            assert confidence == 0.2
            return [object()] if pixels[160, 160].mean() > 128 else []

    photos = [np.full((400, 400, 3), shade, np.uint8) for shade in (20, 230)]
    found = hard_squares(Fooled(), photos, count=12, tries=200, seed=0)
    assert found.shape == (12, 320, 320, 3)
    assert (found[:, 160, 160].mean(1) > 128).all()
    assert hard_squares(Fooled(), photos[:1], count=500, tries=4, seed=0).shape[0] <= 2


def test_textures_differ_and_fill_their_square():
    rng = np.random.default_rng(5)
    drawn = [texture(rng) for _ in range(24)]
    assert all(picture.shape == (320, 320, 3) for picture in drawn)
    assert len({picture.tobytes() for picture in drawn}) == 24
    assert np.median([picture.std() for picture in drawn]) > 15


def test_clouds_spread_from_nothing_to_one():
    drawn = _clouds(np.random.default_rng(0))
    assert drawn.min() == 0
    assert drawn.max() == pytest.approx(1, abs=1e-6)


def test_a_face_detector_goes_on_from_its_own_export(tmp_path):
    torch.manual_seed(0)
    old, new = FaceDetectorNetwork(), FaceDetectorNetwork()
    with torch.no_grad():
        for _ in range(3):
            old(torch.randn(4, 3, 64, 64) + 0.2)
    export_face_detector(old.eval(), tmp_path / "old.onnx", confidence=0.5)
    pictures = torch.randn(16, 3, 64, 64) + 0.2
    start_from_export(new, tmp_path / "old.onnx", pictures)
    with torch.no_grad():
        for found, expected in zip(new.eval()(pictures), old(pictures), strict=True):
            assert torch.allclose(found, expected, atol=1e-4)
