"""What a long video leaves behind: as much after many frames as after few, whether the collector of rings runs or not.

Objects and blocks of memory are counted, which depends on no clock and on no allocator.
"""

import gc
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from clips import write_clip
from duchenne import AUDetector
from duchenne.alignment import align
from duchenne.detection import RunOptions, run_detection
from duchenne.diagnosis import SAMPLE
from duchenne.media import Source, SourceKind, open_video, read_picture
from duchenne.media.moments import VideoMoments
from duchenne.media.notes import DamagedFrames
from duchenne.results.au_reading import FoundFaces
from duchenne.results.run_record import Position, RunRecord
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker, look_of

FEW, MANY = 100, 400


@pytest.fixture
def _without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def pictures_alive() -> int:
    return sum(isinstance(one, av.VideoFrame) for one in gc.get_objects())


@pytest.mark.usefixtures("_without_collector")
@pytest.mark.parametrize(("ending", "codec"), [("mp4", "mpeg4"), ("avi", "mjpeg")])
def test_pictures_that_were_read_are_let_go_at_once(tmp_path, ending, codec):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    with open_video(write_clip(tmp_path / f"a.{ending}", 100, codec, pixels=pixels)) as video:
        alive = [pictures_alive() for frame in video if frame.index % 20 == 19]
    assert len(alive) == 5
    assert max(alive) <= 8  # This one, the next, and what the decoder hands on.


@pytest.mark.usefixtures("_without_collector")
def test_pictures_of_a_player_are_let_go_with_the_player(tmp_path):
    moments = VideoMoments(write_clip(tmp_path / "a.mp4", 60, "mpeg4"))
    for k in range(60):
        moments.at(k / 30)
    moments.close()
    del moments
    assert pictures_alive() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_no_threads_are_started_for_single_pictures(tmp_path):
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    with open_video(write_clip(tmp_path / "a.mp4", 60, "mpeg4")) as video:
        next(video)
        few = threads()
        kept = list(video)
        assert threads() <= few
    assert len(kept) == 59


class Counting:
    """A callback that counts, after some frames, what Python holds: our objects and frames of PyAV, and all blocks.

    Other objects of PyAV 15 are in small rings, whose number depends on when the collector comes by.
    """

    def __init__(self) -> None:
        self.objects: dict[int, int] = {}
        self.blocks: dict[int, int] = {}

    def begin(self, source, frames, done):
        pass

    def frame(self, source, frame, faces):
        done = frame.index + 1
        if done == FEW:
            gc.collect()
        if done in (FEW, MANY):
            kinds = (str(type(one).__module__) for one in gc.get_objects())
            self.objects[done] = sum(kind.startswith(("duchenne.", "av.video.frame")) for kind in kinds)
            gc.collect()  # Empties Python's lists of tuples for later use, too.
            self.blocks[done] = sys.getallocatedblocks()

    def problem(self, error):
        raise error

    def note(self, source, note):
        pass


class OneFace(AUDetector):
    """A detector that sees the same face in every frame, so that hundreds of frames take no time."""

    found: FoundFaces | None = None

    def _begin_stretch(self):
        if self.found is None:
            picture = read_picture(SAMPLE)
            [face] = self._locator.locate(picture.pixels).faces
            look = look_of(align(picture.pixels, face.landmarks.points).pixels)
            self.found = FoundFaces([face], [look], self._reader.read(picture, [face], [0]), None)
        return lambda frame: self.found


@pytest.mark.usefixtures("_without_collector")
def test_a_run_holds_as_much_after_many_frames_as_after_few(tmp_path):
    clip, counting = write_clip(tmp_path / "a.mp4", MANY, "mpeg4"), Counting()
    sources, options = [Source(str(clip), SourceKind.VIDEO)], RunOptions(tmp_path / "r.csv")
    run_detection(OneFace(workers=1), sources, options, counting)
    for held in (counting.objects, counting.blocks):
        assert held[MANY] - held[FEW] < (MANY - FEW) / 2


@pytest.mark.usefixtures("_without_collector")
def test_ids_and_smoothing_keep_nothing_of_faces_that_are_gone():
    """A face an hour, each at another place, as people who pass by."""
    [face] = AUDetector(workers=1).detect(SAMPLE)
    tracker, smoother, sizes = FaceTracker(), LandmarkSmoother(), []
    for hour in range(20):
        for k in range(10):
            box = replace(face.box, box=face.box.box + np.array([1000.0 * hour, 0, 0, 0]))
            [face_id] = tracker.update([box], 3600 * hour + k / 25, frame=90_000 * hour + k)
            smoother.update(face_id, face.landmarks, 3600 * hour + k / 25)
        assert face_id == hour
        sizes.append((len(tracker.to_dict()["tracks"]), len(smoother.to_dict()), len(gc.get_objects())))
    assert {size[:2] for size in sizes} == {(1, 1)}
    assert sizes[-1][2] - sizes[1][2] < 60


def test_a_long_record_of_a_run_is_read_line_by_line(tmp_path):
    """Ten hours have 36,000 checkpoints."""
    record = RunRecord(tmp_path / "r.csv", {})
    state = {"tracker": "x" * 2000}
    with record.begin() as part:
        part.write(b"row")
        for _ in range(500):
            record.append(state, Position(3, 1))
        record.close()
    size = record.path.stat().st_size
    tracemalloc.start()
    try:
        found = RunRecord(tmp_path / "r.csv", {}).read()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found is not None
    assert found.state == state
    assert most < size / 5


def test_of_damaged_frames_only_number_and_times_are_kept():
    damaged = DamagedFrames()
    for time_s in (0.5, 0.75, 2.0):
        damaged.add(time_s)
    assert (damaged.count, damaged.first_s, damaged.last_s) == (3, 0.5, 2.0)
