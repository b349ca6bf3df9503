"""Detection in videos by size and number of faces: each stage, whole runs, and MediaPipe on the same files.

    python benchmarks/detection_speed.py --mediapipe-python mp/bin/python --task face_landmarker.task \
        --json results/detection_speed.json

MediaPipe's face landmarker (VIDEO mode, blendshapes on, `--task` its model) runs in an environment of its own, made by
`pip install mediapipe av`; without these two options it is left out, and the result says so. Times are those of the
processor (all threads of the process), so that other work on the machine changes them little; compare the ratios. A run
pins itself to so many cores as `--cores` says (Linux). The faces are the package's rendered sample, and move.
"""

import argparse
import itertools
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)}
FPS = 30
OWN = "own"


def write_clip(path: Path, size: tuple[int, int], faces: int, frames: int) -> None:
    """Write an H.264 video (MPEG-4 where there is no encoder) of some faces that sway, each in its place of a grid."""
    import av
    import numpy as np
    from PIL import Image

    from duchenne.diagnosis import SAMPLE

    columns = math.ceil(math.sqrt(faces * size[0] / size[1]))
    rows = math.ceil(faces / columns)
    width, height = size[0] // columns, size[1] // rows
    side = int(0.8 * min(width, height))
    head = Image.open(SAMPLE).convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    room = Image.fromarray(np.random.default_rng(0).integers(60, 190, (9, 16, 3), np.uint8))
    room = room.resize(size, Image.Resampling.BICUBIC)
    with av.open(str(path), "w") as container:
        codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
        stream = container.add_stream(codec, rate=FPS)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        for k in range(frames):
            picture = room.copy()
            for face in range(faces):
                row, column = divmod(face, columns)
                turned = head.rotate(6 * math.sin(0.06 * k + face), Image.Resampling.BILINEAR)
                x = column * width + (width - side) // 2 + round(0.08 * side * math.sin(0.05 * k + 2 * face))
                y = row * height + (height - side) // 2 + round(0.05 * side * math.sin(0.07 * k + face))
                picture.paste(turned, (x, y))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        container.mux(stream.encode())


def measured(frames: int, work: Callable[[], int]) -> dict[str, float]:
    """Return what a frame costs, and how many faces were found in the mean."""
    start_cpu_s, start_s = time.process_time(), time.perf_counter()
    faces = work()
    cpu_s, wall_s = time.process_time() - start_cpu_s, time.perf_counter() - start_s
    return {
        "cpu_ms_a_frame": round(1000 * cpu_s / frames, 2),
        "frames_per_cpu_s": round(frames / cpu_s, 1),
        "frames_per_s": round(frames / wall_s, 1),
        "faces_a_frame": round(faces / frames, 2),
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the most memory that this process has held (Linux); getrusage would count the parent's as well."""
    status = Path("/proc/self/status").read_text()
    return round(int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024, 1)


def run_own(path: Path, frames: int, cores: int) -> dict[str, float]:
    """Detect the action units of a video; the networks are loaded before."""
    from duchenne import AUDetector
    from duchenne.media import open_video

    detector = AUDetector(workers=cores)

    def work() -> int:
        with open_video(path) as video:
            return sum(len(faces) for _, faces in detector.detect_frames(video))

    return measured(frames, work)


def run_stages(path: Path, frames: int) -> dict[str, float]:
    """Return the processor's time of each stage alone, in ms a frame, on one thread."""
    from duchenne.alignment import align
    from duchenne.location import FaceLocator
    from duchenne.location.following import STRETCH_FRAMES, FaceFollower, stretch_of
    from duchenne.media import open_video
    from duchenne.recognition import AURecognizer
    from duchenne.tracking import look_of

    locator, recognizer, most = FaceLocator(), AURecognizer(), min(frames, 2 * STRETCH_FRAMES)
    spent_ms: dict[str, float] = {}

    def timed(name: str, work: Callable[[], list]) -> list:
        start_s = time.process_time()
        found = work()
        spent_ms[name] = round(1000 * (time.process_time() - start_s) / most, 2)
        return found

    with open_video(path) as video:
        read = timed("decoding", lambda: list(itertools.islice(video, most)))
    timed("faces and landmarks, as in a picture", lambda: [locator.locate(frame.pixels) for frame in read])

    def followed() -> list:
        out, follower = [], FaceFollower(locator)
        for frame in read:
            follower = FaceFollower(locator) if stretch_of(frame.index) * STRETCH_FRAMES == frame.index else follower
            out.append(follower.locate(frame))
        return out

    found = timed("faces and landmarks, followed", followed)
    pairs = list(zip(read, found, strict=True))
    aligned = timed(
        "alignment", lambda: [[recognizer.align(f.pixels, x.landmarks.points) for x in xs] for f, xs in pairs]
    )
    depths = [[face.landmarks.depth for face in faces] for faces in found]
    timed("action units", lambda: [recognizer.recognize_fully(*pair) for pair in zip(aligned, depths, strict=True)])
    looked = pairs[::STRETCH_FRAMES]
    timed("looks", lambda: [[look_of(align(f.pixels, x.landmarks.points).pixels) for x in xs] for f, xs in looked])
    return spent_ms


def run_mediapipe(path: Path, frames: int, faces: int, task: str) -> dict[str, float]:
    """The same with MediaPipe; this is called in its own environment."""
    import av
    import mediapipe as mp

    options = mp.tasks.vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_path=task),
        running_mode=mp.tasks.vision.RunningMode.VIDEO,
        num_faces=faces,
        output_face_blendshapes=True,
    )
    with mp.tasks.vision.FaceLandmarker.create_from_options(options) as landmarker:

        def work() -> int:
            found = 0
            with av.open(str(path)) as container:
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                for k, frame in enumerate(container.decode(stream)):
                    image = mp.Image(image_format=mp.ImageFormat.SRGB, data=frame.to_ndarray(format="rgb24"))
                    found += len(landmarker.detect_for_video(image, round(1000 * k / FPS)).face_landmarks)
            return found

        return measured(frames, work)


