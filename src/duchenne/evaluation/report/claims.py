"""Whether what the paper asserts holds in the runs: paired by seed, in words that do not say more than the numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from duchenne.evaluation.report.paper_claims import (
    LEAST_ERRORS,
    PatchEffects,
    not_measured,
    rows_of_claims,
    standard_error,
)
from duchenne.evaluation.report.pose_means import over_poses
from duchenne.evaluation.report.tables import NOTHING, Series, Table
from duchenne.evaluation.runs import Measure, Role, Run
from duchenne.poses import yaw_and_pitch_deg

LEAST_LEARNT = 0.6
"""A mean area under the ROC on validation faces; a network that stays below it has not learnt, and decides nothing."""


@dataclass(frozen=True)
class Comparison:
    """Two systems in one experiment.

    Attributes:
        claim: What is asserted.
        role: Of the experiment.
        first: System that should be better.
        second: Its baseline.
        measure: What is compared.
        read: Takes it from a run; higher is better.
    """

    claim: str
    role: Role
    first: str
    second: str
    measure: str
    read: Callable[[Run], float | None]


def mean_of(measure: Measure) -> Callable[[Run], float | None]:
    """Return what reads a mean over AUs."""
    return lambda run: run.mean.curve.of(measure)


def over_poses_of(measure: Measure) -> Callable[[Run], float | None]:
    """Return what reads the mean over the paper's seven poses, of means over AUs."""
    return lambda run: over_poses(run, measure)


def steadiness_of(measure: Measure) -> Callable[[Run], float | None]:
    """Return what reads the mean over AUs of the standard deviation over the paper's seven poses, negated."""

    def read(run: Run) -> float | None:
        found = [deviation.of(measure) for deviation in run.by_pose.deviation_kept.values()]
        values = [value for value in found if value is not None]
        return -float(np.mean(values)) if values else None

    return read


def far_poses_of(measure: Measure) -> Callable[[Run], float | None]:
    """Return what reads the mean over the poses with a yaw of 40 degrees either way."""

    def read(run: Run) -> float | None:
        poses = run.by_pose.poses
        values = [
            pose.mean.curve.of(measure) for number, pose in poses.items() if abs(yaw_and_pitch_deg(number)[0]) == 40
        ]
        numbers = [value for value in values if value is not None]
        return float(np.mean(numbers)) if numbers else None

    return read


def nearness_of_relations(run: Run) -> float | None:
    """Return the distance of the relation matrices of labels and calls, negated."""
    return None if run.relations.distance is None else -run.relations.distance


def comparisons(region: str) -> list[Comparison]:
    """Return what is asserted: the paper's claims about region and others, and the four ablations."""
    better, steadier = "Regions beat the convnet", "Regions vary less over the seven poses"
    landmark, uniform = "Landmark patches beat a uniform grid", f"{region}-grid"
    return [
        *(Comparison(f"{better} within a set", "within", region, "convnet", m, mean_of(m)) for m in ("f1", "aroc")),
        *(
            Comparison(better, "poses", region, "convnet", m, over_poses_of(m))
            for m in ("f1", "nf1", "apr", "napr", "aroc")
        ),
        *(Comparison(steadier, "poses", region, "convnet", m, steadiness_of(m)) for m in ("nf1", "napr", "aroc")),
        *_beyond_others(region),
        Comparison(landmark, "poses", region, uniform, "aroc", over_poses_of("aroc")),
        Comparison(f"{landmark}, yaw ±40", "poses", region, uniform, "aroc", far_poses_of("aroc")),
        Comparison("Own weights beat shared ones", "poses", region, f"{region}-shared", "aroc", over_poses_of("aroc")),
        Comparison(
            "22 patches lose nothing against 49", "poses", region, f"{region}-49", "aroc", over_poses_of("aroc")
        ),
        Comparison(
            "The weighted loss helps", "poses", region, f"{region}-unweighted", "f1 at .5", lambda run: run.mean.f1_half
        ),
        Comparison("The weighted loss helps", "poses", region, f"{region}-unweighted", "aroc", over_poses_of("aroc")),
    ]


def _beyond_others(region: str) -> list[Comparison]:
    """Return the paper's comparisons with other work."""
    best, roles = (
        "Better than the state of the art",
        (("within", mean_of), ("across", mean_of), ("poses", over_poses_of)),
    )
    nearer = "Relations are nearer to the labels' than those of other networks"
    return [
        *(
            Comparison(f"{best}, {role}", role, region, other, measure, read(measure))  # type: ignore[arg-type]
            for other in ("eac", "svm", "drml")
            for role, read in roles
            for measure in ("f1", "aroc")
        ),
        Comparison("nF1 is better than Toser et al.'s", "poses", region, "toser", "nf1", over_poses_of("nf1")),
        *(
            Comparison(nearer, "within", region, other, "distance, negated", nearness_of_relations)
            for other in ("alexnet", "drml")
        ),
    ]


