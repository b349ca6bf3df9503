"""From detected faces to tables: rows of a file, a pandas DataFrame, blocks on a terminal (docs/columns.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.facs import AU_BY_NAME, AU_NAMES, LANDMARK_COUNT
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, str | int | float]
"""One face: a value under each name of `columns`."""

_TIME_DECIMALS, _PROBABILITY_DECIMALS, _PIXEL_DECIMALS, _DEGREE_DECIMALS = 6, 4, 2, 2
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
_POINTS = range(1, LANDMARK_COUNT + 1)
_BAR_CELLS = 24


@dataclass(frozen=True)
class FaceAUs:
    """Everything known of one face in one frame.

    Attributes:
        source: As `Frame.source`.
        frame: Index of the frame, from 0.
        timestamp_s: Its time.
        face_id: The same number for the same face in a video, from 0.
        box: Where the finder, or in video the face before, saw it.
        landmarks: The 49 points.
        pose: Head rotation.
        aus: AU names in the order of the two arrays.
        probability: One value 0-1 per AU.
        occurrence: The probability against the AU's threshold.
    """

    source: str
    frame: int
    timestamp_s: float
    face_id: int
    box: FaceBox
    landmarks: FaceLandmarks
    pose: HeadPose
    aus: tuple[str, ...]
    probability: Float[np.ndarray, " a"]
    occurrence: Bool[np.ndarray, " a"]

    def probability_of(self, name: str) -> float:
        """Return the probability, 0-1, of one AU.

        Raises:
            UsageError: The AU was not asked for, or does not exist.
        """
        return float(self.probability[self._position(name)])

    def occurs(self, name: str) -> bool:
        """Return whether one AU reaches its threshold.

        Raises:
            UsageError: The AU was not asked for, or does not exist.
        """
        return bool(self.occurrence[self._position(name)])

    def _position(self, name: str) -> int:
        if name not in self.aus:
            raise UsageError(f"There is no {name!r} in this result. It holds: {' '.join(self.aus)}.")
        return self.aus.index(name)


def column_types(aus: Sequence[str]) -> dict[str, str]:
    """Return the pandas type of every column, in their order."""
    measured = {f"{name}_{kind}": dtype for name in aus for kind, dtype in (("p", "float64"), ("c", "uint8"))}
    points = {f"{axis}_{number}": "float64" for axis in "xyv" for number in _POINTS}
    return _LEADING_TYPES | measured | points


def columns(aus: Sequence[str]) -> tuple[str, ...]:
    """Return the column names of a table with these AUs."""
    return tuple(column_types(aus))


def to_row(face: FaceAUs) -> Row:
    """Return one face as a row, in the order of `columns(face.aus)`, rounded as docs/columns.md says."""
    row: Row = {
        "source": face.source,
        "frame": int(face.frame),
        "timestamp_s": _rounded(face.timestamp_s, _TIME_DECIMALS),
        "face_id": int(face.face_id),
        "confidence": _rounded(face.box.confidence, _PROBABILITY_DECIMALS),
    }
    for name, value in zip(("left_px", "top_px", "width_px", "height_px"), face.box.box, strict=True):
        row[name] = _rounded(value, _PIXEL_DECIMALS)
    for name in ("yaw_deg", "pitch_deg", "roll_deg"):
        row[name] = _rounded(getattr(face.pose, name), _DEGREE_DECIMALS)
    for name, probability, occurs in zip(face.aus, face.probability, face.occurrence, strict=True):
        row[f"{name}_p"], row[f"{name}_c"] = _rounded(probability, _PROBABILITY_DECIMALS), int(occurs)
    for axis, values, decimals in (
        ("x", face.landmarks.points[:, 0], _PIXEL_DECIMALS),
        ("y", face.landmarks.points[:, 1], _PIXEL_DECIMALS),
        ("v", face.landmarks.visibility, _PROBABILITY_DECIMALS),
    ):
        for number, value in zip(_POINTS, values, strict=True):
            row[f"{axis}_{number}"] = _rounded(value, decimals)
    return row


def to_dataframe(results: Iterable[FaceAUs], aus: Sequence[str] | None = None) -> "pd.DataFrame":
    """Return faces as a pandas table, one row each; without faces it has its headers and types all the same.

    Args:
        results: Faces, for example from `AUDetector.detect` or `detect_video`.
        aus: The AUs of the table; None for those of the first face, or of the whole vocabulary where there is none.

    Raises:
        UsageError: A face holds other AUs than the table.
    """
    rows: list[Row] = []
    for face in results:
        aus = face.aus if aus is None else tuple(aus)
        if tuple(aus) != face.aus:
            raise UsageError(
                f"The table holds {' '.join(aus)}, but {face.source} frame {face.frame} holds {' '.join(face.aus)}. "
                "Make one table for each choice of action units."
            )
        rows.append(to_row(face))
    return rows_to_dataframe(rows, AU_NAMES if aus is None else aus)


def rows_to_dataframe(rows: Sequence[Row], aus: Sequence[str]) -> "pd.DataFrame":
    """Return rows of `to_row` as a pandas table with the types of `column_types`."""
    import pandas as pd

    types = column_types(aus)
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in types.items()})


def terminal_table(faces: Sequence[FaceAUs], thresholds: Mapping[str, float]) -> "TerminalTable":
    """Return what `rich` prints for the faces of a picture: pose, then AUs, those present first; 80 columns wide."""
    return TerminalTable(tuple(faces), dict(thresholds))


@dataclass(frozen=True)
class TerminalTable:
    """Faces as blocks of text; plain ASCII where the terminal knows no more.

    Attributes:
        faces: What to print.
        thresholds: The tick on each bar, by AU name.
    """

    faces: tuple[FaceAUs, ...]
    thresholds: Mapping[str, float]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield lines; called by rich."""
        marks = ("#", ".", "|", "*") if options.ascii_only else ("█", "·", "│", "●")
        for number, face in enumerate(self.faces):
            if number:
                yield Text("")
            yield from self._block(face, marks)

    def _block(self, face: FaceAUs, marks: tuple[str, str, str, str]) -> Iterable[Text]:
        pose = face.pose
        yield Text(
            f"face {face.face_id}, confidence {face.box.confidence:.2f}   "
            f"yaw {pose.yaw_deg:+.1f}  pitch {pose.pitch_deg:+.1f}  roll {pose.roll_deg:+.1f} degrees"
        )
        order = sorted(range(len(face.aus)), key=lambda k: (not face.occurrence[k], -face.probability[k]))
        for k in order:
            yield self._line(face.aus[k], float(face.probability[k]), bool(face.occurrence[k]), marks)

    def _line(self, name: str, probability: float, present: bool, marks: tuple[str, str, str, str]) -> Text:
        full, empty, tick, dot = marks
        bar = list(empty * _BAR_CELLS)
        for cell in range(round(probability * _BAR_CELLS)):
            bar[cell] = full
        if name in self.thresholds:
            bar[min(int(self.thresholds[name] * _BAR_CELLS), _BAR_CELLS - 1)] = tick
        mark = dot if present else " "
        line = f"{mark} {name}  {AU_BY_NAME[name].title:<22} {''.join(bar)} {probability:.2f}"
        return Text(line, style="bold" if present else "dim", no_wrap=True)


def _rounded(value: float, decimals: int) -> float:
    """Return the value rounded; adding 0 turns -0.0, which reads like a mistake, into 0.0."""
    return round(float(value), decimals) + 0.0
