"""From faces to tables: rows of a file and a pandas DataFrame (docs/columns.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from duchenne.errors import UsageError
from duchenne.extras import needed
from duchenne.facs import AU_BY_NAME, UNKNOWN
from duchenne.media import Frame
from duchenne.results.columns import GROUPS, POINTS, SIDES, Columns
from duchenne.results.face_aus import FaceAUs

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_BEGINS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a formula of a cell: ASCII, and the full-width forms."""

Row = dict[str, str | int | float | None]
"""One face: a value under each of `Columns.names`. A frame without a face: None but for `columns.FRAME_COLUMNS`."""

_TIME_DECIMALS, _PROBABILITY_DECIMALS, _PIXEL_DECIMALS, _DEGREE_DECIMALS, _INTENSITY_DECIMALS = 6, 4, 2, 2, 2


def to_row(face: FaceAUs, groups: Sequence[str] = GROUPS) -> Row:
    """Return one face as a row, in the order of a table's columns, rounded as docs/columns.md says.

    Example:
        >>> from duchenne import AUDetector
        >>> from duchenne.diagnosis import SAMPLE
        >>> [face] = AUDetector(aus=12).detect(SAMPLE)
        >>> row = to_row(face, groups=["aus"])
        >>> list(row)
        ['source', 'frame', 'timestamp_s', 'face_id', 'confidence', 'AU12_p', 'AU12_c', 'AU12_i']
        >>> row["AU12_c"]
        1

    Args:
        face: The face.
        groups: Which groups of columns the table has.
    """
    row: Row = {
        "source": written_source(face.source),
        "frame": int(face.frame),
        "timestamp_s": _rounded(face.timestamp_s, _TIME_DECIMALS),
        "face_id": int(face.face_id),
        "confidence": _rounded(face.box.confidence, _PROBABILITY_DECIMALS),
    }
    for group in groups:
        row |= _CELLS[group](face)
    return row


def _box_cells(face: FaceAUs) -> Row:
    names = ("left_px", "top_px", "width_px", "height_px")
    return {name: _rounded(value, _PIXEL_DECIMALS) for name, value in zip(names, face.box.box, strict=True)}


def _pose_cells(face: FaceAUs) -> Row:
    return {name: _rounded(getattr(face.pose, name), _DEGREE_DECIMALS) for name in ("yaw_deg", "pitch_deg", "roll_deg")}


def _all_au_cells(face: FaceAUs) -> Row:
    cells: Row = {}
    blank = ~face.reliable & (face.unreliable == "blank")
    for k, name in enumerate(face.aus):
        cells |= _au_cells(face, k, name)
        if blank[k]:
            cells[f"{name}_c"] = UNKNOWN
    return cells


def _landmark_cells(face: FaceAUs) -> Row:
    cells: Row = {}
    for axis, values, decimals in (
        ("x", face.landmarks.points[:, 0], _PIXEL_DECIMALS),
        ("y", face.landmarks.points[:, 1], _PIXEL_DECIMALS),
        ("v", face.landmarks.visibility, _PROBABILITY_DECIMALS),
    ):
        for number, value in zip(POINTS, values, strict=True):
            cells[f"{axis}_{number}"] = _rounded(value, decimals)
    return cells


_CELLS = {"box": _box_cells, "pose": _pose_cells, "aus": _all_au_cells, "landmarks": _landmark_cells}


def written_source(source: str) -> str:
    r"""Return the name of a source as tables hold it: text in every format, and no formula in any spreadsheet.

    A name that a spreadsheet would take for a formula gets "./" before it, which names the same file; bytes that are no
    text become escapes.

    Example:
        >>> written_source("=1+1.png"), written_source("-"), written_source("caf\udce9.png")
        ('./=1+1.png', '-', 'caf\\udce9.png')
    """
    text = source.encode("utf-8", "backslashreplace").decode("utf-8")
    return f"./{text}" if text.lstrip().startswith(_FORMULA_BEGINS) and text != "-" else text


def empty_row(frame: Frame, columns: Columns) -> Row:
    """Return the row of a frame that shows no face."""
    row: Row = dict.fromkeys(columns.names)
    return row | {
        "source": written_source(frame.source),
        "frame": int(frame.index),
        "timestamp_s": _rounded(frame.timestamp_s, _TIME_DECIMALS),
    }


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

    Example:
        >>> from duchenne import AUDetector
        >>> from duchenne.diagnosis import SAMPLE
        >>> table = to_dataframe(AUDetector(aus="6,12").detect(SAMPLE))
        >>> table[["AU06_c", "AU12_c"]].to_numpy().tolist()
        [[1, 1]]

    Args:
        results: Faces, for example from `AUDetector.detect` or `detect_video`.
        columns: Of the table, for example `AUDetector.columns`; None for those of the first face, or of the package's
            weights where there is none.

    Raises:
        UsageError: A face holds something else than the table.
        MissingExtraError: pandas is not installed; the extra `pandas` brings it. `write_table` does without.
    """
    pandas = needed("pandas")
    rows: list[Row] = []
    for face in results:
        columns = columns or face.columns
        check_columns(face, columns)
        rows.append(to_row(face, columns.groups))
    types = (columns or Columns()).types
    return pandas.DataFrame(
        {name: pandas.Series([row[name] for row in rows], dtype=kind) for name, kind in types.items()}
    )


def check_columns(face: FaceAUs, columns: Columns) -> None:
    """Raise a UsageError if a table of these columns cannot take the face."""
    if replace(columns, groups=GROUPS, every_frame=False) != face.columns:
        raise UsageError(
            f"The table holds {columns}, but {face.source} frame {face.frame} holds {face.columns}. "
            "Make one table for each choice of action units."
        )


def _rounded(value: float, decimals: int) -> float:
    """Return the value rounded; adding 0 turns -0.0, which reads like a mistake, into 0.0."""
    return round(float(value), decimals) + 0.0
