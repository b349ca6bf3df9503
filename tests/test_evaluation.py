"""Published numbers, relations and runs."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from duchenne.errors import EvaluationError, UsageError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.evaluate_system import read_scores
from duchenne.evaluation.relations import relate, relation_distance, relation_matrix
from duchenne.evaluation.run_files import commit_here, read_run, read_runs, write_run
from duchenne.evaluation.runs import RunOrigin, TrainingRecord
from duchenne.evaluation.scored_faces import scored_faces, thresholds_on
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.measures.intervals import Bootstrap
from duchenne.measures.ranking import all_positive_f1
from duchenne.published import printed, printed_relations, published
from toy_store import toy_store

AUS = ("AU01", "AU04", "AU12")
ROUNDING = 0.005
ORIGIN = RunOrigin("toy", "toys", "all", seed=3, command="none")


def test_the_two_printed_relation_matrices_are_as_far_apart_as_the_paper_says():
    aus, labels = printed_relations("labels")
    same, network = printed_relations("ours")
    assert aus == same == PAPER_AUS
    assert np.array_equal(labels, labels.T)
    assert np.array_equal(network, network.T)
    assert relation_distance(labels, network) == pytest.approx(0.00411, abs=5e-6)
    assert round(relation_distance(labels, network), 3) == printed("ours", "BP4D train", "relation distance")["all"]
    with pytest.raises(UsageError, match="labels' and 'ours"):
        printed_relations("drml")


def reachable(f1, skew, other_skew):
    """Return the least and the largest F1 at another skew, over all rates (a, b) with the given F1."""
    a = np.linspace(f1 / 2, 1, 2001)
    b = (2 * a / f1 - 1 - a) / skew
    fits = (b >= -1e-9) & (b <= a)
    values = 2 * a[fits] / (1 + a[fits] + other_skew * np.clip(b[fits], 0, 1))
    return (values.min(), values.max()) if fits.any() else (np.inf, -np.inf)


def consistent(f1, nf1, skew):
    """Whether maxima over the threshold can be F1 and nF1: each one's best point must not beat the other maximum."""
    f1_values = np.linspace(f1 - ROUNDING, f1 + ROUNDING, 11)
    skews = np.linspace(skew - 0.05, skew + 0.05, 5)
    for value in f1_values:
        for s in skews:
            if value >= all_positive_f1(s) - 1e-9 and reachable(value, s, 1.0)[0] <= nf1 + ROUNDING:
                return reachable(nf1, 1.0, s)[0] <= f1 + ROUNDING and nf1 >= 2 / 3 - ROUNDING
    return False


def test_normalised_f1_of_table_2_fits_f1_and_skew():
    f1, nf1 = printed("ours", "BP4D", "f1"), printed("ours", "BP4D", "nf1")
    skew = printed("labels", "BP4D", "skew")
    assert [au for au in PAPER_AUS if not consistent(f1[au], nf1[au], skew[au])] == []
    assert not consistent(0.81, 0.75, 3.0)


def test_table_3_fits_under_the_corrected_header_only():
    f1, nf1 = printed("ours", "FERA17 to BP4D", "f1"), printed("ours", "FERA17 to BP4D", "nf1")
    right = printed("labels", "BP4D", "skew")
    as_printed = list(printed("labels", "FERA17 to BP4D", "skew").values())
    aus = [au for au in f1 if au != "mean"]
    assert aus == ["AU01", "AU02", "AU04", "AU06", "AU07", "AU10", "AU12", "AU14", "AU15", "AU17"]
    assert [au for au in aus if not consistent(f1[au], nf1[au], right[au])] == []
    assert sum(not consistent(f1[au], nf1[au], s) for au, s in zip(aus, as_printed, strict=True)) == 4


def test_means_of_tables_2_and_3_are_those_printed():
    for data in ("BP4D", "FERA17 to BP4D"):
        for measure in ("f1", "nf1", "apr", "napr", "aroc"):
            values = printed("ours", data, measure)
            mean = values.pop("mean")
            assert np.mean(list(values.values())) == pytest.approx(mean, abs=0.011), (data, measure)


def test_the_claim_of_9_to_42_percent_compares_maxima_with_a_fixed_threshold():
    ours, baseline = printed("ours", "FERA17", "f1"), printed("fera17", "FERA17", "f1")
    gain = {au: ours[au] - baseline[au] for au in baseline}
    assert min(gain.values()) == pytest.approx(0.09)
    assert max(gain.values()) == pytest.approx(0.42)
    skew = printed("labels", "FERA17", "skew")
    floor_alone = [au for au in baseline if all_positive_f1(skew[au]) > baseline[au]]
    assert len(floor_alone) == 7, "calling every face positive beats a baseline that has a fixed threshold"
    notes = {row.note for row in published() if row.system == "fera17"}
    assert notes == {"fixed threshold"}


