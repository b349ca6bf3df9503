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
from duchenne.datasets.preparing.preparation import _known_face
from duchenne.datasets.preparing.prepare import PrepareOptions
from duchenne.datasets.splits import Split
from duchenne.datasets.store import PreparedStore
from duchenne.errors import EvaluationError, TrainingError, UsageError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.experiment import rendered_sets, trial_pool
from duchenne.evaluation.experiment.baselines import experiment_recipes
from duchenne.evaluation.experiment.budget import budget_of, last_third_gain
from duchenne.evaluation.experiment.face_sets import FaceSet, Setting
from duchenne.evaluation.experiment.release_sets import Releases, release_settings
from duchenne.evaluation.experiment.rendered_sets import RENDERED
from duchenne.evaluation.experiment.reproduction import (
    Experiment,
    reproduce_releases,
    reproduce_rendered,
    trials_of,
)
from duchenne.evaluation.experiment.sizes import SIZES, ExperimentSize, resized
from duchenne.evaluation.experiment.trial_pool import TRAINED, run_trials
from duchenne.evaluation.run_files import read_run, read_runs
from duchenne.evaluation.runs import RunOrigin, TrainingRecord
from duchenne.evaluation.scored_faces import scored_faces
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.location import Location
from duchenne.location.small_faces import SmallFaces
from duchenne.measures.intervals import Bootstrap
from duchenne.networks.region_config import PAPER
from duchenne.poses import pose_numbers
from duchenne.training.classical.chain import videos_of
from duchenne.training.recipes.deep import Adadelta, DeepRecipe
from duchenne.training.systems import load_system
from miniature_releases import BP4D_HEADER, write_bp4d, write_disfa, write_fera17, write_rows
from toy_faces import head
from toy_store import toy_store


def test_networks_get_equal_budgets_and_ablations_differ_in_one_thing_and_the_grid_in_its_rate():
    recipes = experiment_recipes(SIZES["quick"], 2)
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
    assert recipes["region-unweighted"].skew_power == 0
    with pytest.raises(UsageError, match="'nobody' takes no part"):
        experiment_recipes(replace(SIZES["quick"], systems=("nobody",)), 0)


def test_the_papers_size_is_the_papers():
    recipes = experiment_recipes(resized(SIZES["full"], networks="paper"), 3)
    assert set(recipes) == set(experiment_recipes(SIZES["full"], 3))
    assert recipes["region"].network == replace(PAPER, aus=PAPER_AUS)
    assert recipes["region"].optimiser == recipes["convnet"].optimiser == Adadelta()
    assert {(name, recipe.name, recipe.seed) for name, recipe in recipes.items()} == {(n, n, 3) for n in recipes}
    assert recipes["region-49"].network.patches == 49


def test_nine_poses_have_numbers_and_others_none():
    angles = np.array([[0, 0, 5], [-40, -40, 0], [40, 0, 0], [0, 20, 0], [0.2, -20, 0]], float)
    assert pose_numbers(angles).tolist() == [6, 1, 9, 0, 5]


def trained_run(system, validation):
    """Return a run of a system with these validation scores by step."""
    faces = scored_faces(np.full((8, 1), 0.5), ("AU12",), toy_store(8))
    training = TrainingRecord(8, "toy", {"AU12": 1.0}, 1.0, validation, None)
    return evaluate_faces(faces, RunOrigin(system, "toys", "all", training=training), "toy", bootstrap=Bootstrap(0))


def test_a_budget_is_enough_when_the_last_third_gains_little():
    first = trained_run("region", {9: 0.6, 20: 0.7, 100: 0.72})
    second = trained_run("region", {9: 0.6, 20: 0.7, 100: 0.68})
    assert last_third_gain(first) == pytest.approx(0.02)
    assert last_third_gain(second) == pytest.approx(-0.02)
    assert last_third_gain(trained_run("svm", {})) is None
    assert "still learning by that rule: region (+0.020)" in budget_of(SIZES["quick"], [first])
    assert "no network was still learning" in budget_of(SIZES["quick"], [first, second])
    lost = trained_run("convnet", {9: 0.5, 20: 0.51, 100: 0.51})
    assert "never left chance, so that the budget was too small for them: convnet" in budget_of(SIZES["quick"], [lost])


