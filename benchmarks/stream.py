"""How long a pushed frame takes until its faces are there: `AUDetector.stream`, one thread, p50 and p99.

    python benchmarks/stream.py --frames 600

The frames are those of `detection_speed.py`: the package's rendered sample, which sways. Each is pushed as soon as the
one before is done. Every eighth frame, which the face detector reads in full, takes longest, and so decides p99.
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path

import numpy as np

from detection_speed import FPS, SIZES, write_clip
from duchenne import AUDetector
from duchenne.media import open_video


def latencies_ms(path: Path, smooth: bool, thread_time: bool) -> np.ndarray:
    """Return what each frame of a video took, ms, after the first stretch, in which everything is touched once."""
    clock = time.thread_time if thread_time else time.perf_counter
    stream, spent = AUDetector(smooth=smooth).stream(), []
    with open_video(path) as video:
        for frame in video:
            start_s = clock()
            stream.push(frame.pixels, frame.timestamp_s)
            spent.append(clock() - start_s)
    return 1000 * np.array(spent[8:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["360p", "720p"], choices=list(SIZES))
    parser.add_argument("--faces", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--smooth", action="store_true")
    parser.add_argument(
        "--thread-time", action="store_true", help="leave out what other programs take of the processor"
    )
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            for faces in arguments.faces:
                path = Path(folder, f"{size}_{faces}.mp4")
                write_clip(path, SIZES[size], faces, arguments.frames)
                spent_ms = latencies_ms(path, arguments.smooth, arguments.thread_time)
                p50, p99 = np.percentile(spent_ms, [50, 99]).round(1).tolist()
                rows.append({"size": size, "faces": faces, "p50_ms": p50, "p99_ms": p99, "frame_ms": round(1000 / FPS)})
    clock = "the thread's processor time" if arguments.thread_time else "elapsed time"
    print(json.dumps({"processor": platform.machine(), "clock": clock, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
