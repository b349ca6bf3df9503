"""Faces of videos that are followed: as good as found in each frame, and never followed in doubt."""

import itertools
import json

import numpy as np
import pytest
from PIL import Image

from duchenne import AUDetector
from duchenne import detector as detector_room
from duchenne.diagnosis import SAMPLE
from duchenne.errors import LandmarkError
from duchenne.faces import overlap
from duchenne.geometry import shift, similarity, transform_points
from duchenne.landmarks import Landmarker
from duchenne.location import FaceLocator
from duchenne.location.following import STRETCH_FRAMES, FaceFollower
from duchenne.location.motion import Motion, best_similarity
from duchenne.media import Frame
from duchenne.patches import reduce_crop
from duchenne.synthesis.sets.clips import clip_frames, draw_clip
from duchenne.tracking import look_of

WIDTH, HEIGHT, SIDE, FPS = 640, 360, 240, 30


@pytest.fixture(scope="module")
def head() -> Image.Image:
    return Image.open(SAMPLE).convert("RGB").resize((SIDE, SIDE))


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.array(json.loads(SAMPLE.with_suffix(".json").read_text())["landmarks"])


class CountingLocator(FaceLocator):
    """Counts how often faces are looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.searches = 0

    def locate(self, *arguments):
        self.searches += 1
        return super().locate(*arguments)


@pytest.fixture
def locator() -> CountingLocator:
    return CountingLocator()


def scene(head, *corners, size=SIDE, index=0, time_s=None, damaged=False) -> Frame:
    """A frame with the rendered head at some places."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), (120, 110, 100))
    for corner in corners:
        picture.paste(head.resize((size, size)), corner)
    return Frame("v", index, index / FPS if time_s is None else time_s, np.asarray(picture), damaged)


def follow(locator, frames):
    follower = FaceFollower(locator)
    return [follower.locate(frame) for frame in frames]


def points_of(faces):
    return [face.landmarks.points for face in faces]


def side_of(points):
    return np.ptp(points, axis=0).max()


def test_followed_landmarks_are_nearer_to_those_of_the_frame_alone_than_a_neighbours(locator, head, truth):
    places = [(60 + 5 * k, 40 + 3 * k) for k in range(STRETCH_FRAMES)]
    frames = [scene(head, place, index=k) for k, place in enumerate(places)]
    followed = [points_of(faces)[0] for faces in follow(locator, frames)]
    assert locator.searches == 1
    alone = [points_of(locator.locate(frame.pixels).faces)[0] for frame in frames]
    drawn = [truth * SIDE / Image.open(SAMPLE).width + place for place in places]
    apart = [np.linalg.norm(a - b, axis=1).mean() for a, b in zip(followed, alone, strict=True)]
    neighbours = [np.linalg.norm(a - b, axis=1).mean() for a, b in itertools.pairwise(alone)]
    assert max(apart) < 0.25 * min(neighbours)
    wrong = [
        [np.linalg.norm(p - t, axis=1).mean() for p, t in zip(found, drawn, strict=True)] for found in (followed, alone)
    ]
    assert np.mean(wrong[0]) < 1.03 * np.mean(wrong[1])
    assert max(wrong[0]) < 0.03 * side_of(drawn[0])


def test_scores_of_a_video_differ_from_those_of_its_pictures_as_little_as_those_of_neighbours(head):
    """A head of one expression that comes nearer, turns in its plane and moves: what differs is noise alone."""
    turned = [head.rotate(1.5 * k, Image.Resampling.BICUBIC, fillcolor=(120, 110, 100)) for k in range(STRETCH_FRAMES)]
    frames = [scene(one, (100 + 4 * k, 40), size=SIDE + 3 * k, index=k) for k, one in enumerate(turned)]
    detector = AUDetector(workers=2)
    video = np.stack([faces[0].probability for _, faces in detector.detect_frames(frames)])
    alone = np.stack([detector.detect_frame(frame)[0].probability for frame in frames])
    assert np.abs(video - alone).mean() < 1.1 * np.abs(np.diff(alone, axis=0)).mean()


