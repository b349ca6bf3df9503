"""Which AUs go together on people: emotion prototypes with their variants, pain, speech and restraint.

A variant names AUs with the share of its faces that show them: 1 for obligatory ones, .3 and more for frequent ones,
less for optional ones. Where a mouth or a lid can do one thing at a time, the alternatives exclude each other.

Source, variants: beside each. Variants of the guide that rest on AU11 are left out, since `facs.ACTION_UNITS` lacks it.
Ours: rates that the source does not state, shares of the variants, and AU05 or AU07 in anger, where the guide has both,
since `conflicts` excludes the two on one face; likewise AU22 in place of AU23.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

_GUIDE = "Ekman, Friesen and Hager, FACS investigator's guide (2002), table 10-1"
_DU = "Du, Tao and Martinez, PNAS 111 (2014), table 1"
_LAUGH = "Ruch and Ekman, The expressive pattern of laughter (2001)"
_CONTEMPT = "Ekman and Friesen, Motivation and Emotion 10 (1986)"
_CK = "Lucey et al., CVPR Workshops 2010, table 1"
_PAIN = "Prkachin and Solomon, Pain 139 (2008)"
_SPEECH = "ours, by the classes of Fisher, J. Speech and Hearing Research 11 (1968); brows: Ekman, About brows (1979)"
_SMILES = "Ekman and Friesen, J. Nonverbal Behavior 6 (1982); Keltner, J. Personality and Social Psychology 68 (1995)"

Alternatives = Mapping[str, float]
"""AUs joined by "+", such as "AU25+AU26", with the share of faces that show them; no two on one face."""


@dataclass(frozen=True)
class Variant:
    """One way of a prototype.

    Attributes:
        prototype: Such as "anger".
        name: Its obligatory AUs, such as "4+17+24".
        share: Among the prototype's faces.
        source: Who describes it.
        rates: Share of its faces that show an AU, each apart from the others.
        choices: Of each, at most one alternative is shown.
        at_most: The strongest intensity, where the source bounds it.
        one_sided: Shown on one side, with little on the other.
    """

    prototype: str
    name: str
    share: float
    source: str
    rates: Mapping[str, float]
    choices: tuple[Alternatives, ...] = ()
    at_most: Mapping[str, float] = field(default_factory=dict)
    one_sided: bool = False

    @property
    def aus(self) -> frozenset[str]:
        """Every AU that is named."""
        return frozenset(self.rates) | {au for choice in self.choices for joined in choice for au in joined.split("+")}


_B = 2.5
"""Where grade B ends."""


def _name(au: int) -> str:
    return f"AU{au:02d}"


def _choice(**shares: float) -> Alternatives:
    """Return alternatives from words such as au25_26=.3."""
    return {"+".join(_name(int(au)) for au in word[2:].split("_")): share for word, share in shares.items()}


_OPEN = _choice(au25=0.3, au25_26=0.15)
"""A mouth that is open or not."""
_GAPING = _choice(au25=0.4, au25_26=0.4, au27=0.2)
_LIDS = _choice(au7=0.25, au43=0.08)
_GLARE = _choice(au5=0.4, au7=0.6)


def _variant(
    name: str,
    share: float,
    source: str,
    rates: Mapping[int, float] | None = None,
    *choices: Alternatives,
    at_most: Mapping[int, float] | None = None,
    one_sided: bool = False,
) -> Variant:
    """Return a variant without its prototype; the AUs of its name are obligatory unless a choice holds them."""
    chosen = {au for choice in choices for joined in choice for au in joined.split("+")}
    always = {_name(int(au)): 1.0 for au in name.split("+") if au.isdigit() and _name(int(au)) not in chosen}
    others = {_name(au): rate for au, rate in (rates or {}).items()}
    bounds = {_name(au): bound for au, bound in (at_most or {}).items()}
    return Variant("", name, share, source, {**always, **others}, choices, bounds, one_sided)


_TABLE: Mapping[str, tuple[float, tuple[Variant, ...]]] = {
    "happiness": (0.15, (
        _variant("6+12", 0.3, _GUIDE, {7: 0.3, 14: 0.1, 10: 0.08, 1: 0.08, 2: 0.08}, _OPEN),
        _variant("12", 0.25, _GUIDE, {14: 0.15, 7: 0.15, 1: 0.1, 2: 0.1, 17: 0.08, 23: 0.06}, _OPEN),
        _variant("12+25", 0.3, _DU, {6: 0.51, 7: 0.25, 26: 0.2, 10: 0.12, 1: 0.08, 2: 0.08, 20: 0.05}),
        _variant("6+12+25", 0.15, _LAUGH, {9: 0.12, 10: 0.2, 4: 0.1}, _GAPING, _choice(au7=0.45, au43=0.15)),
    )),
    "sadness": (0.11, (
        _variant("1+4+15", 0.25, _GUIDE, {17: 0.45, 6: 0.2, 2: 0.1, 20: 0.08}, _LIDS, _choice(au24=0.15, au25=0.15)),
        _variant("6+15", 0.1, _GUIDE, {17: 0.4, 4: 0.3, 1: 0.3, 10: 0.1}, _LIDS, _choice(au24=0.1, au25=0.15)),
        _variant("1+4+15+17", 0.15, _GUIDE, {2: 0.1, 14: 0.1, 23: 0.1}, _LIDS, at_most={15: _B}),
        _variant("1+4", 0.15, _GUIDE, {15: 0.2, 17: 0.2, 2: 0.15}, _LIDS, _OPEN),
        _variant("4+15", 0.35, _DU, {1: 0.6, 6: 0.5, 17: 0.67, 24: 0.1, 20: 0.08}, _LIDS),
    )),
    "surprise": (0.1, (
        _variant("1+2+5+26", 0.18, _GUIDE, {25: 0.9, 12: 0.12, 20: 0.06}, at_most={5: _B}),
        _variant("1+2+5+27", 0.14, _GUIDE, {12: 0.06, 20: 0.1}, at_most={5: _B}),
        _variant("1+2+5", 0.12, _GUIDE, {12: 0.15, 14: 0.06}, _OPEN, at_most={5: _B}),
        _variant("1+2+26", 0.1, _GUIDE, {25: 0.85, 12: 0.12, 4: 0.08}),
        _variant("1+2+27", 0.06, _GUIDE, {12: 0.08, 4: 0.08}),
        _variant("5+26", 0.07, _GUIDE, {25: 0.85, 12: 0.1}, at_most={5: _B}),
        _variant("5+27", 0.05, _GUIDE, {20: 0.1}, at_most={5: _B}),
        _variant("1+2+25+26", 0.28, _DU, {5: 0.66, 12: 0.1, 16: 0.05}),
    )),
    "fear": (0.08, (
        _variant("1+2+4+5+20+25", 0.2, _GUIDE, {16: 0.1}, _GAPING),
        _variant("1+2+4+5+25", 0.15, _GUIDE, {15: 0.08, 16: 0.1}, _GAPING),
        _variant("1+2+4+5", 0.1, _GUIDE, {15: 0.1, 17: 0.1, 24: 0.1}),
        _variant("1+2+5", 0.1, _GUIDE, {20: 0.15, 4: 0.15}, _OPEN),
        _variant("5+20", 0.1, _GUIDE, {1: 0.15, 4: 0.15}, _OPEN),
        _variant("1+4+20+25", 0.35, _DU, {2: 0.57, 5: 0.63, 26: 0.33, 16: 0.08}),
    )),
    "anger": (0.11, (
        _variant("4+5|7+23", 0.16, _GUIDE, {9: 0.08, 14: 0.08}, _GLARE, _OPEN),
        _variant("4+5|7+24", 0.14, _GUIDE, {14: 0.1, 15: 0.1, 2: 0.06}, _GLARE),
        _variant("4+5|7+17+23", 0.12, _GUIDE, {10: 0.1, 15: 0.15}, _GLARE),
        _variant("4+5|7+17+24", 0.12, _GUIDE, {15: 0.15}, _GLARE),
        _variant("4+5|7+10+23+25", 0.1, _GUIDE, {26: 0.5, 9: 0.1, 16: 0.15}, _GLARE),
        _variant("4+5|7+10+22+25", 0.06, _GUIDE, {26: 0.5}, _GLARE),
        _variant("5|7+17+24", 0.05, _GUIDE, {23: 0.2}, _GLARE),
        _variant("4+7+24", 0.25, _DU, {10: 0.26, 17: 0.52, 23: 0.29, 9: 0.08, 6: 0.1}),
    )),
    "disgust": (0.1, (
        _variant("9", 0.14, _GUIDE, {4: 0.35, 6: 0.25, 15: 0.1}, _LIDS, _OPEN),
        _variant("9+16+25", 0.12, _GUIDE, {26: 0.5, 4: 0.3, 20: 0.1}, _LIDS),
        _variant("9+17", 0.12, _GUIDE, {4: 0.35, 15: 0.15, 24: 0.1}, _LIDS),
        _variant("10", 0.14, _GUIDE, {4: 0.2, 6: 0.15, 14: 0.1, 12: 0.08}, _LIDS, _OPEN),
        _variant("10+16+25", 0.12, _GUIDE, {26: 0.5, 4: 0.2, 20: 0.1}, _LIDS),
        _variant("10+17", 0.12, _GUIDE, {4: 0.25, 15: 0.2, 24: 0.1}, _LIDS),
        _variant("9+10+17", 0.24, _DU, {4: 0.31, 24: 0.26, 6: 0.15}, _LIDS),
    )),
    "contempt": (0.06, (
        _variant("14 one-sided", 0.4, _CONTEMPT, {14: 1, 17: 0.15, 2: 0.1, 24: 0.1}, _choice(au7=0.15), one_sided=True),
        _variant("12+14 one-sided", 0.3, _GUIDE, {14: 1, 10: 0.1}, _LIDS, at_most={12: _B}, one_sided=True),
        _variant("14", 0.3, _CK, {17: 0.2, 24: 0.15, 4: 0.12, 2: 0.1, 1: 0.06}, _LIDS),
    )),
    "pain": (0.08, (
        _variant("4+6+9|10+43", 0.35, _PAIN, {12: 0.15, 20: 0.15}, _choice(au9=0.5, au10=0.5), _OPEN),
        _variant("4+7+9|10", 0.35, _PAIN, {6: 0.4, 12: 0.15, 20: 0.15, 17: 0.1},
                 _choice(au9=0.5, au10=0.5), _OPEN),
        _variant("4+7", 0.2, _PAIN, {6: 0.35, 15: 0.1, 17: 0.15}, _OPEN),
        _variant("6+10+43", 0.1, _PAIN, {4: 0.35, 20: 0.1}, _choice(au25=0.3, au25_26=0.2, au27=0.2)),
    )),
    "speech": (0.14, tuple(
        _variant(name, share, _SPEECH, rates, *choices, _choice(au1_2=0.18, au4=0.12), _choice(au7=0.08, au43=0.06))
        for name, share, rates, choices in (
            ("25+26", 0.22, {16: 0.15, 10: 0.15, 12: 0.12, 6: 0.06, 20: 0.06}, ()),
            ("25", 0.18, {16: 0.12, 10: 0.12, 12: 0.12, 17: 0.08}, ()),
            ("27", 0.05, {10: 0.1, 16: 0.1}, ()),
            ("20+25", 0.1, {26: 0.3, 16: 0.15, 14: 0.1}, ()),
            ("18+25", 0.1, {26: 0.3, 22: 0.15, 17: 0.06}, ()),
            ("22+25", 0.12, {26: 0.4, 10: 0.1, 16: 0.1}, ()),
            ("16+25", 0.1, {26: 0.4, 10: 0.12, 15: 0.06}, ()),
            ("17+25", 0.05, {10: 0.35}, ()),
            ("24", 0.08, {17: 0.25, 14: 0.12, 23: 0.1}, ()),
        )
    )),
    "restraint": (0.07, (
        _variant("12+24", 0.16, _SMILES, {6: 0.35, 17: 0.2, 14: 0.2, 7: 0.15}),
        _variant("12+23", 0.12, _SMILES, {6: 0.35, 7: 0.15, 25: 0.15, 17: 0.1}),
        _variant("12+17", 0.12, _SMILES, {6: 0.35, 15: 0.15, 7: 0.15, 1: 0.08, 2: 0.08}),
        _variant("12+14", 0.16, _SMILES, {6: 0.35, 7: 0.15, 17: 0.1}, _choice(au24=0.15, au25=0.2)),
        _variant("12+15", 0.12, _SMILES, {6: 0.35, 1: 0.1, 4: 0.1, 25: 0.1}),
        _variant("12+15+17", 0.1, _SMILES, {6: 0.3, 1: 0.15, 4: 0.12, 24: 0.1}),
        _variant("12+28", 0.06, _SMILES, {6: 0.3, 17: 0.15}),
        _variant("17+24", 0.1, _SMILES, {14: 0.25, 15: 0.2, 4: 0.1, 23: 0.1}),
        _variant("28", 0.06, _SMILES, {17: 0.2, 14: 0.15, 4: 0.1}),
    )),
}  # fmt: skip

SHARES: Mapping[str, float] = {prototype: share for prototype, (share, _) in _TABLE.items()}
"""Of the prototypes among the faces that show one. Ours."""


@cache
def variants_of(prototype: str) -> tuple[Variant, ...]:
    """Return the variants of a prototype.

    >>> [variant.name for variant in variants_of("contempt")]
    ['14 one-sided', '12+14 one-sided', '14']
    """
    return tuple(replace(variant, prototype=prototype) for variant in _TABLE[prototype][1])


@cache
def aus_of(prototype: str) -> tuple[str, ...]:
    """Return every AU that one of the prototype's variants names, in order.

    >>> aus_of("contempt")
    ('AU01', 'AU02', 'AU04', 'AU07', 'AU10', 'AU12', 'AU14', 'AU17', 'AU24', 'AU43')
    """
    return _ordered(au for variant in variants_of(prototype) for au in variant.aus)


def _ordered(aus: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(aus)))
