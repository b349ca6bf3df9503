"""BORIS: exports of tabular and aggregated events, and projects -> `Coding`.

Behaviours are action units ("AU12", "12"), the subject is the person; a modifier A to E is the grade, L or R the side.
State events have a duration; point events have none and are left out. A behaviour "coded" says which stretches were
coded. A project also says, by its behaviours, which action units were looked for; an export tells only of those found.

Source: BORIS user guide (Friard and Gamba 2016), project format 7.0 and the columns of "Export events".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duchenne.errors import StudyError
from duchenne.files.numbers import finite_number
from duchenne.study.codings.au_labels import NOT_SCORABLE, grade_of, parse_labels
from duchenne.study.codings.coding import (
    CODED,
    EVERYBODY,
    CodedAU,
    CodedEvent,
    CodedSpan,
    Coding,
    coding_from,
    labelled,
)
from duchenne.study.codings.delimited import Rows
from duchenne.study.results import file_name

_NOBODY = ("no focal subject", "")
_SIDES = {"l": "L", "left": "L", "r": "R", "right": "R"}
_START, _STOP, _POINT = "START", "STOP", "POINT"


@dataclass(frozen=True)
class _Bout:
    """One behaviour of one subject: a state with both ends, or one end of it."""

    file: str
    subject: str
    behaviour: str
    modifiers: str
    start_s: float
    stop_s: float


def is_boris(columns: list[str]) -> bool:
    """Return whether these are the columns of an export of BORIS."""
    return {"Subject", "Behavior"} <= set(columns) and bool({"Time", "Start (s)"} & set(columns))


def read_boris_table(rows: Rows, path: Path) -> Coding:
    """Return the codes in an export of tabular or aggregated events."""
    notes: list[str] = []
    bouts = list(_aggregated(rows, path, notes) if "Start (s)" in rows.columns else _tabular(rows, path, notes))
    return _coding(bouts, [], path, notes)


def read_boris_project(path: Path) -> Coding:
    """Return the codes in a .boris project: all of its observations.

    Raises:
        StudyError: It cannot be read.
    """
    try:
        return _of_project(json.loads(path.read_text(encoding="utf-8-sig")), path)
    except (OSError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise StudyError(f"{path} cannot be read as a project of BORIS ({error!r}).") from None


def _of_project(project: Any, path: Path) -> Coding:
    behaviours = [(one["code"], one["type"]) for one in project["behaviors_conf"].values()]
    subjects = [one["name"] for one in project["subjects_conf"].values()] or [EVERYBODY]
    notes: list[str] = []
    bouts: list[_Bout] = []
    coded: list[CodedAU] = []
    states = {code for code, kind in behaviours if kind.lower().startswith("state")}
    for name, observation in project["observations"].items():
        media = [file for files in dict(observation.get("file") or {}).values() for file in files]
        if len(media) != 1:
            notes.append(f"{path.name}: observation {name!r} has {len(media)} videos; left out, one is expected.")
            continue
        file = file_name(media[0])
        events = [
            (_time_s(e[0]), _subject(e[1]), e[2], e[3], _POINT if e[2] not in states else "")
            for e in observation["events"]
        ]
        bouts += _paired(file, events, path, notes)
        seen = {_subject(e[1]) for e in observation["events"]} | set(subjects)
        labels = [label for code, _ in behaviours for label in parse_labels(code)]
        coded += [CodedAU(file, person, label.au) for person in sorted(seen) for label in labels]
    return _coding(bouts, coded, path, notes)


def _time_s(value: Any) -> float:
    if (number := finite_number(value)) is None:
        raise ValueError(f"the time of an event is {str(value)[:40]!r}")
    return number


def _aggregated(rows: Rows, path: Path, notes: list[str]) -> Iterator[_Bout]:
    points = 0
    for row in _of_one_video(rows, path, notes):
        if row.get("Behavior type", "").upper() == _POINT:
            points += 1
            continue
        start, stop = rows.number(row, "Start (s)"), rows.number(row, "Stop (s)")
        yield _Bout(_file(row, path), _subject(row["Subject"]), row["Behavior"], _modifiers(row), start, stop)
    if points:
        notes.append(f"{path.name}: {points} point events left out; they have no duration.")


def _tabular(rows: Rows, path: Path, notes: list[str]) -> Iterator[_Bout]:
    by_file: dict[str, list[tuple[float, str, str, str, str]]] = {}
    for row in _of_one_video(rows, path, notes):
        kind = (row.get("Behavior type") or row.get("Status") or "").upper()
        event = (rows.number(row, "Time"), _subject(row["Subject"]), row["Behavior"], _modifiers(row), kind)
        by_file.setdefault(_file(row, path), []).append(event)
    for file, events in by_file.items():
        yield from _paired(file, events, path, notes)


def _of_one_video(rows: Rows, path: Path, notes: list[str]) -> list[dict[str, str]]:
    """Return the rows of observations of one video; in others the times run on from video to video."""
    videos: dict[str, set[str]] = {}
    for row in rows.rows:
        videos.setdefault(row.get("Observation id", ""), set()).add(_file(row, path))
    several = sorted(name for name, files in videos.items() if len(files) > 1)
    for name in several:
        notes.append(f"{path.name}: observation {name!r} has {len(videos[name])} videos; left out, one is expected.")
    return [row for row in rows.rows if row.get("Observation id", "") not in several]


def _paired(file: str, events: list[tuple[float, str, str, str, str]], path: Path, notes: list[str]) -> Iterator[_Bout]:
    """Yield the states between their starts and stops, which alternate for each subject, behaviour and modifiers.

    Where a stop has other modifiers than its start, those of the start count.
    """
    open_since: dict[tuple[str, str, str], float] = {}
    points = 0
    for time, subject, behaviour, modifiers, kind in sorted(events, key=lambda event: (event[0], event[4] != _STOP)):
        key = (subject, behaviour, modifiers)
        if kind == _STOP and key not in open_since:
            key = next((one for one in open_since if one[:2] == key[:2]), key)
        if kind == _POINT:
            points += 1
        elif key in open_since and kind != _START:
            yield _Bout(file, *key, open_since.pop(key), time)
        elif kind == _STOP:
            notes.append(f"{path.name}: {behaviour} stops at {time:.3f} s without a start; left out.")
        else:
            if key in open_since:
                notes.append(
                    f"{path.name}: {behaviour} starts twice, at {open_since[key]:.3f} and {time:.3f} s; "
                    "the first is left out."
                )
            open_since[key] = time
    notes += [
        f"{path.name}: {behaviour} starts at {since:.3f} s and never stops; left out."
        for (_, behaviour, _), since in open_since.items()
    ]
    if points:
        notes.append(f"{path.name}: {points} point events left out; they have no duration.")


def _coding(bouts: list[_Bout], coded: list[CodedAU], path: Path, notes: list[str]) -> Coding:
    events: list[CodedEvent] = []
    strange: set[str] = set()
    for bout in bouts:
        words = [word.strip().lower() for word in bout.modifiers.replace("|", ",").split(",")]
        where = CodedEvent(
            bout.file,
            bout.subject,
            "",
            bout.start_s,
            bout.stop_s,
            next((float(grade) for word in words if (grade := grade_of(word)) is not None), float("nan")),
            next((_SIDES[word] for word in words if word in _SIDES), ""),
            scorable=not any(word in NOT_SCORABLE for word in words),
        )
        labels = parse_labels(bout.behaviour)
        if not labels and bout.behaviour.lower() != CODED:
            strange.add(bout.behaviour)
        events += [labelled(label, where) for label in labels]
    if strange:
        notes.append(f"{path.name}: {', '.join(map(repr, sorted(strange)))} left out; no action unit.")
    spans = [
        CodedSpan(bout.file, bout.subject, bout.start_s, bout.stop_s)
        for bout in bouts
        if bout.behaviour.lower() == CODED
    ]
    return coding_from(events, coded, spans, notes)


def intervals_of(rows: Rows, path: Path, behaviour: str) -> list[tuple[str, float, float]]:
    """Return file, start and stop of each state of one behaviour, whatever it is called."""
    notes: list[str] = []
    bouts = _aggregated(rows, path, notes) if "Start (s)" in rows.columns else _tabular(rows, path, notes)
    return [(one.file, one.start_s, one.stop_s) for one in bouts if one.behaviour == behaviour]


def _subject(text: str) -> str:
    return EVERYBODY if text.strip().lower() in _NOBODY else text.strip()


def _file(row: dict[str, str], path: Path) -> str:
    names = ("Media file name", "Media file path", "Media file", "Source")
    found = next((row[name] for name in names if row.get(name)), "")
    return file_name(found.rpartition("player #1:")[2]) or path.stem


def _modifiers(row: dict[str, str]) -> str:
    return ",".join(value for name, value in row.items() if name.startswith("Modifier") and value)
