from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("cv2")

from duchenne.errors import TrainingError, WeightsError  # noqa: E402
from duchenne.evaluation.pretrained import landmarks  # noqa: E402
from duchenne.evaluation.pretrained.landmark_errors import (  # noqa: E402
    MOVEMENTS,
    by_yaw,
    measure_rendered,
    point_error,
    point_errors,
    responses,
    shape_error,
)
from duchenne.evaluation.pretrained.landmark_result import SquaresWithoutFace  # noqa: E402
from duchenne.evaluation.pretrained.landmarks import FACE_IN_SQUARE, SQUARES_PER_PHOTOGRAPH, measure_empty  # noqa: E402
from duchenne.facs import LANDMARK_GROUPS, MIRROR_LANDMARKS  # noqa: E402
from duchenne.geometry import HeadPose, angle_between_deg, rotation_from_pose  # noqa: E402
from duchenne.landmarks import FaceLandmarks, Landmarker, mean_face  # noqa: E402
from duchenne.networks.landmarker import LandmarkerNetwork  # noqa: E402
from duchenne.training.landmarks import sources  # noqa: E402
from duchenne.training.landmarks.augmentation import augment  # noqa: E402
from duchenne.training.landmarks.boxes import true_box  # noqa: E402
from duchenne.training.landmarks.export import export_landmarker  # noqa: E402
from duchenne.training.landmarks.loss import landmark_loss  # noqa: E402
from duchenne.training.landmarks.pool import Pool, face_sample, write_part  # noqa: E402
from duchenne.training.landmarks.pose_correction import fit, observed  # noqa: E402
from duchenne.training.landmarks.sources import depth_difference, with_depth  # noqa: E402
from duchenne.training.landmarks.task import collate  # noqa: E402
from duchenne.training.pictures.real_faces import RealFace, RealPicture  # noqa: E402
from duchenne.training.pictures.rendered_heads import RenderedFace  # noqa: E402
from duchenne.training.recipes.landmarks import LandmarkerRecipe  # noqa: E402
from duchenne.training.run.batch_norm_unfolding import start_from_export  # noqa: E402


def head(pose=None, scale=60.0):
    landmarks_3d = scale * mean_face() @ rotation_from_pose(pose or HeadPose(0.0, 0.0, 0.0)).T
    return landmarks_3d + np.array([150.0, 140.0, -landmarks_3d[:, 2].mean()])


def dotted(landmarks_3d):
    """A picture with a bright dot on the nose tip."""
    pixels = np.full((300, 300, 3), 40, np.uint8)
    x, y = landmarks_3d[13, :2].astype(int)
    pixels[y - 3 : y + 4, x - 3 : x + 4] = 250
    return pixels


