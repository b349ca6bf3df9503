"""Runs on disk: one JSON file each, written whole or not at all; and the commit that is kept in them."""

import subprocess
from pathlib import Path

from duchenne.errors import DuchenneError, EvaluationError
from duchenne.evaluation.json_record import json_text, record_from_json
from duchenne.evaluation.runs import Run
from duchenne.files.whole_files import write_whole

FORMAT = "duchenne run 1"


def write_run(run: Run, path: Path) -> None:
    """Write a run; a file that is there is replaced when the new one is whole.

    Raises:
        EvaluationError: The folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json_text(run, FORMAT).encode())
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}. Name a folder with room.") from error


def read_run(path: Path) -> Run:
    """Return a run.

    Raises:
        EvaluationError: The file is no run of this version, or damaged.
    """
    try:
        return record_from_json(Run, path.read_text(encoding="utf-8"), FORMAT)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}. Name a run of: duchenne evaluate.") from error
    except (DuchenneError, UnicodeDecodeError) as error:
        raise EvaluationError(
            f"{path} is not a run that can be read: {error}. Make it again with: duchenne evaluate."
        ) from error


def read_runs(folder: Path) -> list[Run]:
    """Return the runs below a folder, in order of their paths.

    Raises:
        EvaluationError: There is none.
    """
    runs = [read_run(path) for path in sorted(folder.rglob("*.json"))]
    if not runs:
        raise EvaluationError(f"{folder} holds no run (*.json). Make some with: duchenne evaluate.")
    return runs


def commit_here() -> str | None:
    """Return the commit of the code that runs, with "+" if it was changed since; None outside a checkout."""
    folder = Path(__file__).parent
    commit, changes = _git(folder, "rev-parse", "--short", "HEAD"), _git(folder, "status", "--porcelain", "--", ".")
    return None if commit is None else commit + ("+" if changes else "")


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *words], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
