"""Writes the report of results."""

import csv
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from duchenne.errors import OutputError, StudyError
from duchenne.files.whole_files import write_whole
from duchenne.results.output_path import check_output_path
from duchenne.study.exclusion import read_exclusion
from duchenne.study.judgeable import VISIBILITY
from duchenne.study.people_table import StudyWarning, by_person, with_people
from duchenne.study.provenance import origin_of
from duchenne.study.report.page import Study, page
from duchenne.study.report.pdf import needed_browser, write_pdf
from duchenne.study.results import BOX, POSE, Wanted, columns_in, joined_results, read_results
from duchenne.study.summary_table import summary


@dataclass(frozen=True)
class ReportOptions:
    """What a report shows.

    Attributes:
        title: Above it; the names of the results unless given.
        people: A table of people; None takes the column person of the results.
        exclude: Stretches to leave out, FILE:TIER each.
        exclude_aus: Action units that are left out there; those of mouth and chin unless given.
        faces: Whether pictures of faces stand at the peaks.
        agreement: Tables of `duchenne agree` that are shown.
        pdf: Whether the page is printed, too.
        overwrite: Whether existing files may be replaced.
        table: Where `summary` goes as CSV, a row for each person and action unit; None for nowhere.
    """

    title: str | None = None
    people: Path | None = None
    exclude: tuple[str, ...] = ()
    exclude_aus: tuple[str, ...] | None = None
    faces: bool = False
    agreement: tuple[Path, ...] = ()
    pdf: bool = False
    overwrite: bool = False
    table: Path | None = None


def write_study_report(results: Sequence[Path], output: Path, options: ReportOptions | None = None) -> list[str]:
    """Write the report of results as one HTML file; return remarks: warnings, and what could not be read.

    Raises:
        UsageError: The output's ending is unknown, or a file exists and `overwrite` is not set.
        OutputError: A file cannot be written.
        StudyError: A result or a table cannot be used, or there is no browser for the PDF.
    """
    options = options or ReportOptions()
    check_output_path(output, [".html", ".htm"], options.overwrite)
    pdf = output.with_suffix(".pdf")
    if options.pdf:
        check_output_path(pdf, [".pdf"], options.overwrite)
        needed_browser(output, pdf)
    if options.table is not None:
        check_output_path(options.table, [".csv"], options.overwrite)
    study, remarks = _study(results, options)
    text, problems = page(study)
    _write(output, text, options.overwrite)
    if options.table is not None:
        found = summary(study.table, exclude=study.exclude, blocks=study.blocks)
        _write(options.table, found.to_csv(index=False, lineterminator="\n", float_format="%.6g"), options.overwrite)
    if options.pdf:
        write_pdf(output, pdf)
    return [*remarks, *problems]


def _write(path: Path, text: str, overwrite: bool) -> None:
    try:
        write_whole(path, text.encode(), overwrite)
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error}). Choose another place.") from error


def _study(results: Sequence[Path], options: ReportOptions) -> tuple[Study, list[str]]:
    held = [set(columns_in(path)) for path in results]
    optional = [name for name in (*BOX, *VISIBILITY) if all(name in names for names in held)]
    wanted = Wanted(others=("confidence", *POSE, *optional))
    parts = [read_results(path, wanted) for path in results]
    table = joined_results(parts, results)
    if not len(table):
        raise StudyError("The results hold no faces, so there is nothing to report.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", StudyWarning)
        table = by_person(table) if options.people is None else with_people(table, options.people)
    remarks = [str(warning.message) for warning in caught if issubclass(warning.category, StudyWarning)]
    if not set(VISIBILITY) <= set(optional):
        remarks.append("The results do not say which landmarks are seen, so nothing counts as hidden here.")
    study = Study(
        options.title or ", ".join(path.stem for path in results),
        table,
        tuple(origin_of(path, len(part)) for path, part in zip(results, parts, strict=True)),
        exclude=read_exclusion(options.exclude, options.exclude_aus) if options.exclude else None,
        remarks=tuple(remarks),
        faces=options.faces,
        tables=tuple((path.name, _rows_of(path)) for path in options.agreement),
    )
    return study, remarks


def _rows_of(path: Path) -> tuple[tuple[str, ...], ...]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = tuple(tuple(_short(cell) for cell in row) for row in csv.reader(file))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} cannot be read ({error}). Expected a table of duchenne agree.") from None
    if not rows:
        raise StudyError(f"{path} is empty. Expected a table of duchenne agree.")
    return tuple(_with_intervals(rows[0], row) for row in rows)


def _with_intervals(heads: tuple[str, ...], row: tuple[str, ...]) -> tuple[str, ...]:
    """Return a row whose interval's ends, in columns of their own, stand behind their value in brackets."""
    cells = dict(zip(heads, row, strict=False))
    ends = {
        name: (f"{name}_low", f"{name}_high") for name in heads if f"{name}_low" in heads and f"{name}_high" in heads
    }
    hidden = {end for pair in ends.values() for end in pair}
    shown = []
    for name in heads:
        low, high = (cells.get(end, "") for end in ends.get(name, ("", "")))
        between = f" ({low} to {high})" if low and high and row is not heads else ""
        shown += [] if name in hidden else [cells.get(name, "") + between]
    return tuple(shown)


def _short(cell: str) -> str:
    """Return a number with three decimals at most; other text as it is."""
    try:
        return cell if cell.lstrip("-").isdecimal() else f"{float(cell):.3f}"
    except ValueError:
        return cell
