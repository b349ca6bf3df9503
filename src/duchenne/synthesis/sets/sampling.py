"""Which AUs a face shows: drawn independently, in the company that people keep, one alone, or none.

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

_EXCLUDE = (
    ("AU27", "AU23"), ("AU27", "AU24"), ("AU27", "AU28"), ("AU27", "AU26"), ("AU27", "AU17"), ("AU27", "AU18"),
    ("AU28", "AU23"), ("AU28", "AU24"), ("AU28", "AU22"), ("AU28", "AU18"), ("AU28", "AU25"),
    ("AU25", "AU24"), ("AU26", "AU24"), ("AU27", "AU25"), ("AU22", "AU24"), ("AU22", "AU23"), ("AU18", "AU20"),
    ("AU18", "AU12"), ("AU22", "AU20"), ("AU05", "AU43"), ("AU05", "AU07"), ("AU43", "AU07"),
    ("AU16", "AU28"), ("AU16", "AU24"),
)  # fmt: skip
"""Pairs that one mouth or lid cannot show at once."""


class Company(StrEnum):
    """How the AUs of a face go together; pairs are drawn by `draw_pair`, a mix is of all the others."""

    PEOPLE = "people"
    INDEPENDENT = "independent"
    SINGLE = "single"
    NEUTRAL = "neutral"
    PAIRS = "pairs"
    MIX = "mix"


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
    """Return (count, 12) occurrences of the paper's AUs with the rates and the company of BP4D."""
    cuts, root = _latent()
    return rng.normal(size=(count, 12)) @ root.T < cuts


def draw_aus(rng: np.random.Generator, company: Company, rate: float | None = None) -> dict[str, Sides]:
    """Return AU intensities per side of one face.

    Args:
        rng: Source of chance.
        company: How AUs go together.
        rate: Share of faces that show each AU when `INDEPENDENT`; one of `INDEPENDENT_RATES`, or drawn from them.

    Raises:
        UsageError: The company is not that of one face.
    """
    if company is Company.NEUTRAL:
        return {}
    if company is Company.SINGLE:
        present = [AU_NAMES[rng.integers(len(AU_NAMES))]]
    elif company is Company.PEOPLE:
        present = [au for au, on in zip(PAPER_AUS, draw_people(rng, 1)[0], strict=True) if on]
        others = [au for au in AU_NAMES if au not in PAPER_AUS]
        present += [au for au in others if rng.random() < 0.06]
        present += ["AU25"] if "AU12" in present and rng.random() < 0.5 else []
        present += ["AU02"] if "AU01" in present and rng.random() < 0.5 else []
    elif company is Company.INDEPENDENT:
        rate = INDEPENDENT_RATES[rng.integers(len(INDEPENDENT_RATES))] if rate is None else rate
        drawn = rng.random(len(AU_NAMES)) < _asked_rates(rate)
        present = [au for au, on in zip(AU_NAMES, drawn, strict=True) if on]
    else:
        raise UsageError(f"{company.value} is no company of one face; ask for independent, people, single or neutral.")
    kept = _without_conflicts(sorted(set(present)), rng)
    aus = {au: _sides(rng, AU_BY_NAME[au].sided) for au in kept}
    if company is Company.PEOPLE and {"AU01", "AU02"} <= set(aus):
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
    conflicts = np.array([[_conflict(one, other) for other in AU_NAMES] for one in AU_NAMES])
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


def draw_pair(rng: np.random.Generator) -> tuple[dict[str, Sides], dict[str, Sides]]:
    """Return two faces that differ in one action unit only.

    Half of the pairs show one of `LOOKALIKES` against the other at the same intensity, half any action unit against its
    absence. The company that both share is drawn independently and leaves out what conflicts with either.
    """
    if rng.random() < 0.5:
        first, second = LOOKALIKES[rng.integers(len(LOOKALIKES))]
    else:
        first, second = str(AU_NAMES[rng.integers(len(AU_NAMES))]), None
    own = [au for au in (first, second) if au]
    shared = [au for au in AU_NAMES if au not in own and rng.random() < 0.1]
    shared = [au for au in shared if not any(_conflict(au, other) for other in own)]
    company = {au: _sides(rng, AU_BY_NAME[au].sided) for au in _without_conflicts(shared, rng)}
    apex = _sides(rng, all(AU_BY_NAME[au].sided for au in own))
    with_first = {**company, first: apex}
    return with_first, {**company, second: apex} if second else company


def _conflict(one: str, other: str) -> bool:
    return (one, other) in _EXCLUDE or (other, one) in _EXCLUDE


def _without_conflicts(present: list[str], rng: np.random.Generator) -> list[str]:
    kept: list[str] = []
    for au in rng.permutation(present):
        if not any(_conflict(str(au), other) for other in kept):
            kept.append(str(au))
    return [au for au in AU_NAMES if au in kept]


def _sides(rng: np.random.Generator, sided: bool) -> Sides:
    """Return an intensity whose grades A to E are equally likely, mostly on both sides."""
    grade = int(rng.integers(1, 6))
    intensity = float(rng.uniform(grade - 0.5, min(grade + 0.5, 5.0)))
    if not sided or rng.random() < 0.75:
        return intensity, intensity
    weaker = intensity * float(rng.uniform(0, 0.7))
    return (intensity, weaker) if rng.random() < 0.5 else (weaker, intensity)


def intensity(aus: Mapping[str, Sides]) -> Float[np.ndarray, " a"]:
    """Return the stronger side of each AU in the order of `facs.AU_NAMES`."""
    return np.array([max(aus.get(au, (0.0, 0.0))) for au in AU_NAMES])
