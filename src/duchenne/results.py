"""From detected faces to tables. The columns are documented in docs/columns.md."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from rich.console import Group
from rich.table import Table
from rich.text import Text

from duchenne.errors import UsageError
from duchenne.faces import FaceBox
from duchenne.facs import AU_BY_NAME, AU_NAMES, LANDMARK_COUNT
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks

_BAR = 20


@dataclass(frozen=True)
class FaceAUs:
    """Everything known of one face in one frame.

    Attributes:
        source: As `Frame.source`.
        frame: Index of the frame, from 0.
        timestamp_s: Its time.
        face_id: The same number for the same face in a video, from 0.
        box: Where the finder saw it.
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

    def probability_of(self, au: str) -> float:
        """Return the probability of one AU.

        Raises:
            UsageError: The AU was not asked for, or is not known.
        """
        return float(self.probability[self._position(au)])

    def occurs(self, au: str) -> bool:
        """Return whether one AU occurs at its threshold.

        Raises:
            UsageError: The AU was not asked for, or is not known.
        """
        return bool(self.occurrence[self._position(au)])

    def _position(self, au: str) -> int:
        if au not in self.aus:
            raise UsageError(f"{au!r} is not among the detected action units: {' '.join(self.aus)}.")
        return self.aus.index(au)


def columns(aus: Sequence[str]) -> dict[str, str]:
    """Return the columns of a table of results with their pandas types, in order."""
    out = {"source": "str", "frame": "int64", "timestamp_s": "float64", "face_id": "int64", "confidence": "float64"}
    out |= dict.fromkeys(("left_px", "top_px", "width_px", "height_px", "yaw_deg", "pitch_deg", "roll_deg"), "float64")
    for au in aus:
        out |= {f"{au}_p": "float64", f"{au}_c": "int64"}
    for letter in "xyv":
        out |= {f"{letter}_{number}": "float64" for number in range(1, LANDMARK_COUNT + 1)}
    return out


def to_row(face: FaceAUs) -> dict[str, str | int | float]:
    """Return one face as a row: probabilities to 4 decimals, pixels and degrees to 2, times to microseconds."""
    box = face.box.box
    row: dict[str, str | int | float] = {
        "source": face.source,
        "frame": face.frame,
        "timestamp_s": round(face.timestamp_s, 6),
        "face_id": face.face_id,
        "confidence": round(float(face.box.confidence), 4),
    }
    row |= {
        name: round(float(v), 2) for name, v in zip(("left_px", "top_px", "width_px", "height_px"), box, strict=True)
    }
    pose = face.pose
    row |= {
        "yaw_deg": round(pose.yaw_deg, 2),
        "pitch_deg": round(pose.pitch_deg, 2),
        "roll_deg": round(pose.roll_deg, 2),
    }
    for au, p, c in zip(face.aus, face.probability, face.occurrence, strict=True):
        row |= {f"{au}_p": round(float(p), 4), f"{au}_c": int(c)}
    points = face.landmarks
    for letter, values, digits in (
        ("x", points.points[:, 0], 2),
        ("y", points.points[:, 1], 2),
        ("v", points.visibility, 2),
    ):
        row |= {f"{letter}_{k}": round(float(v), digits) for k, v in enumerate(values, 1)}
    return row


def to_dataframe(results: Iterable[FaceAUs], aus: Sequence[str] | None = None) -> pd.DataFrame:
    """Return faces as a table, one row each; without any face the headers alone.

    Args:
        results: Faces, for example of `AUDetector.detect` or `AUDetector.detect_video`.
        aus: AU names of the columns when there may be no face; those of the first face otherwise.
    """
    rows, names = [], tuple(aus) if aus is not None else None
    for face in results:
        names = names or face.aus
        rows.append(to_row(face))
    types = columns(names or AU_NAMES)
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def terminal_table(faces: Sequence[FaceAUs], thresholds: Mapping[str, float]) -> Group:
    """Return what a terminal of 80 columns shows of one picture: a block for each face, present AUs first."""
    return Group(*(_block(face, thresholds) for face in faces))


def _block(face: FaceAUs, thresholds: Mapping[str, float]) -> Group:
    pose = face.pose
    heading = Text.assemble(
        (f"face {face.face_id}", "bold"),
        f"  confidence {face.box.confidence:.2f}  yaw {pose.yaw_deg:+.0f}°  pitch {pose.pitch_deg:+.0f}°",
        f"  roll {pose.roll_deg:+.0f}°",
    )
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    for column in ("left", "left", "left", "right"):
        table.add_column(justify="right" if column == "right" else "left", no_wrap=True)
    order = sorted(range(len(face.aus)), key=lambda k: (not face.occurrence[k], -face.probability[k]))
    for k in order:
        au, p, on = face.aus[k], float(face.probability[k]), bool(face.occurrence[k])
        style = "bold" if on else "dim"
        table.add_row(
            Text(au, style), Text(AU_BY_NAME[au].title, style), _bar(p, thresholds[au], on), Text(f"{p:.2f}", style)
        )
    return Group(heading, table, Text(""))


def _bar(probability: float, threshold: float, on: bool) -> Text:
    """Return a bar with a tick at the threshold; readable without colour."""
    filled, tick = round(probability * _BAR), min(_BAR - 1, round(threshold * _BAR))
    cells = ["█" if k < filled else "·" for k in range(_BAR)]
    cells[tick] = "│"
    return Text("".join(cells), "cyan" if on else "dim")
