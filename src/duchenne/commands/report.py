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
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Show a video or a whole study on one page: who was seen, how often and how strongly each action unit occurred.

    The page is one HTML file that works offline: time lines, rates and intensities by person with intervals, action
    units that occur together, what was not judged, where the numbers come from and how to cite. Needs the extra
    study. For example:

    `duchenne report interview.csv`

    `duchenne report study_people.csv --agreement agreement.csv --output study.html --pdf`

    Parameters
    ----------
    results
        Files that `duchenne detect` has written, with a column person where they hold several sources
        (`duchenne people`).
    output
        The page, .html.
    people
        A table of people that is filled in, instead of a column person; see `duchenne people`.
    title
        Above the page; the names of the results otherwise.
    exclude
        Leave these stretches out of the action units of mouth and chin, such as speech: FILE:TIER of an ELAN file, a
        BORIS export or a table with onset_s and offset_s; may be given several times.
    exclude_aus
        Of which action units they are left out: those of mouth and chin unless given, or all.
    agreement
        A table that `duchenne agree` has written, to be shown; may be given several times.
    faces
        Show pictures of the faces at the strongest moments. Without it the page holds no picture of anybody.
    pdf
        Print the page to a PDF beside it, by a browser of this machine (Chromium, Chrome or Edge).
    overwrite
        Replace existing files.
    """
    from duchenne.errors import UsageError
    from duchenne.study.exclusion import excluded_aus
    from duchenne.study.report.study_report import ReportOptions, write_study_report

    if not results:
        raise UsageError("Name the results to report: duchenne report RESULT. See its --help.")
    console = PlainConsole(stderr=True)
    options = ReportOptions(title, people, exclude, excluded_aus(exclude_aus), faces, agreement, pdf, overwrite)
    for remark in write_study_report(results, output, options):
        console.say(f"duchenne: {remark}")
    written = f"{output} and {output.with_suffix('.pdf')}" if pdf else str(output)
    console.say(f"wrote {written}")
    return 0
