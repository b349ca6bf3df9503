"""`duchenne doctor`: what is installed, which weights with which hash, and a self-check on a rendered face."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from duchenne.diagnosis import Finding


def doctor() -> int:
    """List what is installed and check that detection works.

    Prints the versions of Python and of each library, compares the hash of each weights file with that of the package,
    lists the extras, and finds the action units of a rendered face whose truth is known. Nothing is sent anywhere. The
    exit code is 1 if a check fails.
    """
    from duchenne.commands.plain_console import PlainConsole
    from duchenne.diagnosis import diagnose

    findings = diagnose()
    PlainConsole().print(_table(findings), soft_wrap=True)
    failed = [finding for finding in findings if finding.ok is False]
    if failed:
        PlainConsole(stderr=True).say(f"{len(failed)} of {len(findings)} checks failed.")
    return 1 if failed else 0


def _table(findings: list["Finding"]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "what", "found", box=None, pad_edge=False)
    marks = {True: "[green]ok[/]", False: "[red]FAILED[/]", None: "-"}
    for finding in findings:
        table.add_row(marks[finding.ok], escape(finding.what), escape(finding.found))
    return table
