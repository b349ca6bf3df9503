"""Changes of one coder -> what stands: events, what was looked for, judged proposals; and the same as `Coding`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from duchenne.review.changes import Change, Deleted, LookedFor, Placed, Rejected, SpanCoded
from duchenne.study.codings.coding import CodedAU, CodedSpan, Coding, coding_from


@dataclass
class CoderCodes:
    """What one coder has coded so far.

    Attributes:
        coder: The name.
        events: By their names.
        looked_for: Action units of persons that were looked for.
        rejected: Video and key of detected events that are judged not to be there.
        spans: Stretches that were coded.
    """

    coder: str
    events: dict[str, Placed] = field(default_factory=dict)
    looked_for: set[CodedAU] = field(default_factory=set)
    rejected: set[tuple[str, str]] = field(default_factory=set)
    spans: set[CodedSpan] = field(default_factory=set)

    def apply(self, change: Change) -> None:
        """Take one change."""
        match change:
            case Placed():
                self.events[change.id] = change
            case Deleted():
                self.events.pop(change.id, None)
            case Rejected():
                _set(self.rejected, (change.file, change.proposal), change.rejected)
            case LookedFor():
                _set(self.looked_for, change.what, change.done)
            case SpanCoded():
                _set(self.spans, change.span, change.done)

    def changes(self, file: str) -> list[Change]:
        """Return what stands of one video as the changes that lead to it."""
        events = [one for one in self.events.values() if one.event.file == file]
        looked = [LookedFor(one) for one in sorted(self.looked_for, key=lambda one: (one.file, one.person, one.au))]
        spans = [SpanCoded(one) for one in sorted(self.spans, key=lambda one: (one.file, one.onset_s))]
        rejected = [Rejected(*one) for one in sorted(self.rejected)]
        return [
            *sorted(events, key=lambda one: one.event.onset_s),
            *(one for one in looked if one.what.file == file),
            *(one for one in rejected if one.file == file),
            *(one for one in spans if one.span.file == file),
        ]

    def coding(self, named: Callable[[str], str] = str, files: Iterable[str] | None = None) -> Coding:
        """Return the codes, of these videos or all; an action unit with an event counts as looked for.

        Args:
            named: Gives the name of a video in the coding.
            files: Videos; None for all.
        """
        kept = None if files is None else set(files)

        def here(file: str) -> bool:
            return kept is None or file in kept

        events = [
            replace(one.event, file=named(one.event.file), coder=self.coder)
            for one in self.events.values()
            if here(one.event.file)
        ]
        events.sort(key=lambda one: (one.file, one.person, one.au, one.onset_s))
        coded = [replace(one, file=named(one.file), coder=self.coder) for one in self.looked_for if here(one.file)]
        coded.sort(key=lambda one: (one.file, one.person, one.au))
        spans = [replace(one, file=named(one.file)) for one in self.spans if here(one.file)]
        spans.sort(key=lambda one: (one.file, one.onset_s))
        return coding_from(events, coded, spans)


def _set(members: set, one: object, is_in: bool) -> None:
    if is_in:
        members.add(one)
    else:
        members.discard(one)
