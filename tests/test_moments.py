"""Any moment of a video in any order: each frame of these clips says its own number."""

import av
import numpy as np
import pytest

from clips import FPS, HEIGHT, WIDTH, number_of, write_clip
from duchenne.errors import MediaError
from duchenne.media import open_video
from duchenne.media.moments import VideoMoments

pytestmark = pytest.mark.skipif("libx264" not in av.codecs_available, reason="needs an encoder with B-frames")
FRAMES = 100


@pytest.mark.parametrize(("ending", "codec"), [
    ("mp4", "libx264"), ("avi", "mpeg4"), ("avi", "libx264"), ("mkv", "libx265"), ("ts", "libx264"),
    ("mov", "mjpeg"), ("mpg", "mpeg2video"), ("wmv", "wmv2"), ("flv", "libx264"),
])  # fmt: skip
def test_the_picture_of_any_moment_is_the_one_that_is_shown_then(tmp_path, ending, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"no encoder {codec}")
    options = {"libx264": {"g": "24"}, "libx265": {"x265-params": "keyint=24:log-level=none"}}.get(codec, {})
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    video = VideoMoments(write_clip(tmp_path / f"a.{ending}", FRAMES, codec, options, pixels=pixels))
    wanted = [*np.random.default_rng(1).integers(0, FRAMES, 15).tolist(), *range(80, 73, -1), *range(50, 56)]
    found = [video.at((number + 0.5) / FPS) for number in [*wanted, FRAMES + 90, 0, FRAMES - 1]]
    assert [number_of(one.pixels) for one in found] == [*wanted, FRAMES - 1, 0, FRAMES - 1]
    np.testing.assert_allclose([one.timestamp_s for one in found[: len(wanted)]], np.array(wanted) / FPS, atol=2e-3)
    assert (video.width, video.height, round(video.fps)) == (WIDTH, HEIGHT, FPS)
    assert video.duration_s == pytest.approx(FRAMES / FPS, abs=0.25)
    video.close()


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_times_count_from_the_sound_that_begins_before_the_pictures(tmp_path, ending):
    video = VideoMoments(write_clip(tmp_path / f"a.{ending}", 90, shift_s=0.8, sound_s=3.8))
    with open_video(video.name) as frames:
        begins = np.array([frame.timestamp_s for frame in frames])
    for time_s in (0.0, 2.0, 0.5, 3.0, 1.0):
        assert number_of(video.at(time_s).pixels) == max(0, np.searchsorted(begins, time_s, "right") - 1)
    video.close()


def test_few_pictures_are_kept_of_a_long_video(tmp_path):
    video = VideoMoments(write_clip(tmp_path / "a.mp4", FRAMES))
    video._room = 10
    for number in (70, 69, 20, 95):
        assert number_of(video.at((number + 0.5) / FPS).pixels) == number
        assert len(video._kept) <= 10


def test_what_is_no_video_is_said(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(MediaError, match="not that of a video"):
        VideoMoments(tmp_path / "a.mp4")
    with pytest.raises(MediaError, match="no such file"):
        VideoMoments(tmp_path / "b.mp4")
