"""Faces found by other processes: chunks of videos, what depends on the past, and Ray with a process that is killed."""

import importlib.util
import json
import os
import pickle
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from clips import write_clip
from duchenne import AUDetector
from duchenne.cluster import ray_finder
from duchenne.cluster.jobs import CHUNKS, MOST_CHUNK_FRAMES, Chunk, Digest, Pictures, chunks_of
from duchenne.cluster.ray_finder import RayFinder
from duchenne.cluster.ray_tasks import RayTasks
from duchenne.cluster.work import Setting, do
from duchenne.commands import run
from duchenne.detection import RunOptions, run_detection
from duchenne.diagnosis import SAMPLE
from duchenne.errors import UsageError
from duchenne.finding import NeededFrames
from duchenne.location.following import STRETCH_FRAMES
from duchenne.media import Source, SourceKind, expand_sources

FRAMES, SIDE = 28, 128
needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs duchenne[cluster]")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Return a folder with pictures and videos: one of two faces, of which one is away for a while; broken ones."""
    folder = tmp_path_factory.mktemp("cluster") / "study"
    folder.mkdir()
    face = np.asarray(Image.open(SAMPLE).convert("RGB").resize((SIDE, SIDE)))
    for name in ("a.png", "b.png", "e.png"):
        Image.fromarray(face).save(folder / name)
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:200])
    with av.open(str(folder / "c.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = SIDE, 2 * SIDE, "yuv420p", 2_000_000
        for k in range(FRAMES):
            picture = np.full((SIDE, 2 * SIDE, 3), 118, np.uint8)
            picture[:, : SIDE + 2 * k][:, -SIDE:] = face
            if not 7 <= k < 19:
                picture[:, -60:] = np.asarray(Image.fromarray(face).resize((60, SIDE)))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    whole = write_clip(folder / "d.avi", 12, codec="mjpeg", pixels="yuvj420p")
    whole.write_bytes(whole.read_bytes()[: len(whole.read_bytes()) * 3 // 4])
    return folder


class Quiet:
    """A callback that keeps what it is told, and calls `at` with the number of each frame."""

    def __init__(self, at=lambda _: None) -> None:
        self.problems, self.frames, self.at = [], 0, at

    def begin(self, source, frames, done):
        pass

    def frame(self, source, frame, faces):
        self.frames += 1
        self.at(self.frames)

    def problem(self, error):
        self.problems.append(str(error))

    def note(self, source, note):
        pass


class InOneProcess(RayTasks):
    """In place of `RayTasks`: jobs are done when they are asked for, and pickled on the way as they would be."""

    def __init__(self, address, workers, setting) -> None:
        self.setting, self.done = setting, []

    def look_ahead(self, jobs):
        assert all(isinstance(job, Pictures | Digest | Chunk) for job in jobs)

    def drop(self, is_stale):
        pass

    def result(self, job):
        self.done.append(job)
        return pickle.loads(do(pickle.loads(pickle.dumps(job)), self.setting))

    def __exit__(self, *_):
        pass


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(ray_finder, "CHUNK_S", 0.3)


@pytest.fixture
def in_one_process(monkeypatch, small_chunks):
    monkeypatch.setattr(ray_finder, "RayTasks", InOneProcess)


def detected(study, output, finder=None, at=lambda _: None, **asked):
    """Run over the study; return what the callback was told."""
    told, detector = Quiet(at), AUDetector(aus=[6, 12], workers=1, smooth=asked.pop("smooth", False))
    options = RunOptions(output, groups=("box", "aus"), **asked)
    sources, _ = expand_sources([study])
    if finder is None:
        run_detection(detector, sources, options, told)
    else:
        with finder(detector, options, "local") as found:
            run_detection(detector, sources, options, told, found)
    return told


def record(output: Path) -> dict:
    stored = json.loads(Path(f"{output}.json").read_text())
    return {
        name: stored[name] for name in ("sha256", "options", "fingerprint", "sources", "counts", "problems", "notes")
    }


# Jobs


@pytest.mark.parametrize("frames", [None, 0, 1, 100, 1001, 123_457])
@pytest.mark.parametrize("begin", [0, 5 * STRETCH_FRAMES])
def test_chunks_cover_a_video_once_and_begin_with_stretches(frames, begin):
    needed = NeededFrames(begin + 3, frozenset({begin // STRETCH_FRAMES}))
    chunks = chunks_of(Source("a.mp4", SourceKind.VIDEO), needed, frames, 100)
    assert len(chunks) == 1 or frames - begin >= 100
    assert len(chunks) <= CHUNKS or frames > CHUNKS * MOST_CHUNK_FRAMES
    assert all(chunk.end - chunk.begin <= MOST_CHUNK_FRAMES for chunk in chunks[:-1])
    assert (chunks[0].begin, chunks[-1].end) == (begin, None)
    assert all(chunk.begin % STRETCH_FRAMES == 0 for chunk in chunks)
    assert all(one.end == two.begin for one, two in pairwise(chunks))


def test_another_installation_is_refused():
    setting = Setting.of(AUDetector(), RunOptions())
    other = Setting(setting.detector, setting.options, (*setting.installed[:-1], ("duchenne", "0.1 abc")))
    with pytest.raises(UsageError, match=r"another version of duchenne than the machine that asks"):
        do(Digest(Source("a.mp4", SourceKind.VIDEO)), other)


# Without Ray


@pytest.mark.parametrize(
    "asked", [{}, {"smooth": True, "every_frame": True}, {"step": 3, "start_s": 0.2, "end_s": 1.5}]
)
def test_chunks_that_others_find_make_the_bytes_of_one_run(study, tmp_path, in_one_process, asked):
    here = detected(study, tmp_path / "here.csv", **asked)
    there = detected(study, tmp_path / "there.csv", RayFinder, **asked)
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    one, other = record(tmp_path / "here.csv"), record(tmp_path / "there.csv")
    assert sorted(other.pop("sources"), key=str) == sorted(one.pop("sources"), key=str)
    assert other == one
    assert (sorted(there.problems), there.frames) == (sorted(here.problems), here.frames)
    assert len(here.problems) == 2
    assert "face_id" in (tmp_path / "here.csv").read_text()


def test_a_range_without_frames_is_said_as_in_one_run(study, tmp_path, in_one_process):
    asked = {"start_s": 99.0}
    assert (
        detected(study, tmp_path / "there.csv", RayFinder, **asked).problems
        == detected(study, tmp_path / "here.csv", **asked).problems
    )


@pytest.mark.parametrize("smooth", [False, True])
def test_a_run_that_was_stopped_goes_on_elsewhere_with_the_same_bytes(study, tmp_path, in_one_process, smooth):
    def stop(frames):
        if frames == 21:
            raise KeyboardInterrupt

    whole = detected(study, tmp_path / "here.csv", smooth=smooth)
    for output, finders in (("a.csv", (RayFinder, None)), ("b.csv", (None, RayFinder))):
        with pytest.raises(KeyboardInterrupt):
            detected(study, tmp_path / output, finders[0], stop, smooth=smooth)
        assert detected(study, tmp_path / output, finders[1], smooth=smooth).frames == whole.frames - 20
        assert (tmp_path / output).read_bytes() == (tmp_path / "here.csv").read_bytes()


def test_what_only_this_machine_can_do_is_refused(study, tmp_path, capsys):
    words = ["detect", str(study / "a.png"), "--ray", "local"]
    assert run([*words, "--overlay", str(tmp_path / "o.png")]) == 2
    assert "Leave --overlay or --ray out" in capsys.readouterr().err
    assert run(["detect", "camera:0", "--ray", "local"]) == 2
    assert "camera:0 can be read on this machine only" in capsys.readouterr().err


# With Ray


@pytest.fixture
def ray_runs(small_chunks, monkeypatch):
    """Let Ray's processes use two processors."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def processes_at_work() -> list[int]:
    """Return the numbers of Ray's processes that do a job at this moment."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    own = [line.split(None, 2) for line in found.splitlines()[1:]]
    return [int(pid) for pid, _, words in own if words.startswith("ray::do")]


@needs_ray
@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_a_video_changes_nothing(study, tmp_path, ray_runs):
    killed = []

    def kill(frames):
        if not killed and frames > 2 and (pids := processes_at_work()):
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    detected(study, tmp_path / "here.csv")
    told = detected(study, tmp_path / "there.csv", RayFinder, kill)
    assert killed
    assert told.frames > FRAMES
    assert (tmp_path / "there.csv").read_bytes() == (tmp_path / "here.csv").read_bytes()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_the_simulation_agrees_with_what_can_be_reckoned_by_hand():
    path = Path(__file__).parents[1] / "benchmarks" / "corpus_simulation.py"
    spec = importlib.util.spec_from_file_location("corpus_simulation", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Its dataclass looks itself up.
    spec.loader.exec_module(module)
    frames, free = np.array([3000.0, 1000.0, 2000.0]), module.Rates(5.0, 0.01, 0.0, 0.0, 5.0)
    assert module.shards_s(frames, 1, free) == pytest.approx(5 + 60)
    assert module.shards_s(frames, 2, free) == pytest.approx(5 + 50)
    assert module.shards_s(frames, 99, free) == pytest.approx(5 + 30)
    assert module.ray_s(frames, 1, free) == pytest.approx(5 + 60)
    assert module.ray_s(frames, 99, free, chunk_frames=1000) == pytest.approx(5 + 10)
    slow = module.Rates(0.0, 0.01, 0.0, 0.02, 0.0)  # The process that takes the frames is the bottleneck.
    assert module.ray_s(frames, 99, slow, chunk_frames=1000) == pytest.approx(10 + 6000 * 0.02)
    ahead = module.Rates(0.0, 0.01, 0.001, 0.0, 0.0)  # Chunks of one video, each after what lies before it.
    assert module.ray_s(np.array([4000.0]), 4, ahead, chunk_frames=1000) == pytest.approx(10 + 3)
    assert module.lengths_h(1000).sum() == pytest.approx(1000)
