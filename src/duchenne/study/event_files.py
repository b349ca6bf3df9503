"""Events of results -> codes, and files of ELAN and BORIS."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from duchenne.errors import OutputError, UsageError
from duchenne.study.codings.boris_writing import write_boris
from duchenne.study.codings.code_table import write_code_table
from duchenne.study.codings.coding import CodedAU, CodedEvent, Coding
from duchenne.study.codings.elan import write_elan
from duchenne.study.results import file_name
from duchenne.study.tracks import frame_tracks

if TYPE_CHECKING:
    import pandas as pd

CODER = "duchenne"
"""As whose codes events are written."""


def coding_of_events(events: "pd.DataFrame", table: "pd.DataFrame") -> Coding:
    """Return events as codes; action units without any were coded, too.

    The grade is the letter nearest to the peak intensity, at least B; none where the result has no intensity.

    Args:
        events: From `au_events.events`.
        table: The result that they come from.
    """
    coded = [CodedAU(source, person, au, CODER) for source, person, track in frame_tracks(table) for au in track.aus]
    columns = ("source", "person", "au", "onset_s", "offset_s", "peak_intensity")
    found = [
        CodedEvent(source, person, au, onset, offset, _grade(peak), coder=CODER)
        for source, person, au, onset, offset, peak in zip(*(events[name].tolist() for name in columns), strict=True)
    ]
    return Coding(tuple(found), tuple(coded))


def write_coder_files(
    coding: Coding, elan: Path | None, boris: Path | None, media: Path | None, overwrite: bool
) -> list[str]:
    """Write codes as coders open them, an .eaf for each video or a project, whichever is named; return the paths.

    Args:
        coding: Codes whose files are the sources of a result.
        elan: Folder of the .eaf files, which is made if it is not there.
        boris: The project, with an observation for each video.
        media: Folder to which the videos have moved.
        overwrite: Whether .eaf files that are there may be replaced; a project is, always.

    Raises:
        UsageError: An .eaf file exists, or two videos have the same name.
        OutputError: The folder or a file cannot be written.
    """
    written = []
    if elan is not None:
        written += _write_elan(coding, elan, media, overwrite)
    if boris is not None:
        write_boris(coding, {source: linked(source, media) for source in coding.files}, boris)
        written.append(str(boris))
    return written


def write_sample(
    coding: Coding, plan: Path, elan: Path | None, boris: Path | None, media: Path | None, overwrite: bool
) -> list[str]:
    """Write segments to code: the plan with their weights, and files for coders without them; return the paths.

    Raises:
        UsageError: A file exists, or two videos have the same name.
        OutputError: A file cannot be written.
    """
    write_code_table(Coding((), (), coding.spans), plan)
    return [str(plan), *write_coder_files(coding, elan, boris, media, overwrite)]


def _write_elan(coding: Coding, folder: Path, media: Path | None, overwrite: bool) -> list[str]:
    paths = {source: folder / f"{Path(file_name(source)).stem}.eaf" for source in coding.files}
    if len(set(paths.values())) < len(paths):
        raise UsageError(f"Several videos have the same name; write each into a folder of its own, not {folder}.")
    if there := [str(path) for path in paths.values() if path.exists() and not overwrite]:
        raise UsageError(
            f"{', '.join(there[:3])}: the file exists. Choose another folder, or replace with --overwrite."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error}).") from None
    for source, path in paths.items():
        write_elan(coding, source, linked(source, media), path)
    return [str(path) for path in paths.values()]


def linked(source: str, media: Path | None) -> str:
    """Return the path of a video, in the folder to which it has moved, if it has."""
    return str((media / file_name(source) if media is not None else Path(source)).absolute())


def _grade(peak: float) -> float:
    return peak if math.isnan(peak) else float(min(5, max(2, int(peak + 0.5))))
