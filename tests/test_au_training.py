"""From stills to a trained network: the store, the augmentation, the loop and the scores."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from duchenne.alignment import EYE_CORNERS_IN_CROP, align, eye_span_px
from duchenne.datasets.stills import with_depth
from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.region import PatchLayer, RegionConfig
from duchenne.patches import PatchLayout, cut_windows, windows_of
from duchenne.training import au_fitting
from duchenne.training.aligned_store import (
    AlignedStore,
    align_with_margin,
    crop_from_stored,
    prepare_store,
    read_stills,
    require_disjoint,
)
from duchenne.training.amounts import Augmentation
from duchenne.training.au_evaluation import Predictions, held_out, tabulate, thresholds_of
from duchenne.training.au_fitting import AURecipe, fit
from duchenne.training.augmentation import change, mirror, move_points, realign, tint
from toy_faces import head, stills, write_stills

LAYOUT = PatchLayout(side_px=28, reduction=2)


def augment(crop, points, layout, amounts, *, grey, rng):
    face = change(crop, points, crop_from_stored(), layout.reduction, amounts, grey=grey, rng=rng)
    return windows_of(face.pixels, face.points[:, :2], layout), face.points


NOTHING = Augmentation(
    landmark_error=0, depth_error=0, mirror=0, gamma=0, contrast=0, brightness=0, low_resolution=0, jpeg=0, tint=0
)
TINY = RegionConfig(
    layout=PatchLayout(landmarks=(32, 35, 38, 41), side_px=12, reduction=2),
    grey=True,
    shared_channels=4,
    shared_kernel=3,
    patch_layers=(PatchLayer(4, 3, 2), PatchLayer(4, 3)),
    widths=(16,),
    dropout=0.1,
    batch_norm=True,
    shape_width=8,
)


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("stills") / "stills-000.parquet"
    write_stills(stills(96, 0, "a", smile_px=10), path)
    return path


@pytest.fixture(scope="module")
def store(shard):
    folder = shard.parent / "aligned"
    assert prepare_store([shard], folder) == 0
    return AlignedStore(folder, [shard.stem])


def test_depth_comes_in_pixels_of_the_picture():
    solid = head() / 250
    flat = head()[:, :2] * 1.5 + [40, 60]
    assert_allclose(with_depth(flat, solid)[:, 2], (head()[:, 2] - head()[:, 2].mean()) * 1.5)


def test_the_store_keeps_what_the_stills_say(shard, store):
    first = next(read_stills(shard))
    assert len(store) == 96
    assert_allclose(store.points[0][[19, 28], :2], EYE_CORNERS_IN_CROP, atol=1e-3)
    assert_allclose(store.intensity[0], first.intensity)
    assert store.subject[:5].tolist() == ["a0", "a0", "a0", "a0", "a1"]
    assert store.crops(np.array([5, 3])).shape == (2, 120, 120, 3)


def test_located_points_lie_in_the_same_crop(shard, tmp_path):
    shifted = [3.0, -2.0, 1.0]
    prepare_store([shard], tmp_path, lambda still: still.points + shifted)
    found = AlignedStore(tmp_path, [shard.stem])
    still = next(read_stills(shard))
    per_pixel = 80 / eye_span_px(still.points[:, :2])
    way = np.linalg.norm((found.located - found.points)[0], axis=1)
    assert_allclose(way, per_pixel * np.linalg.norm(shifted), rtol=1e-3)


def test_an_untouched_face_gives_the_windows_of_detection(shard):
    for still, _ in zip(read_stills(shard), range(3), strict=False):
        aligned = align(still.pixels, still.points[:, :2])
        crop, points = align_with_margin(still)
        windows, found = augment(crop, points, LAYOUT, NOTHING, grey=False, rng=_NoTint())
        assert_allclose(found[:, :2], aligned.landmarks, atol=1e-6)
        expected = cut_windows(aligned.pixels, aligned.landmarks, LAYOUT)
        assert np.abs(windows.astype(int) - expected).max() <= 2


class _NoTint(np.random.Generator):
    """A source of chance without chance: normal values are zero."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def normal(self, size=None):
        return 0.0 if size is None else np.zeros(size)


def test_moved_points_are_aligned_again_by_the_moved_corners(store):
    rng = np.random.default_rng(0)
    points = store.points[0].astype(float)
    moved = move_points(points, Augmentation(), rng)
    small, found = realign(store.crops(np.array([0]))[0], moved, 2, crop_from_stored())
    assert small.shape == (100, 100, 3)
    assert_allclose(found[[19, 28], :2], EYE_CORNERS_IN_CROP, atol=1e-6)


def test_the_mean_landmark_error_is_the_one_asked_for():
    rng = np.random.default_rng(0)
    points = head()
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    moved = [move_points(points, Augmentation(landmark_error=0.03), rng) for _ in range(2000)]
    error = np.linalg.norm((np.array(moved) - points)[..., :2], axis=-1).mean() / size
    assert error == pytest.approx(0.03, rel=0.08)


def test_mirroring_twice_changes_nothing_and_once_fits_the_symmetric_head(store):
    crop, points = store.crops(np.array([0]))[0], store.points[0].astype(float)
    again = mirror(*mirror(crop, points))
    assert_array_equal(again[0], crop)
    assert_allclose(again[1], points)
    centred = head() + np.array([100, 100, 0])
    assert_allclose(mirror(crop, centred)[1], centred, atol=1e-9)


