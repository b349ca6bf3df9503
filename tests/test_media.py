"""Sources, pictures and videos, made here: what comes out, and what is said of bad ones."""

import io
import struct
import sys
import warnings
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from duchenne.colour import LUMINANCE, is_grey
from duchenne.errors import MediaError, UsageError
from duchenne.media import (
    Source,
    SourceKind,
    expand_sources,
    frame_from_array,
    kind_of,
    open_camera,
    open_video,
    read_picture,
    read_standard_input,
)

WIDTH, HEIGHT, FPS = 160, 96, 25


def corners(width=30, height=20) -> np.ndarray:
    """A picture whose four quarters are red, green, blue and white, clockwise from the top left."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = (255, 0, 0)
    picture[: height // 2, width // 2 :] = (0, 255, 0)
    picture[height // 2 :, width // 2 :] = (0, 0, 255)
    picture[height // 2 :, : width // 2] = (255, 255, 255)
    return picture


def numbered(k: int) -> np.ndarray:
    """A frame that says its number: eight blocks, black or white, the lowest bit first."""
    frame = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for bit in range(8):
        frame[:64, 20 * bit : 20 * bit + 20] = 255 * (k >> bit & 1)
    return frame


def number_of(pixels: np.ndarray) -> int:
    return sum((pixels[32, 20 * bit + 10].mean() > 128) << bit for bit in range(8))


def write_video(path: Path, count=40, times=None, codec="mpeg4", **options) -> Path:
    """Write numbered frames; `times` are presentation times in thousandths of a second."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate, stream.gop_size = 4_000_000, 12
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for k in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(k), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[k], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "clip.mp4", movflags="faststart")


def frames_of(path, **options):
    with open_video(path, **options) as video:
        return list(video)


# Pictures


@pytest.mark.parametrize(("orientation", "turns", "flip"), [(1, 0, False), (3, 2, False), (6, 3, False), (8, 1, False),
                                                            (2, 0, True)])  # fmt: skip
def test_exif_orientation_is_applied(tmp_path, orientation, turns, flip):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(corners()).save(tmp_path / "a.png", exif=exif)
    expected = np.fliplr(corners()) if flip else np.rot90(corners(), turns)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, expected)


def test_grey_palette_and_cmyk_become_rgb(tmp_path):
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png").pixels, np.stack([grey] * 3, 2))
    Image.fromarray(corners()).quantize(8).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "palette.png").pixels, corners())
    Image.fromarray(corners()).convert("CMYK").save(tmp_path / "print.tif")
    np.testing.assert_allclose(read_picture(tmp_path / "print.tif").pixels, corners(), atol=1)
    Image.fromarray(grey > 99).save(tmp_path / "bits.png")
    assert set(np.unique(read_picture(tmp_path / "bits.png").pixels)) == {0, 255}


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        np.testing.assert_array_equal(read_picture(tmp_path / name).pixels[0, :, 0], [0, 1, 128, 255])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(tmp_path, mode):
    image = Image.new(mode, (3, 1), (0,) * len(mode))
    for x, alpha in enumerate((0, 128, 255)):
        image.putpixel((x, 0), (0,) * (len(mode) - 1) + (alpha,))
    image.save(tmp_path / "a.png")
    np.testing.assert_allclose(read_picture(tmp_path / "a.png").pixels[0, :, 0], [255, 127, 0], atol=1)


def test_a_transparent_colour_is_laid_over_white(tmp_path):
    Image.fromarray(corners()).save(tmp_path / "a.png", transparency=(255, 0, 0))
    pixels = read_picture(tmp_path / "a.png").pixels
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[0, -1]) == (0, 255, 0)


def test_the_first_picture_of_an_animation_is_read(tmp_path):
    first = Image.new("RGB", (8, 8), "red")
    first.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (8, 8), "blue")])
    assert tuple(read_picture(tmp_path / "a.gif").pixels[0, 0]) == (255, 0, 0)


