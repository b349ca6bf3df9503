"""Make the video that the benchmarks read: a rendered face that moves, turns in its plane and changes size.

    python benchmarks/rendered_video.py out/minute.mp4 --seconds 60

1280 x 720, 30 frames/s. The face is the package's rendered sample; nobody real is in it. `--repeat` copies the encoded
minute several times over without encoding again, which makes long videos at no cost.
"""

import argparse
import math
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageFilter

from duchenne.diagnosis import SAMPLE

WIDTH, HEIGHT, FPS = 1280, 720, 30


def background() -> Image.Image:
    """Return a soft room-like background."""
    rng = np.random.default_rng(0)
    blocks = Image.fromarray(rng.integers(60, 190, (9, 16, 3), np.uint8))
    return blocks.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(12))


def frame_at(time_s: float, face: Image.Image, room: Image.Image) -> Image.Image:
    """Return the picture at a time: the face sways, tilts and comes nearer."""
    side = round(420 + 100 * math.sin(0.5 * time_s))
    moved = face.resize((side, side)).rotate(12 * math.sin(0.9 * time_s), Image.Resampling.BILINEAR, expand=True)
    mask = Image.new("L", (side, side), 255).rotate(12 * math.sin(0.9 * time_s), expand=True)
    x = round(WIDTH / 2 - moved.width / 2 + 250 * math.sin(0.4 * time_s))
    y = round(HEIGHT / 2 - moved.height / 2 + 40 * math.sin(0.7 * time_s))
    picture = room.copy()
    picture.paste(moved, (x, y), mask)
    return picture


def write(path: Path, seconds: float) -> None:
    """Encode the moving face; MPEG-4, which every build of the decoder reads."""
    face, room = Image.open(SAMPLE).convert("RGB"), background()
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 6_000_000
        for k in range(round(seconds * FPS)):
            picture = np.asarray(frame_at(k / FPS, face, room))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def repeat(source: Path, path: Path, times: int) -> None:
    """Copy the encoded packets of a video several times over."""
    with av.open(str(path), "w") as target:
        out, offset = None, 0
        for _ in range(times):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                out = out or target.add_stream_from_template(stream)
                end = offset
                for packet in container.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.dts += offset
                    packet.pts += offset
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = out
                    target.mux(packet)
                offset = end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0, help="length before it is repeated")
    parser.add_argument("--repeat", type=int, default=1, help="how many times over")
    arguments = parser.parse_args()
    arguments.path.parent.mkdir(parents=True, exist_ok=True)
    if arguments.repeat == 1:
        write(arguments.path, arguments.seconds)
        return
    once = arguments.path.with_name(f"{arguments.path.stem}-once{arguments.path.suffix}")
    write(once, arguments.seconds)
    repeat(once, arguments.path, arguments.repeat)


if __name__ == "__main__":
    main()
