"""Every measure of a system's scores on a set of faces: makes a run."""

from collections.abc import Mapping, Sequence

import numpy as np

from duchenne.evaluation.relations import relate
from duchenne.evaluation.runs import (
    MEASURES,
    AUScores,
    CurveScores,
    Intervals,
    MeanScores,
    PoseScores,
    RelationScores,
    Run,
    RunOrigin,
    SubsetAUScores,
    SubsetScores,
    ThresholdRules,
    ThresholdScores,
)
from duchenne.evaluation.scored_faces import ScoredFaces
from duchenne.measures.agreement import calibration_error, cohen_kappa, intraclass_correlation
from duchenne.measures.intervals import CURVE_MEASURES, Bootstrap, interval, resampled, subject_weights
from duchenne.measures.ranking import all_positive_f1, best_threshold, counts_at, curve_of, or_none
from duchenne.poses import KEPT_POSES

GRADES = 5.0
"""Highest intensity; a score stands for so many times itself where no intensity is predicted."""
Threshold = float | np.ndarray
"""One for all faces, or one for each where folds of a cross-validation are measured together."""
Thresholds = Mapping[str, Threshold | None]
Draws = Mapping[str, np.ndarray]
"""Each measure of one AU in each resampling."""


def evaluate_faces(
    faces: ScoredFaces,
    origin: RunOrigin,
    fingerprint: str,
    thresholds: Thresholds | None = None,
    bootstrap: Bootstrap | None = None,
) -> Run:
    """Return the run.

    Args:
        faces: Scores and labels of the test faces.
        origin: Where they come from.
        fingerprint: Of the test faces.
        thresholds: Chosen on validation subjects (`thresholds_on`), one for all faces or one for each; without them
            that rule's scores are None.
        bootstrap: How intervals are made; by default as `Bootstrap` does.
    """
    chosen, resampling = thresholds or {}, bootstrap or Bootstrap()
    draws = _draws_by_au(faces, resampling)
    by_au = {
        name: _au_scores(faces, place, chosen.get(name), _intervals(draws.get(name), resampling))
        for place, name in enumerate(faces.aus)
    }
    return Run(
        origin,
        fingerprint,
        len(faces.subject),
        len(np.unique(faces.subject)),
        resampling,
        by_au,
        _mean_scores(by_au, _mean_intervals(draws, resampling)),
        _pose_scores(faces),
        _relation_scores(faces, chosen),
        by_subject={str(name): _subset_scores(faces.of(faces.subject == name)) for name in np.unique(faces.subject)},
    )


def _draws_by_au(faces: ScoredFaces, bootstrap: Bootstrap) -> dict[str, Draws]:
    """Return resampled measures of the AUs that have both kinds of faces, the same subjects for all of them."""
    if not bootstrap.draws:
        return {}
    drawn, column = subject_weights(faces.subject, bootstrap)
    found: dict[str, Draws] = {}
    for place, name in enumerate(faces.aus):
        truth, score = faces.column(place)
        if truth.any() and not truth.all():
            found[name] = resampled(truth, score, drawn, column[faces.known[:, place]])
    return found


def _au_scores(faces: ScoredFaces, place: int, chosen: Threshold | None, intervals: Intervals | None) -> AUScores:
    truth, score = faces.column(place)
    subset, unknown = _subset_au_scores(truth, score), int((~faces.known[:, place]).sum())
    if subset.missing is not None:
        return AUScores(**vars(subset), unknown=unknown, icc=_icc(faces, place))
    rules = ThresholdRules(
        _threshold_scores(truth, score, best_threshold(truth, score)),
        _threshold_scores(truth, score, 0.5),
        None if chosen is None else _threshold_scores(truth, score, _of_known(chosen, faces.known[:, place])),
    )
    return AUScores(
        **vars(subset),
        unknown=unknown,
        all_positive_f1=_rounded(all_positive_f1(subset.negatives / subset.positives)),
        calibration_error=_rounded(calibration_error(truth, score)),
        at=rules,
        interval=intervals,
        icc=_icc(faces, place),
    )


def _icc(faces: ScoredFaces, place: int) -> float | None:
    if faces.grade is None:
        return None
    coded, known = faces.grade[:, place], np.isfinite(faces.grade[:, place])
    predicted = GRADES * faces.score if faces.predicted_grade is None else faces.predicted_grade
    return (
        _rounded(intraclass_correlation(np.column_stack([predicted[known, place], coded[known]])))
        if known.sum() > 1
        else None
    )


def _of_known(chosen: Threshold, known: np.ndarray) -> Threshold:
    return chosen[known] if isinstance(chosen, np.ndarray) else chosen


