"""Which faces of a picture are found: many and small ones, and such that are turned in the picture by any angle."""

import re
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import av
import numpy as np
import pytest
from PIL import Image

from duchenne.detection import RunOptions, run_detection
from duchenne.detector import AUDetector
from duchenne.errors import PictureWarning
from duchenne.faces import FaceBox, FaceDetector, FaceSearch, box_from_landmarks, is_same_face, smallest_face_px
from duchenne.geometry import HeadPose, similarity, transform_points
from duchenne.landmarks import FaceLandmarks
from duchenne.location import FaceLocator, is_certain
from duchenne.location.small_faces import SmallFaces, SmallFacesInVideo
from duchenne.media import Source, SourceKind
from duchenne.reliability import LEAST_UNTRIED, plausibility, reliable
from duchenne.results.result_record import read_record
from duchenne.synthesis.sets.shots import Poses
from duchenne.synthesis.sets.stills import StillsPlan, write_stills
from duchenne.training.pictures.rendered_heads import faces_in
from test_detection import Interrupting

TURNS_DEG = range(0, 360, 15)


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Twenty pictures of two rendered people who look into the camera."""
    folder = tmp_path_factory.mktemp("heads")
    write_stills(StillsPlan(count=20, people_per_file=2, poses=Poses.FRONTAL), folder)
    return list(faces_in(folder))


@pytest.fixture(scope="module")
def locator():
    return FaceLocator()


def crowd(heads, side_px, width=4000, height=3000, columns=8, rows=5):
    """Return heads beside each other, their face boxes of one side, and these boxes."""
    canvas, boxes = Image.new("RGB", (width, height), (120, 125, 118)), []
    for k in range(columns * rows):
        head = heads[k % len(heads)]
        box = box_from_landmarks(head.landmarks)
        scale = side_px / box[2]
        image = Image.fromarray(head.pixels)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
        at = (k % columns * width // columns + 7 * k % 50, k // columns * height // rows + 11 * k % 60)
        canvas.paste(image, at)
        boxes.append(box * scale + [*at, 0, 0])
    return np.asarray(canvas), np.array(boxes)


def write_still_video(path, pixels, frames=10):
    """Write the same picture for some frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *pixels.shape[:2], "yuv420p", 8_000_000
        for _ in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def hits(faces, boxes):
    found = np.array([face.box.box for face in faces]).reshape(-1, 4)
    return sum(bool(is_same_face(box, found).any()) for box in boxes)


