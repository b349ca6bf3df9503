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
    count = known.get("subject_count", 0)
    return [Problem(name, f"{len(found)} of {count} subjects of the release were found")] if len(found) < count else []
