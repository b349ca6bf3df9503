"""What became of the frames of a preparation: kept, or skipped and why; by subject, by pose, by both."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from duchenne.datasets.recording import Notes, Problem, Recording, Release, SkipReason

Row = dict[str, Any]
_UNREAD = (SkipReason.MISSING, SkipReason.BROKEN, SkipReason.BREAKS_OFF, SkipReason.BEYOND)


def row_of(recording: Recording, prefix: str, kept: int, skipped: Sequence[SkipReason], notes: Notes) -> Row:
    """Return the counts of one recording, as JSON holds them."""
    return {
        "subject": prefix + recording.subject,
        "sequence": recording.sequence,
        "pose_number": recording.pose_number,
        "labelled": len(recording),
        "kept": kept,
        "lost": {reason.value: skipped.count(reason) for reason in SkipReason if reason in skipped},
        "notes": dict(notes),
    }


def make_report(rows: Sequence[Row], releases: Sequence[Release]) -> dict[str, Any]:
    """Return the report of a preparation.

    Args:
        rows: One a recording, in order.
        releases: What loaders found, for their problems.
    """
    problems = [{"data": release.name, **asdict(problem)} for release in releases for problem in release.problems]
    problems += [asdict(problem) for row in rows for problem in _unread(row)]
    report = {**_totals(rows), "by_pose": _grouped(rows, "pose_number"), "by_subject": _grouped(rows, "subject")}
    notes: Notes = Counter()
    for row in rows:
        notes.update(row.get("notes", {}))
    told = [{"note": note, "count": count} for note, count in sorted(notes.items())]
    by_both = _grouped(rows, "subject", "pose_number")
    return {**report, "by_subject_and_pose": by_both, "problems": problems, "notes": told}


def _unread(row: Row) -> Iterator[Problem]:
    """Yield what could not be read of a recording, so that its files are named and not only counted."""
    pose = f", pose {row['pose_number']}" if row["pose_number"] else ""
    for reason in _UNREAD:
        if count := row["lost"].get(reason.value, 0):
            yield Problem(f"{row['sequence']}{pose}", f"{count} of {row['labelled']} frames: {reason.value}")


def _grouped(rows: Sequence[Row], *keys: str) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [dict(zip(keys, group, strict=True)) | _totals(groups[group]) for group in sorted(groups)]


def _totals(rows: Sequence[Row]) -> Row:
    lost: dict[str, int] = {}
    for row in rows:
        for reason, count in row["lost"].items():
            lost[reason] = lost.get(reason, 0) + count
    counts = {key: sum(row[key] for row in rows) for key in ("labelled", "kept")}
    return {**counts, "lost": dict(sorted(lost.items()))}
