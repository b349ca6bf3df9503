"""Which AUs a face shows: independent ones, those that people show together, one alone, or none.

Source: rates from the paper's Table 1 (BP4D row), correlations from its Fig. 5, upper matrix.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from duchenne.errors import UsageError
from duchenne.facs import AU_BY_NAME, AU_NAMES, PAPER_AUS
from duchenne.published import printed, printed_relations
from duchenne.synthesis.person.expression import MAX_INTENSITY, Sides
from duchenne.synthesis.sets.conflicts import conflict, without_conflicts
from duchenne.synthesis.sets.grades import Grades, draw_sides
from duchenne.synthesis.sets.prototype_faces import Idiosyncrasy, draw_idiosyncrasy, draw_prototype


class CoOccurrence(StrEnum):
    """How the AUs of a face go together.

    `draw_pair` and `prototype_faces.draw_prototype_pair` draw the pairs; `MIX` and `TRAINING` are mixtures of the
    others, by the shares of `shares`.
    """

    PEOPLE = "people"
    INDEPENDENT = "independent"
    SINGLE = "single"
    NEUTRAL = "neutral"
    PAIRS = "pairs"
    PROTOTYPES = "prototypes"
    PROTOTYPE_PAIRS = "prototype-pairs"
    MIX = "mix"
    TRAINING = "training"


def table_1_rates() -> Float[np.ndarray, "12"]:
    """Return the rate of each of the paper's AUs among BP4D's training frames, 1 / (1 + skew)."""
    skew = printed("labels", "BP4D train", "skew")
    return 1 / (1 + np.array([skew[au] for au in PAPER_AUS]))


def fig_5_matrix() -> Float[np.ndarray, "12 12"]:
    """Return the printed correlations of BP4D's labels."""
    aus, matrix = printed_relations("labels")
    order = [aus.index(au) for au in PAPER_AUS]
    return matrix[np.ix_(order, order)]


@cache
def _latent() -> tuple[Float[np.ndarray, "12"], Float[np.ndarray, "12 12"]]:
    """Return thresholds and a root of the latent normal's correlations.

    Each pair's latent correlation is the one whose thresholded labels correlate as printed (Emrich and Piedmonte, The
    American Statistician 1991); the nearest positive matrix then takes the whole's place.
    """
    rates, wanted = table_1_rates(), fig_5_matrix()
    cuts = norm.ppf(rates)
    latent = np.eye(12)
    for i in range(12):
        for j in range(i):
            latent[i, j] = latent[j, i] = _latent_correlation(wanted[i, j], rates[i], rates[j], cuts[i], cuts[j])
    values, vectors = np.linalg.eigh(latent)
    root = vectors * np.sqrt(np.maximum(values, 1e-6))
    return cuts, root / np.linalg.norm(root, axis=1, keepdims=True)


def _latent_correlation(wanted: float, p: float, q: float, cut_p: float, cut_q: float) -> float:
    both = wanted * np.sqrt(p * (1 - p) * q * (1 - q)) + p * q

    def excess(r: float) -> float:
        return float(multivariate_normal.cdf([cut_p, cut_q], cov=[[1, r], [r, 1]])) - both

    return float(brentq(excess, -0.98, 0.98, xtol=1e-4))


