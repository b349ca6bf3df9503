"""Who trains and who tests: remembered people, folds and named subjects, from the command line."""

from collections import Counter

import numpy as np
import pytest

from duchenne.commands import run
from duchenne.datasets.preparing.preparation import _known_face
from duchenne.datasets.store import PreparedStore
from duchenne.errors import TrainingError
from duchenne.evaluation.run_files import read_run, read_runs
from duchenne.facs import AU_NAMES
from duchenne.location import Location
from duchenne.location.small_faces import SmallFaces
from duchenne.training.systems import load_system
from miniature_releases import BP4D_HEADER, write_bp4d, write_rows
from toy_faces import head

FOLDS = {"F004", "M003"}, {"F003", "M002"}, {"F001", "M001"}
"""Of these six people, by the usual three folds of BP4D."""


class _Locator:
    """Finds the same head in every picture."""

    def locate(self, pixels):
        return Location([_known_face(head() + np.array([128, 128, 0]))], Counter(), SmallFaces(0, 24.0))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("protocol"), np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duchenne.datasets.preparing.preparation._locator", _Locator)
        write_bp4d(folder / "bp4d", {f"{name}_T1": 3 for fold in FOLDS for name in fold}, frames=8)
        for path in (folder / "bp4d" / "AUCoding" / "AU_OCC").iterdir():
            frames = [line.split(",")[0] for line in path.read_text().splitlines()[1:]]
            rows = [[frame, *rng.integers(0, 2, len(BP4D_HEADER) - 1)] for frame in frames]
            write_rows(path, [BP4D_HEADER, *rows])
        words = ["prepare", str(folder / "bp4d"), "--out", str(folder / "bp4d.store")]
        assert run(words) == 1  # Other people of the release are missing.
    return folder / "bp4d.store"


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained")
    words = ["train", "svm", "--data", str(store), "--aus", "4,12", "--out", str(out)]
    assert run([*words, "--split", "three-fold", "--fold", "2"]) == 0
    return out / "svm"


def evaluated(trained, store, out, *words):
    """Return exit code and, if there is one, the run."""
    code = run(["evaluate", str(trained), "--data", str(store), "--out", str(out), "--draws", "0", *words])
    return code, read_run(out) if out.exists() else None


def test_a_system_remembers_whom_it_learnt_from_and_nobody_of_its_fold(trained):
    people = load_system(trained).people
    assert people.train | people.valid == people.everybody == FOLDS[0] | FOLDS[2]
    assert not people.train & people.valid


def test_people_whom_a_system_learnt_from_are_refused_left_out_or_marked(trained, store, tmp_path, capsys):
    code, found = evaluated(trained, store, tmp_path / "refused.json")
    assert (code, found) == (1, None)
    assert "learnt from 4 of 6 people of the test faces" in " ".join(capsys.readouterr().err.split())
    code, found = evaluated(trained, store, tmp_path / "others.json", "--learnt-people", "leave-out")
    assert (code, set(found.by_subject), found.origin.learnt_from) == (0, FOLDS[1], ())
    code, found = evaluated(trained, store, tmp_path / "marked.json", "--learnt-people", "mark")
    assert (code, found.subjects, set(found.origin.learnt_from)) == (0, 6, FOLDS[0] | FOLDS[2])
    assert "learnt from 4 of them" in capsys.readouterr().err


def test_named_subjects_alone_are_tested(trained, store, tmp_path, capsys):
    code, found = evaluated(trained, store, tmp_path / "named.json", "--subjects", "F003")
    assert (code, set(found.by_subject)) == (0, {"F003"})
    assert evaluated(trained, store, tmp_path / "x.json", "--subjects", "F003,F001")[0] == 1
    assert evaluated(trained, store, tmp_path / "x.json", "--subjects", "F099")[0] == 2
    assert "no face of F099" in capsys.readouterr().err


def test_thresholds_are_not_chosen_on_people_who_trained(trained, store, tmp_path, capsys):
    words = ["--subjects", "F003", "--valid", str(store)]
    assert evaluated(trained, store, tmp_path / "x.json", *words)[0] == 1
    assert "people of the validation faces" in " ".join(capsys.readouterr().err.split())


def test_a_system_of_an_earlier_version_is_said_to_remember_nobody(trained, store, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("duchenne.training.classical.system.people_in", lambda metadata: None)
    code, found = evaluated(trained, store, tmp_path / "old.json")
    assert (code, found.origin.learnt_from) == (0, None)
    assert "does not say whom it learnt from" in capsys.readouterr().err


def test_a_fold_that_is_not_there_is_named(store, tmp_path, capsys):
    words = ["train", "svm", "--data", str(store), "--out", str(tmp_path), "--split", "leave-one-out", "--fold", "7"]
    assert run(words) == 2
    assert "no fold 7 of leave-one-out; these subjects give 6" in capsys.readouterr().err


@pytest.mark.parametrize(("split", "folds"), [("three-fold", 3), ("leave-one-out", 6)])
def test_cross_validation_tests_everybody_once_by_a_system_that_does_not_know_them(
    split, folds, store, tmp_path, capsys
):
    words = ["cross-validate", "svm", "--data", str(store), "--aus", "4,12", "--split", split, "--out", str(tmp_path)]
    assert run([*words, "--draws", "0"]) == 0
    assert "f1 at .5" in capsys.readouterr().out
    (found,) = read_runs(tmp_path / "runs")
    assert set(found.by_subject) == set().union(*FOLDS)
    assert {name: part.faces for name, part in found.by_subject.items()} == dict.fromkeys(found.by_subject, 8)
    systems = [load_system(path) for path in sorted((tmp_path / "systems").iterdir())]
    assert len(systems) == folds
    tested = Counter(name for system in systems for name in set(found.by_subject) - system.people.everybody)
    assert set(tested.values()) == {1}
    faces = PreparedStore(store)
    for au in found.aus:
        hits = 0
        for system in systems:
            own = faces.subset(~np.isin(faces.subject, list(system.people.everybody)))
            called = system.scores(own)[:, system.aus.index(au)] >= 0.5
            hits += int((called & own.occurrence[:, AU_NAMES.index(au)]).sum())
        assert found.aus[au].at.half.true_positive == hits


def test_a_recipe_leaves_out_aus_that_the_faces_cannot_teach_and_says_so(store, tmp_path, monkeypatch, capsys):
    def stop(recipe, *_):
        raise TrainingError(f"asked for {' '.join(recipe.aus)}")

    monkeypatch.setattr("duchenne.training.systems.fit_classical", stop)
    store_without = PreparedStore(store)
    known = np.array(store_without.known)
    known[:, AU_NAMES.index("AU02")] = False
    monkeypatch.setattr(PreparedStore, "known", property(lambda self: known[: len(self)]))
    assert run(["train", "svm", "--data", str(store), "--out", str(tmp_path)]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "Left out, for lack of faces with and without them: AU02." in said
    assert "asked for AU01 AU04 AU06 AU07 AU10 AU12 AU14 AU15 AU17 AU23 AU24" in said
