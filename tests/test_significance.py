"""Patch significance: what silencing does, on networks whose answer is known."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from duchenne.alignment import align
from duchenne.commands import run
from duchenne.errors import DatasetError, EvaluationError
from duchenne.evaluation.explain import significance, significance_files
from duchenne.evaluation.explain.significance import (
    PatchSystem,
    Significance,
    faithfulness,
    map_and_check,
    patch_significance,
    patch_system,
)
from duchenne.evaluation.explain.significance_files import explain_system
from duchenne.evaluation.explain.significance_map import significance_figure
from duchenne.facs import AU_NAMES
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.data.learnt_people import LearntPeople
from duchenne.training.recipes.named import RECIPES
from toy_faces import head, picture_of
from toy_store import toy_store

LANDMARKS = (1, 10, 20, 32)


class Joined(list):
    """Prepared stores as one, in place of a `FaceDataset`."""


@pytest.mark.parametrize(
    ("known", "said"), [(0, ""), (2, "region learnt from 2 subjects"), (None, "does not say whom")]
)
def test_the_command_reads_crops_as_the_system_was_trained_and_hands_on_its_folder(
    known, said, tmp_path, monkeypatch, capsys
):
    trained = SimpleNamespace(recipe=SimpleNamespace(reduction=2), name="region")
    checked = SimpleNamespace(intact=0.9, silenced=5, without_most=0.6, without_least=0.8)
    asked, judges = [], []
    monkeypatch.setattr("duchenne.training.systems.load_system", lambda folder: trained)
    monkeypatch.setattr("duchenne.training.data.dataset.FaceDataset", Joined)
    monkeypatch.setattr("duchenne.datasets.store.PreparedStore", lambda *store: asked.append(store) or store)
    monkeypatch.setattr(
        significance_files,
        "explain_system",
        lambda *told: (
            asked.append(told[:4])
            or judges.append(told[5])
            or SimpleNamespace(most={"AU12": (31, 37)}, faithfulness=checked, known=known)
        ),
    )
    words = ["--data", str(tmp_path / "store"), "--out", str(tmp_path / "map"), "--faces", "7"]
    assert run(["explain", str(tmp_path / "system"), *words]) == 0
    read = tmp_path / "store", 2
    assert asked == [read, (trained, [read], tmp_path / "map", 7)]
    assert judges == [None]
    printed = capsys.readouterr()
    assert "AU12: patches 31 37" in printed.out
    assert "0.900" in printed.err
    assert said in printed.err
    assert ("learnt" in printed.err) == bool(said)
    assert run(["explain", str(tmp_path / "system"), *words, "--check", str(tmp_path / "others")]) == 0
    assert judges[1] == [(tmp_path / "others", 2)]


class ReadsOnePatch(torch.nn.Module):
    """AU12 is what patch 3 says, AU04 what patch 0 says; the others are noise."""

    def patch_features(self, windows):
        return windows

    def read_silenced(self, features, silenced, shape=None):
        return torch.stack([self.read(features, list(patches)) for patches in silenced])

    def read(self, features, silenced):
        left = features.clone()
        left[:, silenced] = 0
        return torch.stack([left[:, 3, 0], left[:, 0, 0]], 1)


class NoPatches:
    """A trained system that is no region network."""

    recipe, name, aus, people = RECIPES["convnet"], "convnet", ("AU12",), None

    def scores(self, store):
        return np.zeros((len(store), 1))


def system_reading(features):
    return PatchSystem(
        "toy", ("AU12", "AU04"), LANDMARKS, ReadsOnePatch(), lambda store, rows: (torch.from_numpy(features[rows]),)
    )


def aligned():
    points = head()[:, :2] * 1.2 + 128
    return align(picture_of(points, np.random.default_rng(0)), points)


@pytest.fixture
def store():
    return toy_store(64)


@pytest.fixture
def system(store):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(64, 4, 2)).astype(np.float32)
    for patch, name in ((3, "AU12"), (0, "AU04")):
        features[:, patch, 0] = 3.0 * store.occurrence[:, AU_NAMES.index(name)]
    return system_reading(features)


def test_the_patch_that_is_read_is_the_significant_one(system, store):
    found = patch_significance(system, store, np.arange(64))
    assert found.landmarks == LANDMARKS
    assert found.most("AU12", 1) == (32,)
    assert found.most("AU04", 1) == (1,)
    rate = store.occurrence[:, AU_NAMES.index("AU12")].mean()
    assert found.drop[3, 0] == pytest.approx(rate * (1 / (1 + np.exp(-3)) - 0.5), abs=1e-6)
    assert found.drop[1:3].tolist() == [[0, 0], [0, 0]]
    assert np.array_equal(found.effect, found.drop)  # this patch never speaks against


def test_a_patch_that_speaks_for_and_against_is_significant_though_its_drops_cancel(store):
    present = store.occurrence[:, AU_NAMES.index("AU12")]
    features = np.zeros((64, 4, 2), np.float32)
    features[:, 3, 0] = np.where(present, 1.0, -1.0)
    features[:, 0, 0] = 0.02
    system = system_reading(features)
    found = patch_significance(system, store, np.arange(64))
    change = 1 / (1 + np.exp(-1)) - 0.5
    assert found.effect[3, 0] == pytest.approx(change, abs=1e-6)
    assert found.drop[3, 0] == pytest.approx(change * (2 * present.mean() - 1), abs=1e-6)
    assert found.most("AU12", 1) == (32,)


def test_several_threads_find_what_one_finds(system, store, monkeypatch):
    monkeypatch.setattr(significance, "_BATCH", 5)
    before, seen, waits_s = torch.get_num_threads(), set[int](), iter(())
    read = system.network.patch_features

    def slow_at_first(windows):
        seen.add(torch.get_num_threads())
        time.sleep(next(waits_s, 0))
        return read(windows)

    monkeypatch.setattr(system.network, "patch_features", slow_at_first)
    maps = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            waits_s = iter([0.2, 0.1])
            maps.append(patch_significance(system, store, np.arange(64)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(maps[0].effect, maps[1].effect)
    assert np.array_equal(maps[0].drop, maps[1].drop)
    assert seen == {1}


def test_deleting_what_is_significant_hurts_and_the_rest_does_not(system, store):
    making, checking = map_and_check(store)
    assert len(making) > 1.5 * len(checking)
    assert not set(store.subject[making]) & set(store.subject[checking])
    checked = faithfulness(system, store, checking, patch_significance(system, store, making))
    assert checked.intact == checked.without_least == 1.0
    assert checked.without_most == 0.5
    assert checked.silenced == 1


def test_the_files_hold_what_was_found(system, store, tmp_path, monkeypatch):
    monkeypatch.setattr(significance_files, "patch_system", lambda _: system)
    monkeypatch.setattr(significance_files, "rendered_face", aligned)
    done = []
    record = explain_system(NoPatches(), store, tmp_path / "map", on_progress=done.append)
    told = json.loads((tmp_path / "map" / "significance.json").read_text())
    assert told["most"]["AU12"][0] == 32
    assert told["effect"]["AU12"][1:3] == [0, 0]
    assert 0 < told["effect"]["AU12"][3] == record.effect["AU12"][3]
    assert (told["faithfulness"]["intact"], told["faithfulness"]["without_most"]) == (1.0, 0.5)
    assert told["faces"] == record.faces > 32
    assert sum(done) == len(store)  # those of the map, and those that check it


def test_other_faces_check_the_map_and_subjects_known_to_the_system_are_counted(system, store, tmp_path, monkeypatch):
    monkeypatch.setattr(significance_files, "rendered_face", aligned)
    monkeypatch.setattr(significance_files, "patch_system", lambda _: system)
    others = toy_store(40, seed=3, prefix="b")
    trained, done = NoPatches(), []
    names = np.unique(others.subject).tolist()
    trained.people = LearntPeople(frozenset(names[:2]), frozenset({names[2], "c"}))
    record = explain_system(trained, store, tmp_path / "map", on_progress=done.append, judges=others)
    assert record.faces == len(store)  # nobody of them is held back
    assert record.faithfulness.faces == len(others)
    assert sum(done) == len(store) + len(others)
    assert record.known == json.loads((tmp_path / "map" / "significance.json").read_text())["known"] == 3
    assert explain_system(NoPatches(), store, tmp_path / "map", judges=others).known is None
    fewer = explain_system(trained, store, tmp_path / "map", 30, judges=others)
    assert (fewer.faces, fewer.faithfulness.faces) == (30, 30)
    with pytest.raises(DatasetError, match=r"is in the map and in its check"):
        explain_system(trained, store, tmp_path / "map", judges=store.subset(np.arange(8)))


def test_systems_without_patches_and_lone_subjects_are_refused(system, store):
    with pytest.raises(EvaluationError, match="no patches"):
        patch_system(NoPatches())
    with pytest.raises(EvaluationError, match="convnet has no patches"):
        patch_system(DeepSystem(RECIPES["convnet"], torch.nn.Identity(), None, {}))
    with pytest.raises(EvaluationError, match="no face"):
        patch_significance(system, store, np.arange(0))
    with pytest.raises(EvaluationError, match="one alone"):
        map_and_check(store.subset(np.arange(4)))


def test_the_map_shows_every_au():
    drop = np.array([[0.1, 0.0], [0, -0.2], [0, 0], [-0.05, 0]])
    found = Significance(("AU12", "AU04"), LANDMARKS, drop, np.abs(drop), 9)
    figure = significance_figure(found, aligned(), "toy")
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles == ["AU12 Lip corner puller\nlargest change 0.100", "AU04 Brow lowerer\nlargest change 0.200"]
