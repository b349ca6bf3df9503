import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("cv2")

from duchenne.errors import TrainingError  # noqa: E402
from duchenne.geometry import HeadPose, rotation_from_pose  # noqa: E402
from duchenne.landmarks import Landmarker, mean_face  # noqa: E402
from duchenne.networks.landmarker import LandmarkerNetwork  # noqa: E402
from duchenne.training.landmarker_augment import augment  # noqa: E402
from duchenne.training.landmarker_evaluate import by_yaw, point_error, summary  # noqa: E402
from duchenne.training.landmarker_export import export_landmarker  # noqa: E402
from duchenne.training.landmarker_loop import LandmarkerRecipe, collate, loss_of  # noqa: E402
from duchenne.training.landmarker_sources import TaughtFace, depth_difference, with_depth  # noqa: E402
from duchenne.training.landmarker_store import Pool, face_sample, write_part  # noqa: E402


def head(pose=None, scale=60.0):
    solid = scale * mean_face() @ rotation_from_pose(pose or HeadPose(0.0, 0.0, 0.0)).T
    return solid + np.array([150.0, 140.0, -solid[:, 2].mean()])


def dotted(solid):
    """A picture with a bright dot on the nose tip."""
    pixels = np.full((300, 300, 3), 40, np.uint8)
    x, y = solid[13, :2].astype(int)
    pixels[y - 3 : y + 4, x - 3 : x + 4] = 250
    return pixels


class TestSamples:
    def test_the_target_stays_on_the_feature_whatever_augmentation_does(self):
        solid = head()
        sample = face_sample(dotted(solid), solid, None)
        off = []
        for seed in range(30):
            crop, target = augment(sample, np.random.default_rng(seed))
            light = np.clip(crop.mean(2) - crop.mean(2).max() * 0.8, 0, None)
            y, x = np.mgrid[:128, :128] + 0.5
            near = np.hypot(x - target.solid[13, 0], y - target.solid[13, 1]) < 20
            light = light * near
            if light.sum() > 0:
                centre = np.array([(light * x).sum(), (light * y).sum()]) / light.sum()
                off.append(np.linalg.norm(centre - target.solid[13, :2]))
        assert np.median(off) < 1.0

    def test_a_part_on_disk_gives_back_what_was_written(self, tmp_path):
        solid = head()
        sample = face_sample(dotted(solid), solid, np.arange(49) % 2 == 0)
        write_part(tmp_path / "part", [sample, sample])
        pool = Pool()
        pool.add(tmp_path / "part")
        pool.add(tmp_path / "part")
        assert len(pool) == 2
        assert pool[1].solid == pytest.approx(sample.solid)
        assert (pool[1].visible == sample.visible).all()
        assert (pool[1].crop == sample.crop).all()

    def test_a_part_without_a_face_is_an_error(self, tmp_path):
        with pytest.raises(TrainingError):
            write_part(tmp_path / "part", [])


class TestDepth:
    def test_the_teacher_s_mean_depth_becomes_the_rendered_one_and_points_stay(self, tmp_path):
        solid = head()
        solid[31:, 2] += 6.0
        face = TaughtFace(tmp_path / "a.jpg", 2, solid, True)
        moved = with_depth(face, mean_face(), depth_difference([face], mean_face()))
        assert moved.solid[:, :2] == pytest.approx(solid[:, :2])
        depth = (moved.solid[:, 2] - moved.solid[:, 2].mean()) / 60.0
        assert depth == pytest.approx(mean_face()[:, 2] - mean_face()[:, 2].mean(), abs=1e-2)


class TestLoss:
    def batch(self):
        solid = head(HeadPose(20.0, 5.0, 3.0))
        sample = face_sample(dotted(solid), solid, np.ones(49, bool))
        return collate([augment(sample, np.random.default_rng(seed)) for seed in range(4)])

    def test_the_truth_has_no_loss_and_a_wrong_point_has(self):
        _, (solid, visible, known, face) = self.batch()
        sure = (visible * 2 - 1) * 30
        exact = loss_of((solid, sure, face * 30), (solid, visible, known, face), LandmarkerRecipe())
        wrong = loss_of((solid + 0.1, sure, face * 30), (solid, visible, known, face), LandmarkerRecipe())
        assert float(exact) < 1e-4 < float(wrong)

    def test_where_there_is_no_face_points_do_not_count(self):
        _, (solid, visible, _, face) = self.batch()
        nothing, unknown = torch.zeros_like(face), torch.zeros_like(visible)
        target = (solid, visible, unknown, nothing)
        near = loss_of((solid, visible, nothing - 30), target, LandmarkerRecipe())
        far = loss_of((solid + 9, -visible, nothing - 30), target, LandmarkerRecipe())
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


class TestMeasures:
    def test_the_error_counts_in_roots_of_the_box_s_area(self):
        true = head()[:, :2]
        unit = np.sqrt(np.ptp(true, axis=0).prod())
        assert point_error(true + np.array([0.1 * unit, 0.0]), true) == pytest.approx(0.1)

    def test_a_summary_says_how_many_are_far_off(self):
        told = summary(np.array([0.01, 0.02, 0.03, 0.2]))
        assert told["median"] == pytest.approx(0.025)
        assert told["share_above_0.10"] == 0.25
        assert summary(np.array([])) == {"faces": 0}

    def test_bins_of_yaw_take_every_face_once(self):
        bins = by_yaw(np.array([-70.0, -15.0, 0.0, 14.9, 44.0]), lambda rows: {"faces": int(rows.sum())})
        assert [part["faces"] for part in bins.values()] == [2, 1, 1, 0, 1]
