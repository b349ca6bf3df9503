"""Shares of a set's pictures by the co-occurrence of their AUs, for training."""

from dataclasses import dataclass, fields

from duchenne.errors import UsageError
from duchenne.synthesis.sets.sampling import CoOccurrence

PAIRED = (CoOccurrence.PAIRS, CoOccurrence.PROTOTYPE_PAIRS)
"""Kinds that come as two pictures."""


@dataclass(frozen=True)
class Shares:
    """Shares of the pictures of a set for training (`CoOccurrence.TRAINING`). Ours: a first guess.

    Attributes:
        prototypes: Emotion prototypes, pain, speech and restraint.
        prototype_pairs: Pairs of one prototype that differ in one AU.
        people: Rates and correlations of BP4D.
        independent: Each AU as often as any other.
        pairs: Pairs of independent AUs that differ in one.
        single: One AU alone.
        neutral: No AU.
    """

    prototypes: float = 0.4
    prototype_pairs: float = 0.15
    people: float = 0.15
    independent: float = 0.1
    pairs: float = 0.08
    single: float = 0.06
    neutral: float = 0.06

    def __post_init__(self) -> None:
        for kind, share in self.by_cooccurrence().items():
            if not 0 <= share <= 1:
                raise UsageError(f"The share of {kind.value} is {share:g}; it must lie in 0-1.")
        total = sum(self.by_cooccurrence().values())
        if abs(total - 1) > 1e-6:
            raise UsageError(f"The shares add up to {total:g}; they must add up to 1.")
        if self.pairs + self.prototype_pairs > 1 - 1e-6:
            raise UsageError(
                "The shares contain only pairs; name another kind too, or ask for one kind of pairs without shares."
            )

    def by_cooccurrence(self) -> dict[CoOccurrence, float]:
        """Return the shares by kind, in the order of the fields."""
        return {CoOccurrence(_kind(field.name)): getattr(self, field.name) for field in fields(self)}

    @classmethod
    def parse(cls, text: str) -> "Shares":
        """Return shares from a text such as "prototypes=.5,neutral=.1".

        Kinds that are not named share what is left in proportion to their defaults.

        >>> Shares.parse("prototypes=.7,prototype-pairs=0").neutral
        0.04

        Raises:
            UsageError: A kind is unknown or named twice, a share is not a number, or the shares are more than 1.
        """
        named: dict[str, float] = {}
        for part in text.split(","):
            kind, share = _parsed(part)
            if kind in named:
                raise UsageError(f"The share of {_kind(kind)} is given twice in {text!r}; name each kind once.")
            named[kind] = share
        left, rest = 1 - sum(named.values()), [field.name for field in fields(cls) if field.name not in named]
        if rest and left < -1e-9:
            raise UsageError(f"The shares in {text!r} add up to {1 - left:g}; they must not exceed 1.")
        defaults = cls()
        whole = sum(getattr(defaults, name) for name in rest)
        return cls(**named, **{name: max(left, 0.0) * getattr(defaults, name) / whole for name in rest})


def _kind(field_name: str) -> str:
    return field_name.replace("_", "-")


def _parsed(part: str) -> tuple[str, float]:
    kind, _, share = (word.strip() for word in part.partition("="))
    known = [field.name for field in fields(Shares)]
    if kind.replace("-", "_") not in known:
        raise UsageError(
            f"There is no kind {kind!r} to give a share to. Known: {', '.join(map(_kind, known))}; write KIND=SHARE, "
            "with commas between."
        )
    try:
        return kind.replace("-", "_"), float(share)
    except ValueError:
        raise UsageError(f"The share of {kind} is {share!r}; it must be a number from 0 to 1.") from None
