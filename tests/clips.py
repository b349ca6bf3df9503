"""Small videos for tests, of frames that say their number."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS = 160, 96, 30


def numbered(k: int) -> np.ndarray:
    """A frame that says its number: eight blocks, black or white, the lowest bit first, and a disc that is round."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for bit in range(8):
        frame[:48, 20 * bit : 20 * bit + 20] = 255 * (k >> bit & 1)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frame[(y - 72) ** 2 + (x - 80) ** 2 < 20**2] = (200, 30, 30)
    return frame


def number_of(pixels: np.ndarray) -> int:
    across = pixels.shape[1] / 8
    return sum((pixels[24, int(across * (bit + 0.5))].mean() > 128) << bit for bit in range(8))


def write_clip(
    path: Path, count=40, codec="libx264", options=None, aspect=None, size=(WIDTH, HEIGHT), shift_s=0.0, sound_s=0.0,
    hold_s=0.0, container_options=None, pixels="yuv420p",
) -> Path:  # fmt: skip
    """Write numbered frames at 30 a second.

    Args:
        options: Of the encoder.
        aspect: Of pixels, width over height.
        size: Of the frames, to which they are squeezed.
        shift_s: By how much the frames come after the start of the file.
        sound_s: Length of a sound track.
        hold_s: How long the last frame says that it lasts.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=FPS, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        if codec not in ("libx264", "mjpeg"):
            stream.bit_rate = 2_000_000
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        sound = container.add_stream("aac", rate=16_000) if sound_s else None
        packets = []
        for k in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(k), format="rgb24").reformat(*size)
            frame.pts, frame.time_base = k + round(shift_s * FPS), Fraction(1, FPS)
            packets += stream.encode(frame)
        packets += stream.encode()
        if hold_s:
            last = max(packets, key=lambda packet: packet.pts)
            last.duration = round(hold_s / last.time_base)
        if sound is not None:
            packets += _silence(sound, sound_s)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def _silence(stream, seconds):
    packets = []
    for k in range(round(seconds * 10)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, 1600 * k, Fraction(1, 16_000)
        packets += stream.encode(frame)
    return packets + stream.encode()


def damaged(path: Path, at: float, length: int, seed: int = 0) -> Path:
    """Overwrite bytes of a file from a share of its length on."""
    data = bytearray(path.read_bytes())
    start = int(at * len(data))
    data[start : start + length] = np.random.default_rng(seed).bytes(length)
    target = path.with_name("damaged_" + path.name)
    target.write_bytes(bytes(data))
    return target


def cut(path: Path, share: float) -> Path:
    """Copy the first part of a file."""
    data = path.read_bytes()
    target = path.with_name("cut_" + path.name)
    target.write_bytes(data[: int(share * len(data))])
    return target
