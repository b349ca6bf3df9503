"""Who a head is: shape over ethnicity, sex, age, weight, face details, resting brows and lids; all from one seed."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from duchenne.errors import UsageError
from duchenne.synthesis.rig.au_map import MapStyle
from duchenne.synthesis.rig.blendshapes import blendshape
from duchenne.synthesis.rig.mesh import Vertices, base_mesh, displacement, target_names

ANCESTRIES = ("caucasian", "asian", "african")
TONES = tuple(range(1, 11))
"""Skin tones of the Monk Skin Tone scale, 1 lightest to 10 darkest (Monk, 2019)."""
SEXES = ("female", "male")
_DETAIL_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek")
_NEGATIVE_ENDINGS = ("decr", "down", "in", "concave", "backward", "compress")
_POSITIVE_ENDINGS = ("incr", "up", "out", "convex", "forward", "uncompress")
_LOOKS_LIKE_AN_AU = {
    "eyebrows-angle": 0.25,
    "eyebrows-trans": 0.4,
    "mouth-angles": 0.15,
    "mouth-laugh-lines": 0.3,
    "mouth-dimples": 0.3,
    "mouth-trans": 0.7,
    "mouth-upperlip-height": 0.6,
    "mouth-lowerlip-height": 0.6,
    "mouth-upperlip-ext": 0.3,
    "mouth-lowerlip-ext": 0.3,
    "eye-height1": 0.5,
    "eye-height2": 0.5,
    "eye-height3": 0.5,
    "eye-eyefold-down": 0.4,
    "chin-jaw-drop": 0.3,
    "nose-base": 0.5,
    "nose-flaring": 0.5,
    "head-trans": 0.0,
    "head-angle": 0.3,
    "head-age": 0.0,
}
"""Factors on details that would imitate an AU (lifted brows, raised mouth corners) or merely move the head."""

_TEETH_SHIFT = {
    "helper-upper-teeth": np.array([0.0, -0.035, -0.04]),
    "helper-lower-teeth": np.array([0.0, -0.03, -0.05]),
}
"""The rig's teeth lie high and close behind the lips: a smile must bare the upper ones, pressed lips none."""

_BROWS = {"own:brow-height": (-0.24, 0.17), "own:brow-slant": (-0.08, 0.13), "own:brow-arch": (0.0, 0.03)}
"""Mean and spread of what is added to a person's brows. Those of the rig lie higher over the eyes than real ones, rise
more to the inside, and differ half as much: a landmark model's points on 3,771 real faces, and on the rig's neutral
heads."""


_LID_PARTS = ((1, 0.12), (2, 0.27), (3, 0.38))
_LIDS = {
    **{f"mpfb2/targets/eyes/{side}-eye-height{part}-incr": share for side in "lr" for part, share in _LID_PARTS},
    **{f"mpfb2/targets/eyes/{side}-eye-eyefold-up": 0.5 for side in "lr"},
}
_LIDS_OPEN = (0.85, 0.35)
"""What opens the lids of the rig, whose eyes are narrower by a quarter than real ones at rest, and its mean and spread
over people: neutral faces then have lids .095 of the outer-eye distance apart, real ones .098."""


@dataclass(frozen=True)
class Person:
    """What is asked of an identity; None is drawn at random.

    Attributes:
        tone: Monk skin tone, 1-10.
        sex: "female" or "male".
        age: Years, 18-80.
        au_map: Which blendshapes lead the maps of their action units; never None.
        tones: Lightest and darkest, where none is asked for.
        ages: Youngest and oldest, where none is asked for.
        pack: File of the appearance pack, whose hair most people then wear; None for the short hair of our own.
    """

    tone: int | None = None
    sex: str | None = None
    age: float | None = None
    au_map: MapStyle = MapStyle.MIXED
    tones: tuple[int, int] = (TONES[0], TONES[-1])
    ages: tuple[float, float] = (18.0, 78.0)
    pack: Path | None = None

    def __post_init__(self) -> None:
        if self.tone is not None and self.tone not in TONES:
            raise UsageError(f"There is no Monk skin tone {self.tone}; it runs from 1 (lightest) to 10 (darkest).")
        if self.sex is not None and self.sex not in SEXES:
            raise UsageError(f"The sex {self.sex!r} is not known; ask for female or male.")
        if self.age is not None and not 18 <= self.age <= 80:
            raise UsageError(f"An age of {self.age:g} years is outside 18-80.")
        if not TONES[0] <= self.tones[0] <= self.tones[1] <= TONES[-1] or not 18 <= self.ages[0] <= self.ages[1] <= 80:
            raise UsageError(f"Tones {self.tones} or ages {self.ages} are not a range within 1-10 or 18-80.")


@dataclass(frozen=True)
class Identity:
    """A person drawn.

    Attributes:
        subject: The number of the person; the seed of everything about them.
        tone: Monk skin tone 1-10.
        sex: "female" or "male".
        age: Years.
        ancestry: Weights over `ANCESTRIES`, which shape the skull and the features.
        vertices: (19158, 3), the neutral head.
        au_map: Which blendshapes lead the maps of their action units.
    """

    subject: int
    tone: int
    sex: str
    age: float
    ancestry: dict[str, float]
    vertices: Vertices
    au_map: MapStyle = MapStyle.MIXED


