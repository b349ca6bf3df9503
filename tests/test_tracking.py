import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.tracking import FaceTracker, look_of, patience_s
from duchenne.tracking.tracker import LIKE_AT_ONCE

FRAME_S = 1 / 30


def face(x, y, side=60.0):
    box = np.array([x - side / 2, y - side / 2, side, side], float)
    return FaceBox(box, 0.9, np.zeros((5, 2)))


def test_moving_faces_keep_their_numbers_in_any_order():
    tracker = FaceTracker()
    for frame in range(60):
        left, right = face(100 + 3 * frame, 200), face(500 - 3 * frame, 600)
        faces = [left, right] if frame % 2 else [right, left]
        ids = tracker.update(faces, frame * FRAME_S)
        assert ids == ([1, 0] if frame % 2 else [0, 1])


def test_faces_that_pass_each_other_two_sides_apart_keep_their_numbers():
    tracker = FaceTracker()
    for frame in range(100):
        ids = tracker.update([face(100 + 4 * frame, 200), face(500 - 4 * frame, 320)], frame * FRAME_S)
        assert ids == [0, 1]


@given(st.floats(0.05, 0.99), st.floats(-25, 25), st.floats(0.8, 1.25))
def test_a_short_loss_keeps_the_number(loss_s, way_px, growth):
    tracker = FaceTracker()
    tracker.update([face(100, 100)], 0.0)
    tracker.update([], loss_s / 2)
    assert tracker.update([face(100 + way_px, 100, 60 * growth)], loss_s) == [0]


def quick(lost_s, moved_px):
    """Return the number of a face of 60 px that walks at 400 px/s, is lost, and is seen so far from where it was."""
    tracker = FaceTracker()
    for frame in range(30):
        tracker.update([face(400 * frame * FRAME_S, 100)], frame * FRAME_S)
    last_px, last_s = 400 * 29 * FRAME_S, 29 * FRAME_S
    return tracker.update([face(last_px + moved_px, 100)], last_s + lost_s)[0]


def test_a_lost_face_is_expected_where_its_way_leads_for_a_quarter_of_a_second():
    assert quick(0.2, 80) == 0
    assert quick(0.2, 0) == 1
    assert quick(0.7, 100) == 0
    assert quick(0.7, 280) == 1


def test_a_loss_of_more_than_a_second_gives_a_new_number():
    tracker = FaceTracker()
    assert tracker.update([face(100, 100)], 0.0) == [0]
    assert tracker.update([face(100, 100)], 1.01) == [1]


def test_a_cut_to_faces_elsewhere_gives_new_numbers():
    tracker = FaceTracker()
    assert tracker.update([face(100, 100), face(400, 100)], 0.0) == [0, 1]
    assert tracker.update([face(250, 300), face(100, 100, 300)], FRAME_S) == [2, 3]


def test_a_number_is_given_once_in_a_frame():
    tracker = FaceTracker()
    tracker.update([face(100, 100)], 0.0)
    assert sorted(tracker.update([face(104, 100), face(101, 100)], FRAME_S)) == [0, 1]


def test_the_nearer_face_keeps_the_number():
    tracker = FaceTracker()
    tracker.update([face(100, 100)], 0.0)
    assert tracker.update([face(120, 100), face(101, 100)], FRAME_S) == [1, 0]


def test_time_that_goes_back_ends_all_tracks():
    tracker = FaceTracker()
    tracker.update([face(100, 100)], 5.0)
    assert tracker.update([face(100, 100)], 0.0) == [1]


@settings(deadline=None)
@given(st.integers(1, 39))
def test_a_tracker_written_and_read_goes_on_with_the_same_numbers(stop):
    frames = [[face(100 + 5 * k, 200), face(500, 600 - 5 * k)][: 1 + (k % 7 > 0)] for k in range(40)]
    straight, tracker = FaceTracker(), FaceTracker()
    for k, faces in enumerate(frames):
        if k == stop:
            tracker = FaceTracker.from_dict(json.loads(json.dumps(tracker.to_dict())))
        assert tracker.update(faces, k * FRAME_S) == straight.update(faces, k * FRAME_S)


