"""How far a training is; a checkpoint keeps it beside the tensors."""

from dataclasses import dataclass, field


@dataclass
class TrainingState:
    """How far a run is, beside the tensors.

    Attributes:
        step: Steps made.
        best: Best score of a validation.
        best_step: Its step.
        score: Of the last validation.
        smooth: Running mean of the loss.
        notes: What has changed at its stops.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    score: float | None = None
    smooth: float | None = None
    notes: list[str] = field(default_factory=list)
