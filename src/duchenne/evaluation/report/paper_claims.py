"""The paper's claims that are no difference of two means: a row each, those that fail and those not measured, too."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from duchenne.evaluation.report.pose_means import au_over_poses
from duchenne.evaluation.report.tables import NOTHING, Series
from duchenne.evaluation.runs import MEASURES, Measure, Role, Run

Row = tuple[str, ...]
LEAST_ERRORS = 2.0
"""Standard errors over seeds that a difference must exceed to be called one."""
CLOSE = 0.05
"""Means of Tables 2 and 3 that the paper calls very close differ by up to this: AROC .79 and .74."""
ALONE = "AU06"
"""The one AU in which the paper's convnet is better."""
NAMED_PATCHES: Mapping[str, tuple[int, ...]] = {
    "AU01": (4, 6, 11, 12, 13),
    "AU02": (1, 10, 7),
    "AU06": (32,),
    "AU12": (32,),
}
"""Patches that the paper names as significant in section 2.1, by AU."""
AT_THE_LIPS = ("AU12", "AU14", "AU15", "AU23", "AU24")
"""AUs whose most significant patches lie around the lips, by the same section."""
_LIPS = range(32, 50)
_MOST = 5


@dataclass(frozen=True)
class PatchEffects:
    """What silencing each patch does (`explain.significance_files`).

    Attributes:
        landmarks: The landmark of each patch, counted from 1.
        effect: By AU, mean size of the change of its score.
    """

    landmarks: tuple[int, ...]
    effect: Mapping[str, tuple[float, ...]]

    def ranks(self, au: str) -> dict[int, int]:
        """Return the place of each landmark's patch, 1 for the most significant."""
        order = np.argsort(-np.array(self.effect[au]), kind="stable")
        return {self.landmarks[patch]: place for place, patch in enumerate(order, 1)}


def read_patch_effects(folder: Path) -> PatchEffects | None:
    """Return what `duchenne explain` left beside Figure 3; None where there is nothing."""
    path = folder / "significance.json"
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return PatchEffects(tuple(found["landmarks"]), {au: tuple(values) for au, values in found["effect"].items()})


def rows_of_claims(roles: Mapping[Role, Series], region: str, effects: PatchEffects | None) -> list[Row]:
    """Return the rows."""
    close: tuple[Measure, ...] = ("f1", "aroc")
    return [
        *(_close_row(roles, region, measure) for measure in close),
        *(_alone_row(roles.get("poses", {}), region, measure) for measure in MEASURES),
        _gain_row(roles.get("poses", {}), region),
        *(_named_row(au, named, effects) for au, named in NAMED_PATCHES.items()),
        *(_lips_row(au, effects) for au in AT_THE_LIPS),
    ]


def not_measured(claim: str, measure: str) -> Row:
    """Return the row of a claim whose systems have no run."""
    return (claim, measure, NOTHING, NOTHING, NOTHING, NOTHING, "0", "not measured")


def standard_error(differences: np.ndarray) -> float | None:
    """Return the standard error of a mean over seeds; None with one seed."""
    return float(differences.std(ddof=1) / np.sqrt(len(differences))) if len(differences) > 1 else None


def _close_row(roles: Mapping[Role, Series], region: str, measure: Measure) -> Row:
    claim = f"Tables 2 and 3 are very close ({region}, within against across)"
    within, across = (roles.get(role, {}).get(region, []) for role in ("within", "across"))  # type: ignore[call-overload]
    others = {run.origin.seed: run.mean.curve.of(measure) for run in across}
    pairs = [(run.mean.curve.of(measure), others.get(run.origin.seed)) for run in within]
    found = np.array([pair for pair in pairs if None not in pair], float)
    if not len(found):
        return not_measured(claim, measure)
    outcome = "holds" if abs(np.diff(found.mean(0))[0]) <= CLOSE else "does not hold"
    return _numbers(claim, measure, found, f"{outcome}: by the paper's own {CLOSE:g}")


