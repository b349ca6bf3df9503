"""Faces that show a prototype as one person does, and pairs of them that differ in one AU.

Within a face intensities covary: a latent normal with a part common to the face, one of the person's and one of its own
becomes a quantile of the AU's distribution of grades, which therefore holds whatever the parts are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from duchenne.facs import AU_BY_NAME, AU_NAMES, Region
from duchenne.synthesis.person.expression import MAX_INTENSITY, Sides
from duchenne.synthesis.sets.conflicts import conflicts_with_any
from duchenne.synthesis.sets.grades import FAINTEST, Grades, intensity_at
from duchenne.synthesis.sets.prototypes import SHARES, Variant, aus_of, variants_of

_COMMON, _PERSONAL = 0.45, 0.2
"""Shares of the variance of an AU's latent intensity; the rest is its own. Ours."""
_PERSONAL_PRESENCE = 0.3
"""Share of the person in whether an AU that is not obligatory shows. Ours."""
_VARIANT_CONCENTRATION = 6.0
"""Of the Dirichlet distribution of a person's variants: small ones give each person few variants. Ours."""
_OTHER_RATE = 0.03
"""Of each AU that the variant does not name. Ours."""
_LEAN_RATE, _LEANING_AU_RATE = 0.3, 0.7
"""Of faces that lean to a side, and of their AUs that do. Ours."""
_NAMED_RATE = 0.75
"""Of pairs that differ in an AU which the prototype's variants name; the others differ in any. Ours."""
_TRIES = 50


@dataclass(frozen=True)
class Idiosyncrasy:
    """How one person shows prototypes.

    Attributes:
        presence: Standard normal by AU: how readily it joins in.
        strength: Standard normal by AU: how strong it is.
        variants: Probability of each variant by prototype.
        left_leads: Probability that the left side is the stronger one where sides differ.
    """

    presence: Float[np.ndarray, "23"]
    strength: Float[np.ndarray, "23"]
    variants: Mapping[str, Float[np.ndarray, " v"]]
    left_leads: float


@dataclass(frozen=True)
class PrototypeFace:
    """A face with what it shows: the variant and the intensities, AUs outside of the variant included."""

    variant: Variant
    aus: Mapping[str, Sides]


def draw_idiosyncrasy(rng: np.random.Generator) -> Idiosyncrasy:
    """Return how a new person shows prototypes."""
    presence, strength = rng.normal(size=(2, len(AU_NAMES)))
    variants = {}
    for prototype in SHARES:
        shares = np.array([variant.share for variant in variants_of(prototype)])
        variants[prototype] = rng.dirichlet(_VARIANT_CONCENTRATION * shares / shares.sum())
    return Idiosyncrasy(presence, strength, variants, float(rng.beta(2, 2)))


def draw_prototype(
    rng: np.random.Generator, person: Idiosyncrasy, grades: Grades = Grades.UNIFORM, variant: Variant | None = None
) -> PrototypeFace:
    """Return a face that shows a prototype.

    Args:
        rng: Source of chance.
        person: Whose face it is.
        grades: How often each grade is drawn.
        variant: Which one; drawn as the person shows them if None.
    """
    variant = variant or _draw_variant(rng, person, _draw_name(rng))
    strengths = _draw_strengths(rng, person, grades, variant)
    return PrototypeFace(variant, _shown(_draw_present(rng, person, variant), strengths))


def draw_prototype_pair(
    rng: np.random.Generator, person: Idiosyncrasy, grades: Grades = Grades.UNIFORM
) -> tuple[PrototypeFace, PrototypeFace]:
    """Return two faces of one prototype that are equal but for one AU, which the first shows and the second lacks.

    Which AU it is comes first, three in four times one that the prototype's variants name, each as often as any other.
    Faces that exclude it or show nothing else are drawn anew; where the prototype has no other, another AU is drawn.
    """
    prototype = _draw_name(rng)
    candidates = aus_of(prototype) if rng.random() < _NAMED_RATE else AU_NAMES
    found = None
    while found is None:
        au = str(candidates[rng.integers(len(candidates))])
        found = _draw_others(rng, person, prototype, au)
    variant, others = found
    strengths = _draw_strengths(rng, person, grades, variant)
    return PrototypeFace(variant, _shown({*others, au}, strengths)), PrototypeFace(variant, _shown(others, strengths))


