"""`duchenne people`: who is who in results."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole, counted


def people(
    *results: Path,
    table: Path | None = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    sheet: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Assign the faces of several videos to people, since face_id starts again in each video.

    First run it without `--table`. It writes people.csv, with one row for each face of each source, and people.jpg, a
    contact sheet with the best picture of each. Fill in the column person; faces without a person are left out. Then
    run it with `--table` to write the result with a column `person`. The program recognises nobody. Examples:

    `duchenne people study.csv`

    `duchenne people study.csv --table people.csv --output study_people.csv`

    Parameters
    ----------
    results
        Files written by `duchenne detect`.
    table
        The completed table: source, person, and face_id or side (left or right half of the picture). source may be a
        pattern, such as session1/* or *.
    output
        The table to write (.csv; default: people.csv beside the first result), or with --table the result with its
        column person (.csv, .parquet or .jsonl).
    sheet
        The contact sheet to write (.jpg or .png); default: beside the table, with its name.
    overwrite
        Replace existing files.
    """
    from duchenne.errors import UsageError

    if not results:
        raise UsageError("There is no result. Name one or more: duchenne people RESULT. See its --help.")
    console = PlainConsole(stderr=True)
    if table is None:
        return _template(console, results, output or results[0].with_name("people.csv"), sheet, overwrite)
    if output is None:
        raise UsageError("--table needs --output: the file for the result with the column person.")
    return _named(console, results, table, output, overwrite)


def _template(console: PlainConsole, results: Sequence[Path], path: Path, sheet: Path | None, overwrite: bool) -> int:
    from duchenne.results.output_path import check_output_path
    from duchenne.study.judgeable import VISIBILITY
    from duchenne.study.people_table import people
    from duchenne.study.pictures import write_contact_sheet
    from duchenne.study.results import BOX, POSE, Wanted, read_results
    from duchenne.study.writing import write_text

    sheet = sheet or path.with_suffix(".jpg")
    check_output_path(path, [".csv"], overwrite)
    check_output_path(sheet, [".jpg", ".jpeg", ".png"], overwrite)
    rows = read_results(results, Wanted(kinds="c", others=("confidence", *POSE, *BOX, *VISIBILITY)))
    found = people(rows)
    write_text(path, found.to_csv(index=False, lineterminator="\n"))
    problems = write_contact_sheet(rows, sheet) if len(found) else []
    for problem in problems:
        console.say(f"duchenne: {problem}")
    seen = f"{counted(len(found), 'face')} in {counted(found['source'].nunique(), 'source')}"
    named = results[0].with_stem(f"{results[0].stem}_people")
    console.say(
        f"{seen}; wrote {path} and {sheet}. Fill in the column person, save the table, then:\n"
        f"duchenne people {' '.join(map(str, results))} --table {path} --output {named}\n"
        f"{sheet} shows faces: store it as you store the videos."
    )
    return 1 if problems else 0


def _named(console: PlainConsole, results: Sequence[Path], table: Path, output: Path, overwrite: bool) -> int:
    import warnings

    from duchenne.study.named_results import write_named

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        counts = write_named(results, table, output, overwrite)
    for warning in caught:
        console.say(f"duchenne: {warning.message}")
    out = PlainConsole()
    for person, rows in counts.items():
        out.say(f"{person}: {rows} rows")
    console.say(f"wrote {output}")
    return 0
