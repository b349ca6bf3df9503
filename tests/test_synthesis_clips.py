"""Clips over time, the layouts of BP4D and FERA 2017 on disk, and pairs that differ in one action unit."""

import csv
import hashlib
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from duchenne.errors import SynthesisError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.geometry import HeadPose
from duchenne.poses import FERA17_POSES
from duchenne.synthesis.head.head import make_head
from duchenne.synthesis.scene.scene import Camera, Scene, render
from duchenne.synthesis.sets import protocols
from duchenne.synthesis.sets.clips import Movement, clip_frames, draw_clip
from duchenne.synthesis.sets.protocols import BP4D_OCCURRENCE, ClipsPlan, write_clips
from duchenne.synthesis.sets.sampling import LOOKALIKES, draw_pair


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_movement_rises_holds_and_falls():
    smile = Movement("AU12", (4.0, 2.0), start_s=1.0, onset_s=0.5, hold_s=1.0, offset_s=0.5)
    assert [smile.share(t) for t in (0.9, 1.25, 1.5, 2.4, 2.75, 3.1)] == [0, 0.5, 1, 1, 0.5, 0]
    assert smile.end_s == 3.0


@pytest.mark.parametrize(
    "wrong",
    [{"au": "AU99", "apex": (1, 1)}, {"au": "AU12", "apex": (6.0, 0.0)}, {"au": "AU12", "apex": (1, 1), "onset_s": 0}],
)
def test_impossible_movements_are_refused(wrong):
    with pytest.raises(UsageError):
        Movement(start_s=0.0, **{**wrong, "apex": tuple(float(v) for v in wrong["apex"])})


def test_people_blink_as_often_as_measured():
    blinks = [m for s in range(20) for m in draw_clip(s, 60.0).movements if m.au == "AU43"]
    assert 13 < len(blinks) / 20 < 20  # 17 a minute


def test_frames_carry_the_truth_of_their_time():
    clip = draw_clip(980_001, 0.6, pose=HeadPose(20.0, 0.0, 0.0))
    frames = list(clip_frames(clip, width=96, height=64, fps=5))
    assert [f.time_s for f in frames] == [0, 0.2, 0.4]
    assert frames[0].drawn.pixels.shape == (64, 96, 3)
    for frame in frames:
        aus = clip.aus_at(frame.time_s)
        assert_array_equal(frame.drawn.au_left, [aus.get(au, (0, 0))[0] for au in AU_NAMES])
        assert frame.drawn.pose == clip.pose_at(frame.time_s)
    again = next(clip_frames(clip, width=96, height=64, fps=5))
    assert_array_equal(again.drawn.pixels, frames[0].drawn.pixels)


def test_a_clip_without_length_or_size_is_refused():
    with pytest.raises(UsageError, match="clip of 0 s"):
        draw_clip(1, 0.0)
    with pytest.raises(UsageError, match="4 x 4"):
        next(clip_frames(draw_clip(1, 1.0), width=4, height=4))


def plan(layout: str) -> ClipsPlan:
    return ClipsPlan(layout, subjects=1, seed=3, seconds=0.2, fps=10, width=64, height=64)


def test_bp4d_has_its_folders_headers_and_unknowns(tmp_path, monkeypatch):
    monkeypatch.setattr(protocols, "BP4D_TASKS", 2)
    assert write_clips(plan("bp4d"), tmp_path) == 2
    names = [path.name for task in ("T1", "T2") for path in sorted((tmp_path / "F001" / task).iterdir())]
    assert names == ["0001.jpg", "0002.jpg", "001.jpg", "002.jpg"]  # zero padding differs, as in the release
    rows = [[int(v) for v in row] for row in csv.reader((tmp_path / "AUCoding/AU_OCC/F001_T1.csv").open())]
    assert rows[0] == [0, *BP4D_OCCURRENCE]
    assert [row[0] for row in rows[1:]] == [1, 2]
    unknown = {au for au, value in zip(rows[0][1:], rows[1][1:], strict=True) if value == 9}
    assert unknown == {au for au in BP4D_OCCURRENCE if f"AU{au:02d}" not in AU_NAMES}
    whole = digests(tmp_path)
    (tmp_path / "AUCoding/AU_OCC/F001_T2.csv").unlink()  # what a stop before the labels leaves behind
    (tmp_path / "F001/T2/002.jpg").unlink()
    assert write_clips(plan("bp4d"), tmp_path) == 1
    assert digests(tmp_path) == whole
    with pytest.raises(SynthesisError, match="another plan"):
        write_clips(ClipsPlan("bp4d", seed=4), tmp_path)


def test_fera17_has_nine_poses_and_one_file_of_labels(tmp_path, monkeypatch):
    monkeypatch.setattr(protocols, "FERA17_TASKS", 1)
    write_clips(plan("fera17"), tmp_path)
    videos = sorted(path.name for path in (tmp_path / "FERA17_Train_MV").iterdir())
    assert videos == [f"FERA17_TR_F001_T1_{pose}.mp4" for pose in range(1, 10)]
    with av.open(str(tmp_path / "FERA17_Train_MV" / videos[5])) as video:
        assert sum(1 for _ in video.decode(video=0)) == 2
    assert FERA17_POSES[6] == (0, 0)
    header, *rows = csv.reader((tmp_path / "Train_Occ/FERA17_TR_F001_T1.csv").open())
    assert header == ["0", "1", "4", "6", "7", "10", "12", "14", "15", "17", "23"]
    assert len(rows) == 2
    assert (tmp_path / "Train_Int/FERA17_TR_F001_T1_AU12_Int.csv").is_file()


@pytest.mark.parametrize("wrong", [{"layout": "disfa"}, {"subjects": 0}, {"seed": -1}, {"seconds": 0.0}, {"width": 65}])
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(UsageError):
        ClipsPlan(**wrong)


def test_pairs_differ_in_one_action_unit_or_in_a_lookalike():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        one, other = draw_pair(rng)
        changed = tuple(au for au in AU_NAMES if one.get(au) != other.get(au))
        seen.add(changed)
        assert len(changed) == 1 or changed in [tuple(sorted(pair)) for pair in LOOKALIKES]
    assert {tuple(sorted(pair)) for pair in LOOKALIKES} <= seen
    assert {(au,) for au in AU_NAMES} <= seen


def test_lids_close_and_lips_part():
    head = make_head(980_002)
    neutral, parted = (render(head, Scene(aus, camera=Camera(face_px=140))) for aus in ({}, {"AU25": (5.0, 5.0)}))
    gap = [drawn.landmarks[47, 1] - drawn.landmarks[44, 1] for drawn in (neutral, parted)]
    assert gap[1] - gap[0] > 5
    shut = render(head, Scene({"AU43": (5.0, 5.0)}, camera=Camera(face_px=140))).landmarks
    assert abs(shut[24, 1] - shut[20, 1]) < (neutral.landmarks[24, 1] - neutral.landmarks[20, 1]) / 3


def test_two_workers_write_the_bytes_of_one(tmp_path):
    clips = ClipsPlan("bp4d", subjects=1, seed=5, seconds=0.1, fps=10, width=48, height=48)
    for workers in (1, 2):
        write_clips(clips, tmp_path / str(workers), workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
