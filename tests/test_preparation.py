"""Which face of a frame is the subject's; rendered layouts through the real loaders into a store."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import duchenne
from duchenne.alignment import eye_span_px
from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.preparation import prepare_recording
from duchenne.datasets.preparing.prepare import prepare
from duchenne.datasets.recording import Labels, Recording, SkipReason, Truth, labels_from_columns
from duchenne.datasets.store import PreparedStore
from duchenne.errors import UsageError
from duchenne.geometry import scale_of, transform_points
from duchenne.media import read_picture
from duchenne.synthesis.sets import protocols
from duchenne.synthesis.sets.protocols import ClipsPlan, write_clips

SAMPLES = Path(duchenne.__file__).parent / "samples"
FACE = read_picture(SAMPLES / "face.jpg").pixels
LARGE_PX, SMALL_PX = 240, 110


@dataclass(frozen=True)
class Arrays:
    """Pictures in memory."""

    pixels: tuple[np.ndarray | SkipReason, ...]
    files: tuple[Path, ...] = field(default=())

    def read(self, frames: np.ndarray, notes: Counter | None = None) -> Iterator[np.ndarray | SkipReason]:
        yield from self.pixels


def scene(*faces):
    """Return a picture with the sample face pasted: (left, side) each."""
    canvas = Image.new("RGB", (480, 256), "grey")
    for left, side in faces:
        canvas.paste(Image.fromarray(FACE).resize((side, side)), (left, 8))
    return np.asarray(canvas)


def labels(count: int) -> Labels:
    return labels_from_columns(np.arange(count), {"AU12": np.ones(count, int)}, {})


def recording(*pictures, moving=True):
    return Recording("a", "a1", Arrays(pictures), labels(len(pictures)), moving=moving)


def side_px(face):
    return 240 / np.sqrt(abs(np.linalg.det(face.crop_from_image[:2, :2])))


def test_the_face_that_is_largest_over_the_recording_is_kept():
    both, small, none = scene((0, LARGE_PX), (340, SMALL_PX)), scene((340, SMALL_PX)), scene()
    kept, skipped = prepare_recording(recording(both, both, small, none, SkipReason.BROKEN, both))
    assert [face.row for face in kept] == [0, 1, 5]
    assert skipped == {2: SkipReason.LESSER, 3: SkipReason.NO_FACE, 4: SkipReason.BROKEN}
    large = prepare_recording(recording(scene((0, LARGE_PX))))[0][0]
    assert all(abs(side_px(face) / side_px(large) - 1) < 0.1 for face in kept)


def test_someone_who_passes_by_close_to_the_camera_is_not_the_subject():
    subject = (0, 150)
    pictures = [scene(subject)] * 5 + [scene(subject, (240, LARGE_PX))]
    kept, skipped = prepare_recording(recording(*pictures))
    assert not skipped
    sides = [side_px(face) for face in kept]
    assert max(sides) / min(sides) < 1.1
    single, _ = prepare_recording(recording(pictures[-1], moving=False))
    assert side_px(single[0]) > 1.4 * sides[0]  # a picture alone: the largest


def rendered(moved_px):
    """The sample face with its truth, as though it had been drawn so far to the right of where it is."""
    landmarks = json.loads((SAMPLES / "face.json").read_text())["landmarks"]
    points = np.array(landmarks) + np.array([moved_px, 0.0])
    depth = np.linspace(-20.0, 20.0, 49)
    truth = Truth(np.column_stack([points, depth])[None], np.array([[1.0, 2.0, 3.0]]))
    return replace(recording(FACE), truth=truth)


def test_a_found_face_far_from_the_rendered_one_is_another():
    at_home = rendered(0.0)
    span_px = eye_span_px(at_home.truth.points[0, :, :2])
    assert len(prepare_recording(at_home)[0]) == 1
    assert len(prepare_recording(rendered(0.2 * span_px))[0]) == 1
    kept, skipped = prepare_recording(rendered(0.8 * span_px))
    assert (kept, skipped) == ([], {0: SkipReason.ELSEWHERE})


def test_exact_landmarks_are_the_renderer_s_and_others_the_detector_s():
    drawn = rendered(7.0)
    for landmarks, away_px in (("exact", 0.0), ("detector", 7.0)):
        ((face,), _) = prepare_recording(drawn, landmarks)
        points = transform_points(np.linalg.inv(face.crop_from_image), face.points[:, :2])
        assert np.abs(points - drawn.truth.points[0, :, :2]).mean(0)[0] == pytest.approx(
            away_px, abs=0.1 + 0.4 * away_px
        )
        exact_depth = drawn.truth.points[0, :, 2] * scale_of(face.crop_from_image)
        assert np.allclose(face.points[:, 2], exact_depth) == (landmarks == "exact")
        assert face.pose_deg == pytest.approx([1.0, 2.0, 3.0])


def test_exact_landmarks_need_a_renderer():
    with pytest.raises(UsageError, match="a1 was not rendered"):
        prepare_recording(recording(scene()), "exact")


@pytest.mark.parametrize("layout", ["bp4d", "fera17"])
def test_rendered_layouts_are_read_by_the_loaders_of_the_real_ones(layout, tmp_path, monkeypatch):
    monkeypatch.setattr(protocols, f"{layout.upper()}_TASKS", 1)
    write_clips(ClipsPlan(layout, subjects=1, seed=3, seconds=0.2, fps=10, width=200, height=200), tmp_path / "data")
    release = load(tmp_path / "data")
    assert (release.name, release.subjects) == (layout, ("F001",))
    assert not release.problems
    report = prepare([release], tmp_path / "store")
    assert report["labelled"] == (18 if layout == "fera17" else 2)
    assert report["problems"] == []
    store = PreparedStore(tmp_path / "store")
    assert len(store) == report["kept"] >= 0.5 * report["labelled"]
    if layout == "fera17":
        frontal, left, right = (store.pose_deg[store.pose_number == pose, 0] for pose in (6, 3, 9))
        assert frontal.mean() == pytest.approx(0, abs=12)
        assert left.mean() < -25
        assert right.mean() > 25
        assert {row["pose_number"] for row in report["by_pose"]} == set(range(1, 10))
