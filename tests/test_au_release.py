"""Making the pretrained weights: calibration that keeps order and sides, scores by pose and in pairs, the command."""

import copy
import dataclasses
import json
from typing import ClassVar

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score

from duchenne.datasets.mean_grades import Grades, labels_from_grades
from duchenne.errors import DatasetError, TrainingError
from duchenne.evaluation.json_record import from_json, to_json
from duchenne.evaluation.pretrained import au_network, au_scores
from duchenne.evaluation.pretrained.au_predictions import Predictions, predict
from duchenne.evaluation.pretrained.au_result import AUNetworkResult, summary_of
from duchenne.evaluation.pretrained.neutral_gain import neutral_gain
from duchenne.facs import AU_NAMES
from duchenne.measures.agreement import calibration_error
from duchenne.measures.ranking import area_under_roc
from duchenne.recognition import AURecognizer, NeutralRule, Recognized
from duchenne.training.action_units import neutral
from duchenne.training.action_units.calibration import LEAST_POSITIVES, calibrated, platt_fit
from duchenne.training.action_units.export import export_system
from duchenne.training.action_units.late_fusion import (
    WEIGHTS,
    late_fusion_weights,
    with_late_fusion,
    with_late_fusion_weights,
)
from duchenne.training.action_units.onnx_weights import read_onnx_weights
from duchenne.training.action_units.thresholds import ChoosingScores
from duchenne.training.action_units.train import train_au_network
from duchenne.training.recipes.deep import AdamW, DeepRecipe
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import silent
from toy_network import TINY
from toy_store import FROWN, SMILE, ToyStore, toy_store

RECIPE = DeepRecipe("tiny", "for tests", TINY, AdamW(1e-2), batch=16, epochs=30, patience=0, bf16=False)
CPU = DeviceConfig("cpu", threads=1)


@dataclasses.dataclass
class MeasuredStore(ToyStore):
    """A toy store with what `prepare` keeps of rendered stills."""

    metadata: list[dict] = dataclasses.field(default_factory=list)
    report: ClassVar = {"labelled": 9, "kept": 8, "lost": {"no face": 1}}

    def extra(self, name):
        count = len(self)
        values = {
            "tone": np.arange(count) % 10 + 1,
            "sex": np.array(["female", "male"])[np.arange(count) % 2],
            "age": np.full(count, 40.0),
            "params": np.array([json.dumps(metadata) for metadata in self.metadata]),
        }
        return values[name]

    def subset(self, rows):
        part = ToyStore.subset(self, rows)
        metadata = [self.metadata[k] for k in np.arange(len(self))[rows]]
        return MeasuredStore(**{**vars_of(part), "metadata": metadata})


def vars_of(store):
    return {field.name: getattr(store, field.name) for field in dataclasses.fields(ToyStore)}


def measured(store, metadata=None):
    plain = [{"group": k, "differs": [], "face_px": 60 + k % 60} for k in range(len(store))]
    return MeasuredStore(**vars_of(store), metadata=metadata or plain)


def resting(store):
    """Return those faces that show neither AU."""
    return measured(store.subset(~store.occurrence[:, [SMILE, FROWN]].any(1)))


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return train_au_network(RECIPE, toy_store(96), toy_store(32, 1, "b"), folder, silent, CPU)


def test_calibration_mends_the_rates_and_keeps_order_sides_and_grades(system):
    faces = measured(toy_store(160, 3, "c"))
    system = dataclasses.replace(system, network=copy.deepcopy(system.network))
    with torch.no_grad():  # An error of rate, as a weighted loss makes it.
        system.network.output.bias += 1.5
    mended = calibrated(system, faces)
    before, after = system.scores(faces), mended.scores(faces)
    for column in range(2):
        assert (np.diff(after[np.argsort(before[:, column]), column]) > -1e-6).all()
    truth = faces.occurrence[:, SMILE]
    known = faces.known[:, SMILE]
    errors = [calibration_error(truth[known], scores[known, 1]) for scores in (before, after)]
    assert errors[1] < errors[0]
    assert abs(after[known, 1].mean() - truth[known].mean()) < 1e-3
    after_all, before_all = predict(mended, faces), predict(system, faces)
    assert (
        np.sign(np.diff(after_all.side_intensity, axis=2)) == np.sign(np.diff(before_all.side_intensity, axis=2))
    ).all()
    cuts = mended.network.scale.cuts().detach().numpy()
    assert (np.diff(cuts, axis=1) > 0).all()
    assert_allclose(cuts[:, 1], 0, atol=1e-6)
    truth = faces.intensity[:, SMILE].max(1)
    assert abs(after_all.intensity[:, 1].mean() - np.floor(truth + 0.5).mean()) < 0.35
    assert abs(after_all.intensity[:, 1].mean() - truth.mean()) < abs(before_all.intensity[:, 1].mean() - truth.mean())


