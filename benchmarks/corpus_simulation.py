"""How long a corpus takes on 1 to 1,000 machines, by shards and by Ray: a simulation from measured rates.

    python benchmarks/corpus_simulation.py --measure     # rates of this machine, and the simulation beside real runs
    python benchmarks/corpus_simulation.py               # the table, from the rates in results/cluster.json

Rates are processor seconds of one core, so that other work on the machine counts little. Real runs are held against
the simulation in the same way: by the processor seconds of the shard, or of the process of Ray, that has most.

Shards: each core does a shard, videos one after another. Ray: chunks are given out in order, twice as many as there are
cores at most; one process takes them in order, numbers their faces and writes the rows. Both: each machine does a shard
with Ray of its own.
"""

import argparse
import heapq
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from duchenne import AUDetector
from duchenne.cluster import ray_finder
from duchenne.cluster.jobs import CHUNKS, JOBS_AHEAD_PER_CPU, MOST_CHUNK_FRAMES, Chunk
from duchenne.cluster.ray_finder import RayFinder
from duchenne.cluster.work import Setting, do
from duchenne.detection import RunOptions, asked_of, run_detection
from duchenne.diagnosis import SAMPLE
from duchenne.finding import NeededFrames
from duchenne.location.following import STRETCH_FRAMES
from duchenne.location.small_faces import SmallFacesInVideo
from duchenne.media import Source, SourceKind, expand_sources, open_video
from duchenne.results.destinations import OneFile
from duchenne.results.run_facts import facts_of
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker

RESULT = Path(__file__).parents[1] / "results" / "cluster.json"
NODES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
CORES, FPS, HOURS = 16, 25, 10_000
CORE_HOUR_USD = 0.04
"""Of a rented core, about."""
CHECKED_CHUNK = 2 * STRETCH_FRAMES
"""Frames of a chunk where the simulation is held against Ray."""
MEAN_H, SPREAD = 0.5, 0.6
"""Lengths of videos: log-normal, with this mean and spread of the logarithm."""


@dataclass(frozen=True)
class Rates:
    """Processor seconds of one core.

    Attributes:
        start_s: To start a process and open the networks.
        frame_s: Of a frame of 1280 x 720 with one face, all in all.
        decode_s: Of this, to decode a frame that only leads up to a chunk.
        take_s: For the one process to take a frame that others worked on, number its faces and write its row.
        ray_start_s: For a process of Ray to start and open the networks.
    """

    start_s: float
    frame_s: float
    decode_s: float
    take_s: float
    ray_start_s: float


def lengths_h(hours: float, seed: int = 0) -> np.ndarray:
    """Return the lengths of the videos of a corpus."""
    drawn = np.random.default_rng(seed).lognormal(0.0, SPREAD, round(hours / MEAN_H))
    return drawn * hours / drawn.sum()


def shards_s(frames: np.ndarray, cores: int, rates: Rates) -> float:
    """Return when the last shard ends: the longest, since shards do not wait for one another."""
    loads = [frames[k::cores].sum() for k in range(min(cores, len(frames)))]
    return float(rates.start_s + max(loads) * rates.frame_s)


def ray_s(frames: np.ndarray, cores: int, rates: Rates, chunk_frames: int = 60 * FPS) -> float:
    """Return when the last frame is taken."""
    free = [rates.ray_start_s] * cores
    taken: list[float] = []
    now, most = 0.0, JOBS_AHEAD_PER_CPU * cores
    for own, before in _chunks(frames, chunk_frames):
        given = taken[len(taken) - most] if len(taken) >= most else 0.0
        begun = max(heapq.heappop(free), given)
        done = begun + own * rates.frame_s + before * rates.decode_s
        heapq.heappush(free, done)
        now = max(now, done) + own * rates.take_s
        taken.append(now)
    return now


def _chunks(frames: np.ndarray, chunk_frames: int):
    for length in frames:
        own = min(max(chunk_frames, length / CHUNKS), MOST_CHUNK_FRAMES)
        count = max(1, round(length / own))
        for k in range(count):
            yield length / count, k * length / count


# Measuring