def test_bytes_and_standard_input(monkeypatch):
    buffer = io.BytesIO()
    Image.fromarray(corners()).save(buffer, "PNG")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(buffer.getvalue())))
    frame = read_standard_input()
    assert (frame.source, frame.index, frame.timestamp_s) == ("-", 0, 0.0)
    np.testing.assert_array_equal(frame.pixels, corners())
    with pytest.raises(MediaError, match="standard input was empty"):
        read_picture(b"")


def test_arrays_are_checked():
    np.testing.assert_array_equal(frame_from_array(corners()).pixels, corners())
    assert frame_from_array(np.zeros((4, 5), np.uint8)).pixels.shape == (4, 5, 3)
    with pytest.raises(MediaError, match="int64, expected uint8"):
        frame_from_array(np.zeros((4, 5, 3), np.int64))
    for shape in ((4, 5, 4), (2, 4, 5, 3), (0, 5, 3)):
        with pytest.raises(MediaError, match="expected height x width x 3"):
            frame_from_array(np.zeros(shape, np.uint8))


def png_of_size(width: int, height: int) -> bytes:
    """Return the header of a picture that is not there, as a hostile file would hold."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


@pytest.mark.parametrize("size", [(20_000, 20_000), (14_000, 13_000), (400_000, 400_000)])
def test_a_huge_picture_is_refused_unread_and_without_warnings(tmp_path, size):
    (tmp_path / "huge.png").write_bytes(png_of_size(*size))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MediaError, match=r"huge\.png: .*pixels; the limit is 178 million\. Scale"):
            read_picture(tmp_path / "huge.png")


def test_bad_pictures_are_named_with_cause_and_remedy(tmp_path):
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)).save(whole, "JPEG")
    (tmp_path / "short.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    (tmp_path / "stub.jpg").write_bytes(whole.getvalue()[:30])
    (tmp_path / "text.jpg").write_text("not a picture at all")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    for name, message in {
        "short.jpg": "cut short",
        "stub.jpg": "broken or cut short|not that of a picture",
        "text.jpg": "not that of a picture.*Expected one of JPEG",
        "empty.jpg": r"empty \(0 bytes\)",
        "folder.jpg": "a folder, not a picture",
        "absent.jpg": "no such file",
        "nowhere/a.jpg": "no folder",
    }.items():
        with pytest.raises(MediaError, match=message) as raised:
            read_picture(tmp_path / name)
        assert name in str(raised.value)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"x")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MediaError, match=r"a\.png: this user may not read"):
        read_picture(tmp_path / "a.png")


# Videos


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "ts"])
def test_every_frame_comes_once_in_order_with_its_time(tmp_path, ending):
    path = write_video(tmp_path / f"a.{ending}")
    with open_video(path) as video:
        assert (video.width, video.height) == (WIDTH, HEIGHT)
        assert video.fps == pytest.approx(FPS)
        assert video.duration_s == pytest.approx(40 / FPS, abs=0.05)
        assert video.frame_count == pytest.approx(40, abs=1)
        frames = list(video)
    assert [number_of(frame.pixels) for frame in frames] == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))
    assert {frame.source for frame in frames} == {str(path)}
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], np.arange(40) / FPS, atol=2e-3)


def test_variable_frame_rate_keeps_the_real_times(tmp_path):
    times = [0, 40, 80, 500, 520, 900, 1700]
    frames = frames_of(write_video(tmp_path / "vfr.mkv", 7, times))
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], np.array(times) / 1000, atol=1e-3)


def test_times_count_from_the_start_of_the_stream(tmp_path):
    frames = frames_of(write_video(tmp_path / "late.mkv", 5, [7000 + 40 * k for k in range(5)]))
    np.testing.assert_allclose([frame.timestamp_s for frame in frames], np.arange(5) / FPS, atol=2e-3)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"step": 7}, [0, 7, 14, 21, 28, 35]),
        ({"start_s": 0.4}, list(range(10, 40))),
        ({"end_s": 0.4}, list(range(0, 11))),
        ({"start_s": 0.1, "end_s": 0.4, "step": 2}, [4, 6, 8, 10]),
        ({"first_frame": 37}, [37, 38, 39]),
        ({"first_frame": 5, "step": 10, "end_s": 1}, [10, 20]),
        ({"first_frame": 99}, []),
    ],
)
def test_step_range_and_continuation_keep_the_numbers(clip, options, expected):
    frames = frames_of(clip, **options)
    assert [frame.index for frame in frames] == expected
    assert [number_of(frame.pixels) for frame in frames] == expected


def test_a_video_that_has_ended_stays_ended(clip):
    with open_video(clip, end_s=0.1) as video:
        assert len(list(video)) == 3
        assert list(video) == []


def test_the_rotation_flag_is_applied(tmp_path):
    """The matrix is that of a phone held upright: (x, y) goes to (height - y, x), a quarter turn clockwise."""
    data = bytearray(write_video(tmp_path / "flat.mp4", 3).read_bytes())
    at = data.find(b"tkhd") + 44
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    data[at : at + 36] = matrix
    (tmp_path / "turned.mp4").write_bytes(bytes(data))
    with open_video(tmp_path / "turned.mp4") as video:
        assert (video.width, video.height) == (HEIGHT, WIDTH)
        turned = [frame.pixels for frame in video]
    flat = [frame.pixels for frame in frames_of(tmp_path / "flat.mp4")]
    np.testing.assert_array_equal(turned[2][10, HEIGHT - 1 - 70], flat[2][70, 10])
    np.testing.assert_array_equal(turned[2], np.rot90(flat[2], -1))


def test_names_that_look_like_addresses_are_files(tmp_path, clip):
    path = tmp_path / "http:%03d.mp4"
    path.write_bytes(clip.read_bytes())
    assert len(frames_of(path)) == 40


def read_until_it_breaks(path) -> tuple[list, str]:
    frames: list = []
    with open_video(path) as video, pytest.raises(MediaError) as raised:
        frames.extend(frame for frame in video)
    return frames, str(raised.value)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_video_cut_short_gives_what_is_there_then_says_so(tmp_path, ending):
    options = {"movflags": "faststart"} if ending == "mp4" else {}
    path = write_video(tmp_path / f"a.{ending}", **options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, message = read_until_it_breaks(path)
    assert 5 < len(frames) < 35
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert f"a.{ending}: the video breaks off after {len(frames)} frames" in message
    assert "of 1.60 s" in message


def test_damage_in_the_middle_gives_what_is_there_then_says_so(tmp_path, clip):
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    (tmp_path / "bad.mp4").write_bytes(bytes(data))
    frames, message = read_until_it_breaks(tmp_path / "bad.mp4")
    assert len(frames) > 5
    assert number_of(frames[4].pixels) == 4
    assert "breaks off after" in message
    assert "damaged" in message


def write_sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_bad_videos_are_named_with_cause_and_remedy(tmp_path, clip):
    (tmp_path / "zero.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video" * 100)
    (tmp_path / "notes.txt").write_text("not a video" * 100)
    write_sound(tmp_path / "voice.mp4")
    (tmp_path / "head.mp4").write_bytes(clip.read_bytes()[:200])
    for name, message in {
        "zero.mp4": r"empty \(0 bytes\), not a video",
        "text.mp4": "not that of a video",
        "notes.txt": "not that of a video",
        "voice.mp4": "sound but no video stream",
        "head.mp4": "damaged",
        "absent.mp4": "no such file",
    }.items():
        with pytest.raises(MediaError, match=message) as raised:
            open_video(tmp_path / name)
        assert name in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": 0}, "step is 0"),
        ({"start_s": 5, "end_s": 2}, "end, 2 s"),
        ({"end_s": 0}, "end"),
        ({"start_s": -1}, "start is at -1"),
        ({"start_s": float("nan")}, "start is at nan"),
        ({"first_frame": -1}, "first frame is -1"),
    ],
)
def test_a_range_without_sense_is_misuse(clip, options, message):
    with pytest.raises(UsageError, match=message):
        open_video(clip, **options)


def test_a_camera_that_is_not_there():
    with pytest.raises(MediaError, match="camera:97"):
        open_camera(97)
    with pytest.raises(UsageError, match="count from 0"):
        open_camera(-1)


# Sources


@pytest.fixture
def tree(tmp_path, clip, monkeypatch) -> Path:
    for name in ("b10.png", "b2.png", "a/c.JPG", "a/.hidden.png", ".git/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    (tmp_path / "a" / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments) -> list[str]:
    sources, problems = expand_sources(arguments)
    assert not problems
    return [source.name for source in sources]


def test_a_folder_is_read_to_its_depth_in_natural_order(tree):
    assert names(tree) == [str(tree / name) for name in ("a/c.JPG", "a/clip.mp4", "b2.png", "b10.png")]


def test_patterns(tree):
    assert names("*.png") == ["b2.png", "b10.png"]
    assert names("**/*.mp4") == ["a/clip.mp4"]
    assert names("b[2].png", "b2.png") == ["b2.png"]


def test_a_file_with_a_pattern_in_its_name_is_that_file(tree):
    (tree / "b[2].png").write_bytes((tree / "b10.png").read_bytes())
    assert names("b[2].png") == ["b[2].png"]


def test_cameras_and_standard_input(tree):
    sources, problems = expand_sources(["camera:1", "2", "-"])
    assert not problems
    assert sources == [
        Source("camera:1", SourceKind.CAMERA),
        Source("camera:2", SourceKind.CAMERA),
        Source("-", SourceKind.STDIN),
    ]
    assert [source.camera_index for source in sources[:2]] == [1, 2]
    (tree / "2").write_bytes((tree / "b2.png").read_bytes())
    assert expand_sources(["2"])[0] == [Source("2", SourceKind.PICTURE)]


def test_what_names_nothing_is_told_and_the_rest_kept(tree):
    sources, problems = expand_sources(["absent.jpg", "b2.png", "no/where.jpg", "*.webp", "bare"])
    assert [source.name for source in sources] == ["b2.png"]
    messages = [str(problem) for problem in problems]
    assert [text.split(":")[0] for text in messages] == ["absent.jpg", "no/where.jpg", "*.webp", "bare"]
    assert "no such file" in messages[0]
    assert "no folder no" in messages[1]
    assert "matches no picture" in messages[2]
    assert "no picture or video in this folder" in messages[3]


def test_the_kind_is_told_by_content_before_ending(tree, clip):
    (tree / "really_a_picture.mp4").write_bytes((tree / "b2.png").read_bytes())
    (tree / "text.jpg").write_text("x")
    (tree / "video_without_ending").write_bytes(clip.read_bytes())
    assert kind_of(tree / "really_a_picture.mp4") is SourceKind.PICTURE
    assert kind_of(tree / "text.jpg") is SourceKind.PICTURE
    assert kind_of(tree / "video_without_ending") is SourceKind.VIDEO
    assert kind_of(clip) is SourceKind.VIDEO


def test_grey_is_told_from_colour_and_luminance_is_pillows():
    rng = np.random.default_rng(3)
    colour = rng.integers(0, 256, (40, 40, 3)).astype(np.uint8)
    luminance = np.asarray(Image.fromarray(colour).convert("L"))
    np.testing.assert_allclose(colour @ np.array(LUMINANCE), luminance, atol=1.0)
    grey = np.repeat(luminance[..., None], 3, 2)
    assert is_grey(grey)
    assert not is_grey(colour)
    grey[7, 9] = [100, 120, 100]
    assert not is_grey(grey)
