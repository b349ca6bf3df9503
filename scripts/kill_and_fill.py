"""Kill -9 and full disks at many places of a folder run, a video and a training: the results must be those undisturbed.

    python scripts/kill_and_fill.py              # 40 places of each kind; make full
    python scripts/kill_and_fill.py --places 3   # a taste

Half of the kills come right before an operation on a file (opened, linked, renamed, removed), evenly spread over all of
them; the others at even times. A full disk is a limit on the size of files: a write fails in its middle, with the error
"File too large" in place of "No space left". After each, the same command is given again until it ends well; a command
that met a full disk must have ended with a message and without a traceback.
"""

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from PIL import Image

import duchenne
from duchenne.diagnosis import SAMPLE
from duchenne.training.run.checkpoints import read_tensors

LAUNCH = """
import os, signal, sys
place, count, folder = int(os.environ.get("KILL_AT", -1)), 0, os.environ["WATCHED"]
EVENTS = {"open", "os.link", "os.rename", "os.remove", "os.truncate", "os.mkdir"}

def before(event, what):
    global count
    if event in EVENTS and what and isinstance(what[0], str | bytes | os.PathLike):
        if os.fspath(what[0]) and os.fsdecode(what[0]).startswith(folder):
            if count == place:
                os.kill(os.getpid(), signal.SIGKILL)
            count += 1

if "LIMIT" in os.environ:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LIMIT"]),) * 2)
sys.addaudithook(before)
from duchenne.commands import main
try:
    main()
finally:
    if "COUNT_TO" in os.environ:
        with open(os.environ["COUNT_TO"], "w") as file:
            file.write(str(count))
"""


@dataclass(frozen=True)
class Job:
    """A command that writes into a folder, and which of its files are the result."""

    name: str
    words: Callable[[Path], list[str]]
    result: str
    once: bool = False
    """Whether the command refuses to do what is done."""


@dataclass
class Tally:
    """What was found."""

    tried: int = 0
    stopped: int = 0
    different: int = 0
    unplain: int = 0

    def __str__(self) -> str:
        return (
            f"{self.tried} tried, {self.stopped} stopped in their middle, "
            f"{self.different} different results, {self.unplain} without a plain message"
        )


def folder_job(inputs: Path) -> Job:
    pictures = inputs / "pictures"
    pictures.mkdir()
    face = Image.open(SAMPLE).convert("RGB").resize((160, 160))
    for k in range(12):
        Image.fromarray(np.roll(np.asarray(face), k, 1)).save(pictures / f"{k}.png")
    (pictures / "broken.png").write_bytes(b"no picture")
    return Job(
        "folder", lambda out: ["detect", str(pictures), "--output", str(out / "r.csv"), "-j", "1"], "r.csv", True
    )


def each_job(inputs: Path) -> Job:
    pictures = inputs / "pictures"
    return Job("one file a source", lambda out: ["detect", str(pictures), "--output-dir", str(out), "-j", "1"], "*.csv")


