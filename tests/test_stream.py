"""Frames that are pushed one by one give what the video gives; times must rise."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from duchenne import AUDetector
from duchenne.diagnosis import SAMPLE
from duchenne.errors import MediaError, UsageError
from duchenne.media import Frame, open_video
from test_detector import lossless_video


def moving(frames: int) -> list[np.ndarray]:
    """Return frames of a head that sways; it is away for some, and another stands beside it in the second half."""
    head, wall = Image.open(SAMPLE).convert("RGB"), Image.new("RGB", (420, 240), (120, 110, 100))
    out = []
    for k in range(frames):
        picture = wall.copy()
        if k not in (5, 6):
            picture.paste(head.resize((200, 200)), (10 + round(8 * np.sin(k)), 20))
        if k > frames // 2:
            picture.paste(head.resize((160, 160)).transpose(Image.Transpose.FLIP_LEFT_RIGHT), (250, 40))
        out.append(np.asarray(picture))
    return out


def assert_same(pushed, given):
    assert [[(f.frame, f.face_id) for f in faces] for faces in pushed] == [
        [(f.frame, f.face_id) for f in faces] for faces in given
    ]
    for face, other in zip((f for faces in pushed for f in faces), (f for faces in given for f in faces), strict=True):
        assert face.timestamp_s == other.timestamp_s
        assert_array_equal(face.probability, other.probability)
        assert_array_equal(face.landmarks.points, other.landmarks.points)
        assert_array_equal(face.box.box, other.box.box)


@pytest.mark.parametrize("smooth", [False, True])
def test_pushed_frames_give_what_the_video_gives(smooth, tmp_path):
    path, detector = lossless_video(tmp_path / "v.mkv", moving(20)), AUDetector(smooth=smooth, workers=2)
    stream, by_frame = detector.stream(), {}
    for face in detector.detect_video(path):
        by_frame.setdefault(face.frame, []).append(face)
    with open_video(path) as video:
        pushed = [stream.push(frame.pixels, frame.timestamp_s) for frame in video]
    assert_same(pushed, [by_frame.get(k, []) for k in range(20)])
    assert {face.face_id for faces in pushed for face in faces} == {0, 1}
    assert stream.frames == 20


def test_two_streams_of_one_detector_know_nothing_of_each_other():
    detector, pictures = AUDetector(smooth=True), moving(6)
    one, other = detector.stream("one"), detector.stream("other")
    found = []
    for k, picture in enumerate(pictures):
        found.append(one.push(picture, k / 25))
        other.push(picture[:, ::-1], 3 + k / 25)
    alone = detector.detect_frames(Frame("one", k, k / 25, picture) for k, picture in enumerate(pictures))
    assert_same(found, [faces for _, faces in alone])


@pytest.mark.parametrize("time_s", [1.0, 0.5, float("nan"), float("inf")])
def test_times_that_do_not_rise_are_refused(time_s):
    stream, nobody = AUDetector().stream("door"), np.zeros((64, 64, 3), np.uint8)
    stream.push(nobody, 1.0)
    with pytest.raises(UsageError, match=r"^door: the frame's time is .* s, but the one before was at 1 s\. Push"):
        stream.push(nobody, time_s)
    assert stream.push(nobody, 1.5) == []
    assert stream.frames == 2


def test_what_is_no_picture_is_refused_and_not_counted():
    stream = AUDetector().stream()
    with pytest.raises(MediaError, match="int32"):
        stream.push(np.zeros((8, 8), np.int32), 0.0)
    assert stream.frames == 0
    assert stream.push(moving(1)[0], 0.0)[0].frame == 0


def test_a_face_that_was_away_longer_is_another():
    detector, (picture, *_), nobody = AUDetector(), moving(1), np.zeros((240, 420, 3), np.uint8)
    found = {}
    for longest_loss_s in (0.5, 3.0):
        stream = detector.stream(longest_loss_s=longest_loss_s)
        stream.push(picture, 0.0)
        stream.push(nobody, 1.0)
        found[longest_loss_s] = stream.push(picture, 2.0)[0].face_id
    assert found == {0.5: 1, 3.0: 0}
    with pytest.raises(UsageError, match="longest loss"):
        detector.stream(longest_loss_s=-1)
