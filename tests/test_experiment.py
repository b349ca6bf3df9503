"""The paper's experiment: who takes part and with what budget, rendered and real sets, and all of it in miniature."""

import re
from collections import Counter
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from duchenne.commands import run
from duchenne.datasets.preparation import _known_face
from duchenne.datasets.prepare import PrepareOptions
from duchenne.datasets.splits import Split
from duchenne.datasets.store import PreparedStore
from duchenne.errors import EvaluationError, TrainingError, UsageError
from duchenne.evaluation.evaluate import FORMAT
from duchenne.evaluation.experiment import experiment
from duchenne.evaluation.experiment.baselines import LEVELS, Level, line_up, resized
from duchenne.evaluation.experiment.experiment import (
    TRAINED,
    Experiment,
    budget_of,
    last_third_gain,
    reproduce_releases,
    reproduce_rendered,
)
from duchenne.evaluation.experiment.face_sets import Arm, FaceSet
from duchenne.evaluation.experiment.release_sets import Releases, release_arms
from duchenne.evaluation.runs import read_run, read_runs, write_run
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.networks.region_config import PAPER
from duchenne.poses import pose_numbers
from duchenne.training.recipes.deep import Adadelta, DeepRecipe
from miniature_releases import BP4D_HEADER, write_bp4d, write_fera17, write_rows
from toy_faces import head


def test_networks_get_equal_budgets_and_ablations_differ_in_one_thing_and_the_grid_in_its_rate():
    recipes = line_up(LEVELS["quick"], 2)
    deep = [recipe for recipe in recipes.values() if isinstance(recipe, DeepRecipe)]
    assert len({(r.epochs, r.batch, r.augmentation, r.patience, r.seed) for r in deep}) == 1
    region = recipes["region"]
    for name, changed in (("region-grid", {"grid"}), ("region-shared", {"own_weights"}), ("region-49", {"layout"})):
        other = recipes[name]
        rate = recipes["convnet"].optimiser.learning_rate if name == "region-grid" else region.optimiser.learning_rate
        assert other.optimiser == replace(region.optimiser, learning_rate=rate)
        assert {key for key in vars(region.network) if vars(region.network)[key] != vars(other.network)[key]} == changed
    for key in ("shared_channels", "shared_kernel", "widths", "grey", "batch_norm", "dropout", "feature_dropout"):
        assert getattr(recipes["convnet"].network, key) == getattr(region.network, key)
    assert recipes["convnet"].network.layers == region.network.patch_layers
    assert recipes["convnet"].optimiser == replace(region.optimiser, learning_rate=1e-3)
    assert recipes["region-unweighted"].network == region.network
    assert not recipes["region-unweighted"].weighted
    with pytest.raises(UsageError, match="'nobody' takes no part"):
        line_up(replace(LEVELS["quick"], systems=("nobody",)), 0)


def test_the_papers_size_is_the_papers():
    recipes = line_up(resized(LEVELS["full"], size="paper"), 3)
    assert set(recipes) == set(line_up(LEVELS["full"], 3))
    assert recipes["region"].network == replace(PAPER, aus=PAPER_AUS)
    assert recipes["region"].optimiser == recipes["convnet"].optimiser == Adadelta()
    assert {(name, recipe.name, recipe.seed) for name, recipe in recipes.items()} == {(n, n, 3) for n in recipes}
    assert recipes["region-49"].network.patches == 49


def test_nine_poses_have_numbers_and_others_none():
    angles = np.array([[0, 0, 5], [-40, -40, 0], [40, 0, 0], [0, 20, 0], [0.2, -20, 0]], float)
    assert pose_numbers(angles).tolist() == [6, 1, 9, 0, 5]


def test_a_budget_is_enough_when_the_last_third_gains_little():
    first = {"system": "region", "training": {"validation": {"9": 0.6, "20": 0.7, "100": 0.72}}}
    second = {"system": "region", "training": {"validation": {"9": 0.6, "20": 0.7, "100": 0.68}}}
    assert last_third_gain(first) == pytest.approx(0.02)
    assert last_third_gain(second) == pytest.approx(-0.02)
    assert last_third_gain({"system": "svm", "training": {"validation": {}}}) is None
    assert "still learning by that rule: region (+0.020)" in budget_of(LEVELS["quick"], [first])
    assert "nobody was still learning" in budget_of(LEVELS["quick"], [first, second])
    lost = {"system": "convnet", "training": {"validation": {"9": 0.5, "20": 0.51, "100": 0.51}}}
    assert "never left chance, so that the budget was too small for them: convnet" in budget_of(LEVELS["quick"], [lost])


