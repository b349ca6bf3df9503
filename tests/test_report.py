"""Tables, claims, figures and pages from runs."""

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from duchenne.errors import EvaluationError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.experiment.paper_figures import layers_of
from duchenne.evaluation.json_record import json_text
from duchenne.evaluation.report.claims import claims_table, verdict
from duchenne.evaluation.report.figures import (
    MEASURE_TITLES,
    POSE_MEASURES,
    by_pose_figure,
    poses_figure,
    relations_figure,
)
from duchenne.evaluation.report.pages import _ordered, tables_of, write_report
from duchenne.evaluation.report.paper_claims import read_patch_effects
from duchenne.evaluation.report.tables import by_role, disfa_tables, poses_table, system_table
from duchenne.evaluation.run_files import FORMAT, read_run, read_runs
from duchenne.evaluation.runs import MEASURES, RunOrigin, TrainingRecord
from duchenne.evaluation.scored_faces import scored_faces, thresholds_on
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.measures.intervals import Bootstrap
from duchenne.networks.region_config import PAPER
from toy_store import toy_store

EXPERIMENT = Path(__file__).parents[1] / "results" / "experiment"
OLD_RUNS = sorted((EXPERIMENT / "runs").rglob("*-0.json"))
COLUMNS = [AU_NAMES.index(name) for name in PAPER_AUS]


def toy_run(store, system, role, seed, strength):
    rng = np.random.default_rng(seed)
    truth = store.occurrence[:, COLUMNS]
    scores = np.clip(0.5 + strength * (truth - 0.5) + 0.35 * rng.normal(size=truth.shape), 0, 1)
    faces = scored_faces(scores, PAPER_AUS, store)
    training = TrainingRecord(90, "f00d", {"AU01": 2.5}, 1.0, {}, None)
    return evaluate_faces(
        faces,
        RunOrigin(system, "toys", "toy faces", role, seed, "none", None, training),
        "f00d",
        thresholds_on(faces),
        Bootstrap(20),
    )


@pytest.fixture(scope="module")
def runs():
    store = toy_store(180)
    store.pose_number = 1 + np.arange(180) % 9
    strengths = {"region": 0.5, "convnet": 0.2, "region-grid": 0.3, "drml": 0.25}
    return [
        toy_run(store, system, role, seed, strength)
        for role in ("within", "across", "poses")
        for system, strength in strengths.items()
        for seed in (0, 1)
    ]


