"""Codes of a review -> files: our table, ELAN, BORIS; one set for each coder."""

from pathlib import Path

from duchenne.errors import OutputError, StudyError
from duchenne.review.coder_codes import CoderCodes
from duchenne.review.review_videos import ReviewVideo
from duchenne.study.codings.code_table import write_code_table
from duchenne.study.event_files import write_coder_files

FORMATS = ("csv", "elan", "boris")


def write_exports(
    codes: CoderCodes, videos: list[ReviewVideo], folder: Path, stem: str, formats: tuple[str, ...] = FORMATS
) -> list[str]:
    """Write the codes of one coder; return the paths. What is there of an earlier export is replaced.

    Args:
        codes: Of the coder.
        videos: Of the review; codes of other videos are left out.
        folder: Where to write: STEM.csv, STEM.boris, and a folder STEM_elan with an .eaf file for each video.
        stem: Of the names.
        formats: Of `FORMATS`.

    Raises:
        StudyError: A video has segments to code, and none is marked as coded; or there is nothing to write.
        OutputError: A file cannot be written.
    """
    sources = {one.source: str(one.path) for one in videos}
    spanned = {span.file for span in codes.spans}
    coding = codes.coding(lambda file: sources.get(file, file), sources)
    if not coding.coded:
        raise StudyError("Nothing is coded yet. Confirm or add an event, or mark an action unit as looked for.")
    open_files = [one.source for one in videos if one.segments and one.source not in spanned]
    if missing := [file for file in open_files if any(sources[file] == one.file for one in coding.coded)]:
        raise StudyError(f"{missing[0]}: no segment is marked as coded yet (key K), so nobody knows what was coded.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made ({error}).") from None
    written: list[str] = []
    if "csv" in formats:
        write_code_table(coding, folder / f"{stem}.csv")
        written.append(str(folder / f"{stem}.csv"))
    elan = folder / f"{stem}_elan" if "elan" in formats else None
    boris = folder / f"{stem}.boris" if "boris" in formats else None
    return written + write_coder_files(coding, elan, boris, None, overwrite=True)