def test_rendered_videos_differ_from_their_pictures_less_than_neighbouring_frames_do():
    """Heads that move, speak and blink; where their landmarks are drawn, they are found as well as in pictures."""
    detector, apart, neighbours, wrong = AUDetector(workers=2), [], [], []
    for seed in (980_001, 980_002, 980_003):
        drawn = list(clip_frames(draw_clip(seed, 0.6), width=320, height=240, fps=FPS))
        frames = [Frame("v", k, one.time_s, one.drawn.pixels) for k, one in enumerate(drawn)]
        video = [faces[0] for _, faces in detector.detect_frames(frames)]
        alone = [detector.detect_frame(frame)[0] for frame in frames]
        scores = np.stack([face.probability for face in alone])
        apart.append(np.abs(np.stack([face.probability for face in video]) - scores).mean())
        neighbours.append(np.abs(np.diff(scores, axis=0)).mean())
        truth = np.stack([one.drawn.landmarks for one in drawn])
        wrong += [
            [np.abs(np.stack([face.landmarks.points for face in found]) - truth).mean() for found in (video, alone)]
        ]
    assert np.mean(apart) < np.mean(neighbours)
    by_video, by_picture = np.mean(wrong, axis=0)
    assert by_video < 1.05 * by_picture


class CountingLandmarker(Landmarker):
    """Counts the crops that its network reads."""

    crops = 0

    def run(self, crops):
        self.crops += len(crops)
        return super().run(crops)


def test_a_still_face_is_read_once_in_each_frame_and_where_it_was_expected_twice(locator, head):
    locator.landmarker = CountingLandmarker()
    follower, counted = FaceFollower(locator), []
    for k, x in enumerate((200, 200, 200, 215)):
        before = locator.landmarker.crops
        follower.locate(scene(head, (x, 60), index=k))
        counted.append(locator.landmarker.crops - before)
    assert counted == [4, 1, 1, 2]
    assert locator.searches == 1


def test_looks_are_taken_where_the_face_detector_looks(head, monkeypatch):
    looked = []
    monkeypatch.setattr(detector_room, "look_of", lambda pixels: looked.append(pixels) or look_of(pixels))
    frames = [scene(head, (200 + k, 60), index=k) for k in range(STRETCH_FRAMES + 1)]
    ids = [faces[0].face_id for _, faces in AUDetector(workers=1).detect_frames(frames)]
    assert (len(looked), set(ids)) == (2, {0})


def test_a_steady_motion_is_expected_where_it_goes():
    points = np.random.default_rng(0).uniform(0, 100, (49, 2))
    step = shift(40.0, 30.0) @ similarity(1.1, 5.0) @ shift(-38.0, -31.0)
    second, third = (transform_points(t, points) for t in (step, step @ step))
    centre = [points.mean(0) for points in (points, second, third)]
    motion = Motion.between(points, second)
    np.testing.assert_allclose(motion.ahead(second) - motion.ahead(second).mean(0), third - centre[2], atol=1e-9)
    np.testing.assert_allclose(motion.ahead(second).mean(0), 2 * centre[1] - centre[0], atol=1e-9)
    half = Motion().after(Motion(4.0, 10.0 + 2.0j))
    assert half == Motion(2.0, 5.0 + 1.0j)
    np.testing.assert_allclose(best_similarity(points, second), step, atol=1e-9)


def test_landmarks_that_coincide_have_no_motion():
    with pytest.raises(LandmarkError, match="coincide"):
        Motion.between(np.ones((49, 2)), np.zeros((49, 2)))


@pytest.mark.parametrize(
    ("places", "change"),
    [
        pytest.param([(40, 60), (240, 60)], {}, id="fast"),
        pytest.param([(200, 60), (200, 60)], {"size": 120}, id="size"),
        pytest.param([(200, 60), (202, 60)], {"time_s": 0.2}, id="gap"),
        pytest.param([(200, 60), (202, 60)], {"damaged": True}, id="damage"),
    ],
)
def test_a_doubtful_step_is_looked_at_as_a_picture(locator, head, places, change):
    first, second = scene(head, places[0]), scene(head, places[1], index=1, **change)
    _, found = follow(locator, [first, second])
    assert locator.searches == 2
    alone = locator.locate(second.pixels).faces
    np.testing.assert_array_equal(points_of(found), points_of(alone))
    np.testing.assert_array_equal(found[0].box.box, alone[0].box.box)