@pytest.fixture(scope="module")
def folder(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(runs, folder, ["Toy faces."])
    return folder


def rows_of(table):
    return {row["AU"]: row for row in csv.DictReader(io.StringIO(table.csv()))}


def test_table_2_has_ours_and_the_papers_numbers_in_columns_of_their_own(runs):
    mine = by_role(runs)["within"]["region"]
    rows = rows_of(system_table("table2", "Table 2", "within", mine))
    assert list(rows) == [*PAPER_AUS, "mean"]
    assert rows["AU12"]["F1, printed"] == "0.810"
    assert rows["mean"]["AROC, printed"] == "0.790"
    ours = np.mean([run.aus["AU12"].curve.aroc for run in mine])
    assert rows["AU12"]["AROC"].startswith(f"{ours:.3f} [")
    assert "±" in rows["AU12"]["AROC"]
    assert float(rows["AU12"]["all-positive F1"]) == pytest.approx(2 / (2 + mine[0].aus["AU12"].skew), abs=1e-3)


def test_table_3_leaves_out_the_papers_column_of_an_au_that_fera_2017_does_not_label(runs):
    rows = rows_of(system_table("table3", "Table 3", "across", by_role(runs)["across"]["region"]))
    assert [rows["AU02"][head] for head in ("F1, printed", "AROC, printed", "skew, printed")] == ["", "", ""]
    assert rows["AU04"]["F1, printed"] == "0.640"
    assert rows["AU02"]["F1"]


def test_table_4_is_the_mean_over_seven_poses_with_nine_beside_it(runs):
    series = by_role(runs)["poses"]
    rows = rows_of(poses_table("t", "t", "aroc", series))
    by_pose = [
        [run.by_pose.poses[pose].aus["AU12"].curve.aroc for pose in (2, 3, 4, 5, 6, 8, 9)] for run in series["drml"]
    ]
    assert rows["AU12"]["drml"] == f"{np.mean(by_pose):.3f}"
    nine = [[pose.mean.curve.aroc for pose in run.by_pose.poses.values()] for run in series["region"]]
    assert float(rows["mean, nine poses"]["region"].split(" ±")[0]) == pytest.approx(np.mean(nine), abs=6e-4)
    assert rows["mean, seven poses"]["region"] != rows["mean, nine poses"]["region"]
    assert rows["AU01"]["skew, printed"] == "9.6"
    assert rows["AU12"]["skew"] == f"{series['region'][0].aus['AU12'].skew:.1f}"


def test_table_4_shows_what_was_lost_as_missing(runs):
    rows = rows_of(poses_table("t", "t", "f1", by_role(runs)["poses"]))
    assert rows["AU01"]["fera17, printed"] == "0.150"
    assert rows["AU01"]["convnet, printed"] == "0.500"
    assert rows["AU23"]["paper, printed"] == ""
    assert rows["AU02"]["paper, printed"] == ""


def test_verdicts_follow_the_spread_of_seeds(runs):
    assert verdict(0.1, 0.02) == "holds"
    assert verdict(-0.1, 0.02) == "does not hold"
    assert verdict(0.1, 0.09).startswith("undecided")
    assert verdict(0.1, None) == "undecided: one seed"
    training = replace(runs[0].origin.training, validation={9: 0.52})
    lost = [
        replace(run, origin=replace(run.origin, training=training)) if run.origin.system == "convnet" else run
        for run in runs
    ]
    verdicts = {row[0]: row[-1] for row in claims_table(by_role(lost)).rows}
    assert verdicts["Regions beat the convnet (region against convnet)"] == "undecided: convnet did not learn"
    assert verdicts["Regions beat the convnet within a set (region against convnet)"].endswith("did not learn")
    table = claims_table(by_role(runs))
    verdicts = {(row[0], row[1]): row[-1] for row in table.rows}
    assert verdicts["Regions beat the convnet (region against convnet)", "aroc"] == "holds"
    assert verdicts["Own weights beat shared ones (region against region-shared)", "aroc"] == "not measured"


def claims_of(roles, effects=None):
    """Return the rows by claim without its systems, and measure."""
    rows = claims_table(roles, effects=effects).rows
    return {(row[0].split(" (")[0], row[1]): row for row in rows}


def test_every_claim_has_a_row_though_nothing_was_measured():
    rows = claims_of({})
    assert {row[-1] for row in rows.values()} == {"not measured"}
    for claim in (
        "Better than the state of the art, poses",
        "Tables 2 and 3 are very close",
        "Relations among AUs are learnt",
        "The convnet is better in AU06 alone",
        "Every AU gains over the FERA 2017 baseline, 9% to 42% in the paper",
        "AU01 rests on the patches that the paper names: 4 6 11 12 13",
        "AU24 has its most significant patches around the lips",
        "Regions vary less over the seven poses",
        "Landmark patches beat a uniform grid",
        "The weighted loss helps",
    ):
        assert any(named == claim for named, _ in rows), claim


def in_poses(run, change):
    """Return a run whose measures of each AU in each pose are changed by `change(au)`."""
    poses = {
        number: replace(
            pose,
            aus={
                au: replace(
                    found, curve=replace(found.curve, **{m: getattr(found.curve, m) + change(au) for m in MEASURES})
                )
                for au, found in pose.aus.items()
            },
        )
        for number, pose in run.by_pose.poses.items()
    }
    return replace(run, by_pose=replace(run.by_pose, poses=poses))


def named(run, system, seed):
    return replace(run, origin=replace(run.origin, system=system, seed=seed))


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (lambda seed: lambda au: 0.02 + 0.001 * seed if au == "AU06" else -0.1, "holds; in no other"),
        (
            lambda seed: lambda au: -0.02 if au == "AU06" else -0.1,
            "does not hold: worse there, by less than in any other",
        ),
        (lambda seed: lambda au: 0.02 if au in {"AU06", "AU07"} else -0.1, "does not hold; better in AU07 too"),
        (lambda seed: lambda au: 0.05 * seed - 0.02 if au == "AU06" else -0.1, "undecided: the sign holds"),
    ],
)
def test_the_convnet_may_be_better_in_au06_alone(runs, change, verdict):
    ours = [named(by_role(runs)["poses"]["region"][0], "region", seed) for seed in (0, 1)]
    theirs = [in_poses(named(run, "convnet", seed), change(seed)) for seed, run in enumerate(ours)]
    for measure in MEASURES:
        row = claims_of({"poses": {"region": ours, "convnet": theirs}})["The convnet is better in AU06 alone", measure]
        assert row[-1].startswith(verdict)


