"""What a training run says of itself while it runs."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The state of a training run.

    Attributes:
        step: Steps made.
        steps: Steps at most.
        loss: Running mean; None for systems that have none.
        score: Mean area under the ROC on validation faces, of the last validation; None before the first.
        per_s: Faces in a second.
        left_s: Seconds to the last step, at this rate.
        remark: What is being done, where it is not a step.
    """

    step: int
    steps: int
    loss: float | None = None
    score: float | None = None
    per_s: float | None = None
    left_s: float | None = None
    remark: str = ""


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Say nothing."""