def test_scores_that_fall_with_the_action_unit_are_not_turned_round(system):
    faces = measured(toy_store(96, 5, "d"))
    faces.occurrence = faces.occurrence.copy()
    faces.occurrence[:, SMILE] = ~faces.occurrence[:, SMILE]
    with pytest.raises(TrainingError, match="AU12 do not rise"):
        calibrated(system, faces)


def test_the_fit_is_that_worked_out_by_hand():
    """With two values of the latent, the fitted probabilities are the two rates: 3 of 12 and 6 of 8."""
    latent = np.array([-1.0] * 12 + [1.0] * 8)
    truth = np.array([True] * 3 + [False] * 9 + [True] * 6 + [False] * 2)
    low, high = np.log(3 / 9), np.log(6 / 2)
    assert_allclose(platt_fit("AU12", latent, truth), [(high - low) / 2, (high + low) / 2], atol=1e-3)
    with pytest.raises(TrainingError, match="AU12 do not rise"):
        platt_fit("AU12", -latent, truth)
    with pytest.raises(TrainingError, match="AU12 has one class only among the 20 faces"):
        platt_fit("AU12", latent, truth | True)


def graded(store, au_row, grade):
    """Return the store as `prepare` makes it of mean grades of one AU."""
    grades = np.where(store.occurrence, 2.0, 0.0).astype(np.float32)
    grades[:, au_row] = grade
    labels = labels_from_grades(np.arange(len(store)), Grades(grades, np.zeros(grades.shape, np.int8)))
    for name in ("occurrence", "known", "intensity", "intensity_known"):
        setattr(store, name, getattr(labels, name))
    return store


def test_presence_is_fitted_to_real_faces_and_grades_to_rendered_ones(system):
    """On real faces AU12 is there from a mean grade of 1 on, and nobody knows between .5 and 1."""
    rendered, real = measured(toy_store(160, 3, "c")), measured(toy_store(200, 4, "r"))
    rng = np.random.default_rng(0)
    shown = real.intensity[:, SMILE].max(1) >= 3
    grade = np.where(shown & (rng.random(200) < 0.6), 1.25, rng.choice([0.25, 0.75], 200))
    real = graded(real, SMILE, grade)
    few = real.occurrence[:, FROWN].cumsum() >= LEAST_POSITIVES
    real.known[few, FROWN] = False
    on_rendered, on_both = calibrated(system, rendered), calibrated(system, rendered, real)
    assert on_both.metadata["calibrated_on"] == {"AU04": "rendered", "AU12": "real"}
    assert on_rendered.metadata["calibrated_on"] == {"AU04": "validation", "AU12": "validation"}
    plain, fitted = on_rendered.scores(real), on_both.scores(real)
    assert_allclose(fitted[:, 0], plain[:, 0], atol=1e-6)
    judged = (grade >= 1) | (grade <= 0.5)
    rate = (grade[judged] >= 1).mean()
    assert fitted[judged, 1].mean() == pytest.approx(rate, abs=1e-3)
    assert abs(plain[judged, 1].mean() - rate) > 0.03
    for column in range(2):
        order = np.argsort(system.scores(real)[:, column])
        assert (np.diff(fitted[order, column]) > -1e-6).all()
    real.known[:, FROWN] = True
    both = calibrated(system, rendered, real).metadata["calibrated_on"]
    assert both == {"AU04": "real", "AU12": "real"}