class TestSamples:
    def test_the_target_stays_on_the_feature_whatever_augmentation_does(self):
        landmarks_3d = head()
        sample = face_sample(dotted(landmarks_3d), landmarks_3d, None)
        off = []
        for seed in range(30):
            crop, target = augment(sample, np.random.default_rng(seed))
            light = np.clip(crop.mean(2) - crop.mean(2).max() * 0.8, 0, None)
            y, x = np.mgrid[:128, :128] + 0.5
            near = np.hypot(x - target.landmarks_3d[13, 0], y - target.landmarks_3d[13, 1]) < 20
            light = light * near
            if light.sum() > 0:
                centre = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
                off.append(np.linalg.norm(centre - target.landmarks_3d[13, :2]))
        assert np.median(off) < 1.0

    def test_a_part_on_disk_gives_back_what_was_written(self, tmp_path):
        landmarks_3d = head()
        sample = face_sample(dotted(landmarks_3d), landmarks_3d, np.arange(49) % 2 == 0)
        write_part(tmp_path / "part", [sample, sample])
        pool = Pool()
        pool.add(tmp_path / "part")
        pool.add(tmp_path / "part")
        assert len(pool) == 2
        assert pool[1].landmarks_3d == pytest.approx(sample.landmarks_3d)
        assert (pool[1].visible == sample.visible).all()
        assert (pool[1].crop == sample.crop).all()

    def test_turned_heads_are_drawn_as_often_as_asked(self, tmp_path):
        poses = [HeadPose(0.0, 0.0, 0.0)] * 18 + [HeadPose(40.0, 0.0, 5.0), HeadPose(3.0, -35.0, 0.0)]
        solids = [head(pose) for pose in poses]
        write_part(
            tmp_path / "part", [face_sample(dotted(landmarks_3d), landmarks_3d, None) for landmarks_3d in solids]
        )
        pool, rng = Pool(), np.random.default_rng(0)
        pool.add(tmp_path / "part")
        for asked, share in ((0.0, 0.1), (0.5, 0.55), (1.0, 1.0)):
            drawn = np.mean([pool.draw(rng, asked).turned for _ in range(400)])
            assert drawn == pytest.approx(share, abs=0.08)

    def test_uneven_faces_are_drawn_as_often_as_asked(self, tmp_path):
        uneven = head()
        uneven[:5, 1] -= 0.05 * 60.0
        solids = [head()] * 18 + [uneven] * 2
        write_part(
            tmp_path / "part", [face_sample(dotted(landmarks_3d), landmarks_3d, None) for landmarks_3d in solids]
        )
        pool, rng = Pool(), np.random.default_rng(0)
        pool.add(tmp_path / "part")
        for asked, share in ((0.0, 0.1), (0.5, 0.55), (1.0, 1.0)):
            drawn = np.mean([pool.draw(rng, uneven_share=asked).uneven for _ in range(400)])
            assert drawn == pytest.approx(share, abs=0.08)

    def test_a_part_without_a_face_is_an_error(self, tmp_path):
        with pytest.raises(TrainingError):
            write_part(tmp_path / "part", [])


class TestDepth:
    def test_the_teacher_s_mean_depth_becomes_the_rendered_one_and_points_stay(self, tmp_path):
        landmarks_3d = head()
        landmarks_3d[31:, 2] += 6.0
        face = RealFace(RealPicture(tmp_path / "a.jpg", 2), landmarks_3d, alone=True, trusted=True)
        moved = with_depth(face, mean_face(), depth_difference([face], mean_face()))
        assert moved.landmarks_3d[:, :2] == pytest.approx(landmarks_3d[:, :2])
        depth = (moved.landmarks_3d[:, 2] - moved.landmarks_3d[:, 2].mean()) / 60.0
        assert depth == pytest.approx(mean_face()[:, 2] - mean_face()[:, 2].mean(), abs=1e-2)


class TestPoseCorrection:
    def test_what_the_shape_tells_of_the_pose_is_found_again(self):
        rng = np.random.default_rng(0)
        truth = np.zeros((147, 3))
        truth[40, 0], truth[7, 1] = 30.0, -20.0
        shapes = rng.normal(0, 0.3, (3000, 147))
        found = fit(shapes, np.clip(shapes @ truth, -17, 17) + rng.normal(0, 1.0, (3000, 3)))
        assert found[40, 0] == pytest.approx(30.0, rel=0.1)
        assert found[7, 1] == pytest.approx(-20.0, rel=0.1)
        assert np.median(np.abs(found)) < 0.2

    def test_a_head_and_its_mirror_image_miss_mirrored_turns(self):
        class Blind(Landmarker):
            """Answers with a face that always looks into the camera."""

            def locate(self, pixels, face_box, passes=2):
                landmarks_3d = head()
                return FaceLandmarks(
                    landmarks_3d[:, :2], landmarks_3d[:, 2] - landmarks_3d[:, 2].mean(), np.ones(49), 1.0
                )

        pose = HeadPose(12.0, 5.0, 3.0)
        shapes, turns = observed(Blind(), [RenderedFace(dotted(head()), head(pose), np.ones(49, bool), pose)])
        assert np.abs(shapes).max() < 0.03
        assert np.linalg.norm(turns, axis=1) == pytest.approx(angle_between_deg(pose, HeadPose(0.0, 0.0, 0.0)), abs=0.5)
        assert turns[1] == pytest.approx(turns[0] * [1.0, -1.0, -1.0], abs=0.5)

    def test_too_few_heads_are_refused(self):
        with pytest.raises(TrainingError, match="render more"):
            fit(np.zeros((5, 147)), np.zeros((5, 3)))


