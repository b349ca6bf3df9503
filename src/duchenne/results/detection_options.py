"""What a detector looks for: the options that `AUDetector` takes by keyword and that records of results keep."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import get_args

from duchenne.chosen_thresholds import SET_NAMES, ThresholdSetName, check_thresholds
from duchenne.devices import DeviceName, check_device
from duchenne.errors import UsageError
from duchenne.neutral_faces import NeutralFaces
from duchenne.reliability import Unreliable
from duchenne.weights import AU_NETWORKS


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
        device: Where networks are computed: "cpu", "cuda", "coreml", "openvino", "directml"; "auto" for the first of
            CUDA, DirectML and OpenVINO that is installed and works, else the processor.
    """

    aus: tuple[str, ...] | None = None
    thresholds: Mapping[str, float] | ThresholdSetName | None = None
    largest_face: bool = False
    min_face_px: float | None = None
    sides: bool = False
    weights: str | Path | None = None
    smooth: bool = False
    unreliable: Unreliable = "keep"
    device: DeviceName = "auto"

    def __post_init__(self) -> None:
        if isinstance(self.thresholds, Mapping):
            check_thresholds(self.thresholds)
        elif self.thresholds is not None and self.thresholds not in SET_NAMES:
            raise UsageError(f"There are no thresholds {self.thresholds!r}; take {' or '.join(SET_NAMES)}, or numbers.")
        if self.min_face_px is not None and not self.min_face_px >= 1:
            raise UsageError(f"The smallest face is {self.min_face_px:g} px; it must be at least 1 px.")
        if self.unreliable not in get_args(Unreliable):
            raise UsageError(f"Unreliable occurrences can be kept or blanked; {self.unreliable!r} is neither.")
        check_device(self.device)

    def __hash__(self) -> int:
        thresholds = self.thresholds
        named = tuple(sorted(thresholds.items())) if isinstance(thresholds, Mapping) else thresholds
        others = (self.largest_face, self.min_face_px, self.sides, self.weights, self.smooth, self.unreliable)
        return hash((self.aus, named, *others, self.device))


class ByOptions:
    """A base of what is told apart by its options and neutral faces: it prints them, and is equal if they are.

    Attributes:
        options: What was asked for.
    """

    options: DetectionOptions

    @property
    def neutral(self) -> NeutralFaces | None:
        """Whose neutral face belongs to which source; None without them."""
        raise NotImplementedError

    @property
    def portable_options(self) -> DetectionOptions:
        """The options with the place of the weights in full, for processes that work in another folder."""
        named = self.options.weights
        own = named is None or str(named) in AU_NETWORKS
        return self.options if named is None or own else replace(self.options, weights=Path(named).absolute())

    def __repr__(self) -> str:
        asked = {field.name: (getattr(self.options, field.name), field.default) for field in fields(self.options)}
        words = [f"{name}={value!r}" for name, (value, default) in asked.items() if value != default]
        told = "" if self.neutral is None else f".with_neutral({str(self.neutral.path)!r})"
        return f"{type(self).__name__}({', '.join(words)}){told}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByOptions):
            return NotImplemented
        return (self.portable_options, self.neutral) == (other.portable_options, other.neutral)

    def __hash__(self) -> int:
        return hash((self.portable_options, None if self.neutral is None else self.neutral.path))
