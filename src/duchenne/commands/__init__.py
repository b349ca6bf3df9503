"""The `duchenne` command: one small file per verb; a verb parses, calls one library function and prints.

Verbs import what they call when they are called, so that `--help` stays quick.

Data goes to standard output, remarks to standard error. Exit codes: 0 done, 1 something failed, 2 misused.
"""

import io
import os
import shlex
import sys
from contextlib import suppress

from cyclopts import App, CycloptsError, Parameter

from duchenne.commands import (
    agree,
    cross_validate,
    data,
    detect,
    doctor,
    evaluate,
    events,
    explain,
    export,
    merge,
    people,
    prepare,
    render,
    report,
    reproduce,
    review,
    sample,
    train,
)
from duchenne.commands.dev import dev
from duchenne.commands.plain_console import COMMAND_LINE, PlainConsole
from duchenne.commands.renamed_options import with_new_names
from duchenne.errors import DuchenneError, UsageError
from duchenne.extras import missing
from duchenne.files.whole_files import FULL_DISK

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
    suppress_keyboard_interrupt=False,
)
_data = App(name="data", help="Check data sets on disk.")
_data.command(data.check)
for _verb in (
    agree.agree,
    cross_validate.cross_validate,
    detect.detect,
    doctor.doctor,
    evaluate.evaluate,
    events.events,
    explain.explain,
    export.export,
    merge.merge,
    people.people,
    prepare.prepare,
    render.render,
    report.report,
    reproduce.reproduce,
    review.review,
    sample.sample,
    train.train,
    _data,
    dev,
):
    app.command(_verb)  # Its docstring is its help.


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; messages have gone to standard error."""
    console = PlainConsole(stderr=True)
    COMMAND_LINE.set(shlex.join(["duchenne", *arguments]))
    try:
        code = app(
            _with_standard_input_last(with_new_names(arguments, console)),
            exit_on_error=False,
            print_error=False,
            console=PlainConsole(),
            error_console=console,
            result_action="return_value",
        )
        sys.stdout.flush()
    except CycloptsError as error:
        console.say(f"duchenne: {str(error).strip()}\nSee: duchenne --help")
        return UsageError.exit_code
    except DuchenneError as error:
        console.say(f"duchenne: {error}")
        return error.exit_code
    except OSError as error:
        return _ended_by_the_system(error, console)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("", "duchenne"):
            raise
        console.say(f"duchenne: {missing(error.name or '')}")
        return DuchenneError.exit_code
    except KeyboardInterrupt:
        console.say("duchenne: interrupted.")
        return 130
    return code if isinstance(code, int) else 0


def _ended_by_the_system(error: OSError, console: PlainConsole) -> int:
    """Say why the system does not let the command go on: a full disk, a reader of the output that has gone."""
    what = str(error.filename) if error.filename else "the output"
    cause = error.strerror or str(error)
    if isinstance(error, BrokenPipeError) and not error.filename:
        message = "what reads the output has gone, so the rest was not written."
    elif error.errno in FULL_DISK:
        message = f"{what}: the disk is full ({cause}). Free some space, then give the same command again."
    else:
        message = f"{what}: {cause}. Check the path, its permissions and the disk."
    with suppress(OSError):
        console.say(f"duchenne: {message}")
    _let_go_of_output()
    return DuchenneError.exit_code


def _let_go_of_output() -> None:
    """Send what still waits to be written nowhere, so that the interpreter does not fail with it when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
                continue
            os.dup2(nowhere, stream.fileno())


def _with_standard_input_last(arguments: list[str]) -> list[str]:
    """Return the arguments with "-" behind "--": the parser takes a lone hyphen for an option that it does not know."""
    if "-" not in arguments or "--" in arguments:
        return arguments
    return [word for word in arguments if word != "-"] + ["--", "-"]


def main() -> None:
    """Enter from the shell."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # Names need not be text that this terminal can show.
    sys.exit(run(sys.argv[1:]))
