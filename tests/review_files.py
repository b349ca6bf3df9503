"""Results, videos and a running review for the tests of `duchenne review`."""

import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pandas as pd

import duchenne
from duchenne.facs import AU_NAMES


def write_video(path, seconds=2.0, fps=25, repeats=1, size=(320, 180)):
    """Write a moving pattern; `repeats` joins it with itself without encoding it again."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "50", "bf": "0"}
        y, x = np.mgrid[: size[1], : size[0]]
        packets = []
        for k in range(round(seconds * fps)):
            shade = ((x + y + 4 * k) % 256).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(np.stack([shade, shade.T[: size[1], :1].repeat(size[0], 1), shade], 2))
            packets += stream.encode(frame)
        packets += stream.encode()
        data = [(bytes(one), one.pts, one.is_keyframe, one.time_base) for one in packets]
        step = data[1][1] - data[0][1]
        for again in range(repeats):
            for content, pts, is_key, base in data:
                packet = av.Packet(content)
                packet.pts = packet.dts = pts + again * step * len(data)
                packet.stream, packet.time_base, packet.is_keyframe, packet.duration = stream, base, is_key, step
                out.mux(packet)


def result_table(source, seconds=2.0, fps=25, faces=1, every_s=1.0, aus=AU_NAMES):
    """Return a result in which each action unit is present for half of every `every_s`, with boxes and no landmarks."""
    count = round(seconds * fps)
    parts = []
    for face in range(faces):
        times = np.arange(count) / fps
        columns = {
            "source": source, "frame": np.arange(count), "timestamp_s": times.round(6), "face_id": face,
            "confidence": 0.99, "left_px": 40.0 + 120 * face, "top_px": 30.0, "width_px": 90.0, "height_px": 90.0,
            "yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0,
        }  # fmt: skip
        for k, au in enumerate(aus):
            wave = ((times + 0.13 * k + 0.2 * face) % every_s) < every_s / 2
            columns |= {f"{au}_p": np.where(wave, 0.9, 0.1), f"{au}_c": wave.astype("uint8"), f"{au}_i": 3.0 * wave}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def write_strange_video(path, seconds=4.0, fps=25, size=(320, 180), sound=False):
    """Write what browsers do not play: MPEG-4 part 2, a grey that tells the time (10 for each second)."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", fps)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        heard = out.add_stream("aac", rate=16_000) if sound else None
        for k in range(round(seconds * fps)):
            grey = np.full((size[1], size[0], 3), 40 + round(10 * k / fps), np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
        out.mux(stream.encode())
        for k in range(round(seconds * 10) if heard else 0):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.float32), format="fltp", layout="mono")
            silence.sample_rate, silence.pts = 16_000, 1600 * k
            out.mux(heard.encode(silence))
    return path


@contextmanager
def running(folder, *words, port=0):
    """Run `duchenne review` in a process of its own; give its address and the process."""
    environment = {**os.environ, "PYTHONPATH": str(Path(duchenne.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "duchenne", "review", *map(str, words), "--no-browser", "--port", str(port)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            began, address = time.monotonic(), None
            while address is None:
                line = process.stderr.readline()
                assert line, "the review did not start"
                assert time.monotonic() - began < 120
                address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", line)
            yield address.group(), process
        finally:
            process.kill()
