"""What a release on disk holds and lacks, in a paragraph of the report: what `duchenne data check` finds."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from duchenne.datasets.audit import audit
from duchenne.datasets.recording import Release
from duchenne.errors import EvaluationError

_SAID = 8
"""Problems that the report names; all are in the file."""


def check_release(release: Release, source: Path, file: Path) -> list[str]:
    """Write all that `duchenne data check --json` would say to a file; return what is missing or damaged, line by line.

    Raises:
        EvaluationError: The file cannot be written.
    """
    found = asdict(audit(release, source))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{file} cannot be written: {error.strerror}. Name another --out.") from error
    return _problems(found)


def about_check(name: str, file: Path) -> str:
    """Return a sentence or two on what was found of a data set.

    Args:
        name: As reports call it.
        file: Written by `check_release`.
    """
    found = json.loads(file.read_text(encoding="utf-8"))
    counts = f"{found['subjects']} subjects, {found['sequences']} sequences, {found['frames']} labelled frames"
    if found["published_frames"]:
        counts += f" of {found['published_frames']} in the whole release"
    problems = _problems(found)
    if not problems:
        return f"{name} as found: {counts}; nothing is missing."
    more = f"; and {len(problems) - _SAID} more, in sets/{file.name}" if len(problems) > _SAID else ""
    return f"{name} as found: {counts}. Missing or damaged: {'; '.join(problems[:_SAID])}{more}."


def _problems(found: dict[str, Any]) -> list[str]:
    return [f"{one['where']}: {one['what']}" for one in found["problems"] if one["severe"]]