def video_job(inputs: Path) -> Job:
    clip, face = inputs / "clip.mp4", np.asarray(Image.open(SAMPLE).convert("RGB").resize((160, 160)))
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 160, 160, "yuv420p"
        for k in range(40):
            picture = np.ascontiguousarray(np.roll(face, k, 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return Job(
        "video", lambda out: ["detect", str(clip), "--output", str(out / "r.parquet"), "-j", "1"], "r.parquet", True
    )


def training_job(inputs: Path) -> Job:
    store = inputs / "store"
    run(["render", str(inputs / "stills"), "--count", "250", "--seed", "5"], inputs)
    run(["prepare", str(inputs / "stills"), "--out", str(store), "--landmarks", "exact"], inputs)

    def words(out: Path) -> list[str]:
        return ["train", "compact", "--data", str(store), "--out", str(out), "--epochs", "1", "--threads", "1"]

    return Job("training", words, "**/network.safetensors")


def run(words: list[str], watched: Path, limit: int | None = None, after_s: float | None = None, **more: str):
    """Run the command; kill it after some time, or hold its files to a size, where asked for."""
    places = os.pathsep.join([str(Path(duchenne.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    if limit is not None:
        more["LIMIT"] = str(limit)
    environment = {**os.environ, "PYTHONPATH": places, "WATCHED": str(watched), **more}
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, *words], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        _, said = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    return process.returncode, said


def digest(job: Job, out: Path) -> dict[str, str]:
    paths = sorted(path for path in out.glob(job.result) if path.is_file())
    return {path.relative_to(out).as_posix(): hashlib.sha256(content_of(path)).hexdigest() for path in paths}


def content_of(path: Path) -> bytes:
    """Return what a file holds; of a trained network without the seconds that its last start took."""
    if path.suffix != ".safetensors":
        return path.read_bytes()
    tensors, metadata = read_tensors(path)
    said = {name: value for name, value in metadata.items() if name != "seconds_since_last_start"}
    return b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors)) + repr(sorted(said.items())).encode()


def is_done(job: Job, out: Path) -> bool:
    """Return whether the kill came after the end: the result has its name, and nothing unfinished lies beside it."""
    return job.once and bool(digest(job, out)) and not any(out.rglob("*.part*"))


def until_done(job: Job, out: Path) -> None:
    if is_done(job, out):
        return
    for _ in range(5):
        code, said = run(job.words(out), out)
        if code in (0, 1) and "Traceback" not in said and digest(job, out):
            return
    print(f"{job.name}: does not end well: {said[-500:]}")


def killed(job: Job, work: Path, places: int, seed_s: float, events: int, expected: dict[str, str]) -> Tally:
    tally = Tally()
    for k in range(places):
        out = work / f"kill{k}"
        out.mkdir()
        if k % 2:
            code, _ = run(job.words(out), out, after_s=0.3 + seed_s * k / places)
        else:
            code, _ = run(job.words(out), out, KILL_AT=str(events * k // places))
        tally.tried += 1
        tally.stopped += code == -signal.SIGKILL
        until_done(job, out)
        tally.different += digest(job, out) != expected
        shutil.rmtree(out)
    return tally


def filled(job: Job, work: Path, places: int, largest: int, expected: dict[str, str]) -> Tally:
    tally = Tally()
    for k in range(places):
        out = work / f"full{k}"
        out.mkdir()
        code, said = run(job.words(out), out, limit=largest * k // places)
        tally.tried += 1
        tally.stopped += code != 0
        plain = "Traceback" not in said and (code == 0 or "duchenne: " in said)
        if not plain:
            print(f"{job.name}, files of at most {largest * k // places} bytes: {said[-600:]}")
        tally.unplain += not plain
        until_done(job, out)
        tally.different += digest(job, out) != expected
        shutil.rmtree(out)
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=40)
    parser.add_argument("--jobs", nargs="*", default=["folder", "each", "video", "training"])
    chosen = parser.parse_args()
    makers = {"folder": folder_job, "each": each_job, "video": video_job, "training": training_job}
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        inputs.mkdir()
        for name in chosen.jobs:
            if name == "each" and "folder" not in chosen.jobs:
                folder_job(inputs)
            job, work = makers[name](inputs), Path(folder) / name
            whole = work / "whole"
            whole.mkdir(parents=True)
            started = time.monotonic()
            _, said = run(job.words(whole), whole, COUNT_TO=str(work / "count"))
            lasted_s, expected = time.monotonic() - started, digest(job, whole)
            if not expected:
                print(f"{job.name}: gives no result even undisturbed: {said[-600:]}")
                return 1
            events = int((work / "count").read_text())
            largest = max(path.stat().st_size for path in whole.rglob("*") if path.is_file())
            kills = killed(job, work, chosen.places, lasted_s, events, expected)
            full = filled(job, work, chosen.places, largest, expected)
            print(f"{job.name}: kill -9: {kills}\n{job.name}: disk full: {full}", flush=True)
            bad += kills.different + full.different + full.unplain
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