def test_an_experiment_of_another_size_is_not_mixed_in(tmp_path):
    level = resized(LEVELS["quick"], 12, 2.0)
    Experiment(level, tmp_path, seeds=1).claim("rendered")
    Experiment(level, tmp_path, seeds=3).claim("rendered")
    with pytest.raises(UsageError, match=r"another experiment \(it differs in epochs\)"):
        Experiment(resized(level, None, 3.0), tmp_path).claim("rendered")
    with pytest.raises(UsageError, match="8 people or more"):
        resized(level, 7)


def test_a_system_that_fails_is_named_and_the_others_go_on(tmp_path, monkeypatch):
    def run_but_svm(trial, share):
        if trial.recipe.name == "svm":
            raise TrainingError("Too few faces.")
        write_run({"format": FORMAT}, trial.run_path("within"))
        return "done"

    monkeypatch.setattr(experiment, "run_trial", run_but_svm)
    home = FaceSet("home", (tmp_path,), Split("x", ("a",), ("b",), ("c",)))
    level = replace(LEVELS["quick"], systems=("region", "svm", "apl"))
    trials = experiment.trials_of(Experiment(level, tmp_path, seeds=2), [Arm("home", home, {"within": home})])
    metadata = []
    assert experiment._run(trials, 1, metadata.append) == ["svm-0, home: Too few faces", "svm-1, home: Too few faces"]
    assert (metadata[-1].done, metadata[-1].total) == (6, 6)
    assert [trial.done for trial in trials] == [True, False, True] * 2
    job = Future()
    job.set_exception(BrokenProcessPool())
    with pytest.raises(EvaluationError, match="again to go on, with fewer --workers"):
        experiment._result(job)


class _Locator:
    """Finds the same head in every picture."""

    def locate(self, pixels):
        return [_known_face(head() + np.array([128, 128, 0]))], Counter()


