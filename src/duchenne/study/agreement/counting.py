"""A pair of codings and an action unit -> counts from which every measure is made, so that pairs can be added up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from duchenne.measures.event_matching import match_by_overlap, match_by_time
from duchenne.study.agreement.pairs import Pair, Track
from duchenne.study.agreement.settings import AgreeSettings
from duchenne.study.au_events import event_spans
from duchenne.study.tracks import EventTrack, Sampled

GRADES = 6
"""0 (absent) and A to E."""
SCORE_STEPS = 10_000
"""Scores are counted by their value in steps of a ten thousandth, as results write probabilities."""


@dataclass(frozen=True)
class AUCounts:
    """What a pair holds of one action unit; p and q are the first and the second coding.

    Attributes:
        occurrence: (2, 2) weighted moments, absent and present, p by q.
        grades: (6, 6) by grade, rounded; zeros where either has no grades.
        moments: Sums of 1, p, q, p^2, q^2, p q over the grades.
        score: Distinct scores of p, in steps.
        score_counts: (2, k) weighted moments with each score, absent and present in q.
        events: (3, 3) matched events, events of p, of q; by overlap, by onset, by offset.
        late_s: Onset in p minus onset in q of each pair that overlaps.
        compared_s: Time that is compared.
        left_out_s: Time that would be compared, but lies in a stretch that is left out.
    """

    occurrence: Float[np.ndarray, "2 2"]
    grades: Float[np.ndarray, "6 6"]
    moments: Float[np.ndarray, " 6"]
    score: Int[np.ndarray, " k"]
    score_counts: Float[np.ndarray, "2 k"]
    events: Float[np.ndarray, "3 3"]
    late_s: Float[np.ndarray, " m"]
    compared_s: float
    left_out_s: float


def count(pair: Pair, au: str, settings: AgreeSettings) -> AUCounts:
    """Return the counts of one action unit in a pair."""
    first, second = pair.sample(pair.first, au), pair.sample(pair.second, au)
    known, out = first.known & second.known & (pair.weights > 0), pair.left_out(au, settings)
    both = known & ~out
    weights = pair.weights[both]
    cells = np.bincount(2 * first.present[both] + second.present[both], weights, 4).reshape(2, 2)
    score, score_counts = _scores(first, second, both, pair.weights)
    events, late_s = _events(pair, au, both, settings)
    return AUCounts(
        cells,
        *_grades(first, second, both, pair.weights),
        score,
        score_counts,
        events,
        late_s,
        float(both.sum() * pair.frame_s),
        float((known & out).sum() * pair.frame_s),
    )


def _grades(
    first: Sampled, second: Sampled, both: Bool[np.ndarray, " n"], weights: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "6 6"], Float[np.ndarray, " 6"]]:
    graded = both & ~np.isnan(first.grade) & ~np.isnan(second.grade)
    p, q, w = first.grade[graded].astype(float), second.grade[graded].astype(float), weights[graded]
    places = (np.clip(np.floor(one + 0.5), 0, GRADES - 1).astype(np.int64) for one in (p, q))
    row, column = places
    table = np.bincount(GRADES * row + column, w, GRADES**2).astype(float).reshape(GRADES, GRADES)
    return table, np.array([w.sum(), w @ p, w @ q, w @ (p * p), w @ (q * q), w @ (p * q)])


def _scores(
    first: Sampled, second: Sampled, both: Bool[np.ndarray, " n"], weights: Float[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " k"], Float[np.ndarray, "2 k"]]:
    if first.score is None:
        return np.zeros(0, np.int64), np.zeros((2, 0))
    steps = np.rint(first.score[both] * float(SCORE_STEPS)).astype(np.int64)
    size = SCORE_STEPS + 1
    whole = np.bincount(size * second.present[both] + steps, weights[both], 2 * size).reshape(2, size)
    used = np.flatnonzero(whole.sum(0))
    return used, whole[:, used]


def _events(
    pair: Pair, au: str, both: Bool[np.ndarray, " n"], settings: AgreeSettings
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, " m"]]:
    one, other = (_judged(_spans(track, pair, au, settings), pair, both) for track in (pair.first, pair.second))
    matched = match_by_overlap(one, other, settings.overlap)
    ends = [match_by_time(one[:, end], other[:, end], settings.tolerance_s) for end in (0, 1)]
    numbers = [[len(pairs), len(one), len(other)] for pairs in (matched, *ends)]
    return np.array(numbers, float), one[matched[:, 0], 0] - other[matched[:, 1], 0]


def _spans(track: Track, pair: Pair, au: str, settings: AgreeSettings) -> Float[np.ndarray, "n 2"]:
    if isinstance(track, EventTrack):
        return track.events(au)
    return event_spans(track, au, settings.events)


def _judged(spans: Float[np.ndarray, "k 2"], pair: Pair, both: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "m 2"]:
    """Return the events of which at least half can be compared: both codings know of the person there."""
    if not len(spans):
        return spans
    before = np.append(0, np.cumsum(both)) * pair.frame_s
    first, last = (np.searchsorted(pair.middles_s, spans[:, end]) for end in (0, 1))
    return spans[2 * (before[last] - before[first]) >= spans[:, 1] - spans[:, 0] - 1e-9]


@dataclass(frozen=True)
class Added:
    """Counts of u units.

    Attributes:
        occurrence: (u, 2, 2).
        grades: (u, 6, 6).
        moments: (u, 6).
        events: (u, 3, 3).
        score: (k,) distinct scores, highest first, 0-1.
        positives: (u, k) moments with each score where the second coding says present.
        negatives: (u, k) where it says absent.
    """

    occurrence: Float[np.ndarray, "u 2 2"]
    grades: Float[np.ndarray, "u 6 6"]
    moments: Float[np.ndarray, "u 6"]
    events: Float[np.ndarray, "u 3 3"]
    score: Float[np.ndarray, " k"]
    positives: Float[np.ndarray, "u k"]
    negatives: Float[np.ndarray, "u k"]

    def by(self, units: Sequence[str]) -> "Added":
        """Return the same with the rows of each unit added up, in order of their names."""
        names, row = np.unique(np.array(units), return_inverse=True)
        member = (row[None] == np.arange(len(names))[:, None]).astype(float)
        return self.weighted(member)

    def weighted(self, weights: Real[np.ndarray, "d u"]) -> "Added":
        """Return sums over the units, one row for each set of weights: a resampling, or all ones for the whole."""

        def total(values: np.ndarray) -> np.ndarray:
            return np.tensordot(weights.astype(float), values, 1)

        return Added(
            total(self.occurrence),
            total(self.grades),
            total(self.moments),
            total(self.events),
            self.score,
            total(self.positives),
            total(self.negatives),
        )


def added(counts: Sequence[AUCounts]) -> Added:
    """Return the counts of several pairs, one row each."""
    score = np.unique(np.concatenate([one.score for one in counts]))[::-1]
    spread = np.zeros((2, len(counts), len(score)))
    for row, one in enumerate(counts):
        spread[:, row, len(score) - 1 - np.searchsorted(score[::-1], one.score)] = one.score_counts
    return Added(
        np.stack([one.occurrence for one in counts]),
        np.stack([one.grades for one in counts]),
        np.stack([one.moments for one in counts]),
        np.stack([one.events for one in counts]),
        score / SCORE_STEPS,
        spread[1],
        spread[0],
    )
