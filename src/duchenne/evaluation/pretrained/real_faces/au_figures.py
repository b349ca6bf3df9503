"""Figures by AU against mean grades, their means over AUs, and what calling nothing would have."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.datasets.mean_grades import ABSENT_UP_TO, PRESENT_FROM
from duchenne.evaluation.pretrained.real_faces.coded_faces import CodedFaces
from duchenne.evaluation.pretrained.real_faces.estimates import (
    Resampling,
    Sampled,
    area,
    balanced_accuracy,
    calibration,
    mean_of,
    rank_agreement,
    share,
)
from duchenne.evaluation.pretrained.real_faces.real_faces_result import AlwaysNegative, AUFigures, MeanEstimate, Means

CLEAR_FROM, CLEARLY_ABSENT_UP_TO = 2.0, 0.34
"""A clear AU has at least the one grade; it is set against faces of at most the other: one of three passes doubted."""
FEWEST_CLEAR = 10
MEAN_AUS = tuple(f"AU{number:02d}" for number in (1, 2, 4, 5, 6, 7, 10, 12, 15, 17, 24, 25, 26))
"""The AUs that 30 faces or more of the judging persons show; every mean is over them."""


@dataclass(frozen=True)
class GradedScores:
    """One AU on n faces: mean grades beside predictions.

    Attributes:
        grade: (n,), NaN where it is not known.
        probability: (n,).
        called: (n,).
        intensity: (n,), None if it is not predicted.
    """

    grade: Float[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    called: Bool[np.ndarray, " n"]
    intensity: Float[np.ndarray, " n"] | None = None

    @property
    def present(self) -> Bool[np.ndarray, " n"]:
        """(n,), False where the grade is not known."""
        return self.grade >= PRESENT_FROM

    @property
    def known(self) -> Int[np.ndarray, " k"]:
        """Rows of the faces that show or lack the AU for certain."""
        return np.flatnonzero(self.present | (self.grade <= ABSENT_UP_TO))

    @property
    def clear(self) -> Bool[np.ndarray, " n"]:
        """(n,)."""
        return self.grade >= CLEAR_FROM

    @property
    def clearly_known(self) -> Int[np.ndarray, " k"]:
        """Rows of the faces that show the AU clearly or lack it clearly."""
        return np.flatnonzero(self.clear | (self.grade <= CLEARLY_ABSENT_UP_TO))


def graded_scores(faces: CodedFaces, au: str) -> GradedScores:
    """Return one of the AUs that the weights know."""
    column = faces.aus.index(au)
    intensity = None if faces.intensity is None else faces.intensity[:, column]
    return GradedScores(faces.grade(au), faces.probability[:, column], faces.called[:, column], intensity)


@dataclass(frozen=True)
class SampledFigures:
    """The measures of one AU, each on the faces and on the resamplings."""

    area: Sampled
    area_clear: Sampled
    recall: Sampled
    balanced_accuracy: Sampled
    accuracy: Sampled
    calibration_error: Sampled
    rank_correlation: Sampled


def sampled_figures(scores: GradedScores, persons: Resampling) -> SampledFigures:
    """Return the measures of one AU; none is defined without present and absent faces, but the rank correlation."""
    known, clearly = scores.known, scores.clearly_known
    among_known = persons.of(known)
    truth, called, probability = scores.present[known], scores.called[known], scores.probability[known]
    both = len(np.unique(truth)) == 2
    enough = scores.clear.sum() >= FEWEST_CLEAR
    clear = area(scores.clear[clearly], scores.probability[clearly]) if enough else _undefined
    graded = np.flatnonzero(~np.isnan(scores.grade))
    intensity = scores.intensity
    ranks = _undefined if intensity is None else rank_agreement(intensity[graded], scores.grade[graded])
    return SampledFigures(
        area=among_known.sample(area(truth, probability)),
        area_clear=persons.of(clearly).sample(clear),
        recall=among_known.sample(share(called, truth) if both else _undefined),
        balanced_accuracy=among_known.sample(balanced_accuracy(truth, called)),
        accuracy=among_known.sample(share(truth == called) if both else _undefined),
        calibration_error=among_known.sample(calibration(truth, probability) if both else _undefined),
        rank_correlation=persons.of(graded).sample(ranks),
    )


def au_figures(
    scores: GradedScores, sampled: SampledFigures, level: float, threshold: float, kappa: float | None
) -> AUFigures:
    """Return the figures of one AU.

    Args:
        scores: Counted.
        sampled: Of these.
        level: Of intervals.
        threshold: At which the AU is called.
        kappa: Of its codes, None where it is not known.
    """
    known = scores.known
    share_absent = float(np.mean(~scores.present[known])) if len(known) else 0.0
    absent = share_absent if 0 < share_absent < 1 else None
    return AUFigures(
        kappa=kappa,
        present=int(scores.present.sum()),
        absent=len(known) - int(scores.present.sum()),
        unknown=len(scores.grade) - len(known),
        clear=int(scores.clear.sum()),
        clearly_absent=len(scores.clearly_known) - int(scores.clear.sum()),
        threshold=round(threshold, 4),
        always_negative_accuracy=_rounded(absent),
        always_negative_calibration_error=None if absent is None else _rounded(1 - absent),
        **{field.name: getattr(sampled, field.name).estimate(level) for field in fields(SampledFigures)},
    )


def means(sampled: Mapping[str, SampledFigures], level: float) -> Means:
    """Return the means over `MEAN_AUS`; AUs that the weights do not know are left out of each."""
    areas = {au: sampled[au].area.value for au in MEAN_AUS if au in sampled and not np.isnan(sampled[au].area.value)}
    least = min(areas, key=lambda au: areas[au]) if areas else None
    return Means(
        aus=MEAN_AUS,
        area=_mean(sampled, "area", level),
        area_clear=_mean(sampled, "area_clear", level),
        balanced_accuracy=_mean(sampled, "balanced_accuracy", level),
        accuracy=_mean(sampled, "accuracy", level),
        calibration_error=_mean(sampled, "calibration_error", level),
        rank_correlation=_mean(sampled, "rank_correlation", level),
        least_area=None if least is None else _rounded(areas[least]),
        least_area_au=least,
    )


def always_negative(figures: Mapping[str, AUFigures]) -> AlwaysNegative:
    """Return what calling nothing, with a probability of 0, would have: areas of a half by their definition."""
    known = [figures[au] for au in MEAN_AUS if au in figures]
    accuracy = [one.always_negative_accuracy for one in known if one.always_negative_accuracy is not None]
    mean = float(np.mean(accuracy)) if accuracy else None
    return AlwaysNegative(0.5, 0.5, 0.0, _rounded(mean), None if mean is None else _rounded(1 - mean))


def _mean(sampled: Mapping[str, SampledFigures], measure: str, level: float) -> MeanEstimate:
    values = {au: getattr(sampled[au], measure) for au in MEAN_AUS if au in sampled}
    defined = {au: value for au, value in values.items() if not np.isnan(value.value)}
    estimate = mean_of(list(defined.values())).estimate(level)
    return MeanEstimate(estimate.value, estimate.interval, tuple(au for au in MEAN_AUS if au not in defined))


def _undefined(weight: np.ndarray) -> np.ndarray:
    """Return a measure that is defined nowhere."""
    return np.full(len(weight), np.nan)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
