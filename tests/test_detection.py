"""A run over sources: interrupted, killed and continued; broken sources; state."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clips import write_clip
from duchenne import AUDetector, detection, weights
from duchenne.detection import RunOptions, RunState, run_detection
from duchenne.diagnosis import SAMPLE
from duchenne.errors import UsageError
from duchenne.media import Source, SourceKind

FRAMES = 150

STOPS_ITSELF = """
import os, signal, sys
from duchenne import commands, detection
from duchenne.results.result_file import ResultFile

# A shell's background jobs, and all that they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
detection.CHECKPOINT_S = 0.2
stop, checkpoint, write = int(sys.argv.pop(1)), ResultFile.checkpoint, ResultFile.write
left = None

def and_count(file, *what):
    global left
    checkpoint(file, *what)
    left = 20 if left is None else left

def and_stop(file, faces):
    global left
    write(file, faces)
    if left is not None:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), stop)

ResultFile.checkpoint, ResultFile.write = and_count, and_stop
commands.main()
"""
"""The command, which sends itself a signal, its first argument, 20 frames after the first checkpoint."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    face = np.asarray(Image.open(SAMPLE).convert("RGB").resize((320, 320)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 320, 320, "yuv420p", 3_000_000
        for k in range(FRAMES):
            picture = np.ascontiguousarray(np.roll(face, round(30 * np.sin(k / 9)), 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def command(clip: Path, output: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "duchenne", "detect", str(clip), "--output", str(output), "--workers", "1", *more]


def stopped(stop: signal.Signals, clip: Path, output: Path, *more: str) -> None:
    words = command(clip, output, *more)[3:]
    done = subprocess.run(
        [sys.executable, "-c", STOPS_ITSELF, str(int(stop)), *words], check=False, capture_output=True
    )
    assert done.returncode == {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130}[stop]


@pytest.mark.parametrize(("stop", "more"), [(signal.SIGKILL, ()), (signal.SIGINT, ("--smooth",))])
def test_a_stopped_run_continues_and_ends_with_the_same_bytes(clip, tmp_path, stop, more):
    subprocess.run(command(clip, tmp_path / "whole.csv", *more), check=True, capture_output=True)
    stopped(stop, clip, tmp_path / "parts.csv", *more)
    record = tmp_path / "parts.csv.part.journal"
    assert not (tmp_path / "parts.csv").exists()
    assert record.exists()
    subprocess.run(command(clip, tmp_path / "parts.csv", *more), check=True, capture_output=True)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    names = ["parts.csv", "parts.csv.json", "whole.csv", "whole.csv.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert len(pd.read_csv(tmp_path / "whole.csv")) == FRAMES


class Interrupting:
    """A callback that is interrupted while it is told of a frame, after the frame's rows were written."""

    def __init__(self, at: int | None) -> None:
        self.left, self.done_before, self.notes = at, [], []

    def begin(self, source, frames, done):
        self.done_before.append(done)

    def frame(self, source, frame, faces):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt

    def problem(self, error):
        pass

    def note(self, source, note):
        self.notes.append(note)


def detect(sources: list[Source], output: Path, at: int | None = None) -> tuple[RunState, Interrupting]:
    callback = Interrupting(at)
    return run_detection(AUDetector(workers=1), sources, RunOptions(output, step=10), callback), callback


def recorded(output: Path) -> tuple[dict, list[str]]:
    """Return the last state in the journal of an interrupted run, and the names of the sources that are done."""
    lines = output.with_name(output.name + ".part.journal").read_text().splitlines()[2:]
    entries = [json.loads(line.partition(" ")[2]) for line in lines]
    return entries[-1]["state"], [source["name"] for entry in entries for source in entry["sources"]]


def test_an_interruption_is_recorded_at_the_last_whole_frame(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "CHECKPOINT_S", 1e9)
    source = [Source(str(clip), SourceKind.VIDEO)]
    whole, _ = detect(source, tmp_path / "whole.csv")
    with pytest.raises(KeyboardInterrupt):
        detect(source, tmp_path / "parts.csv", at=6)
    left, done = recorded(tmp_path / "parts.csv")
    assert (left["frames"], left["next_frame"], done) == (6, 51, [])
    state, callback = detect(source, tmp_path / "parts.csv")
    assert callback.done_before == [5]
    assert (state.frames, state.faces) == (whole.frames, whole.faces) == (15, 15)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_interrupted_pictures_go_on_and_a_broken_one_counts_once(tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "CHECKPOINT_S", 1e9)
    pictures = [Path(shutil.copy(SAMPLE, tmp_path / f"{k}.jpg")) for k in range(4)]
    pictures[0].write_text("no picture")
    sources = [Source(str(path), SourceKind.PICTURE) for path in pictures]
    detect(sources, tmp_path / "whole.csv")
    with pytest.raises(KeyboardInterrupt):
        detect(sources, tmp_path / "parts.csv", at=2)
    assert recorded(tmp_path / "parts.csv")[1] == [str(path) for path in pictures[:3]]
    state, callback = detect(sources, tmp_path / "parts.csv")
    assert len(callback.done_before) == 1
    assert (state.problems, state.frames, state.read) == (1, 3, 3)
    assert (tmp_path / "parts.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_run_with_another_pose_correction_is_not_continued(clip, tmp_path, monkeypatch):
    source, output = [Source(str(clip), SourceKind.VIDEO)], tmp_path / "r.csv"
    with pytest.raises(KeyboardInterrupt):
        detect(source, output, at=1)
    altered = shutil.copytree(weights.FOLDER, tmp_path / "weights")
    correction = altered / weights.POSE_CORRECTION_NAME
    correction.write_text(re.sub(r"0\.\d+", "0.4", correction.read_text(), count=1))
    monkeypatch.setattr(weights, "FOLDER", altered)
    weights.write_hashes()
    with pytest.raises(UsageError, match=r"other settings \(weights pose_correction.json\).*--restart"):
        detect(source, output)


def test_a_run_of_another_version_is_refused_in_plain_words(clip, tmp_path):
    source, output = [Source(str(clip), SourceKind.VIDEO)], tmp_path / "r.csv"
    with pytest.raises(KeyboardInterrupt):
        detect(source, output, at=1)
    path = tmp_path / "r.csv.part.journal"
    path.write_text(re.sub(r"journal \d+", "journal 2", path.read_text(), count=1))
    with pytest.raises(UsageError, match=r"begun by another version.*Finish it with that version.*--restart"):
        detect(source, output)


def test_another_run_is_not_continued_by_mistake(clip, tmp_path):
    output = tmp_path / "r.csv"
    stopped(signal.SIGKILL, clip, output)
    other = subprocess.run([*command(clip, output), "--step", "2"], capture_output=True, text=True, check=False)
    assert other.returncode in (1, 2)
    assert "--restart" in other.stderr
    again = subprocess.run([*command(clip, output), "--step", "50", "--restart"], capture_output=True, check=False)
    assert again.returncode == 0
    assert list(pd.read_csv(output)["frame"]) == list(range(0, FRAMES, 50))


def test_nothing_is_left_when_nothing_could_be_read(tmp_path):
    (tmp_path / "bad.jpg").write_text("no picture")
    done = subprocess.run(
        command(tmp_path / "bad.jpg", tmp_path / "r.csv"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.jpg"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_explained(clip, tmp_path, monkeypatch, capsys):
    from duchenne.commands import run
    from duchenne.results import result_file

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(result_file.os, "fsync", full)
    assert run(["detect", str(clip), "--output", str(tmp_path / "r.csv"), "--step", "50"]) == 1
    err = capsys.readouterr().err
    assert "No space left" in err
    assert not (tmp_path / "r.csv").exists()


def test_a_large_step_keeps_one_face_id_and_frames_without_a_face_leave_a_row(clip, tmp_path):
    output = tmp_path / "r.csv"
    subprocess.run(command(clip, output, "--step", "45", "--every-frame"), check=True, capture_output=True)
    table = pd.read_csv(output)
    assert table["frame"].tolist() == [0, 45, 90, 135]
    assert set(table["face_id"]) == {0}
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "grey.png")
    empty = tmp_path / "empty.csv"
    subprocess.run(command(tmp_path / "grey.png", empty, "--every-frame"), check=True, capture_output=True)
    row = pd.read_csv(empty)
    assert (row["source"][0], row["frame"][0], row["timestamp_s"][0]) == (str(tmp_path / "grey.png"), 0, 0.0)
    assert row.iloc[0].drop(["source", "frame", "timestamp_s"]).isna().all()


def test_a_range_that_selects_nothing_is_said_and_fails(clip, tmp_path):
    words = command(clip, tmp_path / "r.csv", "--start", "60")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no frame from 60 s" in done.stderr
    assert not (tmp_path / "r.csv").exists()


def test_what_was_mended_is_said_and_stands_in_the_record(tmp_path):
    path = tmp_path / "joined.ts"
    write_clip(path, 10)
    path.write_bytes(path.read_bytes() * 2)
    state, callback = detect([Source(str(path), SourceKind.VIDEO)], tmp_path / "r.csv")
    assert [name for name, _ in state.notes] == [str(path)]
    assert "2 recordings are joined" in state.notes[0][1]
    assert callback.notes == [note for _, note in state.notes]
    record = json.loads((tmp_path / "r.csv.json").read_text())
    assert record["sources"][0]["notes"] == callback.notes
    assert record["notes"] == [f"{path}: {note}" for note in callback.notes]
