"""The face without its pose: turning the head changes nothing, an expression stays."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from duchenne.errors import LandmarkError
from duchenne.pose_normalisation import STABLE_LANDMARKS, landmarks_3d, mean_normalised_landmarks, pose_normalised
from toy_faces import head, posed


@pytest.mark.parametrize("pose", [(0, 0, 0), (40, -20, 10), (-60, 40, -30)])
def test_pose_size_and_place_leave_no_trace(pose):
    seen = posed(head(), *pose, scale=1.7) + np.array([300, 200, 0])
    assert_allclose(pose_normalised(seen, head() / 80), head() / 80, atol=1e-9)


def test_a_raised_brow_stays_raised():
    raised = head()
    raised[:10, 1] -= 8
    found = pose_normalised(posed(raised, 30, -15, 5), head() / 80)
    assert_allclose(found[:10], raised[:10] / 80, atol=1e-9)


def test_the_mean_shape_is_the_head_behind_every_pose():
    rng = np.random.default_rng(0)
    faces = [posed(head(), *rng.uniform(-40, 40, 3), scale=s) + rng.normal(size=3) for s in rng.uniform(0.5, 2, 20)]
    found = mean_normalised_landmarks(np.array([head(), *faces]))
    expected = (head() - head()[list(STABLE_LANDMARKS)].mean(0)) / 80
    assert_allclose(found, expected, atol=1e-9)


def test_points_and_depth_become_columns():
    points, depth = np.random.default_rng(0).normal(size=(49, 2)), np.arange(49.0)
    assert_allclose(landmarks_3d(points, depth)[:, 2], depth)
    assert_allclose(landmarks_3d(points, depth)[:, :2], points)


@pytest.mark.parametrize("wrong", [np.zeros((49, 3)), np.full((49, 3), np.nan)])
def test_points_without_extent_are_refused(wrong):
    with pytest.raises(LandmarkError):
        pose_normalised(wrong, head())