def loss_of(outputs, target, recipe):
    return sum(landmark_loss(outputs, target, recipe).values())


class TestLoss:
    def batch(self):
        landmarks_3d = head(HeadPose(20.0, 5.0, 3.0))
        sample = face_sample(dotted(landmarks_3d), landmarks_3d, np.ones(49, bool))
        return collate([augment(sample, np.random.default_rng(seed)) for seed in range(4)])

    def test_the_truth_has_no_loss_and_a_wrong_point_has(self):
        _, (landmarks_3d, visible, known, face) = self.batch()
        sure = (visible * 2 - 1) * 30
        exact = loss_of((landmarks_3d, sure, face * 30), (landmarks_3d, visible, known, face), LandmarkerRecipe())
        wrong = loss_of((landmarks_3d + 0.1, sure, face * 30), (landmarks_3d, visible, known, face), LandmarkerRecipe())
        assert float(exact) < 1e-4 < float(wrong)

    def test_the_shape_of_a_group_counts_beside_its_place(self):
        _, (landmarks_3d, visible, known, face) = self.batch()
        eye = list(LANDMARK_GROUPS["eye_image_left"])
        moved, bent = landmarks_3d.clone(), landmarks_3d.clone()
        moved[:, eye, 1] += 0.05
        bent[:, eye, 1] += 0.05 * torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0, -1.0])
        target, recipe = (landmarks_3d, visible, known, face), LandmarkerRecipe(gap_weight=0.0, side_weight=0.0)
        assert float(loss_of((moved, visible, face), target, recipe)) < float(
            loss_of((bent, visible, face), target, recipe)
        )

    def test_a_brow_that_moves_against_its_eye_counts_more_and_a_face_that_moves_as_a_whole_does_not(self):
        _, (landmarks_3d, visible, known, face) = self.batch()
        target, raised = (landmarks_3d, visible, known, face), landmarks_3d.clone()
        raised[:, list(LANDMARK_GROUPS["brow_image_left"]), 1] -= 0.05

        def loss(points, gap_weight):
            return float(loss_of((points, visible, face), target, LandmarkerRecipe(gap_weight=gap_weight)))

        assert loss(raised, 1.5) > loss(raised, 0.0) + 0.005
        assert loss(landmarks_3d + 0.05, 1.5) == pytest.approx(loss(landmarks_3d + 0.05, 0.0), abs=1e-5)

    def test_what_differs_between_the_sides_counts_more_than_what_both_share(self):
        _, (landmarks_3d, visible, known, face) = self.batch()
        target, corners = (landmarks_3d, visible, known, face), [31, 37]
        jittered, lifted = landmarks_3d.clone(), landmarks_3d.clone()
        jittered[:, corners, 1] += torch.tensor([0.05, -0.05])
        lifted[:, corners, 1] += 0.05

        def loss(points, side_weight):
            recipe = LandmarkerRecipe(gap_weight=0.0, shape_weight=0.0, side_weight=side_weight)
            return float(loss_of((points, visible, face), target, recipe))

        assert loss(jittered, 1.5) > loss(jittered, 0.0) + 0.002
        assert loss(lifted, 1.5) == pytest.approx(loss(lifted, 0.0), abs=1e-6)

    def test_where_there_is_no_face_points_do_not_count(self):
        _, (landmarks_3d, visible, _, face) = self.batch()
        nothing, unknown = torch.zeros_like(face), torch.zeros_like(visible)
        target = (landmarks_3d, visible, unknown, nothing)
        near = loss_of((landmarks_3d, visible, nothing - 30), target, LandmarkerRecipe())
        far = loss_of((landmarks_3d + 9, -visible, nothing - 30), target, LandmarkerRecipe())
        assert float(near) == float(far)

    def test_a_recipe_without_faces_is_refused(self):
        with pytest.raises(TrainingError):
            LandmarkerRecipe(real=0, rendered=0)