def test_an_experiment_of_another_size_is_not_mixed_in(tmp_path):
    size = resized(SIZES["quick"], 12, 2.0)
    Experiment(size, tmp_path, seeds=1).claim("rendered")
    Experiment(size, tmp_path, seeds=3).claim("rendered")
    with pytest.raises(UsageError, match=r"another experiment \(it differs in epochs\)"):
        Experiment(resized(size, None, 3.0), tmp_path).claim("rendered")
    with pytest.raises(UsageError, match="8 people or more"):
        resized(size, 7)


@pytest.mark.parametrize(
    ("roles", "drawn", "tested"),
    [
        (("within",), ["in-domain"], [["within"]]),
        (("poses",), ["shifted", "shifted-test"], [["poses"]]),
        (("across",), ["in-domain", "shifted", "shifted-test"], [["within"], ["across", "poses"]]),
        (("clips",), [], []),
    ],
)
def test_only_the_sets_that_an_experiment_reads_are_drawn(tmp_path, monkeypatch, roles, drawn, tested):
    rendered, people = [], [*(f"P{number}" for number in range(9)), "VA_P1"]
    monkeypatch.setattr(rendered_sets, "_render", lambda parts, *_: rendered.extend(part.name for part in parts))
    monkeypatch.setattr(rendered_sets, "load", lambda folder: folder)
    monkeypatch.setattr(rendered_sets, "prepare_store", lambda *_: None)
    monkeypatch.setattr(rendered_sets, "subjects_of", lambda folders: people)
    settings = rendered_sets.rendered_settings(SIZES["quick"], tmp_path, 1, lambda stage: None, "seven", roles)
    assert rendered == drawn
    assert [list(setting.test_sets) for setting in settings] == tested


def test_many_training_people_do_not_make_a_larger_test_set():
    assert resized(SIZES["full"], 1800).people_shifted_test == SIZES["full"].people_shifted_test == 100
    assert resized(SIZES["full"], 80).people_shifted_test == 20


def test_a_system_that_fails_is_named_and_the_others_go_on(tmp_path, monkeypatch):
    def run_but_svm(trial, share):
        if trial.recipe.name == "svm":
            raise TrainingError("Too few faces.")
        trial.run_path("within").parent.mkdir(parents=True, exist_ok=True)
        trial.run_path("within").touch()
        return "done"

    monkeypatch.setattr(trial_pool, "run_trial", run_but_svm)
    faces = FaceSet("toys", (tmp_path,), Split("x", ("a",), ("b",), ("c",)))
    size = replace(SIZES["quick"], systems=("region", "svm", "apl"))
    trials = trials_of(Experiment(size, tmp_path, seeds=2), [Setting("toys", faces, {"within": faces})])
    calls = []
    assert run_trials(trials, 1, calls.append) == ["svm-0, toys: Too few faces", "svm-1, toys: Too few faces"]
    assert (calls[-1].done, calls[-1].total) == (6, 6)
    assert [trial.done for trial in trials] == [True, False, True] * 2
    job = Future()
    job.set_exception(BrokenProcessPool())
    with pytest.raises(EvaluationError, match="again to go on, with fewer --workers"):
        trial_pool._result(job)


class _Locator:
    """Finds the same head in every picture."""

    def locate(self, pixels):
        return Location([_known_face(head() + np.array([128, 128, 0]))], Counter(), SmallFaces(0, 24.0))


