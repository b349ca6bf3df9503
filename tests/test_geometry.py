import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from duchenne.errors import LandmarkError
from duchenne.geometry import (
    HeadPose,
    angle_between_deg,
    inverse_of,
    pose_from_rotation,
    rigid_rotation,
    rotation_from_pose,
    rotation_from_vector,
    rotation_vector,
    scale_of,
    similarity,
    similarity_from_two_points,
    transform_points,
)
from duchenne.poses import KEPT_POSES_DEG

NOSE = np.array([0.0, 0.0, -1.0])  # towards the camera
angles = st.floats(-80, 80)


@pytest.mark.parametrize(
    ("pose", "axis", "sign"), [(HeadPose(30, 0, 0), 0, 1), (HeadPose(0, 30, 0), 1, -1)], ids=["yaw right", "pitch up"]
)
def test_signs_of_yaw_and_pitch(pose, axis, sign):
    assert sign * (rotation_from_pose(pose) @ NOSE)[axis] == pytest.approx(0.5)


def test_positive_roll_turns_clockwise_in_the_image():
    right = rotation_from_pose(HeadPose(0, 0, 30)) @ np.array([1.0, 0, 0])
    assert right[1] == pytest.approx(0.5)  # y points down


@given(angles, angles, angles)
def test_pose_survives_the_way_through_a_rotation(yaw, pitch, roll):
    pose = pose_from_rotation(rotation_from_pose(HeadPose(yaw, pitch, roll)))
    assert_allclose([pose.yaw_deg, pose.pitch_deg, pose.roll_deg], [yaw, pitch, roll], atol=1e-9)


@given(angles, angles, angles, st.floats(-90, 90))
def test_turning_the_picture_changes_the_roll_alone(yaw, pitch, roll, turn):
    turned = rotation_from_pose(HeadPose(0, 0, turn)) @ rotation_from_pose(HeadPose(yaw, pitch, roll))
    pose = pose_from_rotation(turned)
    assert_allclose([pose.yaw_deg, pose.pitch_deg], [yaw, pitch], atol=1e-9)
    assert (pose.roll_deg - roll - turn + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)


@given(angles, angles, angles, st.floats(0.1, 10))
def test_rigid_rotation_finds_the_rotation(yaw, pitch, roll, scale):
    points = np.random.default_rng(0).normal(size=(12, 3))
    rotation = rotation_from_pose(HeadPose(yaw, pitch, roll))
    found = rigid_rotation(points, scale * points @ rotation.T + [5.0, -2.0, 1.0], np.linspace(1, 2, 12))
    assert_allclose(found, rotation, atol=1e-9)


def test_rigid_rotation_is_no_mirror():
    points = np.random.default_rng(1).normal(size=(6, 3))
    assert np.linalg.det(rigid_rotation(points, points * [-1, 1, 1], np.ones(6))) == pytest.approx(1)


def test_rigid_rotation_refuses_points_on_a_line():
    line = np.outer(np.arange(5.0), [1.0, 2.0, 3.0])
    with pytest.raises(LandmarkError, match="on a line"):
        rigid_rotation(line, line, np.ones(5))


def test_similarity_from_two_points_agrees_with_opencv():
    import cv2

    source, target = np.array([[3.0, 4.0], [60.0, 20.0]]), np.array([[60.0, 64.0], [140.0, 64.0]])
    expected, _ = cv2.estimateAffinePartial2D(source[:, None], target[:, None])
    assert_allclose(similarity_from_two_points(source, target)[:2], expected, atol=1e-6)


def test_the_inverse_agrees_with_that_of_any_matrix():
    transform = np.array([[0.7, -0.2, 31.0], [0.3, 1.4, -5.0], [0.0, 0.0, 1.0]])
    assert_allclose(inverse_of(transform), np.linalg.inv(transform), atol=1e-12)
    assert scale_of(transform) == pytest.approx(np.sqrt(np.linalg.det(transform)), rel=1e-12)


def test_similarity_refuses_coinciding_points():
    with pytest.raises(LandmarkError, match="coincide"):
        similarity_from_two_points(np.ones((2, 2)), np.array([[0.0, 0.0], [1.0, 1.0]]))


def test_similarity_scales_and_turns():
    transform = similarity(2.0, 90.0, (1.0, 1.0))
    assert scale_of(transform) == pytest.approx(2)
    assert_allclose(transform_points(transform, np.array([[1.0, 0.0]])), [[1.0, 3.0]], atol=1e-12)


@given(angles, angles, angles)
def test_a_turn_about_an_axis_survives_and_agrees_with_opencv(x, y, z):
    cv2 = pytest.importorskip("cv2")
    turn_deg = np.array([x, y, z])
    rotation = rotation_from_vector(turn_deg)
    assert_allclose(rotation, cv2.Rodrigues(np.radians(turn_deg))[0], atol=1e-9)
    assert_allclose(rotation_from_vector(rotation_vector(rotation)), rotation, atol=1e-6)


@pytest.mark.parametrize("pose", [HeadPose(30, 0, 0), HeadPose(0, -30, 0), HeadPose(0, 0, 30)])
def test_the_turn_between_poses_is_one_angle(pose):
    assert angle_between_deg(HeadPose(0, 0, 0), pose) == pytest.approx(30.0)
    assert angle_between_deg(pose, pose) == pytest.approx(0.0, abs=1e-5)


def test_kept_poses_are_the_nine_without_the_two_that_look_farthest_down_and_aside():
    nine = {(yaw, pitch) for yaw in (-40, 0, 40) for pitch in (-40, -20, 0)}
    assert set(KEPT_POSES_DEG) == nine - {(-40, -40), (40, -40)}
    assert len(KEPT_POSES_DEG) == 7
