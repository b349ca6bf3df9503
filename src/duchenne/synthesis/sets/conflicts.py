"""Which AUs one face cannot show at once, and the AUs of a list that are left when conflicts are resolved."""

from collections.abc import Iterable

import numpy as np

from duchenne.facs import AU_NAMES

_EXCLUDE = (
    ("AU27", "AU23"), ("AU27", "AU24"), ("AU27", "AU28"), ("AU27", "AU26"), ("AU27", "AU17"), ("AU27", "AU18"),
    ("AU28", "AU23"), ("AU28", "AU24"), ("AU28", "AU22"), ("AU28", "AU18"), ("AU28", "AU25"),
    ("AU25", "AU24"), ("AU26", "AU24"), ("AU27", "AU25"), ("AU22", "AU24"), ("AU22", "AU23"), ("AU18", "AU20"),
    ("AU18", "AU12"), ("AU22", "AU20"), ("AU05", "AU43"), ("AU05", "AU07"), ("AU43", "AU07"),
    ("AU16", "AU28"), ("AU16", "AU24"),
)  # fmt: skip
"""Pairs that one mouth or lid cannot show at once."""


def conflict(one: str, other: str) -> bool:
    """Return whether two AUs exclude each other.

    >>> conflict("AU24", "AU25"), conflict("AU12", "AU25")
    (True, False)
    """
    return (one, other) in _EXCLUDE or (other, one) in _EXCLUDE


def conflicts_with_any(au: str, others: Iterable[str]) -> bool:
    """Return whether an AU excludes one of the others."""
    return any(conflict(au, other) for other in others)


def without_conflicts(present: list[str], rng: np.random.Generator) -> list[str]:
    """Return the AUs that are left, in the order of `facs.AU_NAMES`; chance decides which of two goes."""
    kept: list[str] = []
    for au in rng.permutation(present):
        if not conflicts_with_any(str(au), kept):
            kept.append(str(au))
    return [au for au in AU_NAMES if au in kept]
