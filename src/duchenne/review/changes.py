"""What a coder does on the page, one change at a time, and its line in the journal (JSON)."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from duchenne.errors import StudyError
from duchenne.facs import AU_BY_NAME
from duchenne.files.numbers import finite_number
from duchenne.study.codings.au_labels import NOT_SCORABLE, grade_of
from duchenne.study.codings.coding import CodedAU, CodedEvent, CodedSpan

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_LONGEST_TEXT = 1000


@dataclass(frozen=True)
class Placed:
    """An event is added, or takes the place of the one with the same name.

    Attributes:
        id: Name of the event in this journal.
        event: What is coded; without a coder.
        proposal: Key of the detected event that it confirms or corrects; "" of one that the coder added.
        blind: Whether scores were hidden.
    """

    id: str
    event: CodedEvent
    proposal: str = ""
    blind: bool = False


@dataclass(frozen=True)
class Deleted:
    """An event is taken away."""

    id: str


@dataclass(frozen=True)
class Rejected:
    """A detected event is judged not to be there.

    Attributes:
        file: The video.
        proposal: Key of the detected event.
        rejected: False takes the judgement back.
    """

    file: str
    proposal: str
    rejected: bool = True


@dataclass(frozen=True)
class LookedFor:
    """An action unit of a person was looked for through all that is coded; `done` False takes it back."""

    what: CodedAU
    done: bool = True


@dataclass(frozen=True)
class SpanCoded:
    """A stretch of a video was coded; `done` False takes it back."""

    span: CodedSpan
    done: bool = True


Change = Placed | Deleted | Rejected | LookedFor | SpanCoded


def change_from(line: Mapping[str, Any]) -> Change:
    """Return the change that a line of the journal, or the page, tells.

    Raises:
        StudyError: It tells none, or of something that cannot be coded.

    Example:
        >>> change_from({"do": "delete", "id": "e1"})
        Deleted(id='e1')
    """
    kinds: Mapping[str, Callable[[Mapping[str, Any]], Change]] = {
        "event": _placed,
        "delete": lambda one: Deleted(_id(one)),
        "reject": lambda one: Rejected(_text(one, "file"), _text(one, "proposal"), _flag(one, "done", True)),
        "looked-for": lambda one: LookedFor(
            CodedAU(_text(one, "file"), _text(one, "person"), _au(one)), _flag(one, "done", True)
        ),
        "span": _span,
    }
    make = kinds.get(str(line.get("do")))
    if make is None:
        raise StudyError(f"A change {line.get('do')!r} is not known; known are {', '.join(kinds)}.")
    return make(line)


def line_of(change: Change) -> dict[str, Any]:
    """Return a change as `change_from` reads it."""
    match change:
        case Placed():
            one = change.event
            return {
                "do": "event", "id": change.id, "file": one.file, "person": one.person, "au": one.au,
                "onset_s": one.onset_s, "offset_s": one.offset_s, "grade": one.letter, "side": one.side,
                "proposal": change.proposal, "blind": change.blind,
            }  # fmt: skip
        case Deleted():
            return {"do": "delete", "id": change.id}
        case Rejected():
            return {"do": "reject", "file": change.file, "proposal": change.proposal, "done": change.rejected}
        case LookedFor():
            what = change.what
            return {"do": "looked-for", "file": what.file, "person": what.person, "au": what.au, "done": change.done}
        case SpanCoded():
            span = change.span
            return {
                "do": "span", "file": span.file, "person": span.person, "onset_s": span.onset_s,
                "offset_s": span.offset_s, "weight": span.weight, "done": change.done,
            }  # fmt: skip


def _placed(line: Mapping[str, Any]) -> Placed:
    onset, offset = _times(line)
    grade, side = _text(line, "grade"), _text(line, "side")
    scorable = grade.lower() not in NOT_SCORABLE
    number = grade_of(grade)
    if scorable and grade and number is None:
        raise StudyError(f"A grade is A to E, {NOT_SCORABLE[0]} (not scorable) or left out; got {grade!r}.")
    if side not in ("", "L", "R"):
        raise StudyError(f"A side is L, R or left out; got {side!r}.")
    graded = float(number) if scorable and number is not None else math.nan
    au = _au(line)
    event = CodedEvent(_text(line, "file"), _text(line, "person"), au, onset, offset, graded, side, "", scorable)
    return Placed(_id(line), event, _text(line, "proposal"), _flag(line, "blind", False))


def _span(line: Mapping[str, Any]) -> SpanCoded:
    onset, offset = _times(line)
    span = CodedSpan(_text(line, "file"), _text(line, "person"), onset, offset, _number(line, "weight", 1.0))
    return SpanCoded(span, _flag(line, "done", True))


def _times(line: Mapping[str, Any]) -> tuple[float, float]:
    onset, offset = _number(line, "onset_s"), _number(line, "offset_s")
    if not 0 <= onset < offset:
        raise StudyError(f"An onset is 0 s or later and before its offset; got {onset:g} and {offset:g} s.")
    return round(onset, 3), round(offset, 3)


def _id(line: Mapping[str, Any]) -> str:
    name = _text(line, "id")
    if not _ID.fullmatch(name):
        raise StudyError(f"An event's name has 1 to 40 letters, digits, - or _; got {name!r}.")
    return name


def _au(line: Mapping[str, Any]) -> str:
    name = _text(line, "au")
    if name not in AU_BY_NAME:
        raise StudyError(f"There is no action unit {name!r} here.")
    return name


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name, "")
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise StudyError(f"{name} is a text of at most {_LONGEST_TEXT} characters; got {str(value)[:40]!r}.")
    return value


def _flag(line: Mapping[str, Any], name: str, usual: bool) -> bool:
    value = line.get(name, usual)
    if not isinstance(value, bool):
        raise StudyError(f"{name} is true or false; got {value!r}.")
    return value


def _number(line: Mapping[str, Any], name: str, usual: float | None = None) -> float:
    value = line.get(name, usual)
    number = finite_number(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None:
        raise StudyError(f"{name} is a number of seconds; got {str(value)[:40]!r}.")
    return number
