"""What one or several coders coded: events, and what was looked at, as what was not coded is not absent."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from duchenne.errors import StudyError
from duchenne.facs import AU_NAMES
from duchenne.study.codings.au_labels import LETTERS, NOT_SCORABLE, AULabel

EVERYBODY = ""
"""As person: whoever is seen; the file names nobody."""
CODED = "coded"
"""As tier, behaviour or action unit: a stretch that was coded."""


@dataclass(frozen=True)
class CodedEvent:
    """One action unit of one person, from onset to offset.

    Attributes:
        file: The video, as the coder's file names it.
        person: Whose face; `EVERYBODY` where nobody is named.
        au: Its name.
        onset_s: Seconds from the start of the video.
        offset_s: End of the event.
        grade: 1 (A) to 5 (E); NaN where only occurrence was coded.
        side: "L", "R" or "".
        coder: Who coded it; "" if not said.
        scorable: False where the coder says that the action unit could not be judged.
    """

    file: str
    person: str
    au: str
    onset_s: float
    offset_s: float
    grade: float = float("nan")
    side: str = ""
    coder: str = ""
    scorable: bool = True

    @property
    def letter(self) -> str:
        """The grade as coders write it, A to E; "ns" where it is not scorable, "" where only occurrence was coded."""
        if not self.scorable:
            return NOT_SCORABLE[0]
        return "" if math.isnan(self.grade) else LETTERS[int(self.grade) - 1]


@dataclass(frozen=True)
class CodedAU:
    """That an action unit was coded of a person, be it present or not."""

    file: str
    person: str
    au: str
    coder: str = ""


@dataclass(frozen=True)
class CodedSpan:
    """A stretch of a video that was coded.

    Attributes:
        file: The video.
        person: Whom; `EVERYBODY` for all.
        onset_s: Its start in seconds.
        offset_s: Its end.
        weight: For how many frames of the whole a frame in it stands (`duchenne sample`).
    """

    file: str
    person: str
    onset_s: float
    offset_s: float
    weight: float = 1.0


@dataclass(frozen=True)
class Coding:
    """The content of one or several files of codes.

    Attributes:
        events: Where an action unit is present, or not scorable.
        coded: Which action units were coded of whom; all others are unknown.
        spans: Which stretches were coded; a file without any was coded from start to end.
        notes: What a reader must be told: labels that mean nothing here, empty tiers, overlaps.
    """

    events: tuple[CodedEvent, ...]
    coded: tuple[CodedAU, ...]
    spans: tuple[CodedSpan, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The videos, in order of their names."""
        named = [one.file for one in self.coded] + [one.file for one in self.spans] + [one.file for one in self.events]
        return tuple(sorted(set(named)))

    @property
    def coders(self) -> tuple[str, ...]:
        """The coders' names, "" for those who are not named."""
        return tuple(sorted({one.coder for one in self.coded} | {one.coder for one in self.events}))

    def aus(self, file: str, person: str) -> tuple[str, ...]:
        """Return the action units that were coded of a person, in FACS order."""
        found = {one.au for one in self.coded if one.file == file and one.person == person}
        return tuple(name for name in AU_NAMES if name in found)

    def persons(self, file: str) -> tuple[str, ...]:
        """Return the persons whom a file names."""
        return tuple(sorted({one.person for one in self.coded if one.file == file}))

    def by(self, coder: str) -> "Coding":
        """Return what one coder coded.

        Raises:
            StudyError: Nobody of that name coded anything.
        """
        if coder not in self.coders:
            raise StudyError(f"No coder {coder!r}; found: {', '.join(map(repr, self.coders)) or 'none'}.")
        return replace(
            self,
            events=tuple(one for one in self.events if one.coder == coder),
            coded=tuple(one for one in self.coded if one.coder == coder),
        )

    def shifted(self, seconds: float, file: str | None = None) -> "Coding":
        """Return the same codes, later by some seconds; of one file only, where it is named."""
        if not seconds:
            return self

        def later(one: "CodedEvent | CodedSpan") -> dict[str, float]:
            by = seconds if file in (None, one.file) else 0.0
            return {"onset_s": one.onset_s + by, "offset_s": one.offset_s + by}

        return replace(
            self,
            events=tuple(replace(one, **later(one)) for one in self.events),  # type: ignore[arg-type]
            spans=tuple(replace(one, **later(one)) for one in self.spans),  # type: ignore[arg-type]
        )


