"""Which video of a result is which in the codes: the same file name, or else the same name without its ending."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from duchenne.study.results import file_name


@dataclass(frozen=True)
class MatchedFiles:
    """Videos of two codings.

    Attributes:
        pairs: Name in the first and name in the second.
        notes: What has no partner, or several.
    """

    pairs: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def match_files(first: Sequence[str], second: Sequence[str]) -> MatchedFiles:
    """Return which names of two codings are the same video.

    Example:
        >>> match_files(["clips/anna.mp4", "clips/ben.mp4"], ["anna.mp4"]).pairs
        (('clips/anna.mp4', 'anna.mp4'),)
        >>> match_files(["clips/anna.mp4"], ["carl.mp4"]).notes[:1]
        ('carl.mp4: coded, but not in the result (anna.mp4); left out.',)
    """
    pairs: list[tuple[str, str]] = []
    notes: list[str] = []
    for name in second:
        found = _partners(name, first)
        if len(found) == 1:
            pairs.append((found[0], name))
        elif found:
            notes.append(f"{name}: several videos of the result bear this name ({', '.join(found)}); left out.")
        else:
            held = ", ".join(sorted({file_name(one) for one in first})[:5]) + (" ..." if len(first) > 5 else "")
            notes.append(f"{name}: coded, but not in the result ({held or 'it is empty'}); left out.")
    taken = {one for one, _ in pairs}
    if rest := [file_name(one) for one in first if one not in taken]:
        some = ", ".join(rest[:5]) + (" ..." if len(rest) > 5 else "")
        notes.append(f"{len(rest)} of {len(first)} videos of the result are not in the codes: {some}.")
    return MatchedFiles(tuple(pairs), tuple(notes))


def _partners(name: str, others: Iterable[str]) -> list[str]:
    others = list(others)
    same = [one for one in others if file_name(one) == file_name(name)]
    return same or [one for one in others if _stem(one) == _stem(name)]


def _stem(name: str) -> str:
    return PurePosixPath(file_name(name)).stem
