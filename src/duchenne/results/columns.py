"""The columns of a table of faces, with their types (docs/columns.md)."""

from dataclasses import dataclass

from duchenne.facs import AU_BY_NAME, AU_NAMES, LANDMARK_COUNT

SIDES = ("L", "R")
"""The subject's left and right, as FACS writes them, in the order of arrays by side."""
POINTS = range(1, LANDMARK_COUNT + 1)
FRAME_COLUMNS = ("source", "frame", "timestamp_s")
"""What is said of a frame, whether it shows a face or not."""
_MAY_BE_EMPTY = {"int64": "Int64", "uint8": "UInt8"}
_LEADING_TYPES = {
    "source": "str",
    "frame": "int64",
    "timestamp_s": "float64",
    "face_id": "int64",
    "confidence": "float64",
    "left_px": "float64",
    "top_px": "float64",
    "width_px": "float64",
    "height_px": "float64",
    "yaw_deg": "float64",
    "pitch_deg": "float64",
    "roll_deg": "float64",
}


@dataclass(frozen=True)
class Columns:
    """What a table says of each face.

    Attributes:
        aus: AU names in the order of their columns.
        intensity: Whether each AU has its intensity beside probability and occurrence.
        sides: Whether AUs that FACS codes by side have probability and intensity of either side.
        every_frame: Whether frames without a face have a row, in which all but `FRAME_COLUMNS` is empty.
    """

    aus: tuple[str, ...] = AU_NAMES
    intensity: bool = True
    sides: bool = False
    every_frame: bool = False

    @property
    def types(self) -> dict[str, str]:
        """The pandas type of every column, in their order."""
        measured: dict[str, str] = {}
        for name in self.aus:
            measured |= {f"{name}_p": "float64", f"{name}_c": "uint8"}
            measured |= {f"{name}_i": "float64"} if self.intensity else {}
            if self.sides and AU_BY_NAME[name].sided:
                measured |= {f"{name}{side}_{kind}": "float64" for side in SIDES for kind in "pi"}
        types = _LEADING_TYPES | measured | {f"{axis}_{number}": "float64" for axis in "xyv" for number in POINTS}
        if not self.every_frame:
            return types
        return {name: kind if name in FRAME_COLUMNS else _MAY_BE_EMPTY.get(kind, kind) for name, kind in types.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """The column names."""
        return tuple(self.types)

    def __str__(self) -> str:
        known = [name.replace("_", " ") for name in ("intensity", "sides", "every_frame") if getattr(self, name)]
        return " ".join(self.aus) + (f" with {' and '.join(known)}" if known else "")
