"""Equality and hash of dataclasses that hold arrays, by value."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np


class ArrayValues:
    """A base of frozen dataclasses with array fields; they are declared with `eq=False`.

    Two are equal if they are of one class and all their fields are equal, arrays number by number; NaN equals NaN.
    The hash leaves arrays out, so that equal ones have the same hash.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True, eq=False)
        ... class Point(ArrayValues):
        ...     xy: np.ndarray
        ...     name: str
        >>> nose, again, chin = Point(np.zeros(2), "nose"), Point(np.zeros(2), "nose"), Point(np.ones(2), "nose")
        >>> nose == again, nose == chin, len({nose, again, chin})
        (True, False, 2)
    """

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(_equal(mine, theirs) for mine, theirs in zip(_values(self), _values(other), strict=True))

    def __hash__(self) -> int:
        return hash((type(self), *(value for value in _values(self) if not isinstance(value, np.ndarray))))


def _values(of: Any) -> Iterator[Any]:
    return (getattr(of, field.name) for field in fields(of))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) != isinstance(other, np.ndarray):  # None beside an array, for example.
        return False
    if not isinstance(one, np.ndarray):
        return bool(one == other)
    return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