def test_grey_has_one_channel_and_keeps_grey_pictures():
    grey = np.repeat(np.arange(120, dtype=np.uint8)[None, :, None], 120, 0).repeat(3, 2)
    found = tint(grey, True, np.random.default_rng(0))
    assert found.shape == (120, 120, 1)
    assert np.abs(found.astype(int) - grey[..., :1]).max() <= 1


def test_the_same_seed_gives_the_same_windows(store):
    crop, points = store.crops(np.array([0]))[0], store.points[0].astype(float)
    first, second = (
        augment(crop, points, LAYOUT, Augmentation(), grey=True, rng=np.random.default_rng(7)) for _ in range(2)
    )
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[1], second[1])


def test_splits_that_share_a_subject_are_refused(store):
    require_disjoint({"train": store.subject, "valid": np.array(["b0"])})
    with pytest.raises(TrainingError, match="a3 is in train and in valid"):
        require_disjoint({"train": store.subject, "valid": np.array(["b0", "a3"])})


def test_the_final_subjects_are_a_third_and_share_none_with_the_choice_of_thresholds():
    subjects = np.array([f"v{k // 4}" for k in range(120)])
    final = held_out(subjects)
    assert len(set(subjects[final])) == 10
    assert not set(subjects[final]) & set(subjects[~final])


def test_a_file_without_labels_is_named(tmp_path):
    pd.DataFrame({"image": [b""]}).to_parquet(tmp_path / "x.parquet", engine="fastparquet")
    with pytest.raises(TrainingError, match=r"x\.parquet lacks the columns au_left"):
        next(read_stills(tmp_path / "x.parquet"))
    with pytest.raises(TrainingError, match="no shards"):
        prepare_store([], tmp_path)
    with pytest.raises(TrainingError, match="was not aligned"):
        AlignedStore(tmp_path, ["y"])


RECIPE = AURecipe(network=TINY, epochs=4, batch=16, learning_rate=5e-3, bf16=False, keep_every_s=0.0)


def ignore(remark):
    pass


def test_a_broken_training_goes_on_to_the_same_weights(store, tmp_path, monkeypatch):
    whole = fit(store, RECIPE, tmp_path / "whole.pt", ignore)
    step = au_fitting._Fitting._step
    with monkeypatch.context() as patch:
        patch.setattr(au_fitting._Fitting, "_step", lambda self, k: step(self, k) if k < 9 else breaking())
        with pytest.raises(KeyboardInterrupt):
            fit(store, RECIPE, tmp_path / "broken.pt", ignore)
    resumed = fit(store, RECIPE, tmp_path / "broken.pt", ignore)
    for name, values in whole.network.state_dict().items():
        assert torch.equal(values, resumed.network.state_dict()[name]), name


def breaking():
    raise KeyboardInterrupt


def test_a_checkpoint_of_another_recipe_is_refused(store, tmp_path):
    fit(store, dataclasses.replace(RECIPE, epochs=1), tmp_path / "one.pt", ignore)
    with pytest.raises(TrainingError, match="another recipe"):
        fit(store, RECIPE, tmp_path / "one.pt", ignore)


def test_too_few_faces_are_refused(store, tmp_path):
    with pytest.raises(TrainingError, match="96 faces do not fill one batch of 128"):
        fit(store, dataclasses.replace(RECIPE, batch=128), tmp_path / "x.pt", ignore)


def test_training_learns_a_lifted_mouth(store, tmp_path):
    fitted = fit(store, dataclasses.replace(RECIPE, epochs=30), tmp_path / "x.pt", ignore)
    windows, shapes = [], []
    for row in range(len(store)):
        cut, points = augment(
            store.crops(np.array([row]))[0],
            store.points[row].astype(float),
            TINY.layout,
            NOTHING,
            grey=True,
            rng=np.random.default_rng(row),
        )
        windows.append(cut)
        shapes.append(au_fitting.derotate(points, fitted.reference))
    with torch.no_grad():
        logits = fitted.network(torch.from_numpy(np.stack(windows)), torch.from_numpy(np.stack(shapes)).float())
    column = AU_NAMES.index("AU12")
    assert area_under_roc(store.occurrence[:, column], logits[:, column].double().numpy()) > 0.95


def test_the_table_counts_faces_by_pose_and_leaves_traces_out():
    intensity = np.zeros((6, len(AU_NAMES)))
    intensity[:, 0] = [0, 1, 3, 0, 3, 0]
    pose = np.array([[0, 0, 0], [5, 0, 0], [-10, 0, 0], [30, 0, 0], [0, -30, 0], [60, 0, 0]], float)
    probability = np.array([[0.1], [0.9], [0.8], [0.7], [0.2], [0.3]])
    faces = Predictions(probability, intensity, np.array(list("abcdef")), pose, 0)
    table = tabulate(("AU01",), np.array([0.5]), faces)
    assert {name: group["faces"] for name, group in table.items()} == {"all": 6, "frontal": 3, "turned": 2, "far": 1}
    assert table["frontal"]["aus"]["AU01"] == {
        "positives": 1, "negatives": 1, "aroc": 1.0, "f1": 1.0, "f1_all_positive": 0.6667,
    }  # fmt: skip
    assert table["turned"]["aus"]["AU01"]["aroc"] == 0.0
    assert table["far"]["aus"]["AU01"]["aroc"] is None
    with pytest.raises(TrainingError, match="AU02 has one class only"):
        thresholds_of(("AU02",), faces)