def test_late_fusion_weights_are_as_large_as_costs_nothing(tmp_path):
    told_alone = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, shape_width=16, shape_alone=0.3))
    one = train_au_network(told_alone, toy_store(96), toy_store(32, 1, "b"), tmp_path, silent, CPU)
    faces = measured(toy_store(160, 3, "c"))
    plain = one.scores(faces)
    assert_allclose(with_late_fusion_weights(one, np.zeros(2)).scores(faces), plain, atol=1e-6)
    alone = with_late_fusion_weights(one, np.ones(2)).scores(faces)
    half = with_late_fusion_weights(one, np.array([0.0, 0.5])).scores(faces)
    assert_allclose(half[:, 0], plain[:, 0], atol=1e-6)
    assert_allclose(alone[:, 1], _of_landmarks(one, faces)[:, 1], atol=1e-6)
    leant = with_late_fusion(one, faces)
    assert set(late_fusion_weights(leant.network)) == set(leant.aus)
    assert set(late_fusion_weights(leant.network).values()) <= set(WEIGHTS)
    areas = [
        [area_under_roc(faces.occurrence[:, k], scores[:, column]) for column, k in ((0, FROWN), (1, SMILE))]
        for scores in (
            leant.scores(faces),
            *(with_late_fusion_weights(one, np.full(2, share)).scores(faces) for share in WEIGHTS),
        )
    ]
    least = np.max(areas[1:], axis=0) - [0.01, 0.003]  # A brow may cost more than a mouth corner.
    assert (np.array(areas[0]) >= least - 1e-9).all()
    for column, name in enumerate(leant.aus):
        cheap = [share for share, area in zip(WEIGHTS, areas[1:], strict=True) if area[column] >= least[column] - 1e-9]
        assert late_fusion_weights(leant.network)[name] == max(cheap)
    exported = export_system(leant, faces, tmp_path / "leant.onnx")  # compares itself with torch
    assert exported.difference < 1e-4
    start = read_onnx_weights(exported.path).tensors
    assert set(start) == set(one.network.state_dict())


def test_brows_may_pay_more_for_leaning_than_other_aus(system, monkeypatch):
    def falling(leant, faces):
        shares = late_fusion_weights(leant.network)
        return np.array([0.9 - 0.024 * shares[name] for name in leant.aus])

    monkeypatch.setattr("duchenne.training.action_units.late_fusion._areas", falling)
    told_alone = dataclasses.replace(RECIPE, network=dataclasses.replace(TINY, shape_alone=0.3))
    network = copy.deepcopy(system.network)
    network.config = told_alone.network
    leant = with_late_fusion(dataclasses.replace(system, recipe=told_alone, network=network), toy_store(2))
    assert late_fusion_weights(leant.network) == {"AU04": 0.4, "AU12": 0.1}  # 0.0096 of 0.01, 0.0024 of 0.003


def _of_landmarks(system, faces):
    network, rows = system.network, np.arange(len(faces))
    with torch.no_grad():
        _, shape = system.inputs(faces, rows)
        features = torch.zeros(len(rows), network.config.feature_count)
        latents = network.scale.sides(network._read_flat(features, shape)).amax(2)
    return torch.sigmoid(latents).numpy()


def test_a_network_that_was_not_taught_landmarks_alone_has_no_late_fusion_weights(system):
    assert with_late_fusion(system, measured(toy_store(32, 3, "c"))) is system
    assert not late_fusion_weights(system.network)


def test_the_gap_between_groups_is_the_largest_of_two_groups():
    store = measured(toy_store(60))
    predicted = store.occurrence[:, [SMILE]].astype(float)
    predicted[1::2] = 0.5
    found = au_scores.by_person(("AU12",), store, predicted)["sex"]
    assert {name: table.mean_12 for name, table in found.groups.items()} == {"female": 1.0, "male": 0.5}
    assert found.largest_difference == 0.5


