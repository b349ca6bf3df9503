"""Videos as people have them: what comes out is what players show, and what is wrong is said."""

import struct
from fractions import Fraction
from types import SimpleNamespace

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from clips import FPS, HEIGHT, WIDTH, cut, damaged, number_of, numbered, write_clip
from duchenne import AUDetector
from duchenne.diagnosis import SAMPLE
from duchenne.errors import MediaError
from duchenne.media import container, open_video, read_picture
from duchenne.media.jpeg_damage import is_spoilt_jpeg
from duchenne.media.pixel_aspect import square_size
from duchenne.media.wholeness import is_whole

pytestmark = pytest.mark.skipif("libx264" not in av.codecs_available, reason="needs an encoder with B-frames")


def read(path, **options):
    """Return what a video gives: times, indices, numbers, notes and the error with which it ends."""
    found = SimpleNamespace(times=[], indices=[], numbers=[], frames=[], notes=(), error="")
    with open_video(path, **options) as video:
        try:
            for frame in video:
                found.frames.append(frame)
        except MediaError as error:
            found.error = str(error)
        found.notes = video.notes
    found.times = [frame.timestamp_s for frame in found.frames]
    found.indices = [frame.index for frame in found.frames]
    found.numbers = [number_of(frame.pixels) for frame in found.frames]
    return found


def said(found, word):
    return any(word in note for note in found.notes)


# Pixels


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_pixels_that_are_not_square_are_made_so(tmp_path, ending):
    path = write_clip(tmp_path / f"a.{ending}", 3, size=(120, HEIGHT), aspect=Fraction(4, 3))
    with open_video(path) as video:
        assert (video.width, video.height) == (WIDTH, HEIGHT)
        frame = next(video)
        assert any("not square" in note for note in video.notes)
    assert frame.pixels.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(frame.pixels.astype(float) - numbered(0)).mean() < 6


def test_square_pixels_stay_as_they_are(tmp_path):
    found = read(write_clip(tmp_path / "a.mp4", 3, aspect=Fraction(1, 1)))
    assert found.frames[0].pixels.shape == (HEIGHT, WIDTH, 3)
    assert not found.notes


def test_absurd_shapes_of_pixels_are_not_believed():
    assert square_size(480, 480, Fraction(1, 300)) == (480, 480)
    assert square_size(720, 576, Fraction(16, 15)) == (768, 576)
    assert square_size(720, 480, Fraction(8, 9)) == (640, 480)


def test_stills_of_pixels_that_are_not_square(tmp_path):
    """A face that was squeezed to three quarters of its width scores as before once the file says so."""
    face = Image.open(SAMPLE).convert("RGB")
    squeezed = face.resize((face.width * 3 // 4, face.height), Image.Resampling.LANCZOS)
    for name in ("a.png", "a.jpg", "a.tif"):
        squeezed.save(tmp_path / name, dpi=(225, 300), quality=98)
        pixels = read_picture(tmp_path / name).pixels
        assert pixels.shape == (face.height, face.width, 3)
    detector = AUDetector(workers=1)
    whole, again = (detector.detect(path)[0].probability for path in (SAMPLE, tmp_path / "a.png"))
    squeezed.save(tmp_path / "plain.png")
    plain = detector.detect(tmp_path / "plain.png")[0].probability
    assert np.abs(again - whole).max() < 0.1 < np.abs(plain - whole).max()


def test_frames_that_change_their_size_keep_that_of_the_first(tmp_path):
    """Two recordings of different size in one transport stream."""
    first = write_clip(tmp_path / "a.ts", 10).read_bytes()
    second = write_clip(tmp_path / "b.ts", 10, size=(320, 192)).read_bytes()
    (tmp_path / "ab.ts").write_bytes(first + second)
    found = read(tmp_path / "ab.ts")
    assert {frame.pixels.shape for frame in found.frames} == {(HEIGHT, WIDTH, 3)}
    assert found.numbers[-1] == 9
    assert said(found, "change in size")


# Times


@pytest.mark.parametrize(("codec", "frames"), [("libx264", 3), ("mpeg4", 2)])
def test_times_of_an_avi_with_reordered_frames_rise_evenly(tmp_path, codec, frames):
    found = read(write_clip(tmp_path / "a.avi", 60, codec, {"bf": str(frames)}))
    np.testing.assert_allclose(found.times, np.arange(60) / FPS, atol=1e-6)
    assert found.numbers == found.indices == list(range(60))


def test_times_that_another_program_put_in_disorder_are_sorted(tmp_path):
    """An AVI copied into Matroska carries times of presentation in the order of decoding."""
    with av.open(str(write_clip(tmp_path / "a.avi", 60, options={"bf": "3"}))) as source:
        stream = source.streams.video[0]
        with av.open(str(tmp_path / "a.mkv"), "w") as target:
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    target.mux(packet)
    found = read(tmp_path / "a.mkv")
    assert found.numbers == list(range(60))
    np.testing.assert_allclose(np.diff(found.times), 1 / FPS, atol=2e-3)
    assert said(found, "out of order")


@pytest.mark.parametrize(("ending", "codec"), [("ts", "libx264"), ("mpg", "mpeg2video"), ("mkv", "libx264")])
def test_joined_recordings_go_on(tmp_path, ending, codec):
    data = write_clip(tmp_path / f"a.{ending}", 60, codec).read_bytes()
    (tmp_path / f"aa.{ending}").write_bytes(data + data)
    found = read(tmp_path / f"aa.{ending}")
    assert found.numbers == [*range(60), *range(60)]
    np.testing.assert_allclose(found.times, np.arange(120) / FPS, atol=0.07)
    assert min(np.diff(found.times)) >= 0
    assert said(found, "2 recordings are joined")
    assert read(tmp_path / f"aa.{ending}", start_s=2.5).numbers[-1] == 59


@pytest.mark.parametrize(("ending", "codec"), [("mp4", "libx264"), ("flv", "libx264")])
def test_what_players_do_not_see_of_a_joined_file_is_said(tmp_path, ending, codec):
    data = write_clip(tmp_path / f"a.{ending}", 20, codec).read_bytes()
    (tmp_path / f"aa.{ending}").write_bytes(data + data)
    found = read(tmp_path / f"aa.{ending}")
    assert len(found.frames) == 20
    assert "2 recordings that were joined" in found.error


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "ts"])
def test_pictures_that_begin_after_the_sound_have_the_times_of_players(tmp_path, ending):
    path = write_clip(tmp_path / f"a.{ending}", 30, shift_s=0.8, sound_s=1.8)
    found = read(path)
    np.testing.assert_allclose(found.times, 0.8 + np.arange(30) / FPS, atol=0.07)
    assert said(found, "begin 0.8")
    with open_video(path) as video:
        assert video.start_offset_s == pytest.approx(found.times[0])


