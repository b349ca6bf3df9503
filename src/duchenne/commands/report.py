"""`duchenne report`: results as one page."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole


def report(
    *results: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("report.html"),
    people: Path | None = None,
    title: str | None = None,
    exclude: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    exclude_aus: str | None = None,
    agreement: Annotated[tuple[Path, ...], Parameter(negative=())] = (),
    faces: Annotated[bool, Parameter(negative=())] = False,
    pdf: Annotated[bool, Parameter(negative=())] = False,
    table: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show a video or a whole study on one page: who was seen, how often and how strongly each action unit occurred.

    The page is one HTML file that works offline. It shows time lines, rates and intensities by person with intervals,
    action units that occur together, what was not judged, the origin of the numbers and how to cite. Needs the extra
    study. For example:

    `duchenne report interview.csv`

    `duchenne report study_people.csv --agreement agreement.csv --output study.html --pdf`

    Parameters
    ----------
    results
        Files written by `duchenne detect`, with a column person (`duchenne people`) if they hold several sources.
    output
        The page to write, .html.
    people
        A completed table of people (see `duchenne people`), instead of a column person.
    title
        Title of the page; default: the names of the results.
    exclude
        Leave these stretches out of the action units of mouth and chin, such as speech: FILE:TIER of an ELAN file, a
        BORIS export or a table with onset_s and offset_s; may be given several times.
    exclude_aus
        Action units for which these stretches are left out, or all; default: those of mouth and chin.
    agreement
        Also show this table of `duchenne agree`; may be given several times.
    faces
        Show pictures of the faces at the strongest moments. Without this the page contains no picture of anybody.
    pdf
        Also print the page to a PDF beside it, with Chromium, Chrome or Edge of this machine.
    table
        Also write the numbers to this .csv file: one row for each person and action unit.
    overwrite
        Replace existing files.
    """
    from duchenne.errors import UsageError
    from duchenne.study.exclusion import excluded_aus
    from duchenne.study.report.study_report import ReportOptions, write_study_report

    if not results:
        raise UsageError("Name the results to report: duchenne report RESULT. See its --help.")
    console = PlainConsole(stderr=True)
    options = ReportOptions(title, people, exclude, excluded_aus(exclude_aus), faces, agreement, pdf, overwrite, table)
    for remark in write_study_report(results, output, options):
        console.say(f"duchenne: {remark}")
    written = [str(output), *([str(output.with_suffix(".pdf"))] if pdf else []), *([str(table)] if table else [])]
    console.say(f"wrote {' and '.join(written)}")
    return 0
