"""The tables of the report in results, recomputed from its run files by nothing but Python's json, csv and statistics.

Names of AUs, poses and measures are spelled out here; no code of the package is used. Printed columns come from
published.csv, which is read here likewise.
"""

import csv
import json
import statistics
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPERIMENT = ROOT / "results" / "experiment"
SEVEN, NINE = (2, 3, 4, 5, 6, 8, 9), range(1, 10)
MEASURES = {"F1": "f1", "nF1": "nf1", "APR": "apr", "nAPR": "napr", "AROC": "aroc"}
AUS = ("AU01", "AU02", "AU04", "AU06", "AU07", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23", "AU24")
PRINTED = {"within": "BP4D", "across": "FERA17 to BP4D", "poses": "FERA17"}


@pytest.fixture(scope="module")
def runs():
    """Return the runs by role and system, in order of their seeds."""
    found = defaultdict(lambda: defaultdict(list))
    for path in sorted((EXPERIMENT / "runs").rglob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        found[run["role"]][run["system"]].append(run)
    for systems in found.values():
        for series in systems.values():
            series.sort(key=lambda run: run["seed"])
    return found


@pytest.fixture(scope="module")
def printed():
    with (ROOT / "src" / "duchenne" / "published.csv").open(encoding="utf-8") as file:
        return {(r["system"], r["data"], r["measure"], r["au"]): float(r["value"]) for r in csv.DictReader(file)}


def table(name):
    with (EXPERIMENT / "report" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def mean(values):
    numbers = [value for value in values if value is not None]
    return statistics.fmean(numbers) if numbers else None


def close(cell, value, digits=3):
    """Return whether a cell shows a number, but for the last digit's rounding."""
    if value is None or cell == "":
        return (value is None) == (cell == "")
    return abs(float(cell) - value) <= 0.51 * 10**-digits


def shown(cell, parts, measure):
    """Return whether a cell shows the mean over seeds, the mean interval and the spread."""
    values = [part[measure] for part in parts]
    number, _, rest = cell.partition(" [")
    bounds, _, spread = rest.partition("]")
    right = close(number, mean(values))
    for end, bound in enumerate(bounds.split(", ")):
        right &= close(bound, mean([part["interval"][measure][end] for part in parts]))
    return right and close(spread.removeprefix(" ± "), statistics.stdev(values))


def over_poses(run, measure, poses, au):
    return mean([run["by_pose"]["poses"][str(pose)]["aus"][au][measure] for pose in poses])


def mean_over_poses(run, measure, poses=SEVEN):
    return mean([over_poses(run, measure, poses, au) for au in AUS])


def test_table_1(runs, printed):
    sets = {"within": "BP4D train", "poses": "FERA17 train"}
    rows = {row["AU"]: row for row in table("table1")}
    assert list(rows) == list(AUS)
    for role, data in sets.items():
        first = runs[role]["region"][0]
        for au, row in rows.items():
            assert close(row[f"ours, {first['data']}"], first["training"]["skew"].get(au), 1)
            assert close(row[f"printed, {data}"], printed.get(("labels", data, "skew", au)), 1)


@pytest.mark.parametrize(("name", "role"), [("table2", "within"), ("table3", "across")])
def test_tables_2_and_3(name, role, runs, printed):
    series, rows = runs[role]["region"], {row["AU"]: row for row in table(name)}
    assert list(rows) == [*AUS, "mean"]
    for au, row in rows.items():
        parts = [run["mean"] if au == "mean" else run["aus"][au] for run in series]
        for head, measure in MEASURES.items():
            assert shown(row[head], parts, measure), (au, head)
            lost = role == "across" and au == "AU02"
            assert close(row[f"{head}, printed"], None if lost else printed.get(("ours", PRINTED[role], measure, au)))
        if au == "mean":
            continue
        assert close(row["skew"], parts[0]["skew"], 1)
        assert close(row["all-positive F1"], 2 / (2 + parts[0]["negatives"] / parts[0]["positives"]))
        for head, rule in (("F1 at .5", "half"), ("F1 at validation's", "validation")):
            counts = [part["at"][rule] for part in parts]
            values = [
                2 * c["true_positive"] / (2 * c["true_positive"] + c["false_positive"] + c["false_negative"])
                for c in counts
            ]
            assert close(row[head], mean(values))


@pytest.mark.parametrize(("letter", "measure"), list(zip("abcde", MEASURES.values(), strict=True)))
def test_table_4(letter, measure, runs, printed):
    rows = {row["AU"]: row for row in table(f"table4{letter}")}
    systems = [name for name in rows["AU12"] if name in runs["poses"]]
    assert set(systems) == {name for name in runs["poses"] if "-" not in name or name == "drml-convnet"}
    for au in AUS:
        row = rows[au]
        for system in systems:
            values = [over_poses(run, measure, SEVEN, au) for run in runs["poses"][system]]
            assert close(row[system], mean(values)), (au, system)
        for head, system in (("paper", "ours"), ("convnet", "convnet"), ("fera17", "fera17")):
            if f"{head}, printed" in row:
                assert close(row[f"{head}, printed"], printed.get((system, "FERA17", measure, au)))
    for title, poses in (("mean, seven poses", SEVEN), ("mean, nine poses", NINE)):
        for system in systems:
            values = [mean_over_poses(run, measure, poses) for run in runs["poses"][system]]
            number, _, spread = rows[title][system].partition(" ± ")
            assert close(number, mean(values))
            assert close(spread, statistics.stdev(values))


@pytest.mark.parametrize("role", ["within", "across", "poses"])
def test_tables_of_all_systems(role, runs, printed):
    rows = {row["system"]: row for row in table(f"systems_{role}")}
    assert set(rows) == set(runs[role])
    for system, row in rows.items():
        series = runs[role][system]
        assert row["seeds"] == str(len(series))
        for head, measure in MEASURES.items():
            assert shown(row[head], [run["mean"] for run in series], measure), (system, head)
            by_au = [mean([run["aus"][au][measure] for au in AUS]) for run in series]
            assert close(row[head].split(" ")[0], mean(by_au))
        for head, rule in (("F1 at .5", "half"), ("F1 at validation's", "validation")):
            assert close(row[head], mean([mean([run["aus"][au]["at"][rule]["f1"] for au in AUS]) for run in series]))
        distances = []
        for run in series:
            pairs = zip(run["relations"]["labels"], run["relations"]["calls"], strict=True)
            gaps = [(a - b) ** 2 for first, second in pairs for a, b in zip(first, second, strict=True)]
            distances.append(sum(gaps) ** 0.5 / len(gaps))
        assert close(row["relation distance"], mean(distances), 4)
        assert close(row["F1, printed (BP4D)"], printed.get((system, "BP4D", "f1", "mean")))


def claimed(claim, measure, role):
    """Return what reads a claim's number from a run."""
    if claim.startswith("Relations are nearer"):
        return lambda run: -run["relations"]["distance"]
    if measure == "f1 at .5":
        return lambda run: mean([found["at"]["half"]["f1"] for found in run["aus"].values()])
    if "vary less" in claim:
        kept = [str(pose) for pose in SEVEN]
        return lambda run: (
            -mean([statistics.pstdev(run["by_pose"]["poses"][pose]["aus"][au][measure] for pose in kept) for au in AUS])
        )
    if "yaw ±40" in claim:
        far = [str(pose) for pose in (1, 2, 3, 7, 8, 9)]
        return lambda run: mean([run["by_pose"]["poses"][pose]["mean"][measure] for pose in far])
    if role == "poses":
        return lambda run: mean_over_poses(run, measure)
    return lambda run: run["mean"][measure]


def test_claims_that_compare_two_systems(runs):
    compared = 0
    for row in table("claims"):
        claim, measure = row["claim"], row["measure"]
        if " against " not in claim or claim.startswith(("Tables 2", "The convnet", "Every AU")):
            continue
        names = claim.rpartition("(")[2].rstrip(")").split(" against ")
        nearer = claim.startswith("Relations are nearer")
        role = "within" if "within" in claim or nearer else "across" if "across" in claim else "poses"
        read = claimed(claim, measure, role)
        first, second = ({run["seed"]: read(run) for run in runs[role][name]} for name in names)
        seeds = sorted(set(first) & set(second))
        gaps, digits = [first[seed] - second[seed] for seed in seeds], 4 if nearer else 3
        error = statistics.stdev(gaps) / len(gaps) ** 0.5
        assert row["seeds"] == str(len(seeds))
        assert close(row["first"], mean([first[seed] for seed in seeds]), digits), claim
        assert close(row["second"], mean([second[seed] for seed in seeds]), digits), claim
        assert close(row["difference"], mean(gaps), digits), claim
        assert close(row["standard error"], error, digits), claim
        expected = "undecided" if abs(mean(gaps)) <= 2 * error else "holds" if mean(gaps) > 0 else "does not hold"
        assert row["verdict"].startswith(expected), claim
        compared += 1
    assert compared > 30


def test_claims_on_tables_on_au06_and_on_the_baseline(runs):
    rows = {(row["claim"].split(" (")[0], row["measure"]): row for row in table("claims")}
    poses = runs["poses"]
    for measure in ("f1", "aroc"):
        row = rows["Tables 2 and 3 are very close", measure]
        gaps = [
            one["mean"][measure] - other["mean"][measure]
            for one, other in zip(runs["within"]["region"], runs["across"]["region"], strict=True)
        ]
        assert close(row["difference"], mean(gaps))
        assert row["verdict"].startswith("holds" if abs(mean(gaps)) <= 0.05 else "does not hold")
    for measure in MEASURES.values():
        leads = {
            au: mean(
                [
                    over_poses(one, measure, SEVEN, au) - over_poses(other, measure, SEVEN, au)
                    for one, other in zip(poses["region"], poses["convnet"], strict=True)
                ]
            )
            for au in AUS
        }
        row = rows["The convnet is better in AU06 alone", measure]
        assert close(row["difference"], leads["AU06"])
        assert ("worse there" in row["verdict"]) == (leads["AU06"] >= 0)
        assert ("in no other" in row["verdict"]) == all(lead > 0 for au, lead in leads.items() if au != "AU06")
    row = rows["Every AU gains over the FERA 2017 baseline, 9% to 42% in the paper", "f1"]
    gains = {
        au: mean(
            [
                over_poses(one, "f1", SEVEN, au) - over_poses(other, "f1", SEVEN, au)
                for one, other in zip(poses["region"], poses["fera17"], strict=True)
            ]
        )
        for au in AUS
    }
    least, most = min(gains, key=gains.get), max(gains, key=gains.get)
    assert row["first"] == f"smallest {gains[least]:+.3f} ({least})"
    assert row["second"] == f"largest {gains[most]:+.3f} ({most})"
    for role in ("within", "poses"):
        row = next(one for one in table("claims") if one["claim"] == f"Relations among AUs are learnt ({role})")
        series = runs[role]["region"]
        labels = series[0]["relations"]["labels"]
        gaps = [(value - (k == m)) ** 2 for k, line in enumerate(labels) for m, value in enumerate(line)]
        none = sum(gaps) ** 0.5 / len(gaps)
        distance = mean([run["relations"]["distance"] for run in series])
        assert close(row["first"], distance, 4)
        assert close(row["second"].split(" ")[0], none, 4)
        assert row["verdict"] == ("holds" if distance < none / 2 else "does not hold")
