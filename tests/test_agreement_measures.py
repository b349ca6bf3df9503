"""Measures of agreement against printed worked examples and trusted libraries."""

import krippendorff
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score

from duchenne.measures.agreement import intraclass_correlation, intraclass_of_two
from duchenne.measures.contingency import (
    gwet_ac1,
    kappa,
    krippendorff_alpha,
    percent_agreement,
    share_within_one,
    specific_agreement,
)
from duchenne.measures.event_matching import event_agreement, match_by_overlap, match_by_time
from duchenne.measures.ranking import curve_of_counts, roc_area


def table_of(first, second, categories):
    table = np.zeros((categories, categories))
    np.add.at(table, (np.array(first, int), np.array(second, int)), 1)
    return table


def two_codings(seed, categories, n=200):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, categories, n)
    second = np.where(rng.random(n) < 0.6, first, rng.integers(0, categories, n))
    return first, second


def test_krippendorffs_printed_examples():
    # Computing Krippendorff's alpha-reliability (2011): A, binary, .095; B, nominal, .692.
    meg, jon = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert float(krippendorff_alpha(table_of(meg, jon, 2))) == pytest.approx(0.095, abs=5e-4)
    ben, gerry = ("abcde".index for _ in range(2))
    first, second = map(ben, "aabbdcccedda"), map(gerry, "babbbcccedd" + "d")
    assert float(krippendorff_alpha(table_of(list(first), list(second), 5))) == pytest.approx(0.692, abs=5e-4)


def test_gwets_printed_example():
    # Gwet, Kappa statistic is not satisfactory (2002), table of 125 subjects: kappa -.023, AC1 .941.
    table = np.array([[0.0, 2], [5, 118]])
    assert float(kappa(table)) == pytest.approx(-0.0234, abs=5e-5)
    assert float(gwet_ac1(table)) == pytest.approx(0.9408, abs=5e-5)


def test_feinstein_and_cicchettis_printed_paradox():
    # High agreement but low kappa I (1990): the same agreement, kappa .70 and .32.
    even, skewed = np.array([[40.0, 9], [6, 45]]), np.array([[80.0, 10], [5, 5]])
    assert np.round(kappa(np.stack([even, skewed])), 2).tolist() == [0.70, 0.32]
    assert percent_agreement(np.stack([even, skewed])).tolist() == [0.85, 0.85]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighting", ["none", "linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn(seed, weighting):
    first, second = two_codings(seed, 6)
    weights = None if weighting == "none" else weighting
    assert float(kappa(table_of(first, second, 6), weighting)) == pytest.approx(
        cohen_kappa_score(first, second, weights=weights)
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("level", ["nominal", "interval"])
def test_alpha_is_that_of_the_krippendorff_package_with_gaps(seed, level):
    first, second = (one.astype(float) for one in two_codings(seed, 4))
    first[:20], second[10:40] = np.nan, np.nan
    both = ~np.isnan(first) & ~np.isnan(second)
    expected = krippendorff.alpha(np.stack([first, second]), level_of_measurement=level)
    found = krippendorff_alpha(table_of(first[both], second[both], 4), interval=level == "interval")
    assert float(found) == pytest.approx(expected)


def test_specific_agreement_of_presence_is_f1():
    first, second = two_codings(5, 2)
    assert float(specific_agreement(table_of(first, second, 2), 1)) == pytest.approx(f1_score(second, first))
    assert float(specific_agreement(table_of(first, second, 2), 0)) == pytest.approx(f1_score(1 - second, 1 - first))


def test_the_area_from_counts_is_that_of_scikit_learn_with_ties():
    rng = np.random.default_rng(2)
    truth, score = rng.random(300) < 0.3, rng.integers(0, 12, 300) / 12
    values = np.unique(score)[::-1]
    counts = [[((score == value) & (truth == kind)).sum() for value in values] for kind in (True, False)]
    assert float(roc_area(curve_of_counts(values, *map(np.array, counts)))) == pytest.approx(
        roc_auc_score(truth, score)
    )


@pytest.mark.parametrize("seed", range(4))
def test_icc_from_sums_is_that_of_shrout_and_fleiss(seed):
    x, y = (one.astype(float) for one in two_codings(seed, 6))
    moments = np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y])
    assert float(intraclass_of_two(moments)) == pytest.approx(intraclass_correlation(np.stack([x, y], 1)))


def test_one_category_only_has_no_agreement_beyond_chance():
    table = np.array([[50.0, 0], [0, 0]])
    assert np.isnan(kappa(table))
    assert np.isnan(krippendorff_alpha(table))
    assert np.isnan(intraclass_of_two(np.array([50.0, 0, 0, 0, 0, 0])))
    assert np.isnan(specific_agreement(table, 1))
    assert float(gwet_ac1(table)) == 1.0


def test_grades_within_a_letter_are_counted_where_either_sees_it():
    first, second = [0, 0, 3, 3, 0, 5], [0, 1, 4, 1, 3, 5]
    assert float(share_within_one(table_of(first, second, 6))) == pytest.approx(3 / 5)


def best_matching(allowed):
    """Return the largest number of pairs, by trying every one: the reference for matchings."""
    if not allowed.size:
        return 0
    rest = best_matching(allowed[1:])
    return max([rest, *(1 + best_matching(np.delete(allowed[1:], j, 1)) for j in np.flatnonzero(allowed[0]))])


@pytest.mark.parametrize("seed", range(20))
def test_matchings_are_as_large_as_can_be(seed):
    rng = np.random.default_rng(seed)
    first, second = (np.sort(rng.uniform(0, 10, 10)).reshape(5, 2) for _ in range(2))
    near = np.abs(first[:, None, 0] - second[None, :, 0]) <= 1.0
    assert len(match_by_time(first[:, 0], second[:, 0], 1.0)) == best_matching(near)
    shared = np.minimum(first[:, None, 1], second[None, :, 1]) - np.maximum(first[:, None, 0], second[None, :, 0])
    either = np.maximum(first[:, None, 1], second[None, :, 1]) - np.minimum(first[:, None, 0], second[None, :, 0])
    for least in (0.1, 0.5):
        assert len(match_by_overlap(first, second, least)) == best_matching(shared / either >= least)


def test_the_ratio_of_facs_by_hand():
    # Two of three and two of four events are the same: 2 x 2 / 7.
    assert float(event_agreement(np.array([2.0, 3, 4]))) == pytest.approx(4 / 7)
    assert np.isnan(event_agreement(np.zeros(3)))
