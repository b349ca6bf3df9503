"""Overlays: what is drawn is where the numbers say, the face stays to be seen, files are whole or not there."""

import errno
import math

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

from duchenne.errors import OutputError, UsageError
from duchenne.faces import FaceBox, box_from_landmarks, keypoints_from_landmarks
from duchenne.facs import AU_NAMES
from duchenne.files import whole_files
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.media import Frame, Source, SourceKind
from duchenne.overlay import OverlayWriter, VideoFile, draw
from duchenne.overlay.canvas import GREEN, ORANGE, SKY, WHITE, Canvas
from duchenne.overlay.drawing import layout_of
from duchenne.overlay.panel import share_panel
from duchenne.results import FaceAUs
from toy_faces import head, posed

THRESHOLDS = dict.fromkeys(AU_NAMES, 0.5)
FRONTAL = HeadPose(0.0, 0.0, 0.0)


def face_at(centre=(400, 300), scale=2.0, pose=FRONTAL, face_id=0, visibility=1.0, probability=0.2):
    points = posed(head(), pose.yaw_deg, pose.pitch_deg, pose.roll_deg, scale)[:, :2] + centre
    p = np.full(len(AU_NAMES), probability)
    box = FaceBox(box_from_landmarks(points), 0.9, keypoints_from_landmarks(points))
    landmarks = FaceLandmarks(points, np.zeros(49), np.full(49, visibility), 0.9)
    return FaceAUs("toy", 0, 0.0, face_id, box, landmarks, pose, AU_NAMES, p, p >= 0.5)


def grey(height=720, width=1280, value=128):
    return np.full((height, width, 3), value, np.uint8)


def where(picture, colour, tolerance=6):
    """Return the (x, y) of pixels of one colour."""
    rows, cols = np.nonzero((np.abs(picture.astype(int) - colour) <= tolerance).all(2))
    return np.column_stack([cols, rows])


@pytest.mark.parametrize("size", [(1, 1), (100, 75), (321, 241), (1280, 720), (720, 1280), (5, 3000), (3000, 5)])
def test_every_picture_size_gets_an_even_overlay_no_smaller(size):
    out = draw(grey(size[1], size[0]), [face_at(scale=0.5)], THRESHOLDS)
    assert out.dtype == np.uint8
    assert out.shape[0] % 2 == out.shape[1] % 2 == 0
    assert out.shape[0] >= size[1]
    assert out.shape[1] > size[0]
    assert out.nbytes < 4e8


def test_the_size_depends_on_the_picture_alone():
    none, many = draw(grey(), [], THRESHOLDS), draw(grey(), [face_at(face_id=k) for k in range(9)], THRESHOLDS)
    assert none.shape == many.shape