# Completeness and damage


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "flv", "webm"])
def test_a_last_frame_that_is_held_is_whole(tmp_path, ending):
    codec = "libvpx" if ending == "webm" else "libx264"
    found = read(write_clip(tmp_path / f"a.{ending}", 40, codec, hold_s=5))
    assert (len(found.frames), found.error) == (40, "")


@pytest.mark.parametrize(("ending", "codec"), [
    ("mp4", "libx264"), ("mkv", "libx264"), ("webm", "libvpx"), ("avi", "libx264"), ("ts", "libx264"),
    ("flv", "libx264"), ("mpg", "mpeg2video"), ("wmv", "wmv2"), ("mov", "mjpeg"),
])  # fmt: skip
def test_a_file_that_ends_early_is_named_with_how_far_it_was_read(tmp_path, ending, codec):
    faststart = {"movflags": "faststart"} if ending in ("mp4", "mov") else {}
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    whole = write_clip(tmp_path / f"a.{ending}", 120, codec, container_options=faststart, pixels=pixels)
    assert read(whole).error == ""
    found = read(cut(whole, 0.71))
    assert 20 < len(found.frames) < 110
    assert f"cut_a.{ending}: the video breaks off after" in found.error
    assert f"at {found.times[-1]:.2f} s" in found.error
    assert "ends early" in found.error
    assert read(whole.with_name(f"cut_a.{ending}"), end_s=0.5).error == ""


def test_one_damaged_packet_loses_that_packet(tmp_path):
    path = write_clip(tmp_path / "a.avi", 60, "mjpeg", pixels="yuvj420p")
    with av.open(str(path)) as source:
        packet = [packet for packet in source.demux(video=0) if packet.size][25]
        place, size = packet.pos + 8, packet.size
    data = bytearray(path.read_bytes())
    start = place + size // 2
    data[start : start + 300] = np.random.default_rng(5).bytes(300)
    path.write_bytes(bytes(data))
    found = read(path)
    assert found.numbers == found.indices == [k for k in range(60) if k != 25]
    assert found.error == ""
    assert said(found, "1 of its frames are too damaged")


def test_damage_of_a_packet_that_could_be_code_is_told(tmp_path):
    """Zeros are a valid byte of code; FFmpeg decodes them as it likes, without a word."""
    path = write_clip(tmp_path / "a.avi", 60, "mjpeg", pixels="yuvj420p")
    assert not said(read(path), "damaged")
    with av.open(str(path)) as source:
        packet = [packet for packet in source.demux(video=0) if packet.size][25]
        place, size = packet.pos + 8, packet.size
    data = bytearray(path.read_bytes())
    start = place + 2 * size // 3
    data[start : start + 100] = bytes(100)
    assert not is_spoilt_jpeg(bytes(data[place : place + size]))
    path.write_bytes(bytes(data))
    found = read(path)
    assert found.indices == list(range(60))
    assert said(found, "1 of its frames between 0.83 and 0.83 s are damaged in part")
    with open_video(path) as video:
        assert [frame.index for frame in video if frame.damaged] == [25]