def test_gain_over_the_fera_2017_baseline_is_by_au_and_fails_with_one(runs):
    ours = by_role(runs)["poses"]["region"][:1]
    theirs = [in_poses(named(ours[0], "fera17", 0), lambda au: {"AU12": -0.3, "AU17": 0.04}.get(au, -0.1))]
    key = "Every AU gains over the FERA 2017 baseline, 9% to 42% in the paper", "f1"
    row = claims_of({"poses": {"region": ours, "fera17": theirs}})[key]
    assert row[2:5] == ("smallest -0.040 (AU17)", "largest +0.300 (AU12)", f"{(0.3 - 0.04 + 10 * 0.1) / 12:+.3f}")
    assert row[-1].startswith("does not hold")


def test_tables_2_and_3_are_close_when_their_means_are(runs):
    within = by_role(runs)["within"]["region"]
    shifted = [
        replace(run, mean=replace(run.mean, curve=replace(run.mean.curve, f1=run.mean.curve.f1 - 0.06)))
        for run in within
    ]
    rows = claims_of({"within": {"region": within}, "across": {"region": shifted}})
    assert rows["Tables 2 and 3 are very close", "f1"][-1].startswith("does not hold")
    assert rows["Tables 2 and 3 are very close", "aroc"][-1].startswith("holds")
    assert rows["Tables 2 and 3 are very close", "f1"][4] == "+0.060"


def test_patches_that_the_paper_names_are_looked_up_in_the_map(tmp_path):
    landmarks = list(range(1, 50))
    effect = {au: [0.0] * 49 for au in PAPER_AUS}
    for place, landmark in enumerate((4, 6, 11, 12, 13)):
        effect["AU01"][landmark - 1] = 1 - place / 10
    for place, landmark in enumerate((1, 10, 3, 5, 8, 2, 9, 11, 12, 13, 14, 15, 7)):
        effect["AU02"][landmark - 1] = 1 - place / 20
    effect["AU12"][31:36] = [0.5, 0.4, 0.3, 0.2, 0.1]
    effect["AU15"][31:35], effect["AU15"][9] = [0.5, 0.4, 0.3, 0.2], 0.9
    (tmp_path / "significance.json").write_text(json.dumps({"landmarks": landmarks, "effect": effect}))
    rows = claims_of({}, read_patch_effects(tmp_path))
    found = {claim: (row[2], row[-1]) for (claim, measure), row in rows.items() if measure == "rank of significance"}
    assert found["AU01 rests on the patches that the paper names: 4 6 11 12 13"] == (
        "1 2 3 4 5",
        "holds: 5 of 5 among the first 12",
    )
    assert found["AU02 rests on the patches that the paper names: 1 10 7"] == (
        "1 2 13",
        "does not hold: 2 of 3 among the first 12",
    )
    assert found["AU12 has its most significant patches around the lips"][1] == "holds: 5 of the first 5"
    assert found["AU15 has its most significant patches around the lips"][1] == "does not hold: 4 of the first 5"


def test_figure_5_shows_the_printed_pair_above_ours(runs):
    figure = relations_figure(by_role(runs)["within"]["region"][0])
    panels = [axis for axis in figure.axes if axis.images]
    assert len(panels) == 4
    assert panels[0].images[0].get_array()[0, 1] == pytest.approx(0.43)  # AU1 and AU2, Fig. 5, top
    assert panels[1].images[0].get_array()[0, 1] == pytest.approx(0.44)  # bottom
    assert "distance 0.0041" in panels[0].get_title()


def test_figure_6_has_a_panel_for_each_system_with_its_own_marks(runs):
    series = by_role(runs)["poses"]
    figure = by_pose_figure(series)
    titles = {axis.get_title().split(":")[0]: axis for axis in figure.axes if axis.get_title()}
    assert set(titles) == set(series)
    for system, axis in titles.items():
        marks = [
            line.get_ydata()[0] for line in axis.lines if len(line.get_xdata()) == 1 and line.get_marker() in "vso"
        ]
        areas = [np.mean([run.by_pose.poses[n].mean.curve.aroc for run in series[system]]) for n in range(1, 10)]
        assert marks == pytest.approx(areas)


