"""The classical baselines against libraries, hand-worked cases and faces whose mouth tells the label."""

import dataclasses
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from skimage.feature import local_binary_pattern

from duchenne.errors import TrainingError, UsageError
from duchenne.measures.ranking import area_under_roc
from duchenne.training.action_units.initialisation import Initialisation
from duchenne.training.classical.chain import chains, geometry, videos_of
from duchenne.training.classical.descriptors import gradient_histograms, grey_of, pattern_histograms
from duchenne.training.classical.feature_files import FeatureRoom
from duchenne.training.classical.joint import marginals, related_pairs
from duchenne.training.classical.linear import Task, fit_svms
from duchenne.training.classical.svm_by_parts import fit_svms_by_parts, scaling_by_parts
from duchenne.training.recipes.named import RECIPES, with_settings
from duchenne.training.run.progress import silent
from duchenne.training.systems import load_system, train_system
from toy_store import SMILE, toy_store

RNG = np.random.default_rng(0)


def test_local_binary_patterns_are_those_of_scikit_image():
    face = RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    ours = pattern_histograms(face)
    # scikit-image samples the circle between pixels; on the four straight neighbours and uniform codes both agree.
    grey = np.round(grey_of(face)).astype(np.uint8)
    flat = np.repeat(np.repeat(grey[::20, ::20], 20, 0), 20, 1)
    codes = local_binary_pattern(flat, 8, 1, "nri_uniform")[1:-1, 1:-1]
    found = pattern_histograms(np.repeat(flat[..., None], 3, 2))
    assert found[:, 58].mean() == pytest.approx((codes == 58).mean(), abs=0.01)
    assert_allclose(ours.sum(1), 1)
    constant = pattern_histograms(np.full((200, 200, 3), 7, np.uint8))
    assert ((constant > 0).sum(1) == 1).all()


def test_a_step_edge_points_one_way_and_turning_it_turns_the_histogram():
    face = np.zeros((200, 200, 3), np.uint8)
    face[:, 100:] = 200
    points = np.full((49, 2), 100.0)
    across = gradient_histograms(face, points)[0].reshape(4, 4, 8)
    down = gradient_histograms(face.transpose(1, 0, 2), points)[0].reshape(4, 4, 8)
    assert across.sum((0, 1)).argmax() == 0
    assert down.sum((0, 1)).argmax() == 2
    assert_allclose(across[..., 0], down[..., 2].T)
    outside = gradient_histograms(face, np.full((49, 2), -90.0))
    assert (outside == 0).all()


def test_geometry_forgets_place_and_size():
    points = RNG.uniform(50, 150, (6, 49, 2))
    video, frame = np.array([0, 0, 0, 1, 1, 1]), np.arange(6)
    assert_allclose(geometry(points * 2 + 7, video, frame), geometry(points, video, frame), atol=1e-9)


def test_differences_are_those_to_the_frame_before_in_eye_spans_a_frame():
    points = np.zeros((5, 49, 2))
    points[:, 28, 0] = 100.0  # the outer corner of the other eye; the first is at 0
    points[:, 34, 1] = [0, 10, 40, 7, 9]  # middle of the upper lip
    video, frame = np.array([0, 0, 0, 1, 1]), np.array([1, 2, 4, 1, 90])
    change = geometry(points, video, frame)[:, 98:196].reshape(5, 49, 2)
    assert_allclose(change[:, 34, 1], [0, 0.1, 0.15, 0, 0], atol=1e-12)
    assert np.count_nonzero(change) == 2


def test_chains_follow_time_and_break_where_a_label_is_unknown_or_frames_are_missing():
    video, frame = np.array([0, 1, 0, 0, 0, 1, 1]), np.array([3, 1, 1, 2, 4, 0, 27])
    use = np.array([True, True, True, False, True, True, True])
    assert [part.tolist() for part in chains(video, frame, use)] == [[2], [0, 4], [5, 1], [6]]


def test_each_view_is_a_video_and_each_still_stands_alone():
    store = toy_store(8)
    store.sequence = np.array(["a"] * 8)
    store.subject = np.array(["p"] * 4 + ["q"] * 4)
    store.pose_number = np.array([1, 1, 2, 2, 1, 1, 1, 1])
    store.in_time[6:] = False
    videos = videos_of(store).tolist()
    assert [videos.count(number) for number in dict.fromkeys(videos)] == [2, 2, 2, 1, 1]
    assert videos[0] == videos[1] != videos[2] == videos[3]


def test_pairs_pull_related_aus_and_none_leaves_the_logits_alone():
    logits = np.array([[2.0, 0.0, -1.0]])
    none = np.zeros((3, 3))
    assert_allclose(marginals(logits, none, np.ones(3), np.zeros(3)), expit(logits))
    pull = none.copy()
    pull[0, 1] = pull[1, 0] = 1.5
    found = marginals(logits, pull, np.ones(3), np.zeros(3))[0]
    assert found[1] == pytest.approx(expit(1.5 * found[0]), abs=1e-4)
    occurrence = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 0], [0, 0, 1]], bool)
    assert related_pairs(occurrence, np.ones_like(occurrence)).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.fixture(scope="module")
def stores():
    return toy_store(480, lift_px=14.0), toy_store(48, 1, "b", lift_px=14.0)


