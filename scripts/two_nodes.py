"""Two Ray nodes in two network namespaces; one is killed in the middle of a run; the result is that of one process.

Needs root, iproute2 and duchenne[cluster]; `make nodes` runs it. Each node has one processor and an address of its own;
a virtual cable joins the two, and nothing else can be reached. Prints what was compared; exit code 0 if all is equal.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from namespaces import ADDRESSES, inside, kill, namespaces
from PIL import Image

from duchenne.diagnosis import SAMPLE

PORT = 6379
CHUNK_S = 1.0
DETECT = """
import sys
from duchenne.cluster import ray_finder
from duchenne.commands import main
ray_finder.CHUNK_S = {chunk_s}
sys.argv[0] = "duchenne"
main()
"""


def write_video(path: Path, frames: int, turn: float) -> None:
    """Write a video of a face that moves, beside another one for a part of the time."""
    face = Image.open(SAMPLE).convert("RGB")
    large, small = np.asarray(face.resize((160, 160))), np.asarray(face.resize((80, 80)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 160, "yuv420p", 2_000_000
        for k in range(frames):
            picture = np.full((160, 320, 3), 118, np.uint8)
            left = round(30 + 30 * np.sin(k / turn))
            picture[:, left : left + 160] = large
            if k // 20 % 2:
                picture[40:120, 236:316] = small
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def start(k: int, stack: ExitStack, folder: Path) -> None:
    """Start a Ray node in a namespace; it stays in the foreground of its own process."""
    role = ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}"]
    words = role if k == 0 else [f"--address={ADDRESSES[0]}:{PORT}"]
    common = [f"--node-ip-address={ADDRESSES[k]}", "--num-cpus=1", "--object-store-memory=200000000", "--block"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *words, *common, "--disable-usage-stats"]
    log = stack.enter_context((folder / f"node{k}.log").open("w"))
    subprocess.Popen(inside(k, command), stdout=log, stderr=log, env=environment())


def environment() -> dict[str, str]:
    """Return the environment of all commands; without a proxy, which the namespaces cannot reach."""
    own = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_AUTH_MODE": "disabled",
        "OMP_NUM_THREADS": "1",
    }
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")} | own


def wait_for_nodes(count: int, limit_s: float) -> None:
    """Wait until so many nodes are there."""
    code = (
        f"import ray; ray.init('{ADDRESSES[0]}:{PORT}', log_to_driver=False, logging_level='error'); "
        "print(ray.cluster_resources().get('CPU'))"
    )
    end, done = time.monotonic() + limit_s, None
    while time.monotonic() < end:
        done = subprocess.run(
            inside(0, [sys.executable, "-c", code]), check=False, capture_output=True, text=True, env=environment()
        )
        if done.stdout.strip() == f"{count:.1f}":
            return
        time.sleep(2)
    raise SystemExit(f"No {count} nodes after {limit_s:g} s: {done and done.stdout[-300:] + done.stderr[-1000:]}")


def killed_in_the_middle(folder: Path, videos: Path, frames: int, limit_s: float) -> float:
    """Run on both nodes and kill the second when a part of the rows is written; return the time of the run."""
    output = folder / "nodes.csv"
    words = ["detect", str(videos), "--output", str(output), "--ray", f"{ADDRESSES[0]}:{PORT}", "--quiet"]
    begin = time.monotonic()
    run = subprocess.Popen(
        inside(0, [sys.executable, "-c", DETECT.format(chunk_s=CHUNK_S), *words]), env=environment(), cwd=folder
    )
    part = folder / "nodes.csv.part"
    while run.poll() is None and not (part.exists() and part.stat().st_size > 300 * frames):
        if time.monotonic() - begin > limit_s:
            run.kill()
            raise SystemExit(f"Nothing was written in {limit_s:g} s.")
        time.sleep(0.1)
    if run.poll() is not None:
        raise SystemExit("The run ended before a node was killed.")
    print(f"{part.stat().st_size} bytes written; {kill(1)} processes of the second node killed", flush=True)
    if run.wait(limit_s) != 0:
        raise SystemExit(f"The run failed with exit code {run.returncode}.")
    return time.monotonic() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=400, help="of the long video")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for each step")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nodes") as name, ExitStack() as stack:
        folder, videos = Path(name), Path(name, "videos")
        videos.mkdir()
        for k, frames in enumerate((asked.frames // 10, asked.frames // 15, asked.frames // 8, asked.frames)):
            write_video(videos / f"{k}.mp4", frames, 9 + k)
        begin = time.monotonic()
        once = [sys.executable, "-m", "duchenne", "detect", str(videos), "--workers", "1", "--quiet"]
        subprocess.run([*once, "--output", str(folder / "once.csv")], check=True, env=environment())
        print(f"one process: {time.monotonic() - begin:.0f} s", flush=True)
        stack.enter_context(namespaces())
        for k in (0, 1):
            start(k, stack, folder)
        wait_for_nodes(2, asked.limit)
        took_s = killed_in_the_middle(folder, videos, asked.frames, asked.limit)
        equal = (folder / "once.csv").read_bytes() == (folder / "nodes.csv").read_bytes()
        print(f"two nodes, one killed: {took_s:.0f} s; {'equal' if equal else 'NOT equal'}, byte for byte", flush=True)
        return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
