"""Pictures of the faces of a result, cut out of its sources: each face's best, and those at the peaks of its AUs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from duchenne.cropping import Picture, cut
from duchenne.errors import MediaError, OutputError, StudyError
from duchenne.media import Frame, SourceKind, kind_of, open_video, read_picture
from duchenne.study.judgeable import VISIBILITY
from duchenne.study.results import BOX, file_name

if TYPE_CHECKING:
    import pandas as pd

_MARGIN = 1.3
"""Side of the square that is cut out, as a multiple of the face box's."""


@dataclass(frozen=True)
class FaceAt:
    """A face in a frame of a source.

    Attributes:
        source: As the result names it.
        frame: Index of the frame.
        box: left, top, width, height in image pixels.
    """

    source: str
    frame: int
    box: tuple[float, float, float, float]


def cut_faces(wanted: Iterable[FaceAt], side_px: int) -> tuple[dict[FaceAt, Picture], list[str]]:
    """Return the pictures of faces, side_px x side_px, and what could not be read.

    A source is decoded once, up to the last frame that is wanted.
    """
    by_source: dict[str, dict[int, list[FaceAt]]] = defaultdict(lambda: defaultdict(list))
    for face in wanted:
        by_source[face.source][face.frame].append(face)
    pictures: dict[FaceAt, Picture] = {}
    problems: list[str] = []
    for source, frames in by_source.items():
        try:
            for frame in _frames(source, max(frames)):
                for face in frames.get(frame.index, ()):
                    pictures[face] = _cut(frame.pixels, face.box, side_px)
        except MediaError as error:
            problems.append(str(error))
    return pictures, problems


def _frames(source: str, last: int) -> Iterator[Frame]:
    if kind_of(source) is SourceKind.PICTURE:
        yield read_picture(source)
        return
    with open_video(source) as video:
        for frame in video:
            yield frame
            if frame.index >= last:
                return


def _cut(pixels: Picture, box: tuple[float, float, float, float], side_px: int) -> Picture:
    left, top, width, height = box
    side = max(width, height, 1.0) * _MARGIN
    scale = side_px / side
    x, y = left + width / 2 - side / 2, top + height / 2 - side / 2
    return cut(pixels, np.array([[scale, 0, -scale * x], [0, scale, -scale * y], [0, 0, 1]]), side_px)


def best_faces(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the row of each face of each source that shows it best: large, certain, frontal, all landmarks seen.

    Raises:
        StudyError: The table lacks the columns of the box.
    """
    if missing := [name for name in (*BOX, "confidence", "yaw_deg", "pitch_deg") if name not in table]:
        raise StudyError(f"The table has no column {', '.join(missing)}; a picture of a face needs them.")
    turn = np.cos(np.radians(table["yaw_deg"])) * np.cos(np.radians(table["pitch_deg"]))
    seen = table[list(VISIBILITY)].mean(axis=1) if set(VISIBILITY) <= set(table) else 1.0
    # The area counts little: a face twice as wide is no better than one that looks into the camera.
    size = (table["width_px"] * table["height_px"]).clip(lower=1) ** 0.25
    score = table["confidence"].astype(float) * turn.clip(lower=0) * seen * size
    chosen = score.groupby([table["source"], table["face_id"]], observed=True, sort=False).idxmax()
    return table.loc[chosen]


def face_at(row: "pd.Series") -> FaceAt:
    """Return where the face of a row of a result is."""
    left, top, width, height = (float(row[name]) for name in BOX)
    return FaceAt(str(row["source"]), int(row["frame"]), (left, top, width, height))


def write_contact_sheet(table: "pd.DataFrame", path: Path, side_px: int = 144, columns: int = 6) -> list[str]:
    """Write a picture with the best face of each id of each source and return what could not be read.

    Raises:
        StudyError: As `best_faces`.
        OutputError: The picture cannot be written.
    """
    best = best_faces(table)
    rows = [row for _, row in best.iterrows()]
    pictures, problems = cut_faces([face_at(row) for row in rows], side_px)
    columns, text_px = min(columns, len(rows)), 34
    cell = (side_px + 12, side_px + text_px + 12)
    sheet = Image.new("RGB", (cell[0] * columns, cell[1] * -(-len(rows) // columns)), "white")
    draw = ImageDraw.Draw(sheet)
    for k, row in enumerate(rows):
        x, y = (k % columns) * cell[0] + 6, (k // columns) * cell[1] + 6
        if (picture := pictures.get(face_at(row))) is not None:
            sheet.paste(Image.fromarray(picture), (x, y))
        else:
            draw.rectangle((x, y, x + side_px, y + side_px), outline="black")
        name = file_name(str(row["source"]))
        draw.text((x, y + side_px + 3), name if len(name) < 24 else f"{name[:10]}...{name[-10:]}", fill="black")
        draw.text((x, y + side_px + 17), f"face {row['face_id']}, {row['timestamp_s']:.1f} s", fill="black")
    try:
        sheet.save(path, quality=90)
    except OSError as error:
        raise OutputError(f"{path}: the contact sheet cannot be written ({error}). Choose another place.") from error
    return problems
