"""Memory and open files over hours of video: one `duchenne detect` on a small clip that is repeated.

    python benchmarks/long_video.py --minutes 60 600 --fps 2 --json long_video.json

This compares 1 h with 10 h of 160 x 160 at 2 frames/s, a quarter of an hour of one core; `--step 60` reads every
sixtieth frame of those that are decoded. Linux alone.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
from PIL import Image

from duchenne.diagnosis import SAMPLE
from rendered_video import repeat

SIDE, LOOP_S = 160, 60


def write_loop(path: Path, fps: int) -> None:
    """Write a minute of a small head that sways; each frame differs from the next."""
    head = np.asarray(Image.open(SAMPLE).convert("RGB").resize((SIDE, SIDE)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for k in range(LOOP_S * fps):
            picture = np.ascontiguousarray(np.roll(head, round(8 * np.sin(k / 9)), 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def watched(path: Path, step: int) -> dict[str, float]:
    """Return what a run on the video held: memory after its first tenth and at the most, open files likewise."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "r.csv")
        command = [sys.executable, "-m", "duchenne", "detect", str(path), "--output", str(output)]
        command += ["--workers", "1", "--step", str(step)]
        start_s = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        held = []
        while process.poll() is None:
            held.append(_held(process.pid))
            time.sleep(0.2)
        if process.returncode:
            sys.exit(f"duchenne detect ended with status {process.returncode}")
        rows = output.read_text().count("\n") - 1
    held = [pair for pair in held if pair is not None]
    late = held[len(held) // 10 :]
    return {
        "rows": rows,
        "seconds": round(time.perf_counter() - start_s, 1),
        "mib_after_a_tenth": round(late[0][0], 1),
        "mib_at_the_most": round(max(mib for mib, _ in held), 1),
        "open_files_after_a_tenth": late[0][1],
        "open_files_at_the_most": max(files for _, files in late),
    }


def _held(process: int) -> tuple[float, int] | None:
    try:
        status = Path(f"/proc/{process}/status").read_text()
        resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
        return int(resident) / 1024, sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    except (OSError, StopIteration):  # It has just ended.
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", nargs="+", type=int, default=[10, 60])
    parser.add_argument("--fps", type=int, default=15, help="of the clip")
    parser.add_argument("--step", type=int, default=1, help="every step-th frame is read")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_loop(Path(folder, "minute.mp4"), arguments.fps)
        for minutes in arguments.minutes:
            path = Path(folder, f"{minutes}.mp4")
            repeat(Path(folder, "minute.mp4"), path, minutes)
            found[f"{minutes} min"] = watched(path, arguments.step)
            print(minutes, found[f"{minutes} min"], file=sys.stderr)
    text = json.dumps(
        {"command": "python " + " ".join(sys.argv), "side_px": SIDE, "frames_per_s": arguments.fps, "videos": found},
        indent=2,
    )
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