@pytest.mark.parametrize("name", ["svm", "apl", "jpml", "fera17"])
def test_each_learns_a_lifted_mouth_and_survives_being_written(name, stores, tmp_path):
    recipe = dataclasses.replace(RECIPES[name], aus=("AU04", "AU12"))
    system = train_system(recipe, *stores, tmp_path, silent)
    scores = system.scores(stores[1])
    assert ((scores >= 0) & (scores <= 1)).all()
    assert area_under_roc(stores[1].occurrence[:, SMILE], scores[:, 1]) > 0.75
    loaded = load_system(tmp_path)
    assert loaded.name == name
    assert_allclose(loaded.scores(stores[1]), scores, atol=1e-6)
    assert train_system(recipe, *stores, tmp_path, silent).metadata == system.metadata
    with pytest.raises(TrainingError, match="another recipe"):
        train_system(dataclasses.replace(recipe, seed=1), *stores, tmp_path, silent)


def test_svms_over_parts_of_a_file_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr("duchenne.training.classical.feature_files.PART", 70)
    rng = np.random.default_rng(4)
    features = rng.normal(size=(300, 5, 4)).astype(np.float32)
    plane = rng.normal(size=(20, 2))
    truth = features.reshape(300, 20) @ plane + rng.normal(size=(300, 2)) > 1.5
    known = rng.random((300, 2)) > 0.2
    mean, spread = scaling_by_parts(features)
    assert_allclose(mean, features.reshape(300, -1).mean(0), atol=1e-5)
    assert_allclose(spread, features.reshape(300, -1).std(0), rtol=1e-4)
    scaled = (features.reshape(300, -1) - mean) / spread
    train, valid = Task(features[:200], truth[:200], known[:200]), Task(features[200:], truth[200:], known[200:])
    plain = [Task(scaled[rows], truth[rows], known[rows]) for rows in (slice(200), slice(200, 300))]
    weights, offsets = fit_svms_by_parts(train, valid, mean, spread, (1e-4, 1e-2))
    expected_weights, expected_offsets = fit_svms(*plain, (1e-4, 1e-2), 0)
    assert_allclose(weights, expected_weights, atol=1e-2 * np.abs(expected_weights).max())
    assert_allclose(offsets, expected_offsets, atol=1e-2 * np.abs(expected_weights).max())


@pytest.mark.parametrize("name", ["svm", "apl", "jpml"])
def test_features_that_do_not_fit_lie_in_a_file_and_teach_the_same(name, stores, tmp_path, monkeypatch):
    recipe = dataclasses.replace(RECIPES[name], aus=("AU04", "AU12"))
    if name != "jpml":  # Of several penalties that are as good one or the other may be chosen.
        recipe = dataclasses.replace(recipe, method=dataclasses.replace(recipe.method, penalties=(1e-4,)))
    within = train_system(recipe, *stores, tmp_path / "memory", silent)
    monkeypatch.setattr("duchenne.training.classical.feature_files.PART", 100)
    held = []
    monkeypatch.setattr("duchenne.training.classical.system.FeatureRoom", lambda folder: FeatureRoom(folder, 1000))

    def watch(progress):
        held.extend(path.name for path in (tmp_path / "file").glob("*.features") if progress.remark == "fitting")

    beside = train_system(recipe, *stores, tmp_path / "file", watch)
    assert set(held) == {"train.features", "valid.features"}
    assert {path.name for path in (tmp_path / "file").iterdir()} == {"classical.safetensors"}
    assert beside.arrays.keys() == within.arrays.keys()
    ours, theirs = beside.scores(stores[1]), within.scores(stores[1])
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.999
    assert np.abs(ours - theirs).mean() < 0.01


def test_features_that_go_to_a_file_are_never_held_together(tmp_path):
    made, most = [], []

    class Features(np.ndarray):
        """Arrays that can be watched."""

    def batches():
        for number in range(20):
            batch = np.full((50, 10), number, np.float32).view(Features)
            made.append(weakref.ref(batch))
            yield batch
            del batch
            most.append(sum(reference() is not None for reference in made))

    kept = FeatureRoom(tmp_path, 100).keep(batches(), 1000, "train")
    assert_allclose(kept[:, 0], np.repeat(np.arange(20), 50))
    assert max(most) <= 2  # the first, whose size decides, and the one being written


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    batches = [np.zeros((50, 10), np.float32)] * 4
    monkeypatch.setattr("pathlib.Path.open", full)
    with pytest.raises(TrainingError, match=r"200 faces need 0\.0 GB in .*No space left on device"):
        FeatureRoom(tmp_path, 100).keep(batches, 200, "train")
    assert not list(tmp_path.iterdir())


def test_faces_that_learn_can_be_limited(stores, tmp_path):
    recipe = with_settings(RECIPES["svm"], "4,12", max_faces=100)
    assert train_system(recipe, *stores, tmp_path, silent).metadata["faces"] == 100
    with pytest.raises(UsageError, match="at least one training face"):
        with_settings(RECIPES["svm"], max_faces=0)
    with pytest.raises(UsageError, match="paper has no max_faces"):
        with_settings(RECIPES["paper"], max_faces=9)


def test_a_classical_system_begins_from_nothing(stores, tmp_path):
    with pytest.raises(UsageError, match="svm is not a network"):
        train_system(RECIPES["svm"], *stores, tmp_path, silent, None, Initialisation(tmp_path))
