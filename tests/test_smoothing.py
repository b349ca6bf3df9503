import json

import numpy as np
import pytest

from duchenne.errors import UsageError
from duchenne.faces import box_from_landmarks
from duchenne.landmarks import FaceLandmarks, mean_face
from duchenne.smoothing import LandmarkSmoother, SmoothingRule

FRAME_S = 1 / 25
STILL = 60.0 * mean_face() + [200.0, 150.0, 0.0]
SIDE_PX = float(box_from_landmarks(STILL[:, :2])[2])


def seen(landmarks_3d):
    return FaceLandmarks(landmarks_3d[:, :2], landmarks_3d[:, 2], np.full(49, 0.7), 0.9)


def smoothed(places, frame_s=FRAME_S):
    smoother = LandmarkSmoother()
    found = [smoother.update(0, seen(place), k * frame_s) for k, place in enumerate(places)]
    return np.array([np.column_stack([f.points, f.depth]) for f in found])


def test_a_trembling_face_becomes_calmer_and_stays_in_place():
    noise = np.random.default_rng(0).normal(0, 0.003 * SIDE_PX, (200, 49, 3))
    out = smoothed(STILL + noise)[50:] - STILL
    assert out.std() < 0.6 * noise.std()
    assert np.abs(out.mean(0)).max() < 0.003 * SIDE_PX


@pytest.mark.parametrize("sides_per_s", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("frame_s", [1 / 60, 1 / 25, 1 / 10])
def test_no_speed_lags_by_more_than_the_bound(sides_per_s, frame_s):
    way = np.arange(100) * frame_s * sides_per_s * SIDE_PX
    places = STILL + way[:, None, None] * [1.0, 0.0, 0.0]
    behind = (places - smoothed(places, frame_s))[20:, :, 0] / SIDE_PX
    assert behind.min() >= 0
    assert behind.max() <= 1 / (2 * np.pi * SmoothingRule().rise)


def test_a_jump_is_nearly_done_within_two_frames():
    places = np.repeat(STILL[None], 20, 0)
    places[10:] += [0.1 * SIDE_PX, 0.0, 0.0]
    gone = (smoothed(places)[:, 0, 0] - STILL[0, 0]) / (0.1 * SIDE_PX)
    assert gone[9] == pytest.approx(0.0, abs=1e-9)
    assert gone[10] > 0.8
    assert gone[11] > 0.95


def test_the_size_of_the_face_makes_no_difference():
    noise = np.random.default_rng(1).normal(0, 0.3, (30, 49, 3))
    assert smoothed(3 * (STILL + noise)) == pytest.approx(3 * smoothed(STILL + noise), abs=1e-6)


def test_faces_do_not_touch_each_other_and_visibility_stays():
    smoother = LandmarkSmoother()
    alone = smoothed([STILL, STILL + 2.0])
    smoother.update(0, seen(STILL), 0.0)
    smoother.update(1, seen(STILL + 50.0), 0.0)
    found = smoother.update(0, seen(STILL + 2.0), FRAME_S)
    assert found.points == pytest.approx(alone[1][:, :2])
    assert (found.visibility == 0.7).all()
    assert found.confidence == 0.9


@pytest.mark.parametrize("time_s", [-1.0, 0.0, 2.0])
def test_after_a_gap_or_back_in_time_a_face_starts_anew(time_s):
    smoother = LandmarkSmoother()
    smoother.update(0, seen(STILL), 0.0)
    assert smoother.update(0, seen(STILL + 9.0), time_s).points == pytest.approx(STILL[:, :2] + 9.0)


def test_it_goes_on_from_its_written_state_as_if_it_had_not_stopped():
    noise = np.random.default_rng(2).normal(0, 0.5, (20, 49, 3))
    whole = smoothed(STILL + noise)
    smoother = LandmarkSmoother()
    for k in range(10):
        smoother.update(0, seen(STILL + noise[k]), k * FRAME_S)
    smoother = LandmarkSmoother.from_dict(json.loads(json.dumps(smoother.to_dict())))
    for k in range(10, 20):
        found = smoother.update(0, seen(STILL + noise[k]), k * FRAME_S)
    assert (found.points == whole[-1][:, :2]).all()


def test_nonsense_is_refused():
    with pytest.raises(UsageError, match="state of a smoother"):
        LandmarkSmoother.from_dict({"0": {"place": [1.0]}})
    with pytest.raises(UsageError, match="above 0"):
        SmoothingRule(rest_hz=0.0)
