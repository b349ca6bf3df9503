"""The columns of a table of faces, with their types (docs/columns.md)."""

from dataclasses import dataclass

from duchenne.errors import UsageError
from duchenne.facs import AU_BY_NAME, AU_NAMES, LANDMARK_COUNT

SIDES = ("L", "R")
"""The subject's left and right, as FACS writes them, in the order of arrays by side."""
POINTS = range(1, LANDMARK_COUNT + 1)
GROUPS = ("box", "pose", "aus", "landmarks")
"""What can be left out of a table; the columns before the box are always there."""
FRAME_COLUMNS = ("source", "frame", "timestamp_s")
"""What is said of a frame, whether it shows a face or not."""
_LEADING_TYPES = {
    "source": "str",
    "frame": "int64",
    "timestamp_s": "float64",
    "face_id": "int64",
    "confidence": "float64",
}
_BOX_TYPES = dict.fromkeys(("left_px", "top_px", "width_px", "height_px"), "float64")
_POSE_TYPES = dict.fromkeys(("yaw_deg", "pitch_deg", "roll_deg"), "float64")


def parse_groups(text: str) -> tuple[str, ...]:
    """Return the groups of columns that a text names, in the order of a table.

    Raises:
        UsageError: It names none, or one that there is not.

    Example:
        >>> parse_groups("aus,box")
        ('box', 'aus')
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in GROUPS]
    if unknown or not names:
        found = f"There are no columns {unknown[0]!r}" if unknown else "No columns are named"
        raise UsageError(f"{found}; known are {', '.join(GROUPS)}.")
    return tuple(name for name in GROUPS if name in names)


@dataclass(frozen=True)
class Columns:
    """What a table says of each face.

    Attributes:
        aus: AU names in the order of their columns.
        intensity: Whether each AU has its intensity beside probability and occurrence.
        sides: Whether AUs that FACS codes by side have probability and intensity of either side.
        groups: Which of `GROUPS` the table has.
        every_frame: Whether frames without a face have a row, in which all but `FRAME_COLUMNS` is empty.
    """

    aus: tuple[str, ...] = AU_NAMES
    intensity: bool = True
    sides: bool = False
    groups: tuple[str, ...] = GROUPS
    every_frame: bool = False

    @property
    def types(self) -> dict[str, str]:
        """The type of every column, as pandas and numpy name it, in their order."""
        kinds = {
            "box": _BOX_TYPES,
            "pose": _POSE_TYPES,
            "aus": self._au_types(),
            "landmarks": {f"{axis}_{number}": "float64" for axis in "xyv" for number in POINTS},
        }
        return _LEADING_TYPES | {name: kind for group in self.groups for name, kind in kinds[group].items()}

    def _au_types(self) -> dict[str, str]:
        measured: dict[str, str] = {}
        for name in self.aus:
            measured |= {f"{name}_p": "float64", f"{name}_c": "uint8"}
            measured |= {f"{name}_i": "float64"} if self.intensity else {}
            if self.sides and AU_BY_NAME[name].sided:
                measured |= {f"{name}{side}_{kind}": "float64" for side in SIDES for kind in "pi"}
        return measured

    @property
    def names(self) -> tuple[str, ...]:
        """The column names."""
        return tuple(self.types)

    def __str__(self) -> str:
        known = [name.replace("_", " ") for name in ("intensity", "sides", "every_frame") if getattr(self, name)]
        shown = "" if self.groups == GROUPS else f" in the columns {', '.join(self.groups)}"
        return " ".join(self.aus) + (f" with {' and '.join(known)}" if known else "") + shown