class TestSmallFaces:
    @pytest.mark.parametrize("side_px", [95, 160])
    def test_of_forty_faces_38_are_found(self, heads, locator, side_px):
        pixels, boxes = crowd(heads, side_px)
        found = locator.locate(pixels, still=True)
        assert hits(found.faces, boxes) >= 38
        assert len(found.faces) <= 40
        assert not found.small.are_likely

    def test_smaller_ones_are_likely(self, heads):
        pixels, _ = crowd(heads, 40)
        with pytest.warns(PictureWarning, match=r"as the smallest that was looked for \(50 px\).*--min-face 25"):
            AUDetector().detect(pixels)

    def test_smaller_ones_are_likely_in_a_video(self, heads, tmp_path):
        """The note is that of the whole video, where the run was interrupted, too; larger faces give none."""
        write_still_video(tmp_path / "small.mp4", crowd(heads, 26, 640, 480, 4, 3)[0])
        write_still_video(tmp_path / "large.mp4", crowd(heads, 100, 640, 480, 2, 2)[0])
        notes = {}
        for name, stops in (("small.mp4", [5, None]), ("small.mp4", [None]), ("large.mp4", [None])):
            output = tmp_path / f"{name}-{len(stops)}.csv"
            for stop in stops:
                with pytest.raises(KeyboardInterrupt) if stop else nullcontext():
                    run_detection(
                        AUDetector(workers=1, aus="12"),
                        [Source(str(tmp_path / name), SourceKind.VIDEO)],
                        RunOptions(output),
                        Interrupting(stop),
                    )
            notes[output.name] = read_record(output).notes
        (note,) = notes["small.mp4-1.csv"]
        assert re.search(r"in 1 of 1 frames .* several places .* \(24 px\).*--min-face 12 looks for them", note)
        assert notes["small.mp4-2.csv"] == [note]
        assert notes["large.mp4-1.csv"] == []
        with pytest.warns(PictureWarning, match="in 1 of 1 frames"):
            list(AUDetector(workers=1, aus="12").detect_video(tmp_path / "small.mp4"))

    def test_single_frames_make_no_note_of_a_video(self):
        counted = SmallFacesInVideo()
        for k in range(40):
            counted.add(SmallFaces(2 if k < 3 else 1, 50.0))
            counted.add(None)
        assert (counted.read, counted.likely, counted.notes) == (40, 3, ())
        counted.add(SmallFaces(9, 50.0))
        counted.add(SmallFaces(9, 50.0))
        assert counted.notes[0].startswith("in 5 of 42 frames")
        assert SmallFacesInVideo.from_dict(counted.to_dict()) == counted
        assert SmallFacesInVideo().notes == ()

    def test_the_smallest_grows_by_the_share_that_help_states(self):
        command = [sys.executable, "-m", "duchenne", "detect", "--help"]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "1/60 of the shorter side" in " ".join(told.stdout.replace("│", " ").split())
        assert [smallest_face_px(height, 2 * height) for height in (1200, 1440, 3000, 9000)] == [32, 32, 50, 150]
        assert smallest_face_px(300, 400) == 15

    def test_a_large_face_is_found_beside_small_ones(self, heads, locator):
        pixels, _ = crowd(heads, 60)
        large = Image.fromarray(heads[0].pixels).resize((2600, 2600))
        canvas = Image.fromarray(pixels)
        canvas.paste(large, (1400, 0))
        drawn = box_from_landmarks(heads[0].landmarks) * 2600 / heads[0].pixels.shape[0] + [1400, 0, 0, 0]
        for options in ({"still": True}, {"min_face_px": 30.0}):
            found = locator.locate(np.asarray(canvas), **options).faces
            assert hits(found, [drawn])
            assert len(found) >= 10

    def test_large_faces_have_the_numbers_of_a_video(self, heads, locator):
        pixels = np.asarray(Image.fromarray(heads[0].pixels).resize((1400, 1400)))
        (still,), (frame,) = locator.locate(pixels, still=True).faces, locator.locate(pixels).faces
        np.testing.assert_array_equal(still.landmarks.points, frame.landmarks.points)


def turned(pixels, turn_deg):
    """Return a picture turned counter-clockwise on a larger grey one."""
    image = Image.fromarray(pixels).rotate(turn_deg, Image.Resampling.BICUBIC, expand=True, fillcolor=(90, 90, 90))
    return np.asarray(image)


def off_deg(one, other):
    return abs((one - other + 180) % 360 - 180)