@pytest.mark.parametrize(("ending", "codec"), [
    ("ts", "libx264"), ("mp4", "mpeg4"), ("mkv", "libx264"), ("flv", "libx264"), ("mpg", "mpeg2video"),
])  # fmt: skip
def test_damage_in_the_middle_leaves_the_rest_and_is_told(tmp_path, ending, codec):
    path = write_clip(tmp_path / f"a.{ending}", 120, codec, {"g": "12", "crf": "20"} if codec == "libx264" else {})
    found = read(damaged(path, 0.5, 600))
    assert found.error == ""
    assert found.numbers[-1] == 119
    assert found.times[-1] == pytest.approx(119 / FPS, abs=0.01)
    assert found.numbers[:30] == found.indices[:30] == list(range(30))
    assert found.notes
    assert min(np.diff(found.times)) >= 0


def test_frames_that_a_decoder_guessed_are_marked(tmp_path):
    found = read(damaged(write_clip(tmp_path / "a.ts", 120, options={"crf": "10"}), 0.5, 400))
    assert 0 < sum(frame.damaged for frame in found.frames) < 60


# What is read


def two_streams(path):
    """A wide clip of number 1 that is not marked, and a narrow one of number 2 that is marked as default."""
    with av.open(str(path), "w") as target:
        streams = [target.add_stream("libx264", rate=FPS) for _ in range(2)]
        for stream, width in zip(streams, (320, WIDTH), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, HEIGHT, "yuv420p"
        streams[0].disposition, streams[1].disposition = Disposition(0), Disposition.default
        for k in range(5):
            for number, stream in enumerate(streams, 1):
                frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24").reformat(stream.width, HEIGHT)
                frame.pts, frame.time_base = k, Fraction(1, FPS)
                target.mux(stream.encode(frame))
        for stream in streams:
            target.mux(stream.encode())
    return path


def test_the_stream_that_players_show_is_read(tmp_path):
    found = read(two_streams(tmp_path / "a.mkv"))
    assert found.frames[0].pixels.shape == (HEIGHT, WIDTH, 3)
    assert set(found.numbers) == {2}
    assert said(found, "2 video streams")


@pytest.mark.parametrize("options", [{"start_s": 7.0}, {"start_s": 1.35, "end_s": 1.36}])
def test_a_range_without_frames_is_an_error(tmp_path, options):
    found = read(write_clip(tmp_path / "a.mp4", 40), **options)
    assert "no frame from" in found.error
    assert "goes from 0.00 to 1.3" in found.error


PLAYLISTS = {
    "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n",
    "b.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n",
    "a.ffconcat": "ffconcat version 1.0\nfile a.ts\n",
    "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period/></MPD>',
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_are_no_videos(tmp_path, name):
    write_clip(tmp_path / "a.ts", 10)
    (tmp_path / name).write_text(PLAYLISTS[name])
    with pytest.raises(MediaError, match="not that of a video"):
        open_video(tmp_path / name)


# Bounds


def test_large_frames_are_refused_before_they_are_decoded(tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mp4", 3)
    monkeypatch.setattr(container, "MAX_VIDEO_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(MediaError, match=rf"frames of {WIDTH} x {HEIGHT} pixels; the limit"):
        open_video(path)


def test_frames_that_grow_in_the_middle_are_refused(tmp_path, monkeypatch):
    small, large = write_clip(tmp_path / "a.ts", 10), write_clip(tmp_path / "b.ts", 10, size=(640, 384))
    (tmp_path / "ab.ts").write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr(container, "MAX_VIDEO_PIXELS", 2 * WIDTH * HEIGHT)
    found = read(tmp_path / "ab.ts")
    assert {frame.pixels.shape for frame in found.frames} == {(HEIGHT, WIDTH, 3)}
    assert found.error or said(found, "too damaged")


def test_threads_of_a_decoder_do_not_hold_more_than_their_share(tmp_path, monkeypatch):
    path = str(write_clip(tmp_path / "a.mp4", 3))
    monkeypatch.setattr(container, "_DECODER_BYTES", 3 * 3 * WIDTH * HEIGHT)
    opened, stream = container.open_container("a.mp4", f"file:{path}")
    assert stream.codec_context.thread_count == 3
    opened.close()


MATRICES = {
    "mirrored": ((-1, 0, 0, 1), lambda pixels: pixels[:, ::-1]),
    "upside down and mirrored": ((1, 0, 0, -1), lambda pixels: pixels[::-1]),
    "clockwise": ((0, 1, -1, 0), lambda pixels: np.rot90(pixels, -1)),
    "counter-clockwise": ((0, -1, 1, 0), np.rot90),
    "half": ((-1, 0, 0, -1), lambda pixels: np.rot90(pixels, 2)),
    "along the diagonal": ((0, 1, 1, 0), lambda pixels: pixels.transpose(1, 0, 2)),
    "along the other": ((0, -1, -1, 0), lambda pixels: np.rot90(pixels.transpose(1, 0, 2), 2)),
}
"""a, b, c, d of ISO/IEC 14496-12, by which (x, y) is shown at (a x + c y, b x + d y); what that makes of an array."""


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("aspect", [None, Fraction(2)])
def test_pictures_are_turned_and_mirrored_as_their_file_says(name, aspect, tmp_path):
    plain, turned = write_clip(tmp_path / "a.mp4", 3, aspect=aspect), tmp_path / "b.mp4"
    (a, b, c, d), expected = MATRICES[name]
    data = bytearray(plain.read_bytes())
    at = data.find(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    turned.write_bytes(data)
    with open_video(plain) as one, open_video(turned) as other:
        for before, after in zip(one, other, strict=True):
            assert np.array_equal(expected(before.pixels), after.pixels)
            assert (other.height, other.width) == after.pixels.shape[:2]


@pytest.mark.parametrize(("size", "coded"), [((640, 480), "601"), ((1280, 720), "709")])
def test_colours_that_a_file_does_not_describe_are_those_of_its_size(size, coded, tmp_path):
    """The red of the disc, coded by hand: Y, Cb, Cr of Rec. ITU-R BT.601 and BT.709 in studio range."""
    red, green, blue = np.array([200, 30, 30]) / 255
    kr, kb = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}[coded]
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    chroma = [(blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))]
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv444p"
        planes = [16 + 219 * luma, *(128 + 224 * value for value in chroma)]
        code = np.stack([np.full(size[::-1], round(value), np.uint8) for value in planes])
        container.mux(stream.encode(av.VideoFrame.from_ndarray(code, format="yuv444p", channel_last=False)))
        container.mux(stream.encode())
    with open_video(tmp_path / "a.mkv") as video:
        assert np.abs(next(video).pixels.astype(int) - [200, 30, 30]).max() <= 2


@pytest.mark.parametrize(
    ("codec", "options", "expected"),
    [
        ("mpeg2video", {"flags": "+ilme+ildct"}, True),
        ("mpeg2video", {}, False),
        ("libx264", {"x264-params": "tff=1"}, True),
    ],
)
def test_that_frames_are_interlaced_is_said(codec, options, expected, tmp_path):
    found = read(write_clip(tmp_path / "a.mkv", 10, codec=codec, options=options))
    assert said(found, "interlaced") is expected
    assert found.numbers == list(range(10))


@pytest.mark.parametrize(("curve", "told"), [("smpte2084", "HDR (PQ)"), ("arib-std-b67", "HDR (HLG)"), ("bt709", None)])
def test_that_brightness_is_coded_for_hdr_is_said(curve, told, tmp_path):
    options = {"x264-params": f"transfer={curve}:colorprim=bt2020:colormatrix=bt2020nc"}
    found = read(write_clip(tmp_path / "a.mp4", 3, options=options))
    assert said(found, told or "HDR") is (told is not None)
    assert found.numbers == [0, 1, 2]


def test_a_stream_without_container_has_the_times_of_its_codec_and_says_so(tmp_path):
    write_clip(tmp_path / "a.h264", 10)
    found = read(tmp_path / "a.h264")
    assert found.times == pytest.approx([k / 30 for k in range(10)])
    assert found.numbers == list(range(10))
    assert said(found, "it holds no times; they are reckoned with 30 frames a second")


def test_a_length_that_is_none_is_passed_over(tmp_path):
    data = write_clip(tmp_path / "a.mkv", 10).read_bytes()
    assert data.count(b"00:00:00.333") == 1
    (tmp_path / "b.mkv").write_bytes(data.replace(b"00:00:00.333", b"00:00:00.3.3"))
    assert read(tmp_path / "b.mkv").numbers == list(range(10))


def test_a_page_of_ogg_by_hand_is_whole_until_its_last_byte(tmp_path):
    """RFC 3533, section 6: 27 bytes, the last of which counts the segments; their sizes; the segments."""
    sizes = bytes([255, 40, 7])
    page = b"OggS" + bytes([0, 4]) + bytes(20) + bytes([len(sizes)]) + sizes + bytes(sum(sizes))
    path = tmp_path / "a.ogv"
    path.write_bytes(page + page)
    assert is_whole(path, "ogg") is True
    for lost in (1, sum(sizes), sum(sizes) + 1, len(page) - 4):
        path.write_bytes((page + page)[:-lost])
        assert is_whole(path, "ogg") is False, lost