def test_a_fast_head_is_not_lost(locator, head):
    """A third of its face a frame, forth and back."""
    frames = [scene(head, (200 + 40 * (k % 2), 60), index=k) for k in range(STRETCH_FRAMES)]
    for frame, faces in zip(frames, follow(locator, frames), strict=True):
        (alone,), (found,) = points_of(locator.locate(frame.pixels).faces), points_of(faces)
        assert np.linalg.norm(found - alone, axis=1).mean() < 0.01 * side_of(alone)


def test_after_a_cut_nothing_is_followed(locator, head):
    empty = Frame("v", 1, 1 / FPS, np.full((HEIGHT, WIDTH, 3), 118, np.uint8))
    elsewhere = scene(head, (0, 0), (380, 100), index=2)
    one, none, two = follow(locator, [scene(head, (200, 60)), empty, elsewhere])
    assert [len(one), len(none), len(two)] == [1, 0, 2]


def test_a_face_beside_another_is_found_at_the_next_multiple_and_a_large_one_at_once(locator, head):
    def found(size):
        faces, follower = [], None
        for k in range(STRETCH_FRAMES + 1):
            frame = scene(head, (0, 60), index=k)
            pixels = frame.pixels.copy()
            if k >= 3:
                pixels[20 : 20 + size, 360 : 360 + size] = np.asarray(head.resize((size, size)))
            follower = FaceFollower(locator) if k % STRETCH_FRAMES == 0 else follower
            faces.append(len(follower.locate(Frame("v", k, k / FPS, pixels))))
        return faces

    assert found(60)[STRETCH_FRAMES] == 2
    assert found(260)[3:] == [2] * (STRETCH_FRAMES - 2)


def test_crossing_faces_are_never_one_face_twice(locator, head):
    frames = [scene(head, (30 + 16 * k, 60), (370 - 16 * k, 60), size=200, index=k) for k in range(20)]
    for frame, faces in zip(frames, follow(locator, frames), strict=True):
        boxes = np.array([face.box.box for face in faces])
        assert not any((overlap(box, boxes[k + 1 :]) > 0.3).any() for k, box in enumerate(boxes))
        assert abs(len(faces) - len(locator.locate(frame.pixels).faces)) <= 1


def test_numbers_rest_on_no_earlier_stretch_and_on_no_number_of_workers(head):
    frames = [scene(head, (100 + 4 * k, 50 + k), index=k) for k in range(2 * STRETCH_FRAMES + 3)]

    def detected(some, workers):
        return [faces[0].landmarks.points for _, faces in AUDetector(workers=workers).detect_frames(some)]

    whole = detected(frames, 1)
    np.testing.assert_array_equal(detected(frames, 3), whole)
    np.testing.assert_array_equal(detected(frames[STRETCH_FRAMES:], 2), whole[STRETCH_FRAMES:])
    assert not np.array_equal(detected(frames[STRETCH_FRAMES + 2 :], 1)[1], whole[STRETCH_FRAMES + 3])


def test_one_worker_holds_no_more_frames_than_it_works_on(head):
    read = []
    frames = (read.append(k) or scene(head, (200, 60), index=k) for k in range(6))
    for given, _ in enumerate(AUDetector(workers=1).detect_frames(frames)):
        assert len(read) - given <= 2


@pytest.mark.parametrize("reduction", [2, 4, 5, 20])
def test_a_crop_is_averaged_over_whole_blocks(reduction):
    pixels = np.random.default_rng(0).integers(200, 256, (200, 200, 3)).astype(np.uint8)
    blocks = pixels.reshape(200 // reduction, reduction, 200 // reduction, reduction, 3).mean((1, 3))
    np.testing.assert_array_equal(reduce_crop(pixels, reduction), np.floor(blocks + 0.5).astype(np.uint8))
