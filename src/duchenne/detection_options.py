"""What a detector looks for: the options that `AUDetector` takes by keyword and that records of results keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from duchenne.chosen_thresholds import SET_NAMES, ThresholdSetName, check_thresholds
from duchenne.errors import UsageError
from duchenne.reliability import Unreliable


@dataclass(frozen=True)
class DetectionOptions:
    """What to look for.

    Attributes:
        aus: Names to report, in the order of `facs.AU_NAMES`; None for all that the weights know.
        thresholds: The name of one of the weights' sets ("balanced", "f1"), or thresholds by AU name that replace those
            of the weights, each 0-1; None for what the weights take.
        largest_face: Keep only the largest face of each frame.
        min_face_px: Smallest face to look for; None for 1/60 of a picture's shorter side and 1/20 of a video's.
        sides: Report the subject's left and right, too.
        weights: "real" or "rendered", the package's networks by what they learnt from; or a file that `duchenne export`
            has written. None for "real".
        smooth: Steady the landmarks of videos over time before action units are read; single pictures stay as they are.
        unreliable: What tables do with the occurrence of AUs that are not `FaceAUs.reliable`: "keep" it, or write 9 for
            it ("blank").
    """

    aus: tuple[str, ...] | None = None
    thresholds: Mapping[str, float] | ThresholdSetName | None = None
    largest_face: bool = False
    min_face_px: float | None = None
    sides: bool = False
    weights: str | Path | None = None
    smooth: bool = False
    unreliable: Unreliable = "keep"

    def __post_init__(self) -> None:
        if isinstance(self.thresholds, Mapping):
            check_thresholds(self.thresholds)
        elif self.thresholds is not None and self.thresholds not in SET_NAMES:
            raise UsageError(f"There are no thresholds {self.thresholds!r}; take {' or '.join(SET_NAMES)}, or numbers.")
        if self.min_face_px is not None and not self.min_face_px >= 1:
            raise UsageError(f"The smallest face is {self.min_face_px:g} px; it must be at least 1 px.")
        if self.unreliable not in get_args(Unreliable):
            raise UsageError(f"Unreliable occurrences can be kept or blanked; {self.unreliable!r} is neither.")

    def __hash__(self) -> int:
        thresholds = self.thresholds
        named = tuple(sorted(thresholds.items())) if isinstance(thresholds, Mapping) else thresholds
        others = (self.largest_face, self.min_face_px, self.sides, self.weights, self.smooth, self.unreliable)
        return hash((self.aus, named, *others))
