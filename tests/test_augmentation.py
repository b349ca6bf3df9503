"""What faces go through before a network sees them: moved points, mirror, light, grey."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from duchenne.alignment import EYE_CORNERS_IN_CROP
from duchenne.datasets.stills import with_depth
from duchenne.facs import LANDMARK_GROUPS
from duchenne.patches import PatchLayout, windows_of
from duchenne.training.data.augmentation import change, degrade, jitter_features, mirror, move_points, realign, tint
from duchenne.training.recipes.augmentation import NONE, AugmentationConfig
from toy_faces import head
from toy_store import toy_store

LAYOUT = PatchLayout(side_px=28, reduction=2)


@pytest.fixture(scope="module")
def store():
    return toy_store(8)


def augment(crop, points, crop_from_stored, config, *, grey, rng):
    face = change(crop, points, crop_from_stored, LAYOUT.reduction, config, grey=grey, rng=rng)
    return windows_of(face.pixels, face.points[:, :2], LAYOUT), face.points


def first(store):
    return store.crops(np.array([0]))[0], store.points[0].astype(float), store.crop_from_stored


def test_depth_comes_in_pixels_of_the_picture():
    landmarks_3d = head() / 250
    flat = head()[:, :2] * 1.5 + [40, 60]
    assert_allclose(with_depth(flat, landmarks_3d)[:, 2], (head()[:, 2] - head()[:, 2].mean()) * 1.5)


def test_moved_points_are_aligned_again_by_the_moved_corners(store):
    rng = np.random.default_rng(0)
    points = store.points[0].astype(float)
    moved = move_points(points, AugmentationConfig(), rng)
    small, found = realign(store.crops(np.array([0]))[0], moved, 2, store.crop_from_stored)
    assert small.shape == (100, 100, 3)
    assert_allclose(found[[19, 28], :2], EYE_CORNERS_IN_CROP, atol=1e-6)


def test_a_face_keeps_the_margin_of_its_store_when_it_is_aligned_again(store):
    crop, points, stored = first(store)
    narrow, found = realign(crop, points, 2, stored)
    wide, same = realign(crop, points, 2, stored, margin_px=20)
    assert wide.shape == (120, 120, 3)
    assert_array_equal(wide[10:110, 10:110], narrow)
    assert_array_equal(same, found)
    assert wide[:10].any()


def test_the_mean_landmark_error_is_the_one_asked_for():
    rng = np.random.default_rng(0)
    points = head()
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    moved = [move_points(points, AugmentationConfig(landmark_error=0.03), rng) for _ in range(2000)]
    error = np.linalg.norm((np.array(moved) - points)[..., :2], axis=-1).mean() / size
    assert error == pytest.approx(0.03, rel=0.08)


def test_features_keep_their_form_and_brows_tilt_alike():
    points, config, rng = (
        head(),
        replace(NONE, feature_jitter_deg=5.0, feature_jitter_shift=0.01),
        np.random.default_rng(0),
    )
    found = np.array([jitter_features(points, config, rng) for _ in range(2000)])
    for rows in LANDMARK_GROUPS.values():
        ways = found[:, rows, :2] - found[:, rows, :2].mean(1, keepdims=True)
        own = points[rows, :2] - points[rows, :2].mean(0)
        assert_allclose(np.linalg.norm(ways, axis=2), np.broadcast_to(np.linalg.norm(own, axis=1), ways.shape[:2]))
    left, right = (found[:, [a, b], 1] @ [1.0, -1.0] for a, b in ((0, 4), (9, 5)))  # outer end against inner end
    assert np.corrcoef(left, right)[0, 1] > 0.9
    corners = found[:, 31, 1] - found[:, 37, 1]
    assert_allclose(corners, points[31, 1] - points[37, 1], atol=1e-9)  # a tilted mouth would be a movement
    lifted = found[:, :5, 1].mean(1) - points[:5, 1].mean()
    size = np.sqrt(np.prod(np.ptp(points[:, :2], axis=0)))
    assert lifted.std() / size == pytest.approx(0.01, rel=0.1)
    assert_array_equal(found[..., 2], np.broadcast_to(points[:, 2], found.shape[:2]))
    assert_array_equal(jitter_features(points, NONE, rng), points)


def test_mirroring_twice_changes_nothing_and_once_fits_the_symmetric_head(store):
    crop, points, _ = first(store)
    again = mirror(*mirror(crop, points))
    assert_array_equal(again[0], crop)
    assert_allclose(again[1], points)
    centred = head() + np.array([100, 100, 0])
    assert_allclose(mirror(crop, centred)[1], centred, atol=1e-9)


def test_traces_of_jpeg_keep_the_colours_of_a_crop():
    crop = np.full((120, 120, 3), (200, 60, 30), np.uint8)
    found = degrade(crop, replace(NONE, jpeg=1.0), np.random.default_rng(0))
    assert np.abs(found.astype(int) - crop).max() <= 8


def test_grey_has_one_channel_and_keeps_grey_pictures():
    grey = np.repeat(np.arange(120, dtype=np.uint8)[None, :, None], 120, 0).repeat(3, 2)
    found = tint(grey, True, np.random.default_rng(0))
    assert found.shape == (120, 120, 1)
    assert np.abs(found.astype(int) - grey[..., :1]).max() <= 1


def test_resolution_falls_to_the_smallest_side_and_not_further(monkeypatch):
    sides = []
    resize = cv2.resize
    monkeypatch.setattr(cv2, "resize", lambda crop, size, **way: sides.append(size[0]) or resize(crop, size, **way))
    config = replace(NONE, low_resolution=1.0, min_side_px=40)
    rng = np.random.default_rng(0)
    for _ in range(200):
        assert degrade(np.zeros((50, 50, 3), np.uint8), config, rng).shape == (50, 50, 3)
    made = set(sides[::2])  # The others bring it back to its size.
    assert min(made) == 20
    assert max(made) == 49


def test_the_same_seed_gives_the_same_windows(store):
    once, again = (
        augment(*first(store), AugmentationConfig(), grey=True, rng=np.random.default_rng(7)) for _ in range(2)
    )
    assert_array_equal(once[0], again[0])
    assert_array_equal(once[1], again[1])