class TestTurnedFaces:
    def test_pictures_turned_by_any_angle(self, heads, locator):
        found, wrong = [], []
        for k, turn_deg in enumerate(TURNS_DEG):
            head = heads[k % len(heads)]
            faces = locator.locate(turned(head.pixels, turn_deg), still=True).faces
            found.append(bool(faces))
            wrong += [f.pose for f in faces if off_deg(f.pose.roll_deg, head.pose.roll_deg - turn_deg) > 15]
        assert not wrong
        assert np.mean(found) > 0.9

    def test_frames_of_videos_show_none_that_is_wrong(self, heads, locator):
        found, wrong = 0, []
        for k, turn_deg in enumerate(TURNS_DEG):
            head = heads[k % len(heads)]
            faces = locator.locate(turned(head.pixels, turn_deg)).faces
            found += bool(faces) and min(turn_deg, 360 - turn_deg) <= 30
            wrong += [f.pose for f in faces if off_deg(f.pose.roll_deg, head.pose.roll_deg - turn_deg) > 15]
        assert not wrong
        assert found >= 4  # Of five.

    def test_around_a_doubtful_face_those_halfway_between_quarters_are_found(self, heads, locator):
        """Of 80 heads turned by 45 degrees from the nearest quarter, whose places are known as doubtful ones are."""
        found = 0
        for head in heads:
            for turn_deg in (45, 135, 225, 315):
                pixels = turned(head.pixels, turn_deg)
                back = similarity(1.0, -float(turn_deg), (0.0, 0.0))
                middles = [np.array(picture.shape[1::-1]) / 2 for picture in (head.pixels, pixels)]
                middle = transform_points(back, head.landmarks - middles[0]).mean(0) + middles[1]
                side = 1.2 * box_from_landmarks(head.landmarks)[2]
                around = FaceBox(np.array([*(middle - side / 2), side, side]), 0.6, np.zeros((5, 2)))
                faces = filter(is_certain, locator._turned(pixels, [], around))
                found += any(off_deg(face.pose.roll_deg, head.pose.roll_deg - turn_deg) <= 15 for face in faces)
        assert found >= 78

    def test_the_face_detector_alone_takes_chins_for_foreheads(self, heads):
        """What the check is for: without it these would be reported."""
        assert sum(bool(FaceDetector().find(turned(head.pixels, 180))) for head in heads) >= 2

    def test_the_place_in_a_turned_picture(self, heads):
        head = heads[0]
        upright, other = AUDetector().detect(head.pixels)[0], AUDetector().detect(np.rot90(head.pixels, 2).copy())[0]
        side = head.pixels.shape[0]
        np.testing.assert_allclose(side - other.landmarks.points, upright.landmarks.points, atol=0.02 * side)
        np.testing.assert_allclose(
            side - (other.box.box[:2] + other.box.box[2:]), upright.box.box[:2], atol=0.06 * side
        )
        np.testing.assert_allclose(other.probability, upright.probability, atol=0.25)

    def test_a_face_that_is_not_quite_sure_gives_way_to_a_surer_one_of_the_turned_picture(self, heads, locator):
        """As in a portrait at 150 degrees, whose forehead made a chin with 0.989."""
        head = heads[0]
        pixels = np.rot90(head.pixels, 2).copy()
        (right,) = locator.locate(pixels, still=True).faces
        doubtful = replace(right.landmarks, confidence=0.989)
        wrong = replace(right, landmarks=doubtful, pose=replace(right.pose, roll_deg=head.pose.roll_deg))
        for still in (True, False):
            (found,) = locator.decide(pixels, [wrong], Counter(), FaceSearch([], 0, 1.0), still=still).faces
            assert off_deg(found.pose.roll_deg, head.pose.roll_deg + 180) <= 15

    def test_one_upright_and_one_upside_down(self, heads, locator):
        canvas = Image.new("RGB", (1000, 500), (90, 90, 90))
        canvas.paste(Image.fromarray(heads[0].pixels).resize((400, 400)), (50, 50))
        canvas.paste(Image.fromarray(np.rot90(heads[11].pixels, 2).copy()).resize((400, 400)), (550, 50))
        for face in locator.locate(np.asarray(canvas), still=True).faces:
            truth = heads[0].pose.roll_deg if face.box.box[0] < 500 else heads[11].pose.roll_deg + 180
            assert off_deg(face.pose.roll_deg, truth) <= 15


class TestPlausibility:
    SURE = FaceLandmarks(np.zeros((49, 2)), np.zeros(49), np.full(49, 0.95), 0.9999, 0.005)

    def test_each_doubt_lowers_it(self):
        sure = plausibility(0.9, self.SURE)
        assert LEAST_UNTRIED < sure <= 1
        for doubtful in (
            replace(self.SURE, confidence=0.9),
            replace(self.SURE, mirror_gap=0.08),
            replace(self.SURE, visibility=np.full(49, 0.4)),
        ):
            assert plausibility(0.9, doubtful) < sure
        assert 0 < plausibility(0.5, self.SURE) < sure
        assert plausibility(1.0, replace(self.SURE, confidence=1.0)) <= 1

    def test_nothing_of_a_doubtful_face_is_reliable(self):
        pose = HeadPose(0.0, 0.0, 0.0)
        assert reliable(("AU12",), self.SURE, pose).all()
        assert not reliable(("AU12",), replace(self.SURE, confidence=0.7), pose).any()

    def test_it_is_the_confidence_of_a_face(self, heads, locator):
        (face,) = locator.locate(heads[0].pixels, still=True).faces
        assert face.landmarks.confidence > 0.99
        assert face.box.confidence == pytest.approx(
            FaceDetector().find(heads[0].pixels)[0].confidence * face.landmarks.confidence
        )


def test_min_face_still_decides(heads):
    pixels, _ = crowd(heads, 160)
    few = AUDetector(min_face_px=400.0).detect(pixels)
    assert len(few) < 10
