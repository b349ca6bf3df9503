"""Pictures that are small as files and huge as pixels are refused before they are decoded; several share the memory."""

import io
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from duchenne.errors import MediaError
from duchenne.media import limits, picture, read_picture
from duchenne.media.limits import DecodingBudget


def webp_bomb(side):
    """Return a lossless WebP of one colour, of 34 bytes, whatever its side: the header is followed by empty codes."""
    bits = (side - 1) | (side - 1) << 14
    stream = b"\x2f" + struct.pack("<I", bits) + bytes.fromhex("071011fd0f4444ff03")
    chunk = b"VP8L" + struct.pack("<I", len(stream)) + stream
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def png_header(width, height, colour_type=2):
    """Return a PNG whose header says a size and whose pixels are missing."""
    head = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    whole = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + whole + bytes(200_000)


@pytest.fixture
def undecoded(monkeypatch):
    """Fail where a picture is decoded."""
    monkeypatch.setattr(picture, "_decode_image", lambda *_: pytest.fail("decoded"))


def test_a_small_webp_of_one_colour_is_a_bomb(undecoded):
    bomb = webp_bomb(12_000)
    assert len(bomb) == 34
    with Image.open(io.BytesIO(bomb)) as image:
        assert image.size == (12_000, 12_000)
    with pytest.raises(MediaError, match=r"12000 x 12000 pixels in a file of 34 bytes; more than 10000 pixels a byte"):
        read_picture(bomb)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (png_header(14_000, 12_800), "179200000 pixels; the limit is 178 million"),
        (png_header(9_000, 9_000, 6), r"9000 x 9000 pixels as PNG RGBA, which take 1.9 GB to decode; the limit is 1.6"),
        (png_header(60_000, 60_000), "3600000000 pixels; the limit is 178 million"),
    ],
)
def test_limits_are_stated_and_come_before_decoding(data, message, undecoded, tmp_path):
    with pytest.raises(MediaError, match=message):
        read_picture(data)
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(MediaError, match=message):
        read_picture(tmp_path / "x.png")


@pytest.mark.parametrize("size", [(11_648, 8_736), (14_204, 10_652), (2_000, 2_000)])
def test_pictures_of_the_largest_cameras_are_not_refused(size):
    with Image.open(io.BytesIO(png_header(*size))) as image:
        assert limits.fault_of(image, 200_000) is None


def test_an_empty_picture_is_not_refused():
    white = io.BytesIO()
    Image.new("RGB", (4000, 3000), "white").save(white, "PNG")
    assert read_picture(white.getvalue()).pixels.shape == (3000, 4000, 3)


def test_pictures_wait_for_each_other_s_memory(monkeypatch):
    monkeypatch.setattr(limits, "MAX_DECODING_BYTES", 100)
    budget, running, most = DecodingBudget(), [], []

    def work(cost):
        with budget.reserved(cost):
            running.append(cost)
            most.append(sum(running))
            time.sleep(0.01)
            running.remove(cost)

    threads = [threading.Thread(target=work, args=(cost,)) for cost in [40, 60, 30, 500, 50, 10] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 18
    assert sorted(set(most))[-1] == 500  # Alone, since it fits beside nothing.
    assert max(found for found in most if found != 500) <= 100


def test_several_large_pictures_at_once_stay_within_the_memory(tmp_path):
    """Six pictures of 25 million pixels, each 0.5 GB to decode as WebP, in six threads of one process."""
    path = tmp_path / "large.webp"
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 255, (90, 90, 3), np.uint8))
    small.resize((5000, 5000), Image.Resampling.NEAREST).save(path, lossless=True, quality=0, method=0)
    code = (
        "import sys\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from duchenne.media import read_picture\n"
        "size = lambda path: read_picture(path).pixels.shape[0]\n"
        "print(list(ThreadPoolExecutor(6).map(size, sys.argv[1:] * 6)))\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(peak.split()[1])"  # Unlike ru_maxrss, nothing of the process that started this one.
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    sides, kilobytes = done.stdout.splitlines()
    assert sides == str([5000] * 6)
    assert int(kilobytes) < 2_000_000


def test_standard_input_without_end_is_cut():
    code = (
        "from duchenne.media import picture; picture.MAX_STDIN_BYTES = 5_000_000\n"
        "from duchenne.commands import run; import sys; sys.exit(run(['detect', '-']))"
    )
    with open("/dev/zero", "rb") as endless:
        done = subprocess.run([sys.executable, "-c", code], stdin=endless, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "-: it has no end; a picture may have 5 million" in " ".join(done.stderr.split())


def test_a_file_beyond_the_limit_is_not_read(tmp_path, undecoded):
    path = tmp_path / "x.png"
    path.write_bytes(png_header(10, 10))
    with path.open("r+b") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)  # Holes take no room on the disk.
    with pytest.raises(MediaError, match="it has 700000001 bytes; a picture may have 700 million"):
        read_picture(path)
