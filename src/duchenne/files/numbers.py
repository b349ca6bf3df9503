"""Numbers in files that others wrote: what is none, or too large for what follows, is None."""

import math
from contextlib import suppress
from typing import Any

_MOST_DIGITS = 18
"""Of which every number fits 64 bits; Python itself refuses more than 4,300."""


def whole_number(text: str) -> int | None:
    """Return the number from 0 that a text is; None where it is none, or has more than 18 digits.

    Example:
        >>> whole_number("07"), whole_number("-1"), whole_number("1.5"), whole_number("9" * 5000)
        (7, None, None, None)
    """
    digits = text.lstrip("0") or text[-1:]
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


def finite_number(value: Any) -> float | None:
    """Return a number, or the one that a text is; None where it is none, infinite or too large to be a float.

    Example:
        >>> finite_number("2.5"), finite_number(3), finite_number("nan"), finite_number(10**400)
        (2.5, 3.0, None, None)
    """
    with suppress(ValueError, TypeError, OverflowError):
        if math.isfinite(number := float(value)):
            return number
    return None
