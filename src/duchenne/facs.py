"""The vocabulary: action units, the 49 landmarks, their mirror map and the 22 patches.

Everything that orders AUs or landmarks takes the order from here. Landmark numbers in text and in `PATCH_LANDMARKS`
count from 1 as in the paper; index arrays count from 0.

Source: Ekman, Friesen and Hager, Facial Action Coding System (2002) for AUs; docs/method.md for landmarks and patches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from duchenne.errors import UsageError


class Region(StrEnum):
    """The part of the face in which an AU shows first."""

    BROW = "brow"
    EYE = "eye"
    NOSE = "nose"
    CHEEK = "cheek"
    MOUTH = "mouth"
    CHIN = "chin"


@dataclass(frozen=True)
class ActionUnit:
    """One FACS action unit: number, name, muscle, region, and whether FACS codes its sides apart."""

    number: int
    title: str
    muscle: str
    region: Region
    sided: bool

    @property
    def name(self) -> str:
        """The column name, for example "AU06"."""
        return f"AU{self.number:02d}"


ACTION_UNITS: tuple[ActionUnit, ...] = (
    ActionUnit(1, "Inner brow raiser", "frontalis, pars medialis", Region.BROW, False),
    ActionUnit(2, "Outer brow raiser", "frontalis, pars lateralis", Region.BROW, True),
    ActionUnit(4, "Brow lowerer", "corrugator supercilii, depressor supercilii, procerus", Region.BROW, True),
    ActionUnit(5, "Upper lid raiser", "levator palpebrae superioris", Region.EYE, True),
    ActionUnit(6, "Cheek raiser", "orbicularis oculi, pars orbitalis", Region.CHEEK, True),
    ActionUnit(7, "Lid tightener", "orbicularis oculi, pars palpebralis", Region.EYE, True),
    ActionUnit(9, "Nose wrinkler", "levator labii superioris alaeque nasi", Region.NOSE, True),
    ActionUnit(10, "Upper lip raiser", "levator labii superioris", Region.MOUTH, True),
    ActionUnit(12, "Lip corner puller", "zygomaticus major", Region.MOUTH, True),
    ActionUnit(14, "Dimpler", "buccinator", Region.MOUTH, True),
    ActionUnit(15, "Lip corner depressor", "depressor anguli oris", Region.MOUTH, True),
    ActionUnit(16, "Lower lip depressor", "depressor labii inferioris", Region.MOUTH, True),
    ActionUnit(17, "Chin raiser", "mentalis", Region.CHIN, False),
    ActionUnit(18, "Lip pucker", "incisivii labii", Region.MOUTH, False),
    ActionUnit(20, "Lip stretcher", "risorius", Region.MOUTH, True),
    ActionUnit(22, "Lip funneler", "orbicularis oris", Region.MOUTH, False),
    ActionUnit(23, "Lip tightener", "orbicularis oris", Region.MOUTH, False),
    ActionUnit(24, "Lip pressor", "orbicularis oris", Region.MOUTH, False),
    ActionUnit(25, "Lips part", "depressor labii inferioris, or relaxed mentalis", Region.MOUTH, False),
    ActionUnit(26, "Jaw drop", "masseter, relaxed", Region.MOUTH, False),
    ActionUnit(27, "Mouth stretch", "pterygoids, digastric", Region.MOUTH, False),
    ActionUnit(28, "Lip suck", "orbicularis oris", Region.MOUTH, False),
    ActionUnit(
        43,
        "Eyes closed",
        "levator palpebrae superioris, relaxed; a blink (AU45) while it lasts",
        Region.EYE,
        True,
    ),
)
AU_NAMES: tuple[str, ...] = tuple(au.name for au in ACTION_UNITS)
AU_BY_NAME: dict[str, ActionUnit] = {au.name: au for au in ACTION_UNITS}
PAPER_AUS: tuple[str, ...] = tuple(f"AU{n:02d}" for n in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24))
"""The 12 AUs of BP4D, in the order of the paper's tables."""

UNKNOWN = 9
"""How files write an occurrence or intensity that nobody knows, as BP4D and FERA 2017 do; in memory it is a mask."""