def draw_people(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return (count, 12) occurrences of the paper's AUs with the rates and the co-occurrence of BP4D."""
    cuts, root = _latent()
    return rng.normal(size=(count, 12)) @ root.T < cuts


def draw_aus(
    rng: np.random.Generator,
    cooccurrence: CoOccurrence,
    rate: float | None = None,
    grades: Grades = Grades.UNIFORM,
    person: Idiosyncrasy | None = None,
) -> dict[str, Sides]:
    """Return AU intensities per side of one face.

    Args:
        rng: Source of chance.
        cooccurrence: How AUs go together.
        rate: Share of faces that show each AU when `INDEPENDENT`; one of `INDEPENDENT_RATES`, or drawn from them.
        grades: How often each grade is drawn.
        person: Whose face shows a prototype; somebody new if None.

    Raises:
        UsageError: The co-occurrence is that of pairs or of a mixed set, not of one face.
    """
    if cooccurrence is CoOccurrence.NEUTRAL:
        return {}
    if cooccurrence is CoOccurrence.PROTOTYPES:
        return dict(draw_prototype(rng, person or draw_idiosyncrasy(rng), grades).aus)
    if cooccurrence is CoOccurrence.SINGLE:
        present = [AU_NAMES[rng.integers(len(AU_NAMES))]]
    elif cooccurrence is CoOccurrence.PEOPLE:
        present = [au for au, on in zip(PAPER_AUS, draw_people(rng, 1)[0], strict=True) if on]
        others = [au for au in AU_NAMES if au not in PAPER_AUS]
        present += [au for au in others if rng.random() < 0.06]
        present += ["AU25"] if "AU12" in present and rng.random() < 0.5 else []
        present += ["AU02"] if "AU01" in present and rng.random() < 0.5 else []
    elif cooccurrence is CoOccurrence.INDEPENDENT:
        rate = INDEPENDENT_RATES[rng.integers(len(INDEPENDENT_RATES))] if rate is None else rate
        drawn = rng.random(len(AU_NAMES)) < _asked_rates(rate)
        present = [au for au, on in zip(AU_NAMES, drawn, strict=True) if on]
    else:
        raise UsageError(
            f"The co-occurrence {cooccurrence.value} is not that of one face; ask for independent, people, prototypes, "
            "single or neutral."
        )
    kept = without_conflicts(sorted(set(present)), rng)
    aus = {au: draw_sides(rng, au, grades) for au in kept}
    if cooccurrence is CoOccurrence.PEOPLE and {"AU01", "AU02"} <= set(aus):
        # One muscle, the frontalis, lifts both halves of the brow, mostly alike.
        alike = float(np.clip(aus["AU01"][0] * rng.uniform(0.7, 1.3), 0.5, MAX_INTENSITY))
        aus["AU02"] = (alike, alike)
    return aus


INDEPENDENT_RATES = (0.06, 0.1, 0.14, 0.18)
"""Rates of every AU in independent faces, after conflicts are resolved."""


@cache
def _asked_rates(rate: float) -> Float[np.ndarray, " a"]:
    """Return how often each AU must be drawn, so that all are left equally often when conflicts are resolved.

    Found by fixed point iteration over the same 20,000 faces.
    """
    asked = np.full(len(AU_NAMES), rate)
    conflicts = np.array([[conflict(one, other) for other in AU_NAMES] for one in AU_NAMES])
    for _ in range(6):
        rng = np.random.default_rng(0)
        drawn = rng.random((20_000, len(AU_NAMES))) < asked
        order = rng.random(drawn.shape).argsort(1)
        kept, faces = np.zeros_like(drawn), np.arange(len(drawn))
        for place in order.T:
            kept[faces, place] = drawn[faces, place] & ~(kept & conflicts[place]).any(1)
        asked = np.clip(asked * rate / kept.mean(0), 0, 0.9)
    return asked


LOOKALIKES = (("AU06", "AU07"), ("AU23", "AU24"), ("AU10", "AU09"), ("AU12", "AU14"))
"""Pairs that coders confuse."""


def draw_pair(rng: np.random.Generator, grades: Grades = Grades.UNIFORM) -> tuple[dict[str, Sides], dict[str, Sides]]:
    """Return two faces that differ in one action unit only.

    Half of the pairs show one of `LOOKALIKES` against the other at the same intensity, half any action unit against its
    absence. The AUs that both share are drawn independently and leave out what conflicts with either.
    """
    if rng.random() < 0.5:
        first, second = LOOKALIKES[rng.integers(len(LOOKALIKES))]
    else:
        first, second = str(AU_NAMES[rng.integers(len(AU_NAMES))]), None
    own = [au for au in (first, second) if au]
    shared = [au for au in AU_NAMES if au not in own and rng.random() < 0.1]
    shared = [au for au in shared if not any(conflict(au, other) for other in own)]
    others = {au: draw_sides(rng, au, grades) for au in without_conflicts(shared, rng)}
    apex = draw_sides(rng, first, grades, sided=all(AU_BY_NAME[au].sided for au in own))
    with_first = {**others, first: apex}
    return with_first, {**others, second: apex} if second else others


def intensity(aus: Mapping[str, Sides]) -> Float[np.ndarray, " a"]:
    """Return the stronger side of each AU in the order of `facs.AU_NAMES`."""
    return np.array([max(aus.get(au, (0.0, 0.0))) for au in AU_NAMES])
