"""What a training run tells of itself while it runs."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The state of a training run.

    Attributes:
        step: Steps made.
        steps: Steps at most.
        loss: Running mean; None for systems that have none.
        score: Of the last validation, higher is better; None before the first. For AU networks the mean area under the
            ROC.
        per_s: Pictures in a second.
        left_s: Seconds to the last step, at this rate.
        remark: What is being done, where it is not a step.
        note: What is to be known of the result; told once.
    """

    step: int
    steps: int
    loss: float | None = None
    score: float | None = None
    per_s: float | None = None
    left_s: float | None = None
    remark: str = ""
    note: str = ""


ProgressCallback = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Say nothing."""