LANDMARK_COUNT = 49
LANDMARK_GROUPS: dict[str, range] = {
    "brow_image_left": range(0, 5),
    "brow_image_right": range(5, 10),
    "nose_bridge": range(10, 14),
    "nose_base": range(14, 19),
    "eye_image_left": range(19, 25),
    "eye_image_right": range(25, 31),
    "lip_outer": range(31, 43),
    "lip_inner": range(43, 49),
}
"""Index ranges (from 0) of the 49 landmarks; the image's left is the subject's right."""

BROW_ENDS: tuple[int, ...] = (0, 4, 5, 9)
"""Outer and inner end of the brow on the image's left, inner and outer end of the other."""
NOSE_TIP = 13
OUTER_EYE_IMAGE_LEFT, INNER_EYE_IMAGE_LEFT = 19, 22
INNER_EYE_IMAGE_RIGHT, OUTER_EYE_IMAGE_RIGHT = 25, 28
MOUTH_CORNERS: tuple[int, int] = (31, 37)
"""The outer corners of the mouth, that on the image's left first."""

PATCH_LANDMARKS: tuple[int, ...] = (
    1, 4, 5, 6, 7, 10, 11, 12, 13, 15, 19, 22, 25, 27, 30, 32, 34, 36, 38, 40, 41, 42,
)  # fmt: skip
"""The landmarks, counted from 1, around which the 22 patches lie (docs/method.md: our choice; the paper's is lost)."""

_MIRROR_FROM_1 = (
    *range(10, 0, -1), 11, 12, 13, 14, 19, 18, 17, 16, 15,
    29, 28, 27, 26, 31, 30, 23, 22, 21, 20, 25, 24,
    38, 37, 36, 35, 34, 33, 32, 43, 42, 41, 40, 39, 46, 45, 44, 49, 48, 47,
)  # fmt: skip
MIRROR_LANDMARKS: np.ndarray = np.array(_MIRROR_FROM_1, np.int64) - 1
"""`mirrored = landmarks[MIRROR_LANDMARKS]` renames the points after the picture was flipped left to right."""


def au_columns(names: Iterable[str]) -> list[int]:
    """Return the columns of these AUs in arrays whose columns are in the order of `AU_NAMES`.

    Example:
        >>> au_columns(["AU01", "AU04"])
        [0, 2]

    Raises:
        UsageError: A name is not one of `AU_NAMES`.
    """
    chosen = list(names)
    if unknown := [name for name in chosen if name not in AU_BY_NAME]:
        raise UsageError(f"There is no action unit {' '.join(unknown)} here. Known: {' '.join(AU_NAMES)}.")
    return [AU_NAMES.index(name) for name in chosen]


def au_name(au: str | int) -> str:
    """Return the name of one AU, of which the number will do, or a name in any spelling.

    Example:
        >>> au_name(12), au_name("au6"), au_name("AU06"), au_name("25")
        ('AU12', 'AU06', 'AU06', 'AU25')

    Raises:
        UsageError: There is no such AU.
    """
    word = str(au).strip()
    digits = word.upper().removeprefix("AU")
    name = f"AU{int(digits):02d}" if digits.isdecimal() and len(digits) < 4 else word
    if name not in AU_BY_NAME or isinstance(au, bool):
        raise UsageError(
            f"There is no action unit {au!r} here. Known: {' '.join(AU_NAMES)}. "
            "Write numbers or names, separated by commas: 6,12 or AU06,AU12."
        )
    return name


def parse_aus(aus: str | int | Iterable[str | int]) -> tuple[str, ...]:
    """Return AU names in FACS order from a list such as "12, AU6 6,25", from numbers or from names.

    Example:
        >>> parse_aus("12,6"), parse_aus([12, "au6"]), parse_aus(25)
        (('AU06', 'AU12'), ('AU06', 'AU12'), ('AU25',))

    Raises:
        UsageError: There is no such AU, or none is named.
    """
    listed = [aus] if isinstance(aus, str | int) else aus
    words = [word for one in listed for word in (one.replace(",", " ").split() if isinstance(one, str) else [one])]
    wanted = {au_name(word) for word in words}
    if not wanted:
        raise UsageError("The list of action units is empty. Write numbers or names, separated by commas: 6,12.")
    return tuple(name for name in AU_NAMES if name in wanted)