def test_figure_6_of_two_systems_has_no_empty_panels(runs):
    series = by_role(runs)["poses"]
    two = {system: series[system] for system in list(series)[:2]}
    assert len(by_pose_figure(two).axes) == 2


def test_dotted_lines_of_figure_6_are_those_of_a_system_that_knows_nothing(runs):
    """With as many faces without as with the AU, calling all present gives F1 = 2 / (2 + 1); area and precision 1/2."""
    figure = poses_figure(by_role(runs)["poses"]["region"][0])
    dotted = {
        axis.get_ylabel(): [line.get_ydata()[0] for line in axis.lines if line.get_linestyle() == ":"]
        for axis in figure.axes
    }
    assert dotted == {MEASURE_TITLES[measure]: [2 / 3 if measure == "nf1" else 0.5] for measure in POSE_MEASURES}


def test_tables_of_disfa_end_with_the_mean_over_aus(runs):
    for table in disfa_tables(by_role(runs)["within"]):
        *aus, mean = csv.DictReader(io.StringIO(table.csv()))
        for system in ("region", "convnet"):
            cells = [float(row[system]) for row in aus if row[system]]
            assert cells
            assert float(mean[system]) == pytest.approx(np.mean(cells), abs=1e-3)


def test_figure_2_has_the_papers_sizes():
    layers = {name: size.replace("\n", " ") for name, _, size in layers_of(PAPER, 12)}
    printed = {"face": "200 x 200 x 3", "Conv1": "190 x 190 x 32", "Conv2": "42 x 42 x 32", "Conv6": "12 x 12 x 8"}
    assert {name: layers[name] for name in printed} == printed
    assert layers["22\npatches"] == "48 x 48 x 32"
    assert (layers["concat."], layers["Fully8"], layers["Output"]) == ("25,344", "1,024", "12 AUs")


def test_the_report_is_complete(folder):
    names = {path.name for path in folder.iterdir()}
    tables = ["claims", "table1", "table2", "table3", *(f"table4{letter}" for letter in "abcde"), "systems_poses"]
    assert {f"{name}.csv" for name in tables} <= names
    for name in ("figure5", "figure6", "figure6_systems", "figure7"):
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 400
            assert np.asarray(picture.convert("L")).std() > 5
        assert (folder / f"{name}.svg").read_text().startswith("<?xml")


def test_the_page_needs_nothing_from_elsewhere(folder):
    page = (folder / "report.html").read_text()
    assert len(re.findall(r"data:image/(svg\+xml|png);base64,", page)) == 4
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "header of Table 3 is wrong" in page
    assert "Toy faces." in page


def test_runs_of_no_experiment_make_no_report(runs, tmp_path):
    with pytest.raises(EvaluationError, match="--role within"):
        write_report([replace(runs[0], origin=replace(runs[0].origin, role="other"))], tmp_path)


def test_a_variant_alone_has_a_report_too(runs, tmp_path):
    variant = [run for run in runs if run.origin.system == "region-grid"]
    write_report(variant, tmp_path)
    head, first = csv.reader((tmp_path / "table4e.csv").read_text().splitlines()[:2])
    assert float(first[head.index("region-grid")].split()[0]) > 0.5
    assert "region-grid" in (tmp_path / "report.md").read_text()


def test_the_report_in_results_follows_from_its_runs():
    roles = by_role(read_runs(EXPERIMENT / "runs"))
    tables = tables_of({role: _ordered(series, "region") for role, series in roles.items()})
    written = {path.stem: path.read_text(encoding="utf-8") for path in (EXPERIMENT / "report").glob("*.csv")}
    assert {table.name: table.csv() for table in tables} == written


def test_results_stay_light():
    assert sum(path.stat().st_size for path in EXPERIMENT.parent.rglob("*") if path.is_file()) < 6_000_000
    assert not [path for path in EXPERIMENT.rglob("*.json") if '"by_subject"' in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", OLD_RUNS, ids=lambda path: "-".join(path.relative_to(EXPERIMENT).parts))
def test_runs_made_before_are_read_and_written_back_equal(path):
    text = path.read_text(encoding="utf-8")
    assert json_text(read_run(path), FORMAT) == json.dumps(json.loads(text), separators=(",", ":")) + "\n"