def test_an_untrained_network_answers_with_the_mean_and_survives_export(tmp_path):
    network = LandmarkerNetwork().eval()
    mean = torch.tensor(mean_face(), dtype=torch.float32) * 0.5
    network.start_from(mean)
    export_landmarker(network, tmp_path / "new.onnx", mean_face(), "nothing")
    points, visibility, presence = Landmarker(tmp_path / "new.onnx").run(np.full((2, 128, 128, 3), 127, np.uint8))
    assert points.shape == (2, 49, 3)
    assert points[0] == pytest.approx((mean.numpy() + np.array([1.0, 1.0, 0.0])) * 64.0, abs=8.0)
    assert visibility.shape == (2, 49)
    assert presence.shape == (2,)


class TestGoingOn:
    def trained(self):
        """A network whose normalisations have seen something."""
        torch.manual_seed(3)
        network = LandmarkerNetwork()
        with torch.no_grad():
            network.head.weight.normal_(std=0.05)
            for _ in range(5):
                network(torch.randn(16, 3, 128, 128) * 1.5 + 0.3)
        return network.eval()

    def test_an_exported_network_answers_alike_and_its_statistics_fit_the_next_batch(self, tmp_path):
        old, new = self.trained(), LandmarkerNetwork()
        export_landmarker(old, tmp_path / "old.onnx", mean_face(), "nothing")
        pictures = torch.randn(64, 3, 128, 128) * 1.5 + 0.3
        start_from_export(new, tmp_path / "old.onnx", pictures)
        with torch.no_grad():
            expected, found, training = old(pictures)[0], new.eval()(pictures)[0], new.train()(pictures)[0]
        assert torch.allclose(found, expected, atol=1e-4)
        assert torch.allclose(training, expected, atol=0.02)
        assert expected.std() > 0.05

    def test_another_architecture_is_refused(self, tmp_path):
        export_landmarker(self.trained(), tmp_path / "old.onnx", mean_face(), "nothing")
        with pytest.raises(WeightsError, match="layers of shapes"):
            start_from_export(torch.nn.Conv2d(3, 4, 3), tmp_path / "old.onnx", torch.zeros(1, 3, 8, 8))


class TestMeasures:
    def test_the_error_counts_in_roots_of_the_box_s_area(self):
        true = head()[:, :2]
        unit = np.sqrt(np.ptp(true, axis=0).prod())
        assert point_error(true + np.array([0.1 * unit, 0.0]), true) == pytest.approx(0.1)

    def test_moving_a_group_as_a_whole_leaves_its_shape(self):
        true = head()[:, :2]
        moved, bent = true.copy(), true.copy()
        moved[list(LANDMARK_GROUPS["lip_inner"])] += 5.0
        bent[43] += 5.0
        assert shape_error(moved, true) == pytest.approx(0.0, abs=1e-9)
        assert point_error(moved, true) > 0.01
        assert shape_error(bent, true) > 0.001

    def test_heads_under_a_grid_are_told_by_pose(self):
        class Blind(Landmarker):
            """Answers with a face that always looks into the camera."""

            def locate(self, pixels, face_box, passes=2):
                landmarks_3d = head()
                return FaceLandmarks(
                    landmarks_3d[:, :2], landmarks_3d[:, 2] - landmarks_3d[:, 2].mean(), np.ones(49), 1.0
                )

        poses = [HeadPose(0.0, 0.0, 0.0), HeadPose(30.0, 0.0, 0.0), HeadPose(30.0, 0.0, 0.0)]
        heads = [RenderedFace(dotted(head()), head(pose), np.ones(49, bool), pose) for pose in poses]
        found = measure_rendered(Blind(), true_box, heads, grid=True).by_pose
        counts = {name: (part.heads, part.errors.points.faces) for name, part in found.items()}
        assert counts == {"pitch +0 yaw +0": (1, 1), "pitch +0 yaw +30": (2, 2)}
        assert found["pitch +0 yaw +0"].errors.points.median == pytest.approx(0.0, abs=1e-6)
        expected = point_error(head()[:, :2], head(poses[1])[:, :2])
        assert found["pitch +0 yaw +30"].errors.points.median == pytest.approx(expected, abs=1e-4)
        assert found["pitch +0 yaw +30"].errors.pose.yaw_deg.bias == pytest.approx(-30.0, abs=0.1)
        assert found["pitch +0 yaw +30"].errors.pose.median_turn_deg == pytest.approx(30.0, abs=0.1)

    def test_the_share_of_a_movement_and_of_a_difference_of_sides_that_is_found_is_told(self):
        rng = np.random.default_rng(0)
        true = mean_face() + rng.normal(size=(40, 49, 3)) * 0.02
        twins = true[:, MIRROR_LANDMARKS]
        even, uneven = (true + twins) / 2, (true - twins) / 2
        found = responses(mean_face() + 0.5 * (even - mean_face()) + 0.2 * uneven, true)
        assert found.faces == 40
        assert list(found.both_sides.values()) == pytest.approx([0.5] * len(MOVEMENTS), abs=0.01)
        apart = {name: 0.2 for name in MOVEMENTS if name != "opening of the lips"}
        assert found.left_against_right == pytest.approx(apart, abs=0.01)

    def test_a_summary_says_how_many_are_far_off(self):
        found = point_errors(np.array([0.01, 0.02, 0.03, 0.2]))
        assert found.median == pytest.approx(0.025)
        assert found.share_far == 0.25
        assert point_errors(np.array([])).median is None

    def test_bins_of_yaw_take_every_face_once(self):
        bins = by_yaw(np.array([-70.0, -15.0, 0.0, 14.9, 44.0]), lambda rows: {"faces": int(rows.sum())})
        assert [part["faces"] for part in bins.values()] == [2, 1, 1, 0, 1]