def random_labels(path, header, rng):
    """Replace the occurrences of a label file by random ones."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    write_rows(path, [header, *([row[0], *rng.integers(0, 2, len(header) - 1)] for row in rows)])


@pytest.fixture
def releases(tmp_path, monkeypatch):
    """Small copies of BP4D and FERA 2017 whose people have the same names."""
    monkeypatch.setattr("duchenne.datasets.preparation._locator", _Locator)
    rng, people = np.random.default_rng(0), ("F001", "F002", "M001", "M002", "M003")
    write_bp4d(tmp_path / "bp4d", {f"{name}_T1": 3 for name in people}, frames=12)
    write_fera17(tmp_path / "fera17", people[:4])
    write_fera17(tmp_path / "fera17", people[:1], "Valid")
    for path in (tmp_path / "bp4d" / "AUCoding" / "AU_OCC").iterdir():
        random_labels(path, BP4D_HEADER, rng)
    for path in (tmp_path / "fera17").glob("*_Occ/*.csv"):
        random_labels(path, (0, 1, 4, 6, 7, 10, 12, 14, 15, 17, 23), rng)
    return Releases(tmp_path / "bp4d", tmp_path / "fera17", PrepareOptions())


def test_real_releases_give_three_arms_and_bp4ds_test_subjects_never_train(releases, tmp_path):
    level = resized(LEVELS["quick"], None, 1.0)
    asked = Experiment(replace(level, systems=("region",), draws=20), tmp_path / "out")
    outcome = reproduce_releases(asked, releases, lambda stage: None)
    assert outcome.failures == ()
    bp4d, fera17, others = release_arms(releases, tmp_path / "out" / "sets", 1, lambda stage: None)
    judged = set(bp4d.tests["within"].split.test)
    assert judged & set(fera17.learn.split.train + fera17.learn.split.valid)
    assert not judged & set(others.learn.split.train + others.learn.split.valid)
    assert set(fera17.tests["poses"].split.test) == {"VA_F001"}
    runs = {run["role"]: run for run in read_runs(tmp_path / "out" / "runs")}
    assert runs["within"]["data"] == "BP4D"
    assert runs["across"]["data"] == "FERA17 to BP4D"
    assert runs["across"]["training"]["left_out"] == ["AU02", "AU24"]
    assert set(runs["across"]["by_subject"]) == judged
    assert list(runs["poses"]["by_pose"]["poses"]) == [str(number) for number in range(1, 10)]
    tables = {path.stem for path in (tmp_path / "out" / "report").glob("*.csv")}
    assert {"table1", "table2", "table3", "table4a"} <= tables


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--data", "releases"], 2, "--bp4d DIR gives Table 2"),
        (["--bp4d", "x"], 2, "add --data releases"),
        (["--data", "releases", "--bp4d", "nowhere"], 1, "nowhere: there is no such file or folder"),
        (["--data", "releases", "--fera17", "."], 1, "no folder Train_Occ or Valid_Occ"),
        (["--systems", "nobody", "--people", "8"], 2, "'nobody' takes no part"),
    ],
)
def test_what_is_missing_is_said(words, code, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["reproduce", *words]) == code
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "reproduced" / "sets" / "home").exists()


TINY = Level("tiny", 10, 8, 2, 2, 1.0, ("region", "region-49"), 20)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduced")
    metadata = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duchenne.synthesis.sets.stills.PER_PERSON", 5)  # Drawing takes most of the time.
        outcome = reproduce_rendered(Experiment(TINY, folder), metadata.append)
    assert outcome.failures == ()
    return folder, metadata


def test_from_nothing_to_the_report(reproduced):
    folder, metadata = reproduced
    shown = {path.name for path in (folder / "report").iterdir()}
    figures = {f"figure{number}.{kind}" for number in (3, 5, 6, 7) for kind in ("png", "svg")}
    assert figures | {"report.html", "report.md", "report.tex", "significance.json"} <= shown
    assert {f"table{name}.csv" for name in ("1", "2", "3", "4a", "4b", "4c", "4d", "4e")} <= shown
    drawn = [stage for stage in metadata if stage.what == "pictures drawn"]
    assert drawn[-1].done == drawn[-1].total == 10 * 5 + 8 * 5 + 2 * 2 * 9
    judged = [stage for stage in metadata if stage.what == TRAINED]
    assert judged[-1].done == judged[-1].total == 4
    assert [stage.done for stage in judged] == sorted(stage.done for stage in judged)


def test_more_systems_are_added_by_workers_and_nothing_is_done_twice(reproduced):
    folder, _ = reproduced
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.json")}
    level = replace(TINY, systems=("region", "fera17", "svm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duchenne.synthesis.sets.stills.PER_PERSON", 5)
        outcome = reproduce_rendered(Experiment(level, folder, workers=2), lambda stage: None)
    assert outcome.failures == ()
    after = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.json")}
    assert len(after) == len(before) + 6
    assert all(after[path] == stamp for path, stamp in before.items())


def test_evaluate_says_what_the_experiment_said(reproduced, tmp_path, capsys):
    folder, _ = reproduced
    words = [
        "evaluate",
        str(folder / "systems" / "region-0-away"),
        "--data",
        str(folder / "sets" / "away-judged.store"),
    ]
    assert run([*words, "--out", str(tmp_path / "run.json"), "--draws", "20", "--role", "poses"]) == 0
    mine, theirs = read_run(tmp_path / "run.json"), read_run(folder / "runs" / "poses" / "region-0.json")
    assert mine["system"] == theirs["system"] == "region"
    assert mine["mean"]["aroc"] == theirs["mean"]["aroc"]
    assert mine["aus"]["AU12"]["at"]["validation"] is None
    assert f"aroc {mine['mean']['aroc']:.3f}" in capsys.readouterr().out
    home = str(folder / "sets" / "home.store")
    assert run([*words, "--valid", home, "--out", str(tmp_path / "other.json"), "--draws", "0"]) == 0
    assert read_run(tmp_path / "other.json")["aus"]["AU12"]["at"]["validation"]["threshold"] > 0
    assert run([*words, "--valid", words[3], "--out", str(tmp_path / "none.json")]) == 1
    assert "is in validation and in test" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "none.json").exists()


def test_evaluate_judges_a_file_of_scores(reproduced, tmp_path, capsys):
    folder, _ = reproduced
    store = PreparedStore(folder / "sets" / "home.store")
    truth = store.occurrence[:, AU_NAMES.index("AU12")]
    pd.DataFrame({"AU12_p": np.where(truth, 0.9, 0.2)}).to_csv(tmp_path / "scores.csv", index=False)
    words = ["evaluate", str(tmp_path / "scores.csv"), "--data", str(store.folder), "--out", str(tmp_path / "run.json")]
    assert run(words) == 0
    assert "f1 1.000  nf1 1.000  apr 1.000  napr 1.000  aroc 1.000" in capsys.readouterr().out
    (tmp_path / "scores.csv").write_text("AU12_p\n0.5\n")
    assert run(words) == 1
    assert "Score the same set of faces" in capsys.readouterr().err
    assert run([*words, "--valid", str(store.folder)]) == 1
    assert "leave --valid out" in capsys.readouterr().err


def test_explain_names_patches_and_draws_the_map(reproduced, tmp_path, capsys):
    folder, _ = reproduced
    words = ["--data", str(folder / "sets" / "away-judged.store"), "--out", str(tmp_path / "map")]
    assert run(["explain", str(folder / "systems" / "region-49-0-away"), *words]) == 0
    said = capsys.readouterr()
    assert re.search(r"^AU12: patches( \d+){5}$", said.out, re.MULTILINE)
    assert "most significant patches" in said.err
    assert {path.name for path in (tmp_path / "map").iterdir()} == {"figure3.png", "figure3.svg", "significance.json"}
    assert run(["explain", str(folder / "systems" / "svm-0-away"), *words]) == 1