def together(codings: Sequence[Coding]) -> Coding:
    """Return several codings as one."""
    return Coding(
        tuple(one for coding in codings for one in coding.events),
        tuple(dict.fromkeys(one for coding in codings for one in coding.coded)),
        tuple(one for coding in codings for one in coding.spans),
        tuple(dict.fromkeys(note for coding in codings for note in coding.notes)),
    )


def labelled(label: AULabel, where: CodedEvent) -> CodedEvent:
    """Return the event that a label stands for; the grade of `where` counts where the label has none."""
    grade = float(label.grade) if label.grade is not None else where.grade
    side = label.side or where.side
    times = where.onset_s, where.offset_s
    return CodedEvent(where.file, where.person, label.au, *times, grade, side, where.coder, where.scorable)


def coding_from(
    events: Iterable[CodedEvent], coded: Iterable[CodedAU], spans: Iterable[CodedSpan] = (), notes: Iterable[str] = ()
) -> Coding:
    """Return a coding without what this package does not know or cannot read, which its notes name.

    Left out, each with a note: action units that the package does not have, and events that end before they begin.
    Every event makes its action unit a coded one.
    """
    told = list(notes)
    events, named = list(events), list(coded)
    everything: list[CodedEvent | CodedAU] = [*named, *events]
    for file in sorted({one.file for one in everything}):
        unknown = sorted({one.au for one in everything if one.file == file and one.au not in AU_NAMES})
        if unknown:
            told.append(f"{file}: {' '.join(unknown)} left out; results have no such action unit.")
    kept = [one for one in events if one.au in AU_NAMES]
    for one in kept:
        if not one.offset_s > one.onset_s:
            told.append(f"{one.file}: {one.au} at {one.onset_s:.3f} s left out; it ends at {one.offset_s:.3f} s.")
    kept = [one for one in kept if one.offset_s > one.onset_s]
    told += overlaps(kept)
    seen = [CodedAU(one.file, one.person, one.au, one.coder) for one in kept]
    known = [one for one in named if one.au in AU_NAMES]
    return Coding(tuple(kept), tuple(dict.fromkeys([*known, *seen])), tuple(spans), tuple(told))


def flattened(events: Iterable[CodedEvent]) -> list[CodedEvent]:
    """Return events of one side of one action unit of one person, of which no two share a time, in order of time.

    Where several did, what is not scorable goes first, then the highest grade; what is left of the others stays.

    Example:
        >>> one, other = (CodedEvent("a.mp4", "", "AU12", k, k + 2.0, grade) for k, grade in ((1.0, 3.0), (2.0, 2.0)))
        >>> [(each.onset_s, each.offset_s, each.letter) for each in flattened([one, other])]
        [(1.0, 3.0, 'C'), (3.0, 4.0, 'B')]
    """
    placed: list[CodedEvent] = []
    for one in sorted(events, key=lambda one: (one.scorable, -(0.0 if math.isnan(one.grade) else one.grade))):
        start = one.onset_s
        for other in sorted(placed, key=lambda other: other.onset_s):
            if other.onset_s < one.offset_s and other.offset_s > start:
                if other.onset_s > start:
                    placed.append(replace(one, onset_s=start, offset_s=other.onset_s))
                start = other.offset_s
        if start < one.offset_s:
            placed.append(replace(one, onset_s=start))
    return sorted(placed, key=lambda one: one.onset_s)


def overlaps(events: Iterable[CodedEvent]) -> list[str]:
    """Return a note for each action unit of a person that is coded twice at a time by the same coder."""
    groups: dict[tuple[str, ...], list[CodedEvent]] = {}
    for one in events:
        groups.setdefault((one.file, one.person, one.au, one.side, one.coder), []).append(one)
    told = []
    for (file, person, au, *_), group in groups.items():
        ordered = sorted(group, key=lambda one: one.onset_s)
        twice = [b.onset_s for a, b in pairwise(ordered) if b.onset_s < a.offset_s]
        if twice:
            often = "once, at" if len(twice) == 1 else f"{len(twice)} times, first at"
            told.append(
                f"{file}: {au}{f' of {person}' if person else ''} overlaps itself {often} {twice[0]:.3f} s; joined, "
                "the higher grade counts."
            )
    return told