def _alone_row(series: Series, region: str, measure: Measure) -> Row:
    claim = f"The convnet is better in {ALONE} alone ({region} against convnet, {ALONE})"
    ours, theirs = series.get(region, []), series.get("convnet", [])
    found = _by_seed(ours, theirs, ALONE, measure)
    if not len(found):
        return not_measured(claim, measure)
    aus = [au for au in ours[0].aus if au != ALONE and au in theirs[0].aus]
    lead = {au: _by_seed(ours, theirs, au, measure) for au in aus}
    more = [au for au, pairs in lead.items() if len(pairs) and pairs[:, 1].mean() > pairs[:, 0].mean()]
    difference, error = float((found[:, 0] - found[:, 1]).mean()), standard_error(found[:, 0] - found[:, 1])
    rest = f"better in {', '.join(more)} too" if more else "in no other"
    if difference >= 0:
        leads = [float((pairs[:, 0] - pairs[:, 1]).mean()) for pairs in lead.values() if len(pairs)]
        least = ", by less than in any other" if all(difference < other for other in leads) else ""
        return _numbers(claim, measure, found, f"does not hold: worse there{least}; {rest}")
    sure = error is not None and abs(difference) > LEAST_ERRORS * error
    sign = (
        "holds"
        if sure and not more
        else "does not hold"
        if more
        else "undecided: the sign holds, within the spread of seeds"
    )
    return _numbers(claim, measure, found, f"{sign}; {rest}")


def _gain_row(series: Series, region: str) -> Row:
    claim = f"Every AU gains over the FERA 2017 baseline, 9% to 42% in the paper ({region} against fera17)"
    ours, theirs = series.get(region, []), series.get("fera17", [])
    aus = [au for au in ours[0].aus if au in theirs[0].aus] if ours and theirs else []
    pairs = {au: _by_seed(ours, theirs, au, "f1") for au in aus}
    gains = {au: float((both[:, 0] - both[:, 1]).mean()) for au, both in pairs.items() if len(both)}
    if not gains:
        return not_measured(claim, "f1")
    least, most = min(gains, key=lambda au: gains[au]), max(gains, key=lambda au: gains[au])
    cells = f"smallest {gains[least]:+.3f} ({least})", f"largest {gains[most]:+.3f} ({most})"
    mean, seeds = f"{np.mean(list(gains.values())):+.3f}", str(min(len(ours), len(theirs)))
    outcome = "holds" if gains[least] > 0 else "does not hold"
    return (
        claim,
        "f1",
        *cells,
        mean,
        NOTHING,
        seeds,
        f"{outcome}: best thresholds of both; the paper's baseline had a fixed one",
    )


def _named_row(au: str, named: Sequence[int], effects: PatchEffects | None) -> Row:
    claim = f"{au} rests on the patches that the paper names: {' '.join(map(str, named))}"
    if effects is None or au not in effects.effect or not set(named) <= set(effects.landmarks):
        return not_measured(claim, "rank of significance")
    ranks, limit = effects.ranks(au), max(1, len(effects.landmarks) // 4)
    inside = [landmark for landmark in named if ranks[landmark] <= limit]
    outcome = "holds" if len(inside) == len(named) else "does not hold"
    places = " ".join(str(ranks[landmark]) for landmark in named)
    verdict = f"{outcome}: {len(inside)} of {len(named)} among the first {limit}"
    return (claim, "rank of significance", places, f"of {len(effects.landmarks)}", NOTHING, NOTHING, "1", verdict)


def _lips_row(au: str, effects: PatchEffects | None) -> Row:
    claim = f"{au} has its most significant patches around the lips"
    if effects is None or au not in effects.effect or not set(_LIPS) <= set(effects.landmarks):
        return not_measured(claim, "rank of significance")
    first = sorted(effects.ranks(au).items(), key=lambda found: found[1])[:_MOST]
    count = sum(landmark in _LIPS for landmark, _ in first)
    shown = " ".join(str(landmark) for landmark, _ in first)
    verdict = f"{'holds' if count == _MOST else 'does not hold'}: {count} of the first {_MOST}"
    return (
        claim,
        "rank of significance",
        f"patches {shown}",
        f"of {len(effects.landmarks)}",
        NOTHING,
        NOTHING,
        "1",
        verdict,
    )


def _by_seed(ours: Sequence[Run], theirs: Sequence[Run], au: str, measure: Measure) -> np.ndarray:
    """Return (k, 2) means of an AU over the paper's seven poses of two systems, a row for each seed of both."""
    others = {run.origin.seed: au_over_poses(run, au, measure) for run in theirs if au in run.aus}
    pairs = [(au_over_poses(run, au, measure), others.get(run.origin.seed)) for run in ours if au in run.aus]
    return np.array([pair for pair in pairs if None not in pair], float).reshape(-1, 2)


def _numbers(claim: str, measure: str, pairs: np.ndarray, verdict: str) -> Row:
    first, second = pairs.mean(0)
    error = standard_error(pairs[:, 0] - pairs[:, 1])
    shown = f"{first:.3f}", f"{second:.3f}", f"{first - second:+.3f}"
    return (claim, measure, *shown, NOTHING if error is None else f"{error:.3f}", str(len(pairs)), verdict)
