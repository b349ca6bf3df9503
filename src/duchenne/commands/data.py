"""`duchenne data check`: what a data set on disk holds and lacks."""

import json
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole

if TYPE_CHECKING:
    from rich.table import Table

    from duchenne.datasets.audit import Audit


def check(
    *sources: str,
    data: Literal["bp4d", "fera17", "disfa", "disfa+", "ck+", "stills", "generic"] | None = None,
    json_output: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Audit data sets: label counts and skew beside the published ones, and whatever is missing.

    The exit code is 1 if anything is missing or damaged; the rest can still be prepared.

    Parameters
    ----------
    sources
        Folders of data sets, or a CSV file of your own.
    data
        Kind of the sources; default: recognised by their folders.
    json_output
        Print JSON instead of tables.
    """
    from dataclasses import asdict

    from duchenne.datasets.audit import audit
    from duchenne.datasets.loaders import load
    from duchenne.errors import UsageError

    if not sources:
        raise UsageError("Nothing to check. Name the folder of a data set; see duchenne data check --help.")
    errors = PlainConsole(stderr=True)
    with errors.status("Reading labels"):
        found = [audit(load(source, data), source) for source in sources]
    if json_output:
        print(json.dumps([asdict(one) for one in found], indent=1))
    for one in [] if json_output else found:
        _show(one)
    for one in found:
        for problem in one.problems:
            word = "duchenne" if problem.severe else "note"
            errors.say(f"{word}: {problem.where}: {problem.what}")
    return 1 if any(problem.severe for one in found for problem in one.problems) else 0


def _show(audit: "Audit") -> None:
    console = PlainConsole()
    of = f" of {audit.published_frames} in the whole release" if audit.published_frames else ""
    console.print(
        f"{audit.name} in {audit.source}: {audit.subjects} subjects, {audit.sequences} sequences, "
        f"{audit.recordings} recordings, {audit.frames} labelled frames{of}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    console.print(_table(audit))


def _table(audit: "Audit") -> "Table":
    from rich.table import Table

    table, published = Table(box=None, pad_edge=False), audit.published_skew
    headings = ["AU", "present", "absent", "unknown", "intensity", "skew"]
    if published:
        headings += ["present, published", "skew, published"]
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "AU" else "right")
    for count in audit.aus:
        numbers = [count.positives, count.negatives, count.unknown, count.graded]
        cells = [str(number) for number in numbers]
        cells.append("-" if count.skew is None else f"{count.skew:.2f}")
        if published:
            skew = published.get(count.au)
            cells += ["-" if count.published is None else str(count.published), "-" if skew is None else f"{skew:.2f}"]
        table.add_row(count.au, *cells)
    return table