def draw_identity(subject: int, person: Person | None = None) -> Identity:
    """Return the person of a number; sexes, tones and ages come equally often unless asked for."""
    person = person or Person()
    rng = np.random.default_rng([subject, 1])
    tone = int(rng.integers(person.tones[0], person.tones[1] + 1)) if person.tone is None else person.tone
    sex = SEXES[rng.integers(2)] if person.sex is None else person.sex
    age = float(rng.uniform(*person.ages)) if person.age is None else float(person.age)
    ancestry = _ancestry(rng, tone)
    vertices = base_mesh().vertices.copy()
    _add_macros(vertices, rng, ancestry, sex, age)
    _add_details(vertices, rng)
    _add_asymmetry(vertices, rng)
    _set_brows(vertices, np.random.default_rng([subject, 19]))
    _open_lids(vertices, np.random.default_rng([subject, 23]))
    for name, shift in _TEETH_SHIFT.items():
        vertices[np.unique(base_mesh().quads[base_mesh().groups[name]])] += shift
    return Identity(subject, tone, sex, age, ancestry, vertices, person.au_map)


def _ancestry(rng: np.random.Generator, tone: int) -> dict[str, float]:
    """Return a mixture; the tone only shifts its odds, since features and skin go together loosely."""
    darkness = (tone - 1) / 9
    odds = np.array([1.2 - darkness, 0.8 - 0.5 * abs(darkness - 0.4), 0.1 + 1.2 * darkness])
    main = rng.choice(3, p=odds / odds.sum())
    share = rng.dirichlet([0.4] * 3) * rng.uniform(0, 0.6)
    share[main] += 1 - share.sum()
    return dict(zip(ANCESTRIES, share.tolist(), strict=True))


def _add(vertices: Vertices, name: str, weight: float) -> None:
    if abs(weight) > 1e-4:
        target = displacement(name)
        vertices[target.index] += weight * target.shift


def _add_macros(vertices: Vertices, rng: np.random.Generator, ancestry: dict[str, float], sex: str, age: float) -> None:
    old = max(0.0, (age - 25) / 65)
    ages = {"young": 1 - old, "old": old}
    muscle, weight = _three_way(rng.uniform(0.3, 0.7)), _three_way(rng.uniform(0.2, 0.85))
    macro = "mpfb2/targets/macrodetails"
    for age_name, age_weight in ages.items():
        for name, share in ancestry.items():
            _add(vertices, f"{macro}/{name}-{sex}-{age_name}", age_weight * share)
        for m, mw in muscle.items():
            for w, ww in weight.items():
                _add(vertices, f"{macro}/universal-{sex}-{age_name}-{m}muscle-{w}weight", age_weight * mw * ww)


def _three_way(x: float) -> dict[str, float]:
    return {"min": max(0.0, 1 - 2 * x), "average": 1 - abs(2 * x - 1), "max": max(0.0, 2 * x - 1)}


@cache
def _detail_axes() -> dict[str, dict[int, tuple[str, ...]]]:
    """Return the details as axes: name -> {-1: targets, 0: targets of one direction, 1: targets}."""
    axes: dict[str, dict[int, tuple[str, ...]]] = {}
    for folder in _DETAIL_FOLDERS:
        for path in target_names(folder):
            name = re.sub(r"^[lr]-", "", path.rsplit("/", 1)[1])
            stem, _, ending = name.rpartition("-")
            direction = -1 if ending in _NEGATIVE_ENDINGS else 1 if ending in _POSITIVE_ENDINGS else 0
            # Opposite pairs that share a stem but not a meaning ("trans-in", "trans-up") stay apart.
            pair = {"in": "side", "out": "side", "up": "height", "down": "height"}.get(ending, "")
            axis = name if direction == 0 else f"{stem}/{pair}"
            sides = axes.setdefault(axis, {})
            sides[direction] = (*sides.get(direction, ()), path)
    return dict(sorted(axes.items()))


def _bound(axis: str) -> float:
    return next((factor for start, factor in _LOOKS_LIKE_AN_AU.items() if axis.startswith(start)), 1.0)


def _add_details(vertices: Vertices, rng: np.random.Generator) -> None:
    for axis, sides in _detail_axes().items():
        used, strength = rng.random() < 0.6, float(np.clip(rng.normal(), -2.2, 2.2)) * 0.22 * _bound(axis)
        if not used:
            continue
        direction = 0 if 0 in sides else int(np.sign(strength))
        scale = 0.6 if direction == 0 else 1.0
        for name in sides.get(direction, ()):
            _add(vertices, name, scale * abs(strength))


def _add_asymmetry(vertices: Vertices, rng: np.random.Generator) -> None:
    for name in target_names("asym"):
        used, strength = rng.random() < 0.3, abs(float(rng.normal())) * 0.12
        if used and "asymm" not in name:
            small = 0.4 if re.search(r"brown|mouth|eye", name) else 1.0
            _add(vertices, name, min(strength, 0.3) * small)


def _set_brows(vertices: Vertices, rng: np.random.Generator) -> None:
    for name, (mean, spread) in _BROWS.items():
        target = blendshape(name)
        vertices[target.index] += (mean + spread * float(np.clip(rng.normal(), -2.0, 2.0))) * target.shift


def _open_lids(vertices: Vertices, rng: np.random.Generator) -> None:
    mean, spread = _LIDS_OPEN
    opened = mean + spread * float(np.clip(rng.normal(), -2.0, 2.0))
    for name, share in _LIDS.items():
        _add(vertices, name, opened * share)


def iris_colour(identity: Identity, rng: np.random.Generator) -> Float[np.ndarray, "3"]:
    """Return an iris colour, 0-255; light irises grow rarer with darker skin."""
    browns = [(60, 38, 22), (88, 56, 30), (45, 28, 18)]
    lights = [(96, 120, 140), (110, 125, 95), (130, 105, 60), (120, 135, 145)]
    light = rng.random() < max(0.0, 0.6 - 0.09 * identity.tone)
    pool = lights if light else browns
    return np.array(pool[rng.integers(len(pool))], float) * rng.uniform(0.8, 1.2)
