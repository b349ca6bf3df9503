"""From detected faces to tables: rows of a file, a pandas DataFrame, blocks on a terminal (docs/columns.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from duchenne.columns import POINTS, SIDES, Columns
from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.facs import AU_BY_NAME
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.reliability import UNKNOWN, reliable

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, str | int | float]
"""One face: a value under each of `Columns.names`."""

_TIME_DECIMALS, _PROBABILITY_DECIMALS, _PIXEL_DECIMALS, _DEGREE_DECIMALS, _INTENSITY_DECIMALS = 6, 4, 2, 2, 2
_LETTERS = "ABCDE"
_BAR_CELLS = 24


@dataclass(frozen=True)
class FaceAUs:
    """Everything known of one face in one frame.

    Attributes:
        source: As `Frame.source`.
        frame: Index of the frame, from 0.
        timestamp_s: Its time.
        face_id: The same number for the same face in a video, from 0.
        box: Where the face detector, or in video the face before, saw it.
        landmarks: The 49 points.
        pose: Head rotation.
        aus: AU names in the order of the two arrays.
        probability: One value 0-1 per AU.
        occurrence: The probability against the AU's threshold.
        intensity: (a,), expected intensity, 0 (absent), 1 (A, a trace) to 5 (E); None if the weights do not know it.
        side_probability: (a, 2), of the subject's left and right; None if not asked for. AUs that FACS does not code
            by side have the same on both.
        side_intensity: (a, 2), likewise.
        abstains: Whether tables say `abstention.UNKNOWN` for the occurrence of AUs that cannot be judged.
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
    intensity: Float[np.ndarray, " a"] | None = None
    side_probability: Float[np.ndarray, "a 2"] | None = None
    side_intensity: Float[np.ndarray, "a 2"] | None = None
    abstains: bool = False

    @property
    def reliable(self) -> Bool[np.ndarray, " a"]:
        """(a,), False where an AU's region is hidden or the pose is beyond what was tested."""
        return reliable(self.aus, self.landmarks, self.pose)

    @property
    def columns(self) -> Columns:
        """The columns of a table that holds this face."""
        return Columns(self.aus, self.intensity is not None, self.side_probability is not None)

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

    def intensity_of(self, name: str) -> float:
        """Return the expected intensity, 0-5, of one AU.

        Raises:
            UsageError: The AU was not asked for, or does not exist; or the weights know no intensities.
        """
        if self.intensity is None:
            raise UsageError("The weights know no intensities. Take the package's own.")
        return float(self.intensity[self._position(name)])

    def letter_of(self, name: str) -> str:
        """Return the FACS letter of an AU that occurs, B to E by its expected intensity; "" for others.

        Raises:
            UsageError: As `intensity_of`.
        """
        if not self.occurs(name):
            return ""
        return _LETTERS[min(max(int(self.intensity_of(name) + 0.5), 2), len(_LETTERS)) - 1]

    def _position(self, name: str) -> int:
        if name not in self.aus:
            raise UsageError(f"There is no {name!r} in this result. It holds: {' '.join(self.aus)}.")
        return self.aus.index(name)


def to_row(face: FaceAUs) -> Row:
    """Return one face as a row, in the order of `face.columns`, rounded as docs/columns.md says."""
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
    judged = face.reliable | (not face.abstains)
    for k, name in enumerate(face.aus):
        row |= _au_cells(face, k, name)
        if not judged[k]:
            row[f"{name}_c"] = UNKNOWN
    for axis, values, decimals in (
        ("x", face.landmarks.points[:, 0], _PIXEL_DECIMALS),
        ("y", face.landmarks.points[:, 1], _PIXEL_DECIMALS),
        ("v", face.landmarks.visibility, _PROBABILITY_DECIMALS),
    ):
        for number, value in zip(POINTS, values, strict=True):
            row[f"{axis}_{number}"] = _rounded(value, decimals)
    return row


def _au_cells(face: FaceAUs, k: int, name: str) -> Row:
    cells: Row = {
        f"{name}_p": _rounded(face.probability[k], _PROBABILITY_DECIMALS),
        f"{name}_c": int(face.occurrence[k]),
    }
    if face.intensity is not None:
        cells[f"{name}_i"] = _rounded(face.intensity[k], _INTENSITY_DECIMALS)
    if face.side_probability is not None and face.side_intensity is not None and AU_BY_NAME[name].sided:
        for side, probability, intensity in zip(SIDES, face.side_probability[k], face.side_intensity[k], strict=True):
            cells[f"{name}{side}_p"] = _rounded(probability, _PROBABILITY_DECIMALS)
            cells[f"{name}{side}_i"] = _rounded(intensity, _INTENSITY_DECIMALS)
    return cells


def to_dataframe(results: Iterable[FaceAUs], columns: Columns | None = None) -> "pd.DataFrame":
    """Return faces as a pandas table, one row each; without faces it has its headers and types all the same.

    Args:
        results: Faces, for example from `AUDetector.detect` or `detect_video`.
        columns: Of the table, for example `AUDetector.columns`; None for those of the first face, or of the package's
            weights where there is none.

    Raises:
        UsageError: A face holds something else than the table.
    """
    rows: list[Row] = []
    for face in results:
        columns = columns or face.columns
        if columns != face.columns:
            raise UsageError(
                f"The table holds {columns}, but {face.source} frame {face.frame} holds {face.columns}. "
                "Make one table for each choice of action units."
            )
        rows.append(to_row(face))
    return rows_to_dataframe(rows, columns or Columns())


def rows_to_dataframe(rows: Sequence[Row], columns: Columns) -> "pd.DataFrame":
    """Return rows of `to_row` as a pandas table with the types of its columns."""
    import pandas as pd

    types = columns.types
    return pd.DataFrame({name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in types.items()})


def terminal_table(faces: Sequence[FaceAUs], thresholds: Mapping[str, float]) -> "TerminalTable":
    """Return what `rich` prints for the faces of a picture: pose, then AUs, those present first; 80 columns wide.

    Beside each AU stand its probability and, where it occurs, the letter of its intensity.
    """
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
        judged = face.reliable
        for k in order:
            yield self._line(face, k, marks, bool(judged[k]))
        if not judged.all():
            yield Text("?  cannot be judged: its region is hidden, or the pose is beyond what was tested")

    def _line(self, face: FaceAUs, k: int, marks: tuple[str, str, str, str], judged: bool) -> Text:
        name, probability, present = face.aus[k], float(face.probability[k]), bool(face.occurrence[k])
        full, empty, tick, dot = marks
        bar = list(empty * _BAR_CELLS)
        for cell in range(round(probability * _BAR_CELLS)):
            bar[cell] = full
        if name in self.thresholds:
            bar[min(int(self.thresholds[name] * _BAR_CELLS), _BAR_CELLS - 1)] = tick
        mark = "?" if not judged else dot if present else " "
        letter = "" if face.intensity is None else face.letter_of(name)
        line = f"{mark} {name}  {AU_BY_NAME[name].title:<22} {''.join(bar)} {probability:.2f} {letter}".rstrip()
        return Text(line, style="bold" if present else "dim", no_wrap=True)


def _rounded(value: float, decimals: int) -> float:
    """Return the value rounded; adding 0 turns -0.0, which reads like a mistake, into 0.0."""
    return round(float(value), decimals) + 0.0
