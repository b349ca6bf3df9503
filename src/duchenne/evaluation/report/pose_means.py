"""Means of a measure over head poses, as Table 4 has them: each pose is measured by itself and weighs the same."""

from collections.abc import Sequence

import numpy as np

from duchenne.evaluation.runs import Measure, Run
from duchenne.poses import KEPT_POSES


def au_over_poses(run: Run, au: str, measure: Measure, poses: Sequence[int] = KEPT_POSES) -> float | None:
    """Return the mean of an AU's measure over poses; None where no pose has it.

    Args:
        run: Of faces whose poses have numbers.
        au: One of the run's.
        measure: Which.
        poses: FERA 2017's numbers; the seven that the paper keeps unless given.
    """
    found = [run.by_pose.poses[number].aus[au].curve.of(measure) for number in poses if number in run.by_pose.poses]
    return mean_of_known(found)


def over_poses(run: Run, measure: Measure, poses: Sequence[int] = KEPT_POSES) -> float | None:
    """Return the mean over AUs of their means over poses."""
    return mean_of_known([au_over_poses(run, au, measure, poses) for au in run.aus])


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Return the mean of the numbers among some values; None where there is none.

    Example:
        >>> mean_of_known([0.5, None, 1.0])
        0.75
    """
    numbers = [value for value in values if value is not None]
    return float(np.mean(numbers)) if numbers else None
