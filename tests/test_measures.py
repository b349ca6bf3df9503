"""Measures against scikit-learn, scipy, published tables and limiting cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from duchenne.measures import agreement, intervals, ranking
from duchenne.measures.ranking import Counts, counts_at, curve_of

EXACT = 1e-9
approx = pytest.approx


@st.composite
def cases(draw, *, both_kinds=True):
    """Return labels, scores on a coarse grid (so that many tie) and weights, some of them 0."""
    count = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    truth = rng.random(count) < draw(st.floats(0, 1))
    if both_kinds:
        truth[:2] = [True, False]
    score = np.round(rng.random(count), draw(st.integers(0, 3)))
    weight = rng.integers(0, 4, count).astype(float) if draw(st.booleans()) else np.ones(count)
    weight[:2] += 1
    return truth, score, weight


@given(cases())
@settings(max_examples=150, deadline=None)
def test_scikit_learn_agrees_on_areas_and_best_f1(case):
    truth, score, weight = case
    curve = curve_of(truth, score, weight)
    balance = np.where(truth, weight, weight * weight[truth].sum() / weight[~truth].sum())
    for weights, found in ((weight, curve), (balance, curve.balanced())):
        assert ranking.average_precision(found) == approx(
            metrics.average_precision_score(truth, score, sample_weight=weights), abs=EXACT
        )
        assert ranking.roc_area(found) == approx(metrics.roc_auc_score(truth, score, sample_weight=weights), abs=EXACT)
        expected = max(metrics.f1_score(truth, score >= t, sample_weight=weights) for t in np.unique(score))
        assert ranking.best_f1(found) == approx(expected, abs=EXACT)


@given(cases(), st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_scikit_learn_agrees_at_a_threshold(case, threshold):
    truth, score, weight = case
    called = score >= threshold
    counts = counts_at(truth, called, weight)
    assert counts.f1 == approx(metrics.f1_score(truth, called, sample_weight=weight, zero_division=0), abs=EXACT)
    assert counts.recall == approx(metrics.recall_score(truth, called, sample_weight=weight), abs=EXACT)
    kappa = agreement.cohen_kappa(counts)
    assert kappa == approx(metrics.cohen_kappa_score(truth, called, sample_weight=weight), abs=EXACT)
    balance = np.where(truth, weight, weight * weight[truth].sum() / weight[~truth].sum())
    assert counts.normalised_f1 == approx(metrics.f1_score(truth, called, sample_weight=balance), abs=EXACT)
    if (weight * called).any():
        assert counts.precision == approx(metrics.precision_score(truth, called, sample_weight=weight), abs=EXACT)
    else:
        assert counts.precision is None


@given(cases(both_kinds=False))
@settings(max_examples=100, deadline=None)
def test_one_class_is_said_and_never_a_number(case):
    truth, score, _ = case
    missing = truth.all() or not truth.any()
    curve = curve_of(truth, score)
    for measure in intervals.CURVE_MEASURES.values():
        assert (ranking.or_none(measure(curve)) is None) == missing
    counts = counts_at(truth, score > 0.5)
    assert (counts.f1 is None) == missing
    assert (counts.normalised_f1 is None) == missing
    assert (ranking.area_under_roc(truth, score) is None) == missing


def test_rows_of_weights_give_what_each_row_gives():
    rng = np.random.default_rng(0)
    truth, score = rng.random(80) < 0.4, np.round(rng.random(80), 1)
    weights = rng.integers(0, 3, (5, 80))
    together = curve_of(truth, score, weights)
    for name, measure in intervals.CURVE_MEASURES.items():
        alone = [float(measure(curve_of(truth, score, row))) for row in weights]
        assert measure(together) == approx(np.array(alone), abs=EXACT), name


def test_napr_is_the_mean_over_balanced_undersamplings():
    rng = np.random.default_rng(1)
    truth = np.arange(12_000) < 3_000
    score = np.round(rng.normal(size=12_000) + truth, 2)
    napr = ranking.average_precision(curve_of(truth, score).balanced())
    negatives = np.flatnonzero(~truth)
    drawn = []
    for _ in range(150):
        rows = np.r_[np.flatnonzero(truth), rng.choice(negatives, 3_000, replace=False)]
        drawn.append(metrics.average_precision_score(truth[rows], score[rows]))
    assert napr == approx(np.mean(drawn), abs=1e-3)


@pytest.mark.parametrize("skew", [0.5, 1.0, 4.0])
def test_floors_and_maxima(skew):
    truth = np.arange(300) < 300 / (1 + skew)
    perfect, reversed_ = truth.astype(float), 1.0 - truth
    of = {
        name: [float(measure(curve_of(truth, score))) for score in (np.zeros(300), perfect, reversed_)]
        for name, measure in intervals.CURVE_MEASURES.items()
    }
    rate = 1 / (1 + skew)
    assert of["aroc"] == approx([0.5, 1, 0])
    assert of["apr"] == approx([rate, 1, rate])
    assert of["napr"] == approx([0.5, 1, 0.5])
    assert of["f1"] == approx([ranking.all_positive_f1(skew), 1, ranking.all_positive_f1(skew)])
    assert of["nf1"] == approx([2 / 3, 1, 2 / 3])


def test_area_under_the_roc_equals_scipys_u_statistic():
    rng = np.random.default_rng(0)
    truth, score = rng.random(200) < 0.3, np.round(rng.normal(size=200), 1)
    u = stats.mannwhitneyu(score[truth], score[~truth]).statistic
    assert ranking.area_under_roc(truth, score) == approx(u / (truth.sum() * (~truth).sum()))


def test_the_best_threshold_reaches_the_best_f1():
    rng = np.random.default_rng(1)
    truth, score = rng.random(100) < 0.4, np.round(rng.random(100), 1)
    called = score >= ranking.best_threshold(truth, score)
    assert metrics.f1_score(truth, called) == approx(float(ranking.best_f1(curve_of(truth, score))))


def test_icc_of_shrout_and_fleiss():
    ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    assert agreement.intraclass_correlation(ratings) == approx(0.71, abs=0.005)
    assert agreement.intraclass_correlation(ratings + np.array([0, 5, 1, 2])) == approx(
        agreement.intraclass_correlation(ratings)
    )
    assert agreement.intraclass_correlation(np.ones((4, 2))) is None


def test_calibration_of_hand_made_probabilities():
    truth = np.array([True, False, True, True])
    assert agreement.calibration_error(truth, np.array([0.5, 0.5, 1.0, 1.0]), 10) == approx(0)
    assert agreement.calibration_error(truth, np.array([0.9, 0.9, 0.25, 0.25]), 10) == approx(0.4 / 2 + 0.75 / 2)
    assert agreement.calibration_error(truth[:0], np.zeros(0)) is None
    assert agreement.cohen_kappa(Counts(0, 0, 0, 0)) is None


def test_intervals_draw_whole_subjects():
    rng = np.random.default_rng(3)
    subject = np.repeat(np.array([f"s{k}" for k in range(40)]), 25)
    good = np.repeat(rng.normal(1.5, 1.0, 40), 25)
    truth = rng.random(1000) < 0.5
    score = rng.normal(size=1000) + good * truth
    bootstrap = intervals.Bootstrap(400)
    drawn, column = intervals.subject_weights(subject, bootstrap)
    low, high = intervals.interval(intervals.resampled(truth, score, drawn, column)["aroc"], 0.95)
    assert low < ranking.area_under_roc(truth, score) < high
    one_by_one, own = intervals.subject_weights(np.arange(1000).astype(str), bootstrap)
    narrow = intervals.interval(intervals.resampled(truth, score, one_by_one, own)["aroc"], 0.95)
    assert high - low > 1.3 * (narrow[1] - narrow[0])
    assert drawn.sum(1).tolist() == [40] * 400


def test_an_interval_needs_most_resamplings():
    assert intervals.interval(np.array([0.5, np.nan, np.nan]), 0.95) is None
    assert intervals.interval(np.linspace(0, 1, 101), 0.9) == approx((0.05, 0.95))
