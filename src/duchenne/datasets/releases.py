"""What is published of the releases: subjects, counts, folds; kept in releases.json with its sources."""

import json
from collections.abc import Set
from functools import lru_cache
from pathlib import Path
from typing import Any

from duchenne.datasets.recording import Problem, few


@lru_cache(maxsize=1)
def releases() -> dict[str, dict[str, Any]]:
    """Return what is known by data set."""
    return dict(json.loads(Path(__file__).with_name("releases.json").read_text(encoding="utf-8")))


def is_rendered(root: Path) -> bool:
    """Return whether a folder was written by `duchenne render`, so that a release's counts say nothing about it."""
    return (root / "plan.json").is_file()


def missing_subjects(name: str, root: Path, found: Set[str]) -> list[Problem]:
    """Return a problem if subjects of the release are not in a folder."""
    known = releases().get(name, {})
    if is_rendered(root):
        return []
    if absent := sorted(set(known.get("subjects", [])) - found):
        what = f"{len(absent)} of {len(known['subjects'])} subjects of the release are missing: {few(absent, 41)}"
        return [Problem(name, what)]
    return _too_few(name, known, {"subject": len(found)})


def missing_tasks(name: str, root: Path, found: Set[tuple[str, str]]) -> list[Problem]:
    """Return a problem for each subject of a folder that lacks tasks of the release altogether."""
    tasks = [] if is_rendered(root) else releases().get(name, {}).get("tasks", [])
    subjects = sorted({subject for subject, _ in found})
    absent = {subject: [task for task in tasks if (subject, task) not in found] for subject in subjects}
    return [Problem(subject, f"no trace of {few(missing, 8)}") for subject, missing in absent.items() if missing]


def missing_sequences(name: str, part: str, root: Path, found: Set[tuple[str, str]]) -> list[Problem]:
    """Return a problem if a part of a release has fewer subjects or sequences than is published."""
    known = {} if is_rendered(root) else releases().get(name, {}).get(part, {})
    return _too_few(
        f"{name} {part}", known, {"subject": len({subject for subject, _ in found}), "sequence": len(found)}
    )


def _too_few(where: str, known: dict[str, Any], found: dict[str, int]) -> list[Problem]:
    counts = [(count, known.get(f"{what}_count", 0), what) for what, count in found.items()]
    return [
        Problem(where, f"{count} of {of} {what}s of the release were found") for count, of, what in counts if count < of
    ]
