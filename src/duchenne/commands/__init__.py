"""The `duchenne` command: one small file per verb; a verb parses, calls one library function and prints.

Data goes to standard output, remarks to standard error. Exit codes: 0 done, 1 something failed, 2 misused.
"""

import sys

from cyclopts import App, CycloptsError
from rich.console import Console

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
)
app.command(
    "duchenne.commands.detect:detect", help="Find faces and their action units in pictures, videos or a camera."
)
app.command("duchenne.commands.doctor:doctor", help="Say what is installed and check that detection works here.")
data = App(name="data", help="Look after data sets on disk.")
data.command("duchenne.commands.data:check", help="Say what a data set holds and lacks.")
app.command(data)
app.command(dev)
app.command("duchenne.commands.evaluate:evaluate", help="Judge a trained system on prepared faces, by every measure.")
app.command("duchenne.commands.explain:explain", help="Show which patches each action unit rests on.")
app.command("duchenne.commands.export:export", help="Write a trained network as the file that detection reads.")
app.command("duchenne.commands.prepare:prepare", help="Align the faces of data sets into a store for training.")
app.command("duchenne.commands.render:render", help="Draw heads with known action units, with exact labels.")
app.command(
    "duchenne.commands.reproduce:reproduce", help="Run the paper's experiment and write its tables and figures."
)
app.command("duchenne.commands.train:train", help="Train a network or a classical system on prepared faces.")


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
