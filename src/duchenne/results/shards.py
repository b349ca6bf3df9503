"""Which share of the sources a run takes where several runs, on one machine or many, do the work of one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from duchenne.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Shard:
    """One of so many shares of the same list of sources; sources are dealt out in turn.

    Attributes:
        number: Of this shard, from 1.
        count: Of all shards.

    Raises:
        UsageError: There is no such shard.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(f"There is no shard {self}; shards of {self.count} are 1/{self.count} and so on.")

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard that a text such as "2/10" names.

        Example:
            >>> Shard.parse("2/10").share("abcdefghijkl")
            ['b', 'l']

        Raises:
            UsageError: The text names none.
        """
        found = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if found is None:
            raise UsageError(f"{text!r} names no shard. Write its number and how many there are, such as 2/10.")
        return cls(int(found.group(1)), int(found.group(2)))

    def share(self, items: Sequence[T]) -> list[T]:
        """Return the items of this shard, in their order."""
        return list(items[self.number - 1 :: self.count])
