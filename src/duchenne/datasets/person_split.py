"""The one split of persons for all pictures of real people: by the last digit of a person's number.

Every reader of real faces takes its parts from here. A person whose number ends in `APART` has no part, so nothing can
ask for that person's pictures: not for training, not for choosing, not for evaluation.
"""

from enum import StrEnum

APART = 5
"""Last digit of the persons who enter nothing, so that something stays unseen whatever is tried."""


class Part(StrEnum):
    """What a person's pictures are for."""

    TEACH = "teach"
    """Networks are trained on them."""
    CHOOSE = "choose"
    """Epochs, thresholds, recipes and calibration are chosen on them; the numbers that end in 1."""
    JUDGE = "judge"
    """They are reported and nothing is chosen by them; the numbers that end in 0."""


def part_of(person: int) -> Part | None:
    """Return the part of a person, None for one who is kept apart.

    >>> part_of(1230), part_of(7), part_of(15)
    (<Part.JUDGE: 'judge'>, <Part.TEACH: 'teach'>, None)
    """
    digit = person % 10
    if digit == APART:
        return None
    return {0: Part.JUDGE, 1: Part.CHOOSE}.get(digit, Part.TEACH)
