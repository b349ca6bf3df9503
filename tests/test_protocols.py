"""Rendered BP4D and FERA 2017: read unchanged by the loaders of the real sets, whole after a kill, full disks named."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from duchenne.datasets.loaders import load
from duchenne.errors import SynthesisError
from duchenne.facs import AU_NAMES
from duchenne.geometry import HeadPose
from duchenne.synthesis.sets import protocols
from duchenne.synthesis.sets.clips import draw_clip
from duchenne.synthesis.sets.protocols import ClipsPlan, sequences, write_clips

TINY = {"subjects": 1, "seed": 3, "seconds": 2.0, "fps": 2, "width": 48, "height": 48}
TASKS = {"bp4d": "BP4D_TASKS", "fera17": "FERA17_TASKS"}


@pytest.fixture(scope="module", params=["bp4d", "fera17"])
def drawn(request, tmp_path_factory):
    """Return plan and folder of one tiny clip in a layout."""
    folder = tmp_path_factory.mktemp(request.param)
    plan = ClipsPlan(request.param, **TINY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocols, TASKS[request.param], 1)
        write_clips(plan, folder)
    return plan, folder


def truth(plan: ClipsPlan) -> np.ndarray:
    """Return the stronger side of each action unit in each frame, from the clip itself."""
    take = sequences(plan)[0]
    clip = draw_clip(take.subject, plan.seconds, seed=take.task, pose=HeadPose(0.0, 0.0, 0.0), person=take.person)
    frames = [clip.aus_at(k / plan.fps) for k in range(round(plan.seconds * plan.fps))]
    return np.array([[max(aus.get(au, (0.0, 0.0))) for au in AU_NAMES] for aus in frames])


def test_the_loaders_of_the_real_sets_read_them(drawn):
    plan, folder = drawn
    release = load(folder)
    assert [problem for problem in release.problems if problem.severe] == []
    assert len(release.recordings) == (1 if plan.layout == "bp4d" else 9)
    for recording in release.recordings:
        pictures = [sample.pixels for sample in recording.samples()]
        assert [p.shape for p in pictures] == [(48, 48, 3)] * 4


def test_occurrence_and_intensity_follow_the_stated_rule(drawn):
    plan, folder = drawn
    expected = truth(plan)
    assert (expected >= 0.5).any()
    labels = load(folder).recordings[0].labels
    coded = protocols.BP4D_OCCURRENCE if plan.layout == "bp4d" else protocols.FERA17_OCCURRENCE
    assert_array_equal(labels.known, np.tile([int(au[2:]) in coded for au in AU_NAMES], (4, 1)))
    assert_array_equal(labels.occurrence[labels.known], (expected >= 0.5)[labels.known])
    stronger = labels.intensity.max(2)
    assert_allclose(stronger[labels.intensity_known], np.floor(expected + 0.5)[labels.intensity_known])
    assert labels.intensity_known.any()


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_killed_clips_go_on_and_end_with_the_same_bytes(drawn, tmp_path, monkeypatch):
    """Kill the process without warning in the middle of a clip."""
    plan, whole = drawn
    script = f"""
import os, signal, sys
from pathlib import Path
from duchenne.synthesis.sets import protocols
protocols.{TASKS[plan.layout]} = 1
original, calls = protocols._stronger, []
def kill_later(drawn):
    calls.append(None)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(drawn)
protocols._stronger = kill_later
protocols.write_clips(protocols.ClipsPlan("{plan.layout}", **{TINY}), Path(sys.argv[1]))
"""
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    monkeypatch.setattr(protocols, TASKS[plan.layout], 1)
    assert protocols.whole_sequences(plan, tmp_path) == 0
    assert write_clips(plan, tmp_path) == 1
    assert digests(tmp_path) == digests(whole)


def test_a_full_disk_is_named_and_nothing_reads_as_whole(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(protocols, "_write_table", full)
    monkeypatch.setattr(protocols, "BP4D_TASKS", 1)
    plan = ClipsPlan("bp4d", **TINY)
    with pytest.raises(SynthesisError, match="No space left on device"):
        write_clips(plan, tmp_path)
    assert protocols.whole_sequences(plan, tmp_path) == 0
