"""What agreement is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from duchenne.errors import UsageError
from duchenne.measures.intervals import Bootstrap
from duchenne.study.au_events import EventSettings
from duchenne.study.codings.au_labels import LETTERS
from duchenne.study.exclusion import Exclusion

Unit = Literal["sequence", "person", "segment"]
"""What is resampled for intervals: one person in one video, a person in all of them, or each stretch that was coded."""


@dataclass(frozen=True)
class AgreeSettings:
    """How two codings are compared.

    Attributes:
        present_from: Lowest letter of a code that counts as present; results count from B on (docs/columns.md).
        tolerance_s: Furthest apart that two onsets, or two offsets, may be and still agree.
        overlap: Part of their common time that two events must share to be the same.
        step_s: Time from moment to moment where both codings are events, and neither has frames.
        over: What is resampled for intervals.
        bootstrap: How often, and which intervals.
        exclude: Stretches to leave out.
        events: How frames become events.
        shifts: By file name, seconds by which codes are moved before they are compared; "" is every other file.
        find_shifts: Whether shifts that are found are applied, not only told.
        rule: By which threshold advice is given: best balanced accuracy, or best F1.
    """

    present_from: str = "B"
    tolerance_s: float = 0.5
    overlap: float = 0.5
    step_s: float = 0.04
    over: Unit = "sequence"
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    exclude: Exclusion = field(default_factory=Exclusion)
    events: EventSettings = field(default_factory=EventSettings)
    shifts: Mapping[str, float] = field(default_factory=dict)
    find_shifts: bool = False
    rule: Literal["balanced", "f1"] = "balanced"

    def __post_init__(self) -> None:
        if self.present_from not in LETTERS:
            raise UsageError(f"Presence begins at a letter from A to E; got {self.present_from!r}.")
        if self.tolerance_s < 0 or not 0 < self.overlap <= 1 or self.step_s <= 0:
            raise UsageError(
                f"Expected a tolerance of 0 s or more, an overlap between 0 and 1 and a step above 0 s; got "
                f"{self.tolerance_s:g}, {self.overlap:g} and {self.step_s:g}."
            )

    @property
    def lowest_grade(self) -> int:
        """`present_from` as a number, 1 to 5."""
        return LETTERS.index(self.present_from) + 1