def write_clip(path: Path, frames: int, turn: float) -> Path:
    """Write a video of 1280 x 720 with one face that moves."""
    face = np.asarray(Image.open(SAMPLE).convert("RGB").resize((480, 480)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for k in range(frames):
            picture = np.full((720, 1280, 3), 118, np.uint8)
            left = round(400 + 100 * np.sin(k / turn))
            picture[120:600, left : left + 480] = face
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def processor_s(*words: str) -> float:
    """Run the command line in a process of its own; return the processor seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "duchenne", *words, "--workers", "1", "--quiet"]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured_rates(folder: Path) -> Rates:
    short, long = write_clip(folder / "short.mp4", 16, 15), write_clip(folder / "long.mp4", 216, 15)
    times = [processor_s("detect", str(clip), "-o", str(folder / f"{clip.stem}.csv")) for clip in (short, long)]
    frame_s = (times[1] - times[0]) / 200
    begin = time.process_time()
    with open_video(long, first_frame=10_000) as video:
        assert next(video, None) is None
    decode_s = (time.process_time() - begin) / 216
    (ray_s,) = ray_processor_s([short], folder / "short_ray.csv", 1)
    return Rates(times[0] - 16 * frame_s, frame_s, decode_s, taking_s(long, folder), ray_s - 16 * frame_s)


def ray_processor_s(videos: list[Path], output: Path, workers: int) -> list[float]:
    """Detect on a Ray cluster of this machine; return the processor seconds of each of its processes that did work."""
    detector, options = AUDetector(workers=workers), RunOptions(output, restart=True)
    sources, _ = expand_sources([str(video) for video in videos])
    let_ray_start_slowly()
    with RayFinder(detector, options, "local") as finder:
        run_detection(detector, sources, options, Silent(), finder)
        raylets = [pid for pid, parent, name, _ in processes() if parent == os.getpid() and name == "raylet"]
        own = [(name, s) for _, parent, name, s in processes() if parent in raylets]
        return [s for name, s in own if name in ("ray::do", "ray::IDLE")]


def let_ray_start_slowly(limit_s: float = 600.0) -> None:
    """Let Ray wait for its first process for longer than half a minute, which a busy machine may need."""
    from ray._private import services

    get_node = services.get_node

    def patiently(*asked):
        end = time.monotonic() + limit_s
        while True:
            try:
                return get_node(*asked)
            except RuntimeError:
                if time.monotonic() > end:
                    raise
                time.sleep(1.0)

    services.get_node = patiently


def processes() -> list[tuple[int, int, str, float]]:
    """Return number, parent, name and processor seconds of all processes (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().partition(" (")[2].rpartition(") ")
        except OSError:  # It has just ended.
            continue
        told = rest.split()
        seconds = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
        found.append((int(folder.name), int(told[1]), name, seconds))
    return found


class Silent:
    """A callback that says nothing but what went wrong."""

    def begin(self, source, frames, done) -> None: ...

    def frame(self, source, frame, faces) -> None: ...

    def note(self, source, note) -> None: ...

    def problem(self, error) -> None:
        sys.exit(str(error))


def taking_s(clip: Path, folder: Path) -> float:
    """Return what the one process does for a frame that others worked on."""
    detector, options = AUDetector(workers=1), RunOptions()
    source = Source(str(clip), SourceKind.VIDEO)
    data = do(Chunk(source, 0, None, NeededFrames()), Setting.of(detector, options))
    facts = facts_of(asked_of(detector), options.reading, "")
    file = OneFile(folder / "taken.csv", detector.columns, facts, "", overwrite=True, restart=True)
    begin, tracker, smoother, small = time.process_time(), FaceTracker(), LandmarkSmoother(), SmallFacesInVideo()
    found = pickle.loads(data)
    for frame, faces in detector.reader.in_order(found.frames, tracker, smoother, 0, small):
        file.write(source, frame, faces)
        tracker.to_dict(), smoother.to_dict(), small.to_dict()  # The state is kept after each frame.
    took_s = time.process_time() - begin
    file.close()
    return took_s / len(found.frames)


def validated(folder: Path, rates: Rates) -> dict[str, dict[str, float]]:
    """Hold the simulation against real shards and Ray, of one and of two machines of one core."""
    videos = folder / "videos"
    videos.mkdir()
    frames = np.array([96, 32, 64, 48])
    for k, count in enumerate(frames):
        write_clip(videos / f"{k}.mp4", int(count), 11 + k)
    out = {}
    for count in (1, 2):
        words = ["detect", str(videos), "--output-dir", str(folder / f"of{count}"), "--shard"]
        took_s = max(processor_s(*words, f"{k}/{count}") for k in range(1, count + 1))
        out[f"{count} machines"] = {
            "measured_s": round(took_s, 2),
            "simulated_s": round(shards_s(frames, count, rates), 2),
        }
    ray_finder.CHUNK_S = CHECKED_CHUNK / FPS
    taken_at_once = replace(rates, take_s=0.0)  # Of the process that takes frames no other is kept waiting here.
    for count in (1, 2):
        took_s = ray_processor_s(sorted(videos.iterdir()), folder / f"ray{count}.csv", count)
        out[f"Ray, {count} machines"] = {
            "measured_s": round(max(took_s), 2),
            "simulated_s": round(ray_s(frames, count, taken_at_once, CHECKED_CHUNK), 2),
            "measured_of_each_s": [round(s, 2) for s in sorted(took_s)],
        }
    return out


def table(rates: Rates, hours: float) -> list[dict[str, float]]:
    """Return time and cost by number of machines, for each way to divide the work."""
    frames = lengths_h(hours) * 3600 * FPS
    rows = []
    for nodes in NODES:
        cores = nodes * CORES
        row: dict[str, float] = {"nodes": nodes}
        both = max(ray_s(frames[k::nodes], CORES, rates) for k in range(nodes))
        ways = {"shards": shards_s(frames, cores, rates), "ray": ray_s(frames, cores, rates), "both": both}
        for name, took_s in ways.items():
            usd = took_s / 3600 * cores * CORE_HOUR_USD
            row |= {f"{name}_h": round(took_s / 3600, 2), f"{name}_usd_per_1000_h": round(usd * 1000 / hours, 1)}
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--measure", action="store_true", help="measure the rates of this machine, and write the result"
    )
    parser.add_argument("--hours", type=float, default=HOURS)
    asked = parser.parse_args()
    if asked.measure:
        with tempfile.TemporaryDirectory() as name:
            rates = measured_rates(Path(name))
            stored = {"command": "python benchmarks/corpus_simulation.py --measure", "rates": asdict(rates)}
            stored["validation"] = validated(Path(name), rates)
    else:
        stored = json.loads(RESULT.read_text())
        rates = Rates(**stored["rates"])
    stored |= {"hours": asked.hours, "cores_per_node": CORES, "core_hour_usd": CORE_HOUR_USD}
    stored["table"] = table(rates, asked.hours)
    if asked.hours == HOURS:
        RESULT.write_text(json.dumps(stored, indent=1) + "\n")
    print(json.dumps(stored, indent=1))


if __name__ == "__main__":
    main()
