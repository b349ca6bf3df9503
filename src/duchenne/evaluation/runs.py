"""Runs on disk: one JSON file each, written whole or not at all; what tables and figures read."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

from duchenne.errors import EvaluationError
from duchenne.evaluation.evaluate import FORMAT, Found


def write_run(run: Found, path: Path) -> None:
    """Write a run; a file that is there is replaced when the new one is whole.

    Raises:
        EvaluationError: The folder cannot be written.
    """
    unfinished = path.with_suffix(".unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(run, separators=(",", ":")) + "\n", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise EvaluationError(f"{path} cannot be written: {error.strerror}. Name a folder with room.") from error


def read_run(path: Path) -> Found:
    """Return a run.

    Raises:
        EvaluationError: The file is no run of this version.
    """
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} is no readable run: {error}. Make it with: duchenne evaluate.") from error
    if not isinstance(run, dict) or run.get("format") != FORMAT:
        raise EvaluationError(f"{path} is no run of this version ({FORMAT!r}). Make it again with: duchenne evaluate.")
    return run


def read_runs(folder: Path) -> list[Found]:
    """Return the runs below a folder, in order of their paths.

    Raises:
        EvaluationError: There is none.
    """
    paths: Iterable[Path] = sorted(folder.rglob("*.json"))
    runs = [read_run(path) for path in paths]
    if not runs:
        raise EvaluationError(f"{folder} holds no run (*.json). Make some with: duchenne evaluate.")
    return runs


def commit_here() -> str | None:
    """Return the commit of the code that runs, with "+" if it was changed since; None outside a checkout."""
    folder = Path(__file__).parent
    said = [_git(folder, "rev-parse", "--short", "HEAD"), _git(folder, "status", "--porcelain", "--", ".")]
    return None if said[0] is None else said[0] + ("+" if said[1] else "")


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