@pytest.mark.parametrize("value", [0, 128, 255])
def test_the_picture_stays_to_be_seen(value):
    picture, face = grey(value=value), face_at()
    before = picture.copy()
    out = draw(picture, [face], THRESHOLDS)
    assert (picture == before).all()
    changed = (out[:720, :1280] != picture).any(2)
    left, top, width, height = face.box.box.astype(int)
    far = changed.copy()
    far[top - height // 3 : top + height + 20, left - 20 : left + width + 20] = False
    assert not far.any()
    features = face.landmarks.points
    (x0, y0), (x1, y1) = features.min(0).astype(int), features.max(0).astype(int)
    assert 0.005 < changed[y0:y1, x0:x1].mean() < 0.15


def test_dots_lie_on_the_landmarks_and_are_hollow_where_hidden():
    shown, hidden = (draw(grey(), [face_at(scale=3.0, visibility=v)], THRESHOLDS) for v in (1.0, 0.1))
    points = face_at(scale=3.0).landmarks.points
    for x, y in np.floor(points[[0, 20, 31, 37]]).astype(int):
        assert np.abs(shown[y, x].astype(int) - 128).max() > 60
        assert np.abs(hidden[y, x].astype(int) - 128).max() < 12
        assert np.abs(hidden[y - 6 : y + 7, x - 6 : x + 7].astype(int) - 128).max() > 60


@pytest.mark.parametrize(
    ("pose", "colour", "expected"),
    [
        (HeadPose(30.0, 0.0, 0.0), SKY, (1, 0)),
        (HeadPose(-30.0, 0.0, 0.0), SKY, (-1, 0)),
        (HeadPose(0.0, 25.0, 0.0), SKY, (0, -1)),
        (HeadPose(0.0, -25.0, 0.0), SKY, (0, 1)),
        (HeadPose(0.0, 0.0, 0.0), GREEN, (0, -1)),
        (HeadPose(0.0, 0.0, 90.0), GREEN, (1, 0)),
    ],
)
def test_axes_point_as_the_signs_of_the_pose_say(pose, colour, expected):
    out = draw(grey(), [face_at(scale=2.0, pose=pose)], THRESHOLDS)[:720, :1280]
    points = face_at(scale=2.0, pose=pose).landmarks.points
    forehead = points[[4, 5]].mean(0) + 0.3 * (points[[4, 5]].mean(0) - points[13])
    way = where(out, colour).mean(0) - forehead
    assert np.linalg.norm(way) > 5
    assert way @ expected / np.linalg.norm(way) > 0.95


def test_bars_are_as_long_as_the_probabilities_and_bright_where_present():
    panels = [
        draw(grey(), [face_at(probability=p)], dict.fromkeys(AU_NAMES, t))[:, 1280:]
        for p, t in ((0.9, 0.5), (0.6, 0.5), (0.4, 0.5))
    ]
    lengths = [np.ptp(where(panel[100:], ORANGE)[:, 0]) if len(where(panel[100:], ORANGE)) else 0 for panel in panels]
    dots_left = min(where(panels[0][100:], ORANGE)[:, 0])
    bar_left = next(
        x for x in range(dots_left + 40, panels[0].shape[1]) if len(where(panels[0][100:600, x : x + 1], ORANGE)) > 100
    )
    long, short = (dots_left + length - bar_left for length in lengths[:2])
    assert long / short == pytest.approx(0.9 / 0.6, abs=0.05)
    assert lengths[2] == 0


def test_the_tick_stands_at_the_threshold():
    columns = []
    for threshold in (0.25, 0.5, 0.75):
        panel = draw(grey(), [face_at(probability=0.0)], dict.fromkeys(AU_NAMES, threshold))[:, 1280:]
        counts = (np.abs(panel[60:600].astype(int) - WHITE) <= 2).all(2).sum(0)
        columns.append(int(np.argmax(counts)))
    assert columns[1] - columns[0] == pytest.approx(columns[2] - columns[1], abs=2)
    assert columns[1] - columns[0] > 15


def test_each_face_of_a_crowd_has_bars_or_its_aus_at_the_box():
    crowd = [face_at((60 + 140 * (k % 8), 80 + 200 * (k // 8)), 0.5, face_id=k) for k in range(24)]
    assert draw(grey(), crowd, THRESHOLDS).shape == draw(grey(), [], THRESHOLDS).shape


@pytest.mark.parametrize("faces", range(1, 30))
def test_the_text_of_shared_panels_stays_legible(faces):
    blocks = share_panel(faces, len(AU_NAMES), 430, 650, 17, 9)
    assert 1 <= blocks.count <= faces
    assert blocks.text_px >= 9
    assert blocks.count * blocks.height_px <= 650 + 1e-6


def test_a_line_covers_what_a_supersampled_one_covers():
    canvas = Canvas(np.zeros((60, 80, 3), np.uint8))
    canvas.line((10.0, 15.0), (65.0, 42.0), 5.0, (255, 255, 255))
    fine = Image.new("L", (80 * 16, 60 * 16))
    ImageDraw.Draw(fine).line([(160, 240), (1040, 672)], 255, 80)
    for x, y in ((160, 240), (1040, 672)):
        ImageDraw.Draw(fine).ellipse([x - 40, y - 40, x + 40, y + 40], 255)
    expected = np.asarray(fine.reduce(16), float)
    drawn = canvas.pixels[..., 1].astype(float)
    assert np.abs(drawn - expected).max() < 60
    assert drawn.sum() == pytest.approx(expected.sum(), rel=0.03)


@pytest.mark.parametrize("radius", [2.0, 5.0, 9.5])
def test_a_dot_has_the_area_of_a_disc_about_its_centre(radius):
    canvas = Canvas(np.zeros((40, 40, 3), np.uint8))
    canvas.dot(20.3, 18.6, radius, (255, 255, 255))
    weight = np.clip(canvas.pixels[..., 1].astype(float) - 20, 0, 235) / 235
    ys, xs = np.mgrid[:40, :40] + 0.5
    assert weight.sum() == pytest.approx(math.pi * radius**2, rel=0.06)
    assert (weight * xs).sum() / weight.sum() == pytest.approx(20.3, abs=0.15)
    assert (weight * ys).sum() / weight.sum() == pytest.approx(18.6, abs=0.15)


def test_marks_outside_the_picture_are_cut_off():
    canvas = Canvas(np.zeros((10, 10, 3), np.uint8))
    canvas.dot(-50, 5, 3, WHITE)
    canvas.line((-100.0, -100.0), (-50.0, -50.0), 4, WHITE)
    canvas.fill(20, 20, 30, 30, WHITE)
    assert not canvas.pixels.any()
    canvas.line((-5.0, 5.0), (50.0, 5.0), 2, WHITE)
    assert (canvas.pixels[5] > 200).all()
    out = draw(grey(200, 200), [face_at((0, 0), 3.0), face_at((250, 190), 3.0, face_id=1)], THRESHOLDS)
    assert out.shape[1] > 200


PICTURE, VIDEO = Source("in/a.jpg", SourceKind.PICTURE), Source("in/b.avi", SourceKind.VIDEO)


def frame(source, index=0, time_s=0.0, height=120, width=161):
    return Frame(source.name, index, time_s, grey(height, width, 40 + index))


@pytest.mark.parametrize(("name", "kind"), [("o.png", "PNG"), ("o.jpg", "JPEG"), ("o.JPEG", "JPEG")])
def test_a_picture_is_written_in_the_format_of_its_ending(tmp_path, name, kind):
    with OverlayWriter(tmp_path / name, [PICTURE], THRESHOLDS) as writer:
        writer.add(PICTURE, frame(PICTURE), [face_at((80, 60), 0.5)])
    with Image.open(tmp_path / name) as picture:
        assert picture.format == kind
        assert picture.size == (layout_of(161, 120).width, layout_of(161, 120).height)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_a_video_keeps_the_times_of_its_frames(tmp_path, ending):
    times = [1.0, 1.04, 1.2, 1.201, 1.9, 2.5]
    with OverlayWriter(tmp_path / f"o{ending}", [VIDEO], THRESHOLDS) as writer:
        for k, time_s in enumerate(times):
            writer.add(VIDEO, frame(VIDEO, k, time_s), [face_at((80, 60), 0.5)])
        assert not (tmp_path / f"o{ending}").exists()
    with av.open(str(tmp_path / f"o{ending}")) as container:
        found = [float(f.time) for f in container.decode(video=0)]
    assert found == pytest.approx([t - 1.0 for t in times], abs=0.0011)
    assert [path.name for path in tmp_path.iterdir()] == [f"o{ending}"]


def test_colours_of_a_video_are_those_drawn(tmp_path):
    pixels = draw(grey(), [face_at()], THRESHOLDS)
    video = VideoFile(tmp_path / "o.mp4")
    video.add(pixels, 0.0)
    video.finish()
    with av.open(str(tmp_path / "o.mp4")) as container:
        back = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(back.astype(int) - pixels).mean() < 4


def test_many_sources_go_to_a_folder_under_their_own_names(tmp_path):
    sources = [PICTURE, Source("other/a.jpg", SourceKind.PICTURE), Source("c.tif", SourceKind.PICTURE), VIDEO]
    sources += [Source("-", SourceKind.STDIN), Source("camera:0", SourceKind.CAMERA)]
    with OverlayWriter(tmp_path / "out", sources, THRESHOLDS) as writer:
        for source in sources:
            writer.add(source, frame(source), [])
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a-2.jpg", "a.jpg", "b.mp4", "c.png", "camera0.mp4", "stdin.png"]


@pytest.mark.parametrize(
    ("target", "sources", "error", "message"),
    [
        ("nowhere/o.png", [PICTURE], OutputError, "nowhere does not exist"),
        ("nowhere/folder", [PICTURE, VIDEO], OutputError, "nowhere does not exist"),
        ("o.mp4", [PICTURE], UsageError, "a picture, is not written as .mp4"),
        ("o.png", [VIDEO], UsageError, "a video, is not written as .png"),
        ("o.png", [PICTURE, VIDEO], UsageError, "Name a folder"),
        ("there.png", [PICTURE], OutputError, "--overwrite"),
        ("plain", [PICTURE], OutputError, "file without an ending"),
    ],
)
def test_what_cannot_be_written_is_said_before_any_work(tmp_path, target, sources, error, message):
    (tmp_path / "there.png").write_text("precious")
    (tmp_path / "plain").write_text("precious")
    with pytest.raises(error, match=message):
        OverlayWriter(tmp_path / target, sources, THRESHOLDS)
    assert (tmp_path / "there.png").read_text() == (tmp_path / "plain").read_text() == "precious"


def test_a_source_is_never_replaced(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    source = Source(str(tmp_path / "a.png"), SourceKind.PICTURE)
    for target in (tmp_path / "a.png", tmp_path):
        with pytest.raises(UsageError, match="replace a source"):
            OverlayWriter(target, [source], THRESHOLDS, overwrite=True)


def test_an_interrupted_video_stays_under_its_temporary_name_and_plays(tmp_path):
    def interrupted():
        with OverlayWriter(tmp_path / "o.mp4", [VIDEO], THRESHOLDS) as writer:
            for k in range(5):
                writer.add(VIDEO, frame(VIDEO, k, k / 25), [])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4.part", "o.mp4.part.journal"]
    with av.open(str(tmp_path / "o.mp4.part")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5


def test_a_full_disk_is_told_and_leaves_no_whole_looking_video(tmp_path, monkeypatch):
    def scarce(file, data):
        if file.tell() + len(data) > 3000:
            raise OSError(errno.ENOSPC, "No space left on device")
        file.write(data)

    monkeypatch.setattr("duchenne.overlay.files.write_all", scarce)
    noise = np.random.default_rng(0)

    def fill():
        with OverlayWriter(tmp_path / "o.mp4", [VIDEO], THRESHOLDS) as writer:
            for k in range(80):
                pixels = noise.integers(0, 255, (64, 64, 3), dtype=np.uint8)
                writer.add(VIDEO, Frame(VIDEO.name, k, k / 25, pixels), [])

    with pytest.raises(OutputError, match=r"o\.mp4.*No space left on device.*Make room"):
        fill()
    assert not (tmp_path / "o.mp4").exists()


def test_a_full_disk_is_told_for_a_picture(tmp_path, monkeypatch):
    def full(file, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole_files, "write_all", full)
    with pytest.raises(OutputError, match=r"o\.png.*No space left"):
        OverlayWriter(tmp_path / "o.png", [PICTURE], THRESHOLDS).add(PICTURE, frame(PICTURE), [])
    assert not list(tmp_path.iterdir())