def _draw_others(
    rng: np.random.Generator, person: Idiosyncrasy, prototype: str, au: str
) -> tuple[Variant, set[str]] | None:
    """Return a variant and the AUs beside one that go with it; None where none were found."""
    ways = variants_of(prototype)
    for attempt in range(_TRIES):
        own_way = attempt < _TRIES // 2  # Somebody may hardly ever show what goes with the AU.
        variant = _draw_variant(rng, person, prototype) if own_way else ways[rng.integers(len(ways))]
        others = _draw_present(rng, person, variant) - {au}
        if others and not conflicts_with_any(au, others):
            return variant, others
    return None


def _draw_name(rng: np.random.Generator) -> str:
    shares = np.array(list(SHARES.values()))
    return list(SHARES)[rng.choice(len(shares), p=shares / shares.sum())]


def _draw_variant(rng: np.random.Generator, person: Idiosyncrasy, prototype: str) -> Variant:
    odds = person.variants[prototype]
    return variants_of(prototype)[rng.choice(len(odds), p=odds)]


def _draw_present(rng: np.random.Generator, person: Idiosyncrasy, variant: Variant) -> set[str]:
    """Return the AUs of the variant that this face shows, and others now and then."""
    latent = np.sqrt(_PERSONAL_PRESENCE) * person.presence
    latent = latent + np.sqrt(1 - _PERSONAL_PRESENCE) * rng.normal(size=len(AU_NAMES))
    ready = dict(zip(AU_NAMES, ndtr(latent), strict=True))
    present = {au for au, rate in variant.rates.items() if ready[au] < rate}
    for choice in variant.choices:
        place = int(np.searchsorted(np.cumsum(list(choice.values())), rng.random()))
        present |= set(list(choice)[place].split("+")) if place < len(choice) else set()
    for au in rng.permutation([au for au in AU_NAMES if au not in variant.aus]):
        if rng.random() < _OTHER_RATE and not conflicts_with_any(str(au), present):
            present.add(str(au))
    return present


def _draw_strengths(
    rng: np.random.Generator, person: Idiosyncrasy, grades: Grades, variant: Variant
) -> dict[str, Sides]:
    """Return what every AU would be if it were shown."""
    own = rng.normal(size=len(AU_NAMES))
    inner, outer = AU_NAMES.index("AU01"), AU_NAMES.index("AU02")
    own[outer] = 0.9 * own[inner] + np.sqrt(1 - 0.9**2) * own[outer]  # One muscle, the frontalis, lifts both.
    latent = np.sqrt(_COMMON) * rng.normal() + np.sqrt(_PERSONAL) * person.strength
    quantiles = ndtr(latent + np.sqrt(1 - _COMMON - _PERSONAL) * own)
    leans = variant.one_sided or rng.random() < _LEAN_RATE
    left = rng.random() < person.left_leads
    found = {}
    for au, quantile in zip(AU_NAMES, quantiles, strict=True):
        bound = variant.at_most.get(au, MAX_INTENSITY)
        apex = intensity_at(quantile, au, grades)
        apex = FAINTEST + (apex - FAINTEST) * (bound - FAINTEST) / (MAX_INTENSITY - FAINTEST)
        one_sided = variant.one_sided and AU_BY_NAME[au].region is Region.MOUTH
        weaker = apex * _draw_weaker(rng, one_sided) if leans and AU_BY_NAME[au].sided else apex
        found[au] = (apex, weaker) if left else (weaker, apex)
    return found


def _draw_weaker(rng: np.random.Generator, one_sided: bool) -> float:
    """Return the weaker side's share of the stronger one."""
    if one_sided:
        return float(rng.uniform(0, 0.2))
    return float(rng.uniform(0, 0.7)) if rng.random() < _LEANING_AU_RATE else 1.0


def _shown(present: Iterable[str], strengths: Mapping[str, Sides]) -> dict[str, Sides]:
    wanted = set(present)
    return {au: strengths[au] for au in AU_NAMES if au in wanted}