def test_pairs_count_the_face_that_shows_it():
    store = measured(toy_store(6))
    store.subject = np.array(list("aaaabb"))
    store.intensity[:, SMILE] = np.array([0, 3, 0, 2, 4, 0])[:, None]
    store.metadata = [{"group": k // 2, "differs": ["AU12"]} for k in range(6)]
    found = au_scores.in_pairs(("AU12",), store, np.array([0.2, 0.3, 0.1, 0.0, 0.4, 0.6])[:, None])
    assert found.pairs == {"AU12": 2}  # B is too weak to count.
    assert found.right_share == {"AU12": 0.5}
    store.metadata[2]["differs"] = store.metadata[3]["differs"] = ["AU12", "AU14"]
    lookalikes = au_scores.in_pairs(("AU12",), store, np.array([0.2, 0.3, 0.1, 0.0, 0.4, 0.6])[:, None], differing=2)
    assert lookalikes.pairs == {"AU12": 0}  # B again
    store.intensity[3, SMILE] = 3
    alone, lookalikes = (
        au_scores.in_pairs(("AU12",), store, np.array([0.2, 0.3, 0.1, 0.0, 0.4, 0.6])[:, None], differing=count)
        for count in (1, 2)
    )
    assert (alone.pairs, alone.right_share) == ({"AU12": 2}, {"AU12": 0.5})
    assert (lookalikes.pairs, lookalikes.right_share) == ({"AU12": 1}, {"AU12": 0.0})


def test_the_stronger_side_is_asked_of_uneven_faces_alone():
    store = measured(toy_store(40))
    store.intensity[:, SMILE] = np.where(np.arange(40)[:, None] < 30, [3.0, 0.0], [2.0, 1.5])
    left = np.where(np.arange(40) < 24, 4.0, 1.0)  # right for 24 of the 30 that differ by a grade
    sides = np.stack([left, np.full(40, 2.0)], 1)[:, None]
    found = au_scores.stronger_side(("AU12",), store, Predictions(left[:, None] / 5, left[:, None], sides))
    assert (found.all, found.share, found.faces) == (0.8, {"AU12": 0.8}, {"AU12": 30})
    few = store.subset(np.arange(19))
    none = au_scores.stronger_side(("AU12",), few, Predictions(left[:19, None], left[:19, None], sides[:19]))
    assert none.share == {"AU12": None}


def test_poses_are_kept_apart_and_averaged_as_papers_do():
    store = measured(toy_store(60))
    grid = np.array(au_scores.POSES, float)
    store.pose_deg = np.column_stack([grid[np.arange(60) % 15], np.zeros(60)])
    perfect = store.occurrence[:, [AU_NAMES.index(n) for n in ("AU04", "AU12")]].astype(float)
    found = au_scores.by_pose(("AU04", "AU12"), store, perfect)
    assert found.seven_poses == 1.0
    assert found.seven_poses_standard_deviation == 0.0
    assert found.nine_poses_pitch_up == 1.0
    assert sum(table.faces for table in found.poses.values()) == 60


@pytest.mark.parametrize(("pose", "seven", "down", "up"), [((-40, -40), 1, 0.9444, 1), ((0, 20), 1, 1, 0.9444)])
def test_a_pose_that_fails_counts_where_papers_count_it(pose, seven, down, up):
    """The paper leaves out pitch -40 with yaw -40 or 40, and pitches above 0 are in none of FERA 2017's poses."""
    store = measured(toy_store(600))
    store.pose_deg = np.column_stack([np.array(au_scores.POSES, float)[np.arange(600) % 15], np.zeros(600)])
    predicted = store.occurrence[:, [AU_NAMES.index("AU12")]].astype(float)
    predicted[(store.pose_deg[:, :2] == pose).all(1)] = 0.5
    found = au_scores.by_pose(("AU12",), store, predicted)
    assert (found.seven_poses, found.nine_poses_pitch_down, found.nine_poses_pitch_up) == (seven, down, up)


def test_the_release_writes_weights_and_says_what_they_reach(system, tmp_path):
    grid = measured(toy_store(240, 7, "e"))
    grid.pose_deg = np.column_stack([np.array(au_scores.POSES, float)[np.arange(240) % 15], np.zeros(240)])
    pairs = measured(toy_store(20, 8, "f"), [{"group": k // 2, "differs": ["AU12"]} for k in range(20)])
    stores = {"choose": measured(toy_store(120, 6, "c")), "poses": grid, "pairs": pairs}
    stores |= {"free": measured(toy_store(60, 9, "g"))}
    stores |= {"prototypes": measured(toy_store(60, 14, "h"), [{"prototype": "joy", "differs": []}] * 60)}
    stores |= {"choose_rest": resting(toy_store(240, 12, "c"))}
    stores |= {"choose_neutral": resting(toy_store(240, 10, "c")), "free_neutral": measured(toy_store(60, 11, "g"))}
    found = au_network.release(system, au_network.Stores(**stores), tmp_path / "x.onnx")
    assert from_json(AUNetworkResult, json.loads(json.dumps(to_json(found)))) == found
    assert found.within_prototypes.aus["AU12"] > 0.6
    summary = summary_of(found)
    assert summary.frontal > 0.8
    assert summary.icc > 0.3
    assert found.stores["poses"].lost == {"no face": 1}
    recognizer = AURecognizer(tmp_path / "x.onnx")
    assert recognizer.aus == ("AU04", "AU12")
    assert_allclose(recognizer.thresholds, list(found.thresholds.values()))
    assert_allclose(recognizer.thresholds_of("balanced"), recognizer.thresholds)
    assert recognizer.neutral is not None
    assert found.neutral.people > 10
    people = au_network.RealFaces(measured(toy_store(120, 12, "r")), measured(toy_store(120, 13, "t")))
    people.choose.known[:, FROWN] = False
    people.teach.occurrence[::4] = False  # one picture of each person shows nothing
    found = au_network.release(system, au_network.Stores(**stores), tmp_path / "y.onnx", people)
    assert "AUs that fewer than 25 of them have: the same on rendered faces" in found.threshold_rule
    assert found.training["calibrated_on"] == {"AU04": "rendered", "AU12": "real"}
    notes = AURecognizer(tmp_path / "y.onnx").threshold_notes
    assert {name: note["chosen_on"] for name, note in notes.items()} == {"AU04": "rendered", "AU12": "validation"}
    assert notes["AU04"]["positives"] == 0


def test_the_neutral_face_corrects_people_who_always_score(system):
    """Half of the people score too high by nature; their neutral faces say so."""
    faces, rested = measured(toy_store(160, 21, "n")), measured(toy_store(160, 22, "n"))
    people = np.array([f"n{k % 40}" for k in range(160)])
    faces.subject = rested.subject = people
    bias = np.where(np.arange(160) % 2 == 0, 4.0, 0.0)
    latent = np.where(faces.occurrence[:, SMILE], 1.0, -1.0) + np.random.default_rng(0).normal(size=160)
    scores = {id(faces): latent + bias, id(rested): bias - 1.0}

    class Biased(type(system)):
        def scores(self, store):
            both = np.column_stack([latent, scores[id(store)]])
            return 1 / (1 + np.exp(-both))

    biased = Biased(system.recipe, system.network, system.reference, {})
    rule = neutral.learn_rule(biased, faces, rested)
    assert rule.share[1] > 0.8
    assert rule.share[0] == 0
    areas = neutral_gain(biased, rule, faces, rested).area_under_roc["AU12"]
    assert areas.with_neutral > areas.without + 0.1


def pairs_of(seed, usefulness, people=60, each=6, spread=2.0):
    """One AU; a person's neutral face tells of their bias as far as it is useful."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    bias = rng.normal(0, 2, people)[person]
    resting = usefulness * bias + (1 - usefulness) * rng.normal(0, spread, people)[person] + 3.0
    present = rng.random(len(person)) < 0.4
    latent = np.where(present, 1.5, -1.5) + bias + rng.normal(size=len(person))
    shape = (len(person), 1)
    scored = ChoosingScores(latent[:, None], np.ones(shape, bool), present[:, None], np.zeros(len(person), bool))
    return neutral.NeutralPairs(scored, resting[:, None], person, np.array([3.0]))


def mean_gain(kinds, share):
    gains = []
    for pairs in kinds:
        truth, latent = pairs.faces.present[:, 0], pairs.faces.score[:, 0]
        shifted = latent - share * (pairs.resting[:, 0] - pairs.usual[0])
        gains.append(roc_auc_score(truth, shifted) - roc_auc_score(truth, latent))
    return np.mean(gains)


def test_shares_are_the_mean_of_both_kinds_of_people_where_real_ones_are_enough():
    useful, useless = pairs_of(1, 1.0), pairs_of(2, 0.0, spread=3.0)
    (rendered,) = neutral.learn_shares(("AU04",), useful)
    (same,) = neutral.learn_shares(("AU04",), useful, useful)
    (both,) = neutral.learn_shares(("AU04",), useful, useless)
    (none,) = neutral.learn_shares(("AU04",), useless)
    (few,) = neutral.learn_shares(("AU04",), useful, pairs_of(3, 0.0, people=12, each=3))
    assert rendered.share > 0.9
    assert same.share == pytest.approx(rendered.share)
    assert (none.share, none.gain < neutral.LEAST_GAIN) == (0, True)
    assert both.share == pytest.approx(rendered.share / 2, abs=0.1)
    assert both.gain == pytest.approx(mean_gain((useful, useless), both.share), abs=0.01)
    assert abs(both.gain - mean_gain((useful, useless), rendered.share)) > 0.01
    assert (rendered.learnt_on, both.learnt_on, few.learnt_on) == ("rendered", "rendered and real", "rendered")
    assert few.share == rendered.share
    assert 0 < few.positives < neutral.LEAST_POSITIVES <= both.positives
    with pytest.raises(TrainingError, match="9 real people have neutral faces"):
        neutral.learn_shares(("AU04",), useful, pairs_of(3, 0.0, people=9))


def test_a_real_face_is_compared_with_other_pictures_of_its_person_at_rest(system):
    store = toy_store(7, 2)
    store.subject = np.array(list("aaabbcd"))
    grade = np.zeros((7, len(AU_NAMES)), np.float32)
    grade[[1, 3], SMILE], grade[2, SMILE], grade[5] = 2.0, 0.75, np.nan
    labels = labels_from_grades(np.arange(7), Grades(grade, np.zeros(grade.shape, np.int8)))
    store.occurrence, store.known = labels.occurrence, labels.known
    latent = np.arange(14.0).reshape(7, 2) - 7

    class Fixed(type(system)):
        def scores(self, _):
            return 1 / (1 + np.exp(-latent))

    found = neutral.real_pairs(Fixed(system.recipe, system.network, None, {}), store)
    # At rest: 0 and 2 (a doubtful trace) of a, 4 of b, 6 of d; 5 cannot be judged. 4 and 6 have no other picture.
    assert found.person.tolist() == ["a", "a", "a", "b"]
    assert_allclose(found.faces.score, latent[:4], atol=1e-6)
    assert_allclose(found.resting, [latent[2], latent[[0, 2]].mean(0), latent[0], latent[4]], atol=1e-6)
    assert_allclose(found.usual, np.mean([latent[[0, 2]].mean(0), latent[4], latent[6]], axis=0), atol=1e-6)
    assert found.faces.present[:, 1].tolist() == [False, True, False, True]
    assert found.faces.known[:, 1].tolist() == [True, True, False, True]


def test_the_rule_shifts_sides_and_grades_alike():
    rng = np.random.default_rng(0)
    sides = rng.normal(size=(6, 2, 2))
    face = sides.max(2)
    cuts = np.sort(rng.normal(size=(2, 5)), axis=1)
    rule = NeutralRule(np.array([0.5, 0.0]), np.array([-1.0, -1.0]), cuts)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def graded(latent, at):
        return sigmoid(latent[..., None] - at).sum(-1)

    shift = rule.shift(sigmoid(np.array([[1.0, 3.0], [1.0, 5.0], [1.0, 4.0]])))
    assert_allclose(shift, [1.0, 0.0])
    found = Recognized(sigmoid(face), graded(face, cuts), sigmoid(sides), graded(sides, cuts[:, None]))
    shifted = rule.apply(found, shift)
    assert_allclose(shifted.probability, sigmoid(face - shift), atol=1e-9)
    assert_allclose(shifted.side_intensity, graded(sides - shift[:, None], cuts[:, None]), atol=1e-9)
    assert_allclose(shifted.intensity[:, 1], found.intensity[:, 1], atol=1e-9)


def test_a_folder_without_a_store_is_named(system, tmp_path):
    system.save(tmp_path)
    with pytest.raises(DatasetError, match="no prepared store"):
        au_network.release_au_network(tmp_path, au_network.StoreFolders(*[tmp_path] * 8), tmp_path / "w")
