"""Progress messages of an experiment."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class StageProgress:
    """How far a stage of the experiment is.

    Attributes:
        stage: Its name.
        done: In any unit.
        total: In the same.
        remark: Something worth a line of its own.
    """

    stage: str
    done: float = 0.0
    total: float = 0.0
    remark: str = ""


ProgressCallback = Callable[[StageProgress], None]
FractionCallback = Callable[[float], None]
"""Called with how much of one training and its tests is done, 0-1."""