class Doubtful(Landmarker):
    """A landmarker that takes the first of every four squares for a face, and notes where it looked."""

    def __init__(self):
        super().__init__()
        self.boxes = []

    def locate(self, pixels, face_box, passes=2):
        self.boxes.append(face_box.box)
        sure = 0.9 if len(self.boxes) % 4 == 1 else 0.2
        return FaceLandmarks(np.zeros((49, 2)), np.zeros(49), np.ones(49), sure)


def test_squares_without_a_face_that_seem_one_are_counted():
    landmarker = Doubtful()
    found = measure_empty(landmarker, [np.zeros((90, 160, 3), np.uint8), np.zeros((200, 120, 3), np.uint8)])
    assert found == SquaresWithoutFace(2 * SQUARES_PER_PHOTOGRAPH, SQUARES_PER_PHOTOGRAPH // 2, 0.25)
    boxes = np.array(landmarker.boxes)
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:SQUARES_PER_PHOTOGRAPH, :2] + boxes[:SQUARES_PER_PHOTOGRAPH, 2:] <= [160, 90]).all()
    assert np.ptp(boxes[:, 2]) > 20 * FACE_IN_SQUARE


def test_the_mean_face_is_centred_level_and_one_eye_span_wide(monkeypatch):
    turned = [HeadPose(20.0, 0.0, 0.0), HeadPose(0.0, -15.0, 5.0)]
    heads = [
        SimpleNamespace(landmarks_3d=70 * mean_face() @ rotation_from_pose(p).T + [90, 40, 7], pose=p) for p in turned
    ]
    monkeypatch.setattr(sources, "stills_in", lambda folders: [Path("stills-00000.parquet")])
    monkeypatch.setattr(sources, "rendered_faces", lambda file: heads)
    assert_allclose(sources.mean_face([]), mean_face() - mean_face().mean(0), atol=1e-6)


def test_squares_lie_within_the_photograph_and_faces_in_their_middle(monkeypatch):
    drawn = []
    monkeypatch.setattr(landmarks, "true_box", lambda photo, points: drawn.append(points) or true_box(photo, points))
    measure_empty(Doubtful(), [np.zeros((100, 100, 3), np.uint8)] * 20)
    middles = np.array([(points.min(0) + points.max(0)) / 2 for points in drawn])
    halves = np.array([np.ptp(points[:, 0]) / FACE_IN_SQUARE / 2 for points in drawn])[:, None]
    assert (middles >= halves - 1e-9).all()
    assert (middles <= 100 - halves + 1e-9).all()
