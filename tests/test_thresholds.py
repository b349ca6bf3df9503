"""Thresholds: two sets against hand-made numbers and scikit-learn, held back on faces at rest, noted by AU."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_curve

from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.training.action_units.thresholds import (
    LEAST_POSITIVES,
    MOST_CALLED,
    AUThresholds,
    ChoosingScores,
    ThresholdSets,
    at_rest,
    best_balanced_threshold,
    choose_thresholds,
    choosing_scores,
    threshold_with_few_called,
)
from toy_store import FROWN, SMILE, toy_store

RNG = np.random.default_rng(3)


def scores_of(truth, rng, gap=1.5):
    return 1 / (1 + np.exp(-(rng.normal(size=len(truth)) + gap * truth - 1)))


def faces_of(positives, count=200, gap=1.5, seed=0, rest=0):
    """One AU; the first faces have it, the last `rest` have no AU at all."""
    rng = np.random.default_rng(seed)
    present = (np.arange(count) < positives)[:, None]
    score = scores_of(present[:, 0], rng, gap)[:, None]
    return ChoosingScores(score, np.ones((count, 1), bool), present, np.arange(count) >= count - rest)


@pytest.mark.parametrize("seed", range(20))
def test_balanced_accuracy_is_the_best_that_scikit_learn_finds(seed):
    rng = np.random.default_rng(seed)
    truth = rng.random(150) < rng.uniform(0.05, 0.9)
    score = np.round(scores_of(truth, rng), rng.integers(1, 6))  # ties
    called = score >= best_balanced_threshold(truth, score)
    false_rate, true_rate, _ = roc_curve(truth, score, drop_intermediate=False)
    assert balanced_accuracy_score(truth, called) == pytest.approx((true_rate + 1 - false_rate).max() / 2)


def test_balanced_accuracy_by_hand():
    truth = np.array([0, 0, 0, 0, 1, 1], bool)
    score = np.array([0.1, 0.2, 0.3, 0.8, 0.5, 0.9])
    # .9: TPR .5, FPR 0; .8: .5, .25; .5: 1, .25 (best, .875); .3: 1, .5. F1: .667, .5, .8, .667.
    assert best_balanced_threshold(truth, score) == pytest.approx(0.4)
    rare = np.array([0] * 9 + [1], bool)
    score = np.array([0.1] * 6 + [0.6, 0.6, 0.7, 0.5])
    assert best_balanced_threshold(rare, score) == pytest.approx(0.3)  # TPR 1, FPR 1/3
    assert best_balanced_threshold(np.array([True, False]), np.array([0.2, 0.8])) == pytest.approx(0.1)


@pytest.mark.parametrize(("count", "allowed"), [(12, 0), (13, 0), (48, 2), (50, 3), (100, 7), (1000, 79)])
def test_no_more_are_called_than_let_the_share_of_unseen_scores_be_expected(count, allowed):
    score = np.random.default_rng(count).permutation(np.linspace(0.01, 0.9, count))
    threshold = threshold_with_few_called(score)
    assert (score >= threshold).sum() == allowed
    assert (score >= threshold - 1.1e-4).sum() == allowed + 1


def test_ties_at_the_limit_are_none_of_them_called():
    score = np.array([0.7] * 10 + [0.2] * 90)
    assert threshold_with_few_called(score) == pytest.approx(0.7001)
    assert threshold_with_few_called(np.array([0.12345] * 100)) == pytest.approx(0.1235)
    assert threshold_with_few_called(np.ones(20)) > 1
    assert threshold_with_few_called(np.array([0.5, 0.6]), most=1.0) == 0


def test_a_threshold_is_raised_until_real_and_rendered_faces_at_rest_keep_the_limit():
    faces = faces_of(60, rest=50)
    (free,) = choose_thresholds(["AU04"], ChoosingScores(*faces_without_rest(faces))).aus
    quiet = np.full((100, 1), 0.01)
    (plain,) = choose_thresholds(["AU04"], faces, None, quiet).aus
    at_rest_called = (faces.score[faces.at_rest, 0] >= plain.balanced).mean()
    assert (free.rule, free.called_at_rest) == ("balanced accuracy", None)
    assert plain.rule == "raised"
    assert plain.balanced > free.balanced
    assert at_rest_called == pytest.approx(plain.called_at_rest)
    assert at_rest_called == pytest.approx(0.06)  # of 50 faces 3: an unseen one is among the 4 highest of 51 in 8%
    assert plain.called_on_rendered_at_rest == 0
    loud = np.linspace(0, 0.99, 100)[:, None]
    (both,) = choose_thresholds(["AU04"], faces, None, loud).aus
    assert both.balanced == pytest.approx(0.9201, abs=1e-4)  # .93, .94 ... .99 are called, .92 is not
    assert both.called_on_rendered_at_rest == 0.07
    assert both.called_at_rest < 0.08
    assert both.f1 == plain.f1 == free.f1


def faces_without_rest(faces):
    return faces.score, faces.known, faces.present, np.zeros(len(faces.score), bool)


def test_f1_is_the_best_and_heeds_no_limit():
    faces = faces_of(60, rest=100)
    (found,) = choose_thresholds(["AU04"], faces).aus
    truth, score = faces.present[:, 0], faces.score[:, 0]
    best = max(f1_score(truth, score >= t) for t in score)
    assert f1_score(truth, score >= found.f1) == pytest.approx(best)


def test_few_positives_keep_the_rendered_rule_and_say_so():
    rendered = faces_of(100, seed=5, gap=3)
    enough, few = faces_of(LEAST_POSITIVES, seed=1), faces_of(LEAST_POSITIVES - 1, seed=1)
    (own,) = choose_thresholds(["AU12"], enough, rendered).aus
    (taken,) = choose_thresholds(["AU12"], few, rendered).aus
    assert (own.chosen_on, own.few_positives, own.positives) == ("validation", False, 25)
    assert (taken.chosen_on, taken.few_positives, taken.positives) == ("rendered", True, 24)
    alone = choose_thresholds(["AU12"], None, rendered).aus[0]
    assert (taken.balanced, taken.f1) == (alone.balanced, alone.f1)
    assert own.balanced != taken.balanced
    (nothing_else,) = choose_thresholds(["AU12"], few).aus
    assert (nothing_else.chosen_on, nothing_else.few_positives) == ("validation", True)


def test_unknown_labels_count_neither_as_present_nor_as_absent():
    faces = faces_of(40)
    hidden = ChoosingScores(faces.score, faces.known.copy(), faces.present.copy(), faces.at_rest)
    hidden.known[30:40], hidden.present[100:] = False, True
    hidden.known[100:] = False
    assert hidden.positives(0) == 30
    (found,) = choose_thresholds(["AU12"], hidden).aus
    kept = np.r_[0:30, 40:100]
    assert found.balanced == pytest.approx(
        best_balanced_threshold(faces.present[kept, 0], faces.score[kept, 0]), abs=1e-4
    )


def test_what_cannot_be_chosen_is_named():
    with pytest.raises(TrainingError, match="no faces to choose"):
        choose_thresholds(["AU12"], None)
    with pytest.raises(TrainingError, match="AU12 has one class only among the 200 validation faces"):
        choose_thresholds(["AU12"], faces_of(0))
    with pytest.raises(TrainingError, match="AU12 scores 1 on too many faces"):
        choose_thresholds(["AU12"], faces_of(60), None, np.ones((40, 1)))


def test_a_face_at_rest_has_labels_and_none_of_an_au():
    store = toy_store(4)
    store.occurrence = np.zeros((4, len(AU_NAMES)), bool)
    store.occurrence[1, SMILE] = store.occurrence[2, FROWN] = True
    store.known[2, FROWN] = False  # doubtful or hidden: no AU
    store.known[3] = False
    assert at_rest(store).tolist() == [True, False, True, False]
    found = choosing_scores(np.zeros((4, 2)), store, ("AU04", "AU12"))
    assert found.present.tolist() == [[False, False], [False, True], [False, False], [False, False]]
    assert found.known[:, 0].tolist() == [True, True, False, False]


def test_what_is_stored_names_sets_and_reasons():
    one = AUThresholds("AU12", 0.6, 0.4, "raised", "rendered", 3, True, 0.0625, None)
    other = AUThresholds("AU25", 0.5, 0.3, "balanced accuracy", "validation", 500, False, 0.0, None)
    sets = ThresholdSets((one, other))
    assert sets.of("f1").tolist() == [0.4, 0.3]
    stored = sets.metadata()
    assert stored["thresholds"] == stored["threshold_sets"]["balanced"] == [0.6, 0.5]
    assert stored["threshold_sets"]["f1"] == [0.4, 0.3]
    assert stored["threshold_notes"]["AU12"] == {
        "rule": "raised",
        "chosen_on": "rendered",
        "positives": 3,
        "few_positives": True,
        "called_at_rest": 0.0625,
        "called_on_rendered_at_rest": None,
    }
    assert 0 < MOST_CALLED < 0.1