def claims_table(roles: Mapping[Role, Series], region: str = "region", effects: PatchEffects | None = None) -> Table:
    """Return each assertion with numbers and verdict; those whose systems have no run are named as not measured.

    Args:
        roles: The runs.
        region: The system whose claims are tested.
        effects: Significance of the patches of the network with all 49.
    """
    rows = [_row(comparison, roles.get(comparison.role, {})) for comparison in comparisons(region)]
    rows += [_relation_row(role, roles.get(role, {}).get(region, [])) for role in ("within", "poses")]  # type: ignore[arg-type]
    rows += rows_of_claims(roles, region, effects)
    notes = (
        f"Paired by seed. A difference is called one when it exceeds {LEAST_ERRORS:g} standard errors over two seeds "
        f"or more; with one seed nothing is decided, nor against a network that never reached {LEAST_LEARNT:g} on "
        "validation faces: it was given too little to learn from. Deviations over poses have a minus, so more is "
        "better.",
        "Under poses each measure is the mean over the seven poses that the paper keeps, each measured by itself; F1 "
        "at .5 is that of all faces together.",
        "The state of the art is EAC-Net's, an SVM's and DRML's as trained here, in their small versions; the paper "
        "compares with what DRML's authors print. Patches are called significant when they are among the first quarter "
        "of those whose silence changes a score most.",
        "Relations are called learnt when the matrix of calls is less than half as far from that of the labels as a "
        "matrix without relations is.",
    )
    heads = ("claim", "measure", "first", "second", "difference", "standard error", "seeds", "verdict")
    return Table("claims", "Do the paper's claims hold here?", heads, tuple(rows), notes)


def _row(comparison: Comparison, series: Series) -> tuple[str, ...]:
    pairs = _paired(series.get(comparison.first, []), series.get(comparison.second, []), comparison.read)
    claim = f"{comparison.claim} ({comparison.first} against {comparison.second})"
    if not pairs:
        return not_measured(claim, comparison.measure)
    first, second = np.array(pairs).T
    unlearnt = [name for name in (comparison.first, comparison.second) if not all(learnt(run) for run in series[name])]
    difference = first - second
    error, digits = standard_error(difference), 4 if "distance" in comparison.measure else 3
    return (
        claim,
        comparison.measure,
        f"{first.mean():.{digits}f}",
        f"{second.mean():.{digits}f}",
        f"{difference.mean():+.{digits}f}",
        NOTHING if error is None else f"{error:.{digits}f}",
        str(len(pairs)),
        f"undecided: {unlearnt[-1]} did not learn" if unlearnt else verdict(float(difference.mean()), error),
    )


def learnt(run: Run) -> bool:
    """Return whether a system left chance in training; true where nothing is known of its validation."""
    scores = run.origin.training.validation if run.origin.training is not None else {}
    return not scores or max(scores.values()) >= LEAST_LEARNT


def verdict(difference: float, error: float | None) -> str:
    """Return what a difference with a standard error says."""
    if error is None:
        return "undecided: one seed"
    if abs(difference) <= LEAST_ERRORS * error:
        return "undecided: within the spread of seeds"
    return "holds" if difference > 0 else "does not hold"


def _paired(
    first: Sequence[Run], second: Sequence[Run], read: Callable[[Run], float | None]
) -> list[tuple[float, float]]:
    others = {run.origin.seed: read(run) for run in second}
    pairs = [(read(run), others.get(run.origin.seed)) for run in first]
    return [(one, other) for one, other in pairs if one is not None and other is not None]


def _relation_row(role: Role, runs: Sequence[Run]) -> tuple[str, ...]:
    claim = f"Relations among AUs are learnt ({role})"
    found = [(run.relations.labels, distance) for run in runs if (distance := run.relations.distance) is not None]
    if not found:
        return not_measured(claim, "distance")
    distance = float(np.mean([one for _, one in found]))
    labels = np.array(found[0][0])
    none = float(np.linalg.norm(labels - np.eye(len(labels))) / labels.size)
    outcome = "holds" if distance < none / 2 else "does not hold"
    cells = (f"{distance:.4f}", f"{none:.4f} (no relations)", f"{distance - none:+.4f}", NOTHING, str(len(found)))
    return (claim, "distance", *cells, outcome)
