"""Who is who: a table of people -> the column `person` of results; nobody is recognised, the user says it.

`face_id` begins anew with each source. So a table that holds several of them mixes people when it is grouped by
`face_id`; it is to be grouped by `person`.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

import numpy as np

from duchenne.errors import MediaError, StudyError
from duchenne.files.csv_rows import check_row_lengths
from duchenne.files.numbers import whole_number
from duchenne.media import SourceKind, kind_of, open_video, read_picture
from duchenne.study.results import PERSON, file_name

if TYPE_CHECKING:
    import pandas as pd

Side = Literal["left", "right"]
SIDES: tuple[Side, ...] = ("left", "right")
_HEADS = ("source", "face_id", "side", PERSON)


class StudyWarning(UserWarning):
    """Something of a study that is probably not meant."""


@dataclass(frozen=True)
class Assignment:
    """One row of a table of people.

    Attributes:
        source: A source as the result names it, or a pattern for the end of its path.
        face_id: The face meant; None where the side says which.
        side: The half of the picture in which the face mostly is; None where the number says which, and with neither
            of them all faces of the source are meant.
        person: The name; "" leaves the face out of the study.
    """

    source: str
    face_id: int | None
    side: Side | None
    person: str

    def means(self, source: str, face_id: int, side: Side | None) -> bool:
        """Return whether a face is the one of this row."""
        fits = self.source == source or PurePath(source).match(self.source)
        return fits and self.face_id in (None, face_id) and self.side in (None, side)


def people(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table of people to fill in: one row for each face of each source, `person` still empty.

    Args:
        table: A result; with the box (`left_px` and `width_px`) the table says where each face is.

    Returns:
        `source`, `face_id`, `person`, and to tell them apart `frames`, `first_s`, `last_s` and, with the box,
        `middle_px`: the median of the box's middle, from the left edge of the picture.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"source": ["a.mp4", "b.mp4"], "face_id": [0, 0], "timestamp_s": [0.0, 0.5]})
        >>> list(people(table)["source"])
        ['a.mp4', 'b.mp4']
    """
    groups = table.groupby(["source", "face_id"], observed=True, sort=False)
    found = groups["timestamp_s"].agg(frames="size", first_s="min", last_s="max").reset_index()
    found.insert(2, PERSON, "")
    if "left_px" in table and "width_px" in table:
        middle = (table["left_px"] + table["width_px"] / 2).astype(float)
        keys = [table["source"], table["face_id"]]
        found["middle_px"] = middle.groupby(keys, observed=True, sort=False).median().round(1).to_numpy()
    return found.astype({"source": str})


def with_people(
    table: "pd.DataFrame", who: "str | Path | pd.DataFrame", width_px: Mapping[str, float] | None = None
) -> "pd.DataFrame":
    """Return a result with the column `person`; faces whose person is left empty are left out, with a warning.

    Args:
        table: A result.
        who: A table of people, or its file (CSV): `source`, `person`, and `face_id` or `side` ("left" or "right" half
            of the picture) where a source shows several people. `source` may be a pattern for the end of the path, such
            as "session1/*" or "*".
        width_px: Of the pictures of each source, for sides; None reads it from the sources themselves.

    Raises:
        StudyError: The table cannot be read, names a face or source that is not in the result, gives a face two people,
            or says nothing of a face.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"source": ["a.mp4", "b.mp4"], "face_id": [0, 0], "timestamp_s": [0.0, 0.5]})
        >>> who = pd.DataFrame({"source": ["a.mp4", "b.mp4"], "face_id": [0, 0], "person": ["anna", "ben"]})
        >>> list(with_people(table, who)["person"])
        ['anna', 'ben']
    """
    names = _names_of(people(table), read_people(who), width_px)
    import pandas as pd

    keys = pd.MultiIndex.from_arrays([table["source"].astype(str), table["face_id"]])
    named = pd.Series(names).reindex(keys).to_numpy()
    kept = named != ""
    if not kept.any():
        raise StudyError("The table of people names nobody. Fill in its column person.")
    if not kept.all():
        warnings.warn(f"{(~kept).sum()} rows are left out: their faces have no person.", StudyWarning, stacklevel=2)
    result = table.loc[kept].drop(columns=PERSON, errors="ignore").copy()
    result.insert(result.columns.get_loc("face_id") + 1, PERSON, pd.Categorical(named[kept]))  # type: ignore[operator]
    return result


