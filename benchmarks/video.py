"""Where the time of a video goes, and whether memory grows with its length.

    python benchmarks/video.py out/minute.mp4 --long out/ten_minutes.mp4 --json results/video_speed.json

Each stage runs alone over the same frames on one thread; then `duchenne detect` runs as its own process on all cores.
Speeds are also given as a ratio to decoding alone in the same run, so that they can be compared across machines.
Make the two videos with benchmarks/rendered_video.py.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from duchenne.alignment import align
from duchenne.faces import FaceDetector
from duchenne.landmarks import Landmarker
from duchenne.media import open_video
from duchenne.recognition import AURecognizer

STAGE_FRAMES = 300


def frames_per_second(work: Callable[[], int]) -> float:
    start_s = time.perf_counter()
    return work() / (time.perf_counter() - start_s)


def stages(path: Path) -> dict[str, float]:
    """Return frames/s of decoding, finding, landmarks, alignment and recognition, one face a frame."""
    face_detector, landmarker, recognizer = FaceDetector(), Landmarker(), AURecognizer()

    def decode() -> int:
        with open_video(path) as video:
            return sum(1 for _ in video)

    speeds = {"decode": frames_per_second(decode)}
    frames = []
    with open_video(path) as video:
        for frame in video:
            frames.append(frame.pixels)
            if len(frames) == STAGE_FRAMES:
                break
    boxes = [face_detector.find(pixels)[0] for pixels in frames]
    found = [landmarker.locate(pixels, box) for pixels, box in zip(frames, boxes, strict=True)]
    points = [landmarks.points for landmarks in found]
    faces = [align(pixels, p) for pixels, p in zip(frames, points, strict=True)]
    depths = [landmarks.depth for landmarks in found]
    recognizer.recognize(faces[:1], depths[:1])
    speeds["find"] = frames_per_second(lambda: len([face_detector.find(pixels) for pixels in frames]))
    speeds["landmarks, two passes"] = frames_per_second(
        lambda: len([landmarker.locate(*pair) for pair in zip(frames, boxes, strict=True)])
    )
    speeds["align"] = frames_per_second(lambda: len([align(*pair) for pair in zip(frames, points, strict=True)]))
    speeds["recognize"] = frames_per_second(
        lambda: len([recognizer.recognize([face], [depth]) for face, depth in zip(faces, depths, strict=True)])
    )
    return speeds


def peak_so_far_mib(process: int) -> float:
    """Return the most memory that a process has held (Linux); getrusage would count this benchmark's own as well."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return 0.0
    held = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return int(held[0]) / 1024 if held else 0.0


def whole(path: Path) -> dict[str, float]:
    """Return frames/s and peak memory of `duchenne detect` as a process of its own."""
    with tempfile.TemporaryDirectory() as folder, open_video(path) as video:
        count = video.frame_count
        command = [sys.executable, "-m", "duchenne", "detect", str(path), "--output", f"{folder}/r.csv"]
        start_s = time.perf_counter()
        process, peak_mib = subprocess.Popen(command, stderr=subprocess.DEVNULL), 0.0
        while process.poll() is None:
            peak_mib = max(peak_mib, peak_so_far_mib(process.pid))
            time.sleep(0.05)
        took_s = time.perf_counter() - start_s
        if process.returncode:
            sys.exit(f"duchenne detect ended with status {process.returncode}")
        rows = Path(folder, "r.csv").read_text().count("\n") - 1
    return {
        "frames": count,
        "rows": rows,
        "seconds": took_s,
        "frames_per_s": rows / took_s,
        "peak_mib": peak_mib,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--long", type=Path, help="a video ten times as long, for the memory check")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    speeds = stages(arguments.video)
    result = {
        "command": "python " + " ".join(sys.argv),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "processor": platform.machine(),
            "python": platform.python_version(),
        },
        "video": "1280 x 720, 30 frames/s, one rendered face (benchmarks/rendered_video.py)",
        "stages_frames_per_s": {name: round(v, 1) for name, v in speeds.items()},
        "stages_time_over_decoding": {name: round(speeds["decode"] / v, 2) for name, v in speeds.items()},
        "detect": whole(arguments.video),
    }
    if arguments.long:
        result["detect_long"] = whole(arguments.long)
        result["peak_memory_ratio_long_to_short"] = result["detect_long"]["peak_mib"] / result["detect"]["peak_mib"]
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