def _threshold_scores(truth: np.ndarray, score: np.ndarray, threshold: Threshold) -> ThresholdScores:
    counts = counts_at(truth, score >= threshold)
    return ThresholdScores(
        round(float(np.mean(threshold)), 6),
        int(counts.true_positive),
        int(counts.false_positive),
        int(counts.false_negative),
        int(counts.true_negative),
        _rounded(counts.f1),
        _rounded(counts.normalised_f1),
        _rounded(counts.precision),
        _rounded(counts.recall),
        _rounded(cohen_kappa(counts)),
    )


def _subset_au_scores(truth: np.ndarray, score: np.ndarray) -> SubsetAUScores:
    positives, negatives = int(truth.sum()), int((~truth).sum())
    lacking = [word for word, count in (("positive", positives), ("negative", negatives)) if not count]
    if lacking:
        nothing = CurveScores(*[None] * len(MEASURES))
        return SubsetAUScores(positives, negatives, f"no {' and no '.join(lacking)} face", None, nothing)
    curve = curve_of(truth, score)
    measured = CurveScores(*(_rounded(or_none(CURVE_MEASURES[measure](curve))) for measure in MEASURES))
    return SubsetAUScores(positives, negatives, None, _rounded(negatives / positives), measured)


def _subset_scores(faces: ScoredFaces) -> SubsetScores:
    by_au = {name: _subset_au_scores(*faces.column(place)) for place, name in enumerate(faces.aus)}
    return SubsetScores(len(faces.subject), _mean_scores(by_au), by_au)


def _mean_scores(by_au: Mapping[str, SubsetAUScores], intervals: Intervals | None = None) -> MeanScores:
    """Return each measure's mean over the AUs that have both kinds, and which have not."""
    measured = [found for found in by_au.values() if found.missing is None]
    rules = [found.at for found in measured if isinstance(found, AUScores) and found.at is not None]
    return MeanScores(
        CurveScores(*(_mean([found.curve.of(measure) for found in measured]) for measure in MEASURES)),
        _mean([rule.half.f1 for rule in rules]),
        _mean([rule.validation.f1 for rule in rules if rule.validation is not None]),
        len(measured),
        tuple(name for name, found in by_au.items() if found.missing is not None),
        interval=intervals,
        icc=_mean([found.icc for found in by_au.values() if isinstance(found, AUScores)]),
    )


def _intervals(draws: Draws | None, bootstrap: Bootstrap) -> Intervals | None:
    if draws is None:
        return None
    bounds = {measure: interval(draws[measure], bootstrap.level) for measure in MEASURES}
    return {m: None if pair is None else (round(pair[0], 6), round(pair[1], 6)) for m, pair in bounds.items()}


def _mean_intervals(draws: Mapping[str, Draws], bootstrap: Bootstrap) -> Intervals:
    """Return intervals of the means over AUs, all AUs drawn together; none without resampling."""
    if not draws:
        return {}
    means: Draws = {m: np.mean([values[m] for values in draws.values()], axis=0) for m in MEASURES}
    return _intervals(means, bootstrap) or {}


def _pose_scores(faces: ScoredFaces) -> PoseScores:
    numbers = sorted({int(number) for number in faces.pose_number} - {0})
    poses = {number: _subset_scores(faces.of(faces.pose_number == number)) for number in numbers}
    kept = [poses[number] for number in KEPT_POSES if number in poses]
    return PoseScores(poses, _deviations(kept), _deviations(list(poses.values())))


def _deviations(poses: Sequence[SubsetScores]) -> dict[str, CurveScores]:
    """Return each measure's standard deviation over poses by AU; None unless two poses or more measure the AU."""
    return {
        name: CurveScores(*(_deviation([pose.aus[name].curve.of(measure) for pose in poses]) for measure in MEASURES))
        for name in (poses[0].aus if poses else ())
    }


def _deviation(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return _rounded(np.std(numbers)) if len(numbers) > 1 else None


def _relation_scores(faces: ScoredFaces, chosen: Thresholds) -> RelationScores:
    calls = np.empty_like(faces.truth)
    for place, name in enumerate(faces.aus):
        threshold = chosen.get(name)
        calls[:, place] = faces.score[:, place] >= (0.5 if threshold is None else threshold)
    related = relate(faces.aus, faces.truth, faces.known, calls)
    labels, called = (tuple(map(tuple, matrix.round(4).tolist())) for matrix in (related.labels, related.calls))
    return RelationScores(related.aus, related.left_out, related.faces, labels, called, _rounded(related.distance))


def _mean(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return _rounded(np.mean(numbers)) if numbers else None


def _rounded(value: float | np.floating | None) -> float | None:
    return None if value is None else round(float(value), 6)