def by_person(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a result with the column `person`: its own, or else a name for each face of each source.

    Warns where that splits people: a table without `person` that holds several sources.
    """
    if PERSON in table:
        return table
    import pandas as pd

    sources = [str(name) for name in table["source"].unique()]
    if len(sources) > 1:
        warnings.warn(
            f"This table mixes {len(sources)} sources and has no column person; face_id begins anew in each source, so "
            "each face of each source counts as a person of its own. Say who is who with duchenne people.",
            StudyWarning,
            stacklevel=2,
        )
    short = {name: file_name(name) for name in sources}
    if len(set(short.values())) < len(short):
        short = {name: name for name in sources}
    names = table["source"].astype(str).map(short) + " face " + table["face_id"].astype(str)
    return table.assign(**{PERSON: pd.Categorical(names)})


def read_people(who: "str | Path | pd.DataFrame") -> list[Assignment]:
    """Return the rows of a table of people.

    Raises:
        StudyError: It cannot be read, lacks a column or holds something else than it should.
    """
    import pandas as pd

    where = "The table of people" if isinstance(who, pd.DataFrame) else str(who)
    if not isinstance(who, pd.DataFrame):
        try:
            check_row_lengths(Path(who))
            who = pd.read_csv(who, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise StudyError(f"{where} cannot be read ({error}). Expected CSV; duchenne people writes one.") from None
    if missing := [name for name in ("source", PERSON) if name not in who]:
        raise StudyError(f"{where}: no column {' and '.join(missing)}; expected {', '.join(_HEADS)}.")
    cells = who.reindex(columns=list(_HEADS)).astype(object).fillna("").astype(str)
    rows = zip(*(cells[head].str.strip() for head in _HEADS), strict=True)
    return [_assignment(source, number, side, name, f"{where}, row {k}")
            for k, (source, number, side, name) in enumerate(rows, 1)]  # fmt: skip


def _assignment(source: str, face_id: str, side: str, person: str, where: str) -> Assignment:
    number = whole_number(face_id.removesuffix(".0"))
    if not source:
        raise StudyError(f"{where}: no source. Write its name as in the result, or * for all.")
    if face_id and number is None:
        raise StudyError(f"{where}: face_id is {face_id[:40]!r}; expected a whole number from 0.")
    half: Side | None = next((known for known in SIDES if known == side), None)
    if side and half is None:
        raise StudyError(f"{where}: side is {side!r}; expected left or right, as seen in the picture.")
    return Assignment(source, number, half, person)


def _names_of(
    faces: "pd.DataFrame", rows: list[Assignment], width_px: Mapping[str, float] | None
) -> dict[tuple[str, int], str]:
    sided = any(row.side for row in rows)
    if sided and "middle_px" not in faces:
        raise StudyError("Sides need the columns left_px and width_px of the result. Read them too, or give face_id.")
    names: dict[tuple[str, int], str] = {}
    met: set[int] = set()
    widths = dict(width_px or {})
    middles = faces["middle_px"] if sided else np.zeros(len(faces))
    for name, number, middle in zip(faces["source"], faces["face_id"], middles, strict=True):
        source, face_id = str(name), int(number)
        if sided and source not in widths:
            widths[source] = _width_of(source)
        side = SIDES[int(float(middle) >= widths[source] / 2)] if sided else None
        fits = [k for k, row in enumerate(rows) if row.means(source, face_id, side)]
        names[source, face_id] = _one_name({rows[k].person for k in fits}, f"{source}, face {face_id}")
        met |= set(fits)
    if unmet := [row for k, row in enumerate(rows) if k not in met]:
        row = unmet[0]
        raise StudyError(
            f"The table of people names {row.source} face {row.face_id if row.side is None else row.side}, which the "
            f"result does not hold ({len(unmet)} such rows). Its first source is {faces['source'].iloc[0]}."
        )
    return names


def _one_name(found: set[str], face: str) -> str:
    if len(found) == 1:
        return found.pop()
    if found:
        raise StudyError(f"The table of people calls {face} both {' and '.join(sorted(found))}; it can be one.")
    raise StudyError(f"The table of people has no row for {face}. Add one; leave person empty to leave the face out.")


def _width_of(source: str) -> float:
    """Return the width of a source's pictures in pixels."""
    try:
        if kind_of(source) is SourceKind.PICTURE:
            return float(read_picture(source).pixels.shape[1])
        with open_video(source) as video:
            return float(video.width)
    except MediaError as error:
        raise StudyError(f"{error} Sides need the width of the picture; give face_id instead.") from None