def test_relation_matrix_is_numpys_and_leaves_constant_aus_out():
    rng = np.random.default_rng(0)
    truth = rng.random((60, 4)) < [0.3, 0.5, 0.6, 0.0]
    known = np.ones((60, 4), bool)
    known[:10, 0] = False
    found = relate(("AU01", "AU02", "AU04", "AU05"), truth, known, truth)
    assert found.aus == ("AU01", "AU02", "AU04")
    assert found.left_out == ("AU05",)
    assert found.faces == 50
    assert np.allclose(found.labels, np.corrcoef(truth[10:, :3].T))
    assert found.distance == 0
    assert relate(("AU01",), truth[:, :1], known[:, :1] & False, truth[:, :1]).distance is None
    assert np.allclose(relation_matrix(truth[:, :2].astype(float)).diagonal(), 1)


@pytest.fixture(scope="module")
def store():
    faces = toy_store(80)
    faces.pose_number = 1 + np.arange(80) % 9
    faces.known[:5, AU_NAMES.index("AU01")] = False
    faces.occurrence[:, AU_NAMES.index("AU04")] = False
    return faces


@pytest.fixture(scope="module")
def run(store):
    rng = np.random.default_rng(0)
    truth = store.occurrence[:, [AU_NAMES.index(name) for name in AUS]]
    scores = np.clip(0.3 * rng.random(truth.shape) + 0.5 * truth, 0, 1)
    faces = scored_faces(scores, AUS, store)
    return evaluate_faces(faces, ORIGIN, store.fingerprint, thresholds_on(faces), Bootstrap(50))


def test_a_run_counts_by_au_pose_and_subject(store, run):
    au12 = run.aus["AU12"]
    assert au12.curve.aroc == 1.0
    assert run.aus["AU01"].unknown == 5
    for at in (au12.at.best, au12.at.half, au12.at.validation):
        assert at.true_positive + at.false_negative == au12.positives
        assert at.false_positive + at.true_negative == au12.negatives
    poses = run.by_pose.poses
    assert sum(pose.faces for pose in poses.values()) == 80
    assert list(poses) == list(range(1, 10))
    assert run.by_pose.deviation_kept["AU12"].aroc == 0
    assert set(run.by_subject) == set(store.subject)
    assert au12.interval["aroc"] == (1.0, 1.0)
    assert run.mean.interval["aroc"] == (1.0, 1.0)


def test_the_deviation_is_over_the_seven_poses_that_the_paper_keeps():
    faces = toy_store(270, seed=1)
    faces.pose_number = 1 + np.arange(270) % 9
    truth = faces.occurrence[:, [AU_NAMES.index("AU12")]]
    scores = np.clip(0.3 * truth + 0.7 * np.random.default_rng(2).random(truth.shape), 0, 1)
    run = evaluate_faces(scored_faces(scores, ("AU12",), faces), ORIGIN, "toy", bootstrap=Bootstrap(0))
    areas = [roc_auc_score(truth[k::9, 0], scores[k::9, 0]) for k in range(9)]
    without_1_and_7 = [area for number, area in enumerate(areas, 1) if number not in {1, 7}]
    assert run.by_pose.deviation_kept["AU12"].aroc == pytest.approx(np.std(without_1_and_7), abs=2e-6)
    assert run.by_pose.deviation_all["AU12"].aroc == pytest.approx(np.std(areas), abs=2e-6)
    assert run.by_pose.deviation_kept["AU12"].aroc != run.by_pose.deviation_all["AU12"].aroc


def test_an_au_with_one_kind_is_named_and_left_out_of_the_means(run):
    assert run.aus["AU04"].missing == "no positive face"
    assert run.aus["AU04"].curve.aroc is None
    assert run.mean.left_out == ("AU04",)
    assert run.mean.aus == 2
    assert run.mean.curve.aroc == pytest.approx((run.aus["AU01"].curve.aroc + run.aus["AU12"].curve.aroc) / 2)


def test_runs_come_back_from_disk_and_others_are_refused(run, tmp_path):
    training = TrainingRecord(9, "f00d", {"AU01": 2.5}, None, {9: 0.5}, 1.5, left_out=("AU02",))
    trained = replace(run, origin=replace(ORIGIN, training=training))
    without_subjects = replace(run, by_subject=None)
    for name, one in (("a/run", run), ("b", trained), ("c", without_subjects)):
        write_run(one, tmp_path / "runs" / f"{name}.json")
    assert read_runs(tmp_path / "runs") == [run, trained, without_subjects]
    (tmp_path / "b.json").write_text('{"format": "other"}')
    with pytest.raises(EvaluationError, match="format is 'duchenne run 1'"):
        read_run(tmp_path / "b.json")
    with pytest.raises(EvaluationError, match="holds no run"):
        read_runs(tmp_path / "nothing")
    with pytest.raises(EvaluationError, match="cannot be read: No such file"):
        read_run(tmp_path / "nothing.json")
    assert commit_here() is None or len(commit_here()) >= 7