def random_labels(path, header, rng):
    """Replace the occurrences of a label file by random ones."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    write_rows(path, [header, *([row[0], *rng.integers(0, 2, len(header) - 1)] for row in rows)])


@pytest.fixture
def releases(tmp_path, monkeypatch):
    """Small copies of BP4D and FERA 2017 whose people have the same names."""
    monkeypatch.setattr("duchenne.datasets.preparing.preparation._locator", _Locator)
    rng, people = np.random.default_rng(0), ("F001", "F002", "M001", "M002", "M003")
    write_bp4d(tmp_path / "bp4d", {f"{name}_T1": 3 for name in people}, frames=12)
    write_fera17(tmp_path / "fera17", people[:4])
    write_fera17(tmp_path / "fera17", people[:1], "Valid")
    for path in (tmp_path / "bp4d" / "AUCoding" / "AU_OCC").iterdir():
        random_labels(path, BP4D_HEADER, rng)
    for path in (tmp_path / "fera17").glob("*_Occ/*.csv"):
        random_labels(path, (0, 1, 4, 6, 7, 10, 12, 14, 15, 17, 23), rng)
    return Releases(tmp_path / "bp4d", tmp_path / "fera17", options=PrepareOptions(poses="seven"))


def test_real_releases_give_three_settings_and_bp4ds_test_subjects_never_train(releases, tmp_path):
    size = resized(SIZES["quick"], None, 1.0)
    asked = Experiment(replace(size, systems=("region",), draws=20), tmp_path / "out")
    outcome = reproduce_releases(asked, releases, lambda stage: None)
    assert outcome.failures == ()
    bp4d, fera17, others = release_settings(releases, tmp_path / "out" / "sets", 1, lambda stage: None)
    tested = set(bp4d.test_sets["within"].split.test)
    assert tested & set(fera17.train_set.split.train + fera17.train_set.split.valid)
    assert not tested & set(others.train_set.split.train + others.train_set.split.valid)
    assert set(fera17.test_sets["poses"].split.test) == {"VA_F001"}
    runs = {run.origin.role: run for run in read_runs(tmp_path / "out" / "runs")}
    assert runs["within"].origin.data == "BP4D"
    assert runs["across"].origin.data == "FERA17 to BP4D"
    assert runs["across"].origin.training.left_out == ("AU02", "AU24")
    assert set(runs["across"].by_subject) == tested
    assert list(runs["poses"].by_pose.poses) == list(range(1, 10))
    assert runs["poses"].origin.learnt_from == ()
    for part in ("train", "valid"):
        assert set(fera17.train_set.part(part).pose_number) == {2, 3, 4, 5, 6, 8, 9}
    assert "trained under poses 2 3 4 5 6 8 9" in runs["poses"].origin.protocol
    said = (tmp_path / "out" / "report" / "report.md").read_text(encoding="utf-8")
    assert "sampling all, step 1, seed 1: BP4D 60 faces of 60 frames, FERA 2017 148 faces of 148 frames" in said
    tables = {path.stem for path in (tmp_path / "out" / "report").glob("*.csv")}
    assert {"table1", "table2", "table3", "table4a"} <= tables


def test_three_folds_of_bp4d_test_everybody_and_go_into_one_run(releases, tmp_path):
    size = replace(resized(SIZES["quick"], None, 1.0), systems=("svm",), draws=0)
    asked = Experiment(size, tmp_path / "out")
    folds = replace(releases, fera17=None, split="three-fold")
    assert reproduce_releases(asked, folds, lambda stage: None).failures == ()
    (run,) = read_runs(tmp_path / "out" / "runs")
    assert set(run.by_subject) == {"F001", "F002", "M001", "M002", "M003"}
    assert "three-fold 1 and three-fold 2 and three-fold 3: 5 test subjects" in run.origin.protocol
    with pytest.raises(UsageError, match=r"it differs in split"):
        reproduce_releases(asked, replace(folds, split="holdout"), lambda stage: None)


def test_disfa_is_tested_in_three_folds_with_f1_at_half_and_icc(tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.datasets.preparing.preparation._locator", _Locator)
    people, rng = [f"SN{number:03d}" for number in range(1, 7)], np.random.default_rng(1)
    write_disfa(tmp_path / "disfa", people, frames=12)
    for path in (tmp_path / "disfa").rglob("*_au*.txt"):
        write_rows(path, [(frame, rng.integers(0, 6)) for frame in range(1, 13)])
    size = replace(resized(SIZES["quick"], None, 1.0), systems=("svm",), draws=0)
    asked = Releases(disfa=tmp_path / "disfa", options=PrepareOptions(sampling="paper", poses="seven"))
    assert reproduce_releases(Experiment(size, tmp_path / "out"), asked, lambda stage: None).failures == ()
    (run,) = read_runs(tmp_path / "out" / "runs")
    assert (run.origin.role, set(run.by_subject)) == ("disfa", set(people))
    assert run.faces == 6 * 12
    assert tuple(run.aus) == ("AU01", "AU02", "AU04", "AU06", "AU09", "AU12", "AU25", "AU26")
    faces = PreparedStore(tmp_path / "out" / "sets" / "disfa.store")
    scores = np.zeros(len(faces))
    for path in sorted((tmp_path / "out" / "systems").iterdir()):
        system = load_system(path)
        own = ~np.isin(faces.subject, list(system.people.everybody))
        scores[own] = system.scores(faces.subset(own))[:, system.aus.index("AU12")]
    x, y = 5 * scores, faces.intensity[:, AU_NAMES.index("AU12")].max(1)
    assert run.aus["AU12"].icc == pytest.approx(2 * np.cov(x, y)[0, 1] / (x.var(ddof=1) + y.var(ddof=1)), abs=1e-5)
    called, shown = scores >= 0.5, y >= 2
    f1 = 2 * (called & shown).sum() / (called.sum() + shown.sum())
    assert run.aus["AU12"].at.half.f1 == pytest.approx(f1, abs=1e-5)
    table = pd.read_csv(tmp_path / "out" / "report" / "disfa_icc.csv").set_index("AU")["svm"]
    assert table["AU12"] == pytest.approx(run.aus["AU12"].icc, abs=6e-4)
    assert "so all of its frames are taken" in (tmp_path / "out" / "report" / "report.md").read_text()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--split", "three-fold"], 2, "add --data releases"),
        (["--data", "releases"], 2, "--bp4d DIR gives Table 2"),
        (["--bp4d", "x"], 2, "add --data releases"),
        (["--data", "releases", "--bp4d", "nowhere"], 1, "nowhere: there is no such file or folder"),
        (["--data", "releases", "--fera17", "."], 1, "no folder Train_Occ or Valid_Occ"),
        (["--systems", "nobody", "--people", "8"], 2, "'nobody' takes no part"),
        (["--systems", "region", "nobody", "--people", "8"], 2, "'nobody' takes no part"),
    ],
)
def test_what_is_missing_is_named(words, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["reproduce", *words]) == code
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "reproduced" / "sets" / "in-domain").exists()


STILLS = ("within", "across", "poses")
TINY = ExperimentSize("tiny", 10, 8, 2, 2, 1.0, ("region", "region-49"), 20)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduced")
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duchenne.synthesis.sets.stills.PER_PERSON", 5)  # Drawing takes most of the time.
        outcome = reproduce_rendered(Experiment(TINY, folder, roles=STILLS), calls.append)
    assert outcome.failures == ()
    return folder, calls


def test_from_nothing_to_the_report(reproduced):
    folder, calls = reproduced
    shown = {path.name for path in (folder / "report").iterdir()}
    figures = {f"figure{number}.{kind}" for number in (3, 5, 6, 7) for kind in ("png", "svg")}
    assert figures | {"report.html", "report.md", "significance.json"} <= shown
    assert {f"table{name}.csv" for name in ("1", "2", "3", "4a", "4b", "4c", "4d", "4e")} <= shown
    drawn = [stage for stage in calls if stage.stage == RENDERED]
    assert drawn[-1].done == drawn[-1].total == 10 * 5 + 8 * 5 + 2 * 2 * 9
    trained = [stage for stage in calls if stage.stage == TRAINED]
    assert trained[-1].done == trained[-1].total == 4
    assert [stage.done for stage in trained] == sorted(stage.done for stage in trained)


def test_more_systems_are_added_by_workers_and_nothing_is_done_twice(reproduced):
    folder, _ = reproduced
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.json")}
    size = replace(TINY, systems=("region", "fera17", "svm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duchenne.synthesis.sets.stills.PER_PERSON", 5)
        outcome = reproduce_rendered(Experiment(size, folder, workers=2, roles=STILLS), lambda stage: None)
    assert outcome.failures == ()
    after = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("*.json")}
    assert len(after) == len(before) + 6
    assert all(after[path] == stamp for path, stamp in before.items())


def test_rendered_clips_are_a_sequence_each_and_only_they_give_the_fera17_baseline_time(tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.sets.protocols.BP4D_TASKS", 2)
    monkeypatch.setattr("duchenne.evaluation.experiment.rendered_clips.SECONDS", 0.5)
    monkeypatch.setattr("duchenne.evaluation.experiment.rendered_clips.SIDE_PX", 64)
    monkeypatch.setattr("duchenne.evaluation.experiment.rendered_sets.rendered_settings", lambda *_: [])
    monkeypatch.setattr("duchenne.datasets.preparing.preparation._locator", _Locator)
    calls = []
    size = replace(TINY, systems=("fera17", "convnet"), draws=0)
    outcome = reproduce_rendered(Experiment(size, tmp_path), calls.append)
    assert outcome.failures == ()
    (run,) = read_runs(tmp_path / "runs")
    assert (run.origin.system, run.origin.role, run.origin.data) == ("fera17", "clips", "rendered clips")
    store = PreparedStore(tmp_path / "sets" / "clips.store")
    assert store.in_time.all()
    videos = videos_of(store)
    assert len(np.unique(videos)) == 8 * 2
    assert all((np.diff(store.frame[videos == video]) == 1).all() for video in np.unique(videos))
    system = load_system(tmp_path / "systems" / "fera17-0-clips")
    assert "note" not in system.metadata
    assert not any("do not follow one another" in call.remark for call in calls)
    assert "systems_clips.csv" in {path.name for path in (tmp_path / "report").iterdir()}
    assert "Clips: rendered people" in (tmp_path / "report" / "report.md").read_text()


def test_evaluate_gives_what_the_experiment_gave(reproduced, tmp_path, capsys):
    folder, _ = reproduced
    words = [
        "evaluate",
        str(folder / "systems" / "region-0-shifted"),
        "--data",
        str(folder / "sets" / "shifted-test.store"),
    ]
    assert run([*words, "--out", str(tmp_path / "run.json"), "--draws", "20", "--role", "poses"]) == 0
    mine, theirs = read_run(tmp_path / "run.json"), read_run(folder / "runs" / "poses" / "region-0.json")
    assert mine.origin.system == theirs.origin.system == "region"
    assert mine.mean == replace(theirs.mean, f1_validation=None)
    assert mine.aus["AU12"].at.validation is None
    assert f"aroc {mine.mean.curve.aroc:.3f}" in capsys.readouterr().out
    others = str(folder / "sets" / "in-domain.store")
    assert run([*words, "--valid", others, "--out", str(tmp_path / "other.json"), "--draws", "0"]) == 0
    assert read_run(tmp_path / "other.json").aus["AU12"].at.validation.threshold > 0
    assert run([*words, "--valid", words[3], "--out", str(tmp_path / "none.json")]) == 1
    assert "is in validation and in test" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "none.json").exists()


def test_evaluate_takes_a_file_of_scores(reproduced, tmp_path, capsys):
    folder, _ = reproduced
    store = PreparedStore(folder / "sets" / "in-domain.store")
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
    words = ["--data", str(folder / "sets" / "shifted-test.store"), "--out", str(tmp_path / "map")]
    assert run(["explain", str(folder / "systems" / "region-49-0-shifted"), *words]) == 0
    printed = capsys.readouterr()
    assert re.search(r"^AU12: patches( \d+){5}$", printed.out, re.MULTILINE)
    assert "most significant patches" in printed.err
    assert {path.name for path in (tmp_path / "map").iterdir()} == {"figure3.png", "figure3.svg", "significance.json"}
    assert run(["explain", str(folder / "systems" / "svm-0-shifted"), *words]) == 1
