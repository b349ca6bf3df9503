"""Sets of pictures: what they mix, what belongs together, the same bytes from any workers and after a stop."""

import json
import subprocess
import sys

import numpy as np
import pytest

from duchenne.errors import SynthesisError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.synthesis.head.head import make_head
from duchenne.synthesis.person.identity import Person, draw_identity
from duchenne.synthesis.rig.au_map import OTHER_MOTION
from duchenne.synthesis.sets.sampling import CoOccurrence
from duchenne.synthesis.sets.shots import GRID, MIX, Poses, draw_shots
from duchenne.synthesis.sets.stills import StillsPlan, draw_row, file_name, read_stills, write_stills


def test_a_mixed_set_has_its_shares(monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.sets.shots.draw_background", lambda *_: None)  # Slow and of no matter here.
    drawn = [shot.cooccurrence for subject in range(150) for shot in draw_shots(subject, 10)]
    shares = {kind: drawn.count(kind) / len(drawn) for kind in set(drawn)}
    assert shares == pytest.approx(MIX, abs=0.04)


def test_pairs_share_everything_but_one_action_unit():
    shots = draw_shots(4, 10, CoOccurrence.PAIRS)
    for one, other in zip(shots[::2], shots[1::2], strict=True):
        for part in ("pose", "gaze", "camera", "light", "background"):
            assert getattr(one.scene, part) is getattr(other.scene, part)
        changed = {a for a in {**one.scene.aus, **other.scene.aus} if one.scene.aus.get(a) != other.scene.aus.get(a)}
        assert changed == set(one.differs) == set(other.differs)
        assert one.group == other.group


def test_a_grid_shows_each_face_under_fifteen_poses():
    shots = draw_shots(5, 15, poses=Poses.GRID)
    assert [(s.scene.pose.yaw_deg, s.scene.pose.pitch_deg) for s in shots] == list(GRID)
    assert len({str(sorted(s.scene.aus.items())) for s in shots}) == 1
    assert StillsPlan(count=375, poses=Poses.GRID).files == 1
    assert StillsPlan(cooccurrence=CoOccurrence.PAIRS, poses=Poses.GRID).per_person == 30


def test_tilted_heads_look_down_or_up():
    poses = [shot.scene.pose for shot in draw_shots(6, 200, poses=Poses.TILTED)]
    assert all(18 <= abs(pose.pitch_deg) <= 48 for pose in poses)
    assert 0.45 < np.mean([pose.pitch_deg < 0 for pose in poses]) < 0.75
    assert np.mean([abs(pose.yaw_deg) < 20 for pose in poses]) > 0.4


def test_frontal_faces_look_at_the_camera():
    poses = [shot.scene.pose for shot in draw_shots(6, 30, poses=Poses.FRONTAL)]
    assert max(abs(v) for p in poses for v in (p.yaw_deg, p.pitch_deg, p.roll_deg)) <= 10


def test_other_motion_is_rare_and_no_action_unit(monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.sets.shots.draw_background", lambda *_: None)  # Slow and of no matter here.
    shots = [shot for subject in range(60) for shot in draw_shots(subject, 10)]
    others = [name for shot in shots for name in shot.scene.aus if name not in AU_NAMES]
    assert 0.03 < len(others) / len(shots) < 0.15
    assert set(others) <= set(OTHER_MOTION)


def test_people_are_balanced_unless_asked_for(monkeypatch):
    for part in ("_add_macros", "_add_details", "_add_asymmetry"):  # The shape takes most of the time.
        monkeypatch.setattr(f"duchenne.synthesis.person.identity.{part}", lambda *_: None)
    people = [draw_identity(subject) for subject in range(2000)]
    assert np.mean([p.sex == "female" for p in people]) == pytest.approx(0.5, abs=0.035)  # 3 standard errors
    tones = np.bincount([p.tone for p in people], minlength=11)[1:] / len(people)
    assert tones == pytest.approx(np.full(10, 0.1), abs=0.025)
    ages = np.histogram([p.age for p in people], bins=[18, 30, 42, 54, 66, 78])[0] / len(people)
    assert ages == pytest.approx(np.full(5, 0.2), abs=0.03)
    asked = draw_identity(1, Person(tone=9, sex="female", age=70))
    assert (asked.tone, asked.sex, asked.age) == (9, "female", 70)


def test_the_same_seed_gives_the_same_bytes():
    rows = [draw_row(make_head(70_000), draw_shots(70_000, 4)[3], 3) for _ in range(2)]
    assert rows[0] == rows[1]


SMALL = {"count": 40, "seed": 7, "people_per_file": 1}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a small plan drawn by one worker."""
    folder = tmp_path_factory.mktemp("whole")
    assert write_stills(StillsPlan(**SMALL), folder) == 4
    return folder


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_rows_can_be_read(whole):
    table = next(read_stills(whole))
    assert np.frombuffer(table["landmarks"][0], np.float32).reshape(49, 2).shape == (49, 2)
    assert len(np.frombuffer(table["au_left"][0], np.float32)) == len(AU_NAMES)
    params = json.loads(table["params"][0])
    assert params["recipe"] == "mixed"
    assert set(params["aus"]) <= set(AU_NAMES)


def test_two_workers_write_the_bytes_of_one(whole, tmp_path):
    write_stills(StillsPlan(**SMALL), tmp_path, workers=2)
    assert contents(tmp_path) == contents(whole)


def test_a_share_of_a_set_has_the_bytes_of_the_whole(whole, tmp_path):
    plan = StillsPlan(**SMALL)
    count = plan.count - 3 * plan.per_file
    assert write_stills(StillsPlan(**{**SMALL, "count": count, "first": 3 * plan.per_file}), tmp_path) == 1
    assert contents(tmp_path) == {name: contents(whole)[name] for name in ("plan.json", file_name(3))}


@pytest.mark.parametrize("stage", ["encode_jpeg", "write_parquet"])
def test_a_killed_render_goes_on_and_ends_with_the_same_bytes(whole, tmp_path, stage):
    """Kill the process without warning while it draws the second file, or just after it wrote that file's bytes."""
    script = f"""
import os, signal, sys
from pathlib import Path
from duchenne.synthesis.sets import stills
original, calls = getattr(stills, "{stage}"), []
def kill_later(*args, **kwargs):
    calls.append(None)
    result = original(*args, **kwargs)
    if len(calls) == {2 if stage == "write_parquet" else 14}:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
setattr(stills, "{stage}", kill_later)
stills.write_stills(stills.StillsPlan(**{SMALL}), Path(sys.argv[1]))
"""
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    assert sorted(path.name for path in tmp_path.glob("stills-*")) == [file_name(0)]
    assert write_stills(StillsPlan(**SMALL), tmp_path) == 3
    assert contents(tmp_path) == contents(whole)


def test_another_plan_is_refused(whole):
    with pytest.raises(SynthesisError, match="another plan"):
        write_stills(StillsPlan(**{**SMALL, "seed": 8}), whole)


def test_a_full_disk_leaves_nothing_that_reads_as_whole(tmp_path, monkeypatch):
    def full(path, *_, **__):
        open(path, "wb").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("duchenne.synthesis.sets.stills.write_parquet", full)
    with pytest.raises(SynthesisError, match="No space left"):
        write_stills(StillsPlan(count=1, people_per_file=1), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_impossible_plans_are_refused():
    with pytest.raises(UsageError, match="can be drawn"):
        StillsPlan(count=0)
    with pytest.raises(UsageError, match="seed"):
        StillsPlan(seed=-1)
    with pytest.raises(UsageError, match="people in a file"):
        StillsPlan(people_per_file=0)
    assert (StillsPlan(count=1).files, StillsPlan().per_file) == (1, 250)


def test_a_plan_that_is_there_is_not_written_anew(tmp_path):
    """Cut short in its middle, it would leave a folder that can neither go on nor be read."""
    plan = StillsPlan(count=1, people_per_file=1)
    write_stills(plan, tmp_path)
    before = (tmp_path / "plan.json").stat()
    write_stills(plan, tmp_path)
    after = (tmp_path / "plan.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