def test_the_file_of_a_run_has_the_keys_that_docs_and_older_files_have(run, tmp_path):
    write_run(run, tmp_path / "run.json")
    found = json.loads((tmp_path / "run.json").read_text())
    assert (found["format"], found["system"], found["seed"], found["training"]) == ("duchenne run 1", "toy", 3, {})
    assert found["aus"]["AU12"]["at"]["half"]["threshold"] == 0.5
    assert found["aus"]["AU12"]["interval"]["aroc"] == [1.0, 1.0]
    lacking = ["positives", "negatives", "missing", "skew", "f1", "nf1", "apr", "napr", "aroc", "unknown", "icc"]
    assert list(found["aus"]["AU04"]) == lacking
    assert "interval" not in found["by_pose"]["poses"]["1"]["mean"]
    assert np.array(found["relations"]["labels"]).shape == (2, 2)


def damaged(values, *keys, value):
    """Return a deep copy with one value changed; None takes the key away."""
    found = json.loads(json.dumps(values))
    *path, last = keys
    inner = found
    for key in path:
        inner = inner[key]
    inner.pop(last) if value is None else inner.update({last: value})
    return json.dumps(found)


@pytest.mark.parametrize(
    ("keys", "value", "reason"),
    [
        (("aus", "AU12", "aroc"), "high", "aus/AU12/aroc is 'high', expected a number"),
        (("aus", "AU12", "positives"), 1.5, "aus/AU12/positives is 1.5, expected a whole number"),
        (("aus", "AU12", "at", "half", "f1"), True, "aus/AU12/at/half/f1 is True, expected a number"),
        (("aus", "AU12", "interval", "aroc"), [1.0], r"aus/AU12/interval/aroc is \[1.0\], expected a list of 2"),
        (("aus", "AU12", "interval", "auc"), [0.0, 1.0], "aus/AU12/interval is 'auc', expected one of f1, nf1"),
        (("mean", "left_out"), "AU04", "mean/left_out is 'AU04', expected a list"),
        (("mean", "napr"), None, "mean lacks the key 'napr'"),
        (("relations",), None, "it lacks the key 'relations'"),
        (("colour",), "red", "it has the unknown key 'colour'"),
        (("role",), "nowhere", "role is 'nowhere', expected one of within"),
        (("by_pose", "poses", "10"), {}, "by_pose/poses/10 lacks the key 'faces'"),
        (("by_pose", "poses", "front"), {}, "by_pose/poses is 'front', expected a whole number as key"),
        (("by_pose",), [], r"by_pose is \[\], expected an object"),
        (("bootstrap", "draws"), -1, "0 or more draws"),
        (("aus", "AU77"), "AU12", "aus/AU77 is 'AU12', expected an object"),
    ],
)
def test_a_damaged_run_is_refused_with_its_place(run, tmp_path, keys, value, reason):
    path = tmp_path / "run.json"
    write_run(run, path)
    path.write_text(damaged(json.loads(path.read_text()), *keys, value=value))
    with pytest.raises(
        EvaluationError, match=f"run.json is not a run that can be read: .*{reason}.*Make it again with"
    ):
        read_run(path)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('"AU12":', '"AU77":', "'AU77' is not an AU of this toolkit"),
        ('"poses":{"1"', '"poses":{"0"', "pose 0 is not one of FERA 2017's nine"),
        ('"aroc":1.0', '"aroc":NaN', "NaN is not a number"),
        ("}", "", "not JSON"),
    ],
)
def test_names_and_numbers_that_cannot_be_are_refused(run, tmp_path, before, after, reason):
    path = tmp_path / "run.json"
    write_run(run, path)
    path.write_text(path.read_text().replace(before, after))
    with pytest.raises(EvaluationError, match=reason):
        read_run(path)


def test_scores_that_do_not_fit_are_refused(store):
    with pytest.raises(EvaluationError, match="79 x 3, but there are 80 faces"):
        scored_faces(np.zeros((79, 3)), AUS, store)
    with pytest.raises(EvaluationError, match="not numbers from 0 to 1"):
        scored_faces(np.full((80, 3), 1.5), AUS, store)


def test_scores_are_read_from_a_table(tmp_path):
    pd.DataFrame({"AU12_p": [0.1, 0.9], "AU04_p": [0.2, 0.3], "x": 1}).to_csv(tmp_path / "s.csv")
    aus, scores = read_scores(tmp_path / "s.csv")
    assert aus == ("AU04", "AU12")
    assert scores.tolist() == [[0.2, 0.1], [0.3, 0.9]]
    (tmp_path / "empty.csv").write_text("a,b\n1,2\n")
    with pytest.raises(EvaluationError, match="no column of scores"):
        read_scores(tmp_path / "empty.csv")
