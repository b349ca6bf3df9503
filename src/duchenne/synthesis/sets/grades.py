"""How strong the AUs of a face are: the distribution of their grades A to E, and the intensities drawn from it.

Grade g stands for intensities from g - .5 to g + .5, A for 1 and E for 5; nothing is stronger than 5.
"""

from enum import StrEnum
from functools import cache

import numpy as np
from jaxtyping import Float

from duchenne.facs import AU_BY_NAME
from duchenne.synthesis.person.expression import MAX_INTENSITY, Sides

FAINTEST = 0.5
"""The intensity at which grade A begins."""
_BILATERAL_RATE = 0.75
_BOUNDS = (0.5, 1.5, 2.5, 3.5, 4.5, MAX_INTENSITY)
"""Where the grades begin, and where E ends."""


class Grades(StrEnum):
    """How often each grade is drawn: all equally often (test sets), or faint ones more often, as people show them."""

    UNIFORM = "uniform"
    FAINT = "faint"


_UNIFORM = (0.2, 0.2, 0.2, 0.2, 0.2)
_FAINT = (0.362, 0.277, 0.258, 0.082, 0.021)
"""Shares of A to E. Ours, after what is remembered of the frames by AU and intensity of DISFA (Mavadati et al., IEEE
Trans. Affective Computing 2013), summed over its 12 AUs; not compared with the printed table.
"""
_VERY_FAINT = (0.52, 0.28, 0.13, 0.05, 0.02)
"""Ours, for `_OFTEN_MISSED`: half of them A, since networks taught by equal grades miss faint ones on real faces."""
_OFTEN_MISSED = ("AU04", "AU07", "AU09", "AU24")
_CLOSED = (0.1, 0.1, 0.15, 0.25, 0.4)
"""Ours, for AU43, which DISFA does not code: eyes that close mostly close wholly."""


def grade_shares(au: str, grades: Grades) -> Float[np.ndarray, "5"]:
    """Return how often grades A to E are drawn of an AU.

    >>> grade_shares("AU12", Grades.FAINT).tolist()
    [0.362, 0.277, 0.258, 0.082, 0.021]
    """
    if grades is Grades.UNIFORM:
        return np.array(_UNIFORM)
    if au == "AU43":
        return np.array(_CLOSED)
    return np.array(_VERY_FAINT if au in _OFTEN_MISSED else _FAINT)


def intensity_at(quantile: float, au: str, grades: Grades) -> float:
    """Return the intensity that a share `quantile` (0-1) of an AU's occurrences does not reach.

    >>> round(intensity_at(0.5, "AU12", Grades.UNIFORM), 6), intensity_at(1.0, "AU12", Grades.UNIFORM)
    (3.0, 5.0)
    """
    return float(np.interp(quantile, _quantiles(au, grades), _BOUNDS))


@cache
def _quantiles(au: str, grades: Grades) -> Float[np.ndarray, "6"]:
    """Return the shares of occurrences that do not reach each of `_BOUNDS`."""
    ends = np.concatenate([[0.0], grade_shares(au, grades).cumsum()])
    return ends / ends[-1]


def draw_sides(rng: np.random.Generator, au: str, grades: Grades = Grades.UNIFORM, sided: bool | None = None) -> Sides:
    """Return an intensity of an AU by the distribution of grades, mostly on both sides.

    Args:
        rng: Source of chance.
        au: Its name.
        grades: How often each grade is drawn.
        sided: Whether the sides may differ; as FACS codes the AU if None.
    """
    sided = AU_BY_NAME[au].sided if sided is None else sided
    if grades is Grades.UNIFORM:
        grade = int(rng.integers(1, 6))
    else:
        grade = 1 + int(rng.choice(5, p=grade_shares(au, grades)))
    intensity = float(rng.uniform(grade - 0.5, min(grade + 0.5, MAX_INTENSITY)))
    if not sided or rng.random() < _BILATERAL_RATE:
        return intensity, intensity
    weaker = intensity * float(rng.uniform(0, 0.7))
    return (intensity, weaker) if rng.random() < 0.5 else (weaker, intensity)
