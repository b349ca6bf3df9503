"""The `duchenne` command: one small file per verb; a verb parses, calls one library function and prints.

Verbs import what they call when they are called, so that `--help` stays quick.

Data goes to standard output, remarks to standard error. Exit codes: 0 done, 1 something failed, 2 misused.
"""

import sys

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from duchenne.commands import (
    agree,
    data,
    detect,
    doctor,
    evaluate,
    events,
    explain,
    export,
    people,
    prepare,
    render,
    report,
    reproduce,
    sample,
    train,
)
from duchenne.commands.dev import dev
from duchenne.commands.renamed_options import with_new_names
from duchenne.errors import DuchenneError, UsageError

_EPILOGUE = (
    "Action units are movements of the face, not feelings. "
    "Exit codes: 0 done, 1 something failed (the rest was done), 2 misused."
)

app = App(
    name="duchenne",
    help="Find facial action units (FACS) in pictures and videos, offline.",
    help_epilogue=_EPILOGUE,
    help_format="markdown",
    version_flags=["--version"],
    default_parameter=Parameter(negative_iterable=()),
)
_data = App(name="data", help="Look after data sets on disk.")
_data.command(data.check)
for _verb in (
    agree.agree,
    detect.detect,
    doctor.doctor,
    evaluate.evaluate,
    events.events,
    explain.explain,
    export.export,
    people.people,
    prepare.prepare,
    render.render,
    report.report,
    reproduce.reproduce,
    sample.sample,
    train.train,
    _data,
    dev,
):
    app.command(_verb)  # Its docstring is its help.


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; messages have gone to standard error."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code = app(
            _with_standard_input_last(with_new_names(arguments, console)),
            exit_on_error=False,
            print_error=False,
            error_console=console,
            result_action="return_value",
        )
    except CycloptsError as error:
        console.print(f"duchenne: {str(error).strip()}\nSee: duchenne --help", markup=False)
        return UsageError.exit_code
    except DuchenneError as error:
        console.print(f"duchenne: {error}", markup=False)
        return error.exit_code
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "duchenne"):
            raise
        console.print(
            f"duchenne: the package {error.name} is not installed. Drawing, training and reports need more than "
            "detection: pip install 'duchenne[synthesis,train,report]'.",
            markup=False,
        )
        return DuchenneError.exit_code
    except KeyboardInterrupt:
        console.print("duchenne: interrupted.", markup=False)
        return 130
    return code if isinstance(code, int) else 0


def _with_standard_input_last(arguments: list[str]) -> list[str]:
    """Return the arguments with "-" behind "--": the parser takes a lone hyphen for an option that it does not know."""
    if "-" not in arguments or "--" in arguments:
        return arguments
    return [word for word in arguments if word != "-"] + ["--", "-"]


def main() -> None:
    """Enter from the shell."""
    sys.exit(run(sys.argv[1:]))