def test_the_state_does_not_grow_with_time():
    tracker = FaceTracker()
    for frame in range(200):
        tracker.update([face(200 * frame, 0)], frame * FRAME_S)
    assert len(tracker.to_dict()["tracks"]) <= 31


@pytest.mark.parametrize("state", [{}, {"longest_loss_s": 1, "next_id": 1, "updated_s": 0, "tracks": [{"face_id": 0}]}])
def test_a_foreign_state_is_refused(state):
    with pytest.raises(UsageError, match="not the state of a face tracker"):
        FaceTracker.from_dict(state)


def test_a_negative_loss_is_refused():
    with pytest.raises(UsageError, match="at least 0 s"):
        FaceTracker(-1.0)


def patches(seed):
    """A made-up face: smooth patches of the person's own."""
    coarse = np.random.default_rng(seed).uniform(40, 215, (12, 12, 3))
    return np.kron(coarse, np.ones((17, 17, 1)))[:200, :200]


def person(seed, noise=0.0):
    """The look of a made-up face, with a little noise of this sighting."""
    fine = patches(seed)
    fine = fine + noise * np.random.default_rng(1000 + seed).normal(size=fine.shape)
    return look_of(np.clip(fine, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("gap_s", [FRAME_S, 0.5, 0.9])
def test_another_person_in_the_same_place_gets_a_new_number(gap_s):
    tracker = FaceTracker()
    assert tracker.update([face(100, 100)], 0.0, [person(1)], 0) == [0]
    assert tracker.update([face(100, 100)], FRAME_S, [person(1, 8)], 1) == [0]
    assert tracker.update([face(100, 100)], FRAME_S + gap_s, [person(2)], 2) == [1]


def test_another_person_who_appears_when_one_vanishes_gets_a_new_number():
    tracker = FaceTracker()
    assert tracker.update([face(100, 100), face(180, 100)], 0.0, [person(1), person(2)], 0) == [0, 1]
    assert tracker.update([face(180, 100)], FRAME_S, [person(2)], 1) == [1]
    assert tracker.update([face(110, 100)], 2 * FRAME_S, [person(3)], 2) == [2]


def test_one_person_keeps_the_number_through_a_loss():
    tracker = FaceTracker()
    tracker.update([face(100, 100)], 0.0, [person(1)], 0)
    tracker.update([], 0.4)
    assert tracker.update([face(120, 100)], 0.8, [person(1, 8)], 2) == [0]


@pytest.mark.parametrize("step", [1, 5, 45, 300])
def test_patience_grows_with_the_step(step):
    tracker = FaceTracker(patience_s(30.0, step))
    ids = {tracker.update([face(100, 100)], k * step / 30, [person(1)], k * step)[0] for k in range(8)}
    assert ids == {0}
    assert patience_s(30.0, 1) == patience_s(30.0, 12) == patience_s(None, 1) == 1.0


def test_looks_are_not_written_but_seen_again():
    tracker = FaceTracker()
    tracker.update([face(100, 100), face(500, 100)], 0.0, [person(1), person(2)], 0)
    tracker.update([face(101, 100)], FRAME_S, [person(1)], 1)
    text = json.dumps(tracker.to_dict())
    assert len(text) < 700
    again = FaceTracker.from_dict(json.loads(text))
    assert again.frames_to_recall == {0, 1}
    again.recall(0, [face(500, 100), face(100, 100)], [person(2), person(1)])
    again.recall(1, [face(101, 100)], [person(1)])
    assert not again.frames_to_recall
    assert again.update([face(101, 100), face(500, 100)], 2 * FRAME_S, [person(3), person(2)], 2) == [2, 1]


@pytest.mark.parametrize("hidden", [np.s_[110:], np.s_[:100], np.s_[:, :95]], ids=["mouth", "brows", "one side"])
def test_a_hand_over_part_of_a_face_makes_no_other_person(hidden):
    tracker, covered = FaceTracker(), patches(1).astype(np.uint8)
    covered[hidden] = (190, 150, 130)
    looks = [person(1), look_of(covered), person(1)]
    assert looks[0].likeness(looks[1]) < LIKE_AT_ONCE
    ids = [tracker.update([face(100, 100)], k * FRAME_S, [look], k) for k, look in enumerate(looks)]
    assert ids == [[0], [0], [0]]