def in_a_process(python: str, what: str, path: Path, arguments: argparse.Namespace, faces: int, cores: int) -> dict:
    """Run one measurement in a process of its own, pinned to so many cores."""
    words = [python, __file__, "--one", what, "--clip", str(path), "--frames", str(arguments.frames)]
    words += ["--count", str(faces), "--only", str(cores), "--task", str(arguments.task)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{what} ended with status {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def one(arguments: argparse.Namespace) -> dict:
    """Return one measurement, in this process."""
    os.environ["OMP_NUM_THREADS"] = str(arguments.only)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.only])
    path, frames = arguments.clip, arguments.frames
    if arguments.one == "mediapipe":
        return run_mediapipe(path, frames, arguments.count, str(arguments.task))
    return run_stages(path, frames) if arguments.one == "stages" else run_own(path, frames, arguments.only)


def compared(arguments: argparse.Namespace, size: str, faces: int, path: Path) -> dict:
    """Return all measurements of one clip."""
    found: dict = {"size": size, "faces": faces}
    if 1 in arguments.cores:
        found["stages_cpu_ms_a_frame"] = in_a_process(sys.executable, "stages", path, arguments, faces, 1)
    for cores in arguments.cores:
        own = in_a_process(sys.executable, OWN, path, arguments, faces, cores)
        found[f"on {cores} cores"] = {"duchenne": own}
        if arguments.mediapipe_python:
            other = in_a_process(arguments.mediapipe_python, "mediapipe", path, arguments, faces, cores)
            ratios = {name: round(own[name] / other[name], 2) for name in ("frames_per_s", "frames_per_cpu_s")}
            found[f"on {cores} cores"] |= {"mediapipe": other, "duchenne_over_mediapipe": ratios}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--faces", nargs="+", type=int, default=[1, 5, 20])
    parser.add_argument("--cores", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--mediapipe-python", help="of an environment with mediapipe and av")
    parser.add_argument("--task", type=Path, help="face_landmarker.task")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    for name, kind in (("--one", str), ("--clip", Path), ("--count", int), ("--only", int)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(arguments)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size, faces in itertools.product(arguments.sizes, arguments.faces):
            path = Path(folder, f"{size}_{faces}.mp4")
            write_clip(path, SIZES[size], faces, arguments.frames)
            rows.append(compared(arguments, size, faces, path))
            print(json.dumps(rows[-1], indent=2), file=sys.stderr)
    command = "python " + " ".join([*sys.argv[:1], *(Path(a).name if os.sep in a else a for a in sys.argv[1:])])
    text = json.dumps({
        "command": command, "processor": platform.machine(), "python": platform.python_version(),
        "frames": arguments.frames, "mediapipe": "measured" if arguments.mediapipe_python else "not measured",
        "clips": rows,
    }, indent=2)  # fmt: skip
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
