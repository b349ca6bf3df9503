"""`duchenne merge`: one result, or one set of rendered heads, of what several commands made."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from duchenne.commands.plain_console import COMMAND_LINE, PlainConsole, counted


def merge(
    *folders: str,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    output_dir: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Join the results of the shards of a run into one.

    The result and its record are those of one run over all sources, byte for byte and in the same order. Shards that
    were made with another version, other options or other weights are refused; shards and sources that are missing are
    named. Rendered heads of `duchenne render --first` are joined in the same way. The exit code is 1 if a source had a
    problem, as in one run. Examples:

    `duchenne merge results/ --output all.csv`

    `duchenne merge part1/ part2/ --output-dir heads/`

    Parameters
    ----------
    folders
        Folders that `duchenne detect --output-dir --shard` has written to, URLs of object stores among them
        (s3://bucket/results), or folders of rendered heads.
    output
        The result to write; its ending is that of the shards' files (.csv, .parquet or .jsonl).
    output_dir
        The folder for the rendered heads of all folders, which stay as they are.
    overwrite
        Replace existing files.
    quiet
        Print only errors.
    """
    from duchenne.errors import UsageError

    if not folders:
        raise UsageError("There is no folder. Name one or more: duchenne merge FOLDER. See its --help.")
    if (output is None) == (output_dir is None):
        raise UsageError("Name the result with --output, or the folder for rendered heads with --output-dir.")
    console = PlainConsole(stderr=True)
    with ExitStack() as stack:
        here = [_here(folder, stack) for folder in folders]
        if output is not None:
            return _results(here, output, overwrite, None if quiet else console)
        if output_dir is not None:
            _sets(here, output_dir, None if quiet else console)
    return 0


def _here(folder: str, stack: ExitStack) -> Path:
    """Return a folder; that of an object store is copied to this machine, for as long as the command lasts."""
    from tempfile import TemporaryDirectory

    from duchenne.results.object_folder import ObjectFolder, is_url

    if not is_url(folder):
        return Path(folder)
    copy = Path(stack.enter_context(TemporaryDirectory(prefix="duchenne-")))
    ObjectFolder(folder).fetch_all(copy)
    return copy


def _results(folders: Sequence[Path], output: Path, overwrite: bool, console: PlainConsole | None) -> int:
    from duchenne.results.merged_results import merge_results

    counts = merge_results(folders, output, command=COMMAND_LINE.get(), overwrite=overwrite).counts
    if console is not None:
        problems = f", {counted(counts['problems'], 'problem')}" if counts["problems"] else ""
        done = ", ".join(counted(counts[f"{thing}s"], thing) for thing in ("source", "frame", "face"))
        console.say(f"{done}{problems}; wrote {output}")
    return 1 if counts["problems"] else 0


def _sets(folders: Sequence[Path], output_dir: Path, console: PlainConsole | None) -> None:
    from duchenne.extras import extras_named

    with extras_named():
        from duchenne.synthesis.sets.merged_sets import merge_sets

        files = merge_sets(folders, output_dir)
    if console is not None:
        console.say(f"{counted(files, 'file')} copied to {output_dir}")
