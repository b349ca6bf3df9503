"""Stretches that are left out, such as speech, from a tier of ELAN, a behaviour of BORIS or a table: FILE:TIER."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from duchenne.errors import StudyError, UsageError
from duchenne.facs import ACTION_UNITS, AU_NAMES, Region, parse_aus
from duchenne.study.codings.boris import intervals_of, is_boris
from duchenne.study.codings.delimited import Rows, read_delimited
from duchenne.study.codings.elan import elan_intervals
from duchenne.study.matched_files import match_files
from duchenne.study.results import file_name

LOWER_FACE: tuple[str, ...] = tuple(au.name for au in ACTION_UNITS if au.region in (Region.MOUTH, Region.CHIN))
"""What talking moves."""
ANY_FILE = ""
"""Of intervals in a table without a column `file`: they hold for every video."""


@dataclass(frozen=True)
class Exclusion:
    """What is left out of whom.

    Attributes:
        spans: By file name, (n, 2) onsets and offsets in seconds.
        aus: Which action units are left out there; those of mouth and chin unless given.
        tiers: Where it comes from, in words.
    """

    spans: Mapping[str, Float[np.ndarray, "n 2"]] = field(default_factory=dict)
    aus: tuple[str, ...] = LOWER_FACE
    tiers: tuple[str, ...] = ()

    def of(self, source: str) -> Float[np.ndarray, "n 2"]:
        """Return the stretches of one video, joined and in order of time."""
        name = dict(match_files([source], [one for one in self.spans if one != ANY_FILE]).pairs).get(source)
        none = np.zeros((0, 2))
        own = self.spans.get(name, none) if name is not None else none
        return joined(np.concatenate([own, self.spans.get(ANY_FILE, none)]))

    def inside(self, source: str, times_s: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return which moments of a video lie in a stretch that is left out."""
        return inside(self.of(source), times_s)


def inside(spans: Float[np.ndarray, "n 2"], times_s: Float[np.ndarray, " m"]) -> Bool[np.ndarray, " m"]:
    """Return which moments lie in one of some stretches, which are in order and do not overlap."""
    if not len(spans):
        return np.zeros(len(times_s), bool)
    place = np.searchsorted(spans[:, 0], times_s, side="right") - 1
    return (place >= 0) & (times_s < spans[np.maximum(place, 0), 1])


def joined(spans: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Return stretches in order of time, those that touch or overlap as one.

    Example:
        >>> joined(np.array([[4.0, 5.0], [0.0, 2.0], [1.0, 3.0]])).tolist()
        [[0.0, 3.0], [4.0, 5.0]]
    """
    kept: list[list[float]] = []
    for start, end in sorted(map(tuple, spans.tolist())):
        if kept and start <= kept[-1][1]:
            kept[-1][1] = max(kept[-1][1], end)
        else:
            kept.append([start, end])
    return np.array(kept, float).reshape(-1, 2)


def read_exclusion(words: Sequence[str], aus: tuple[str, ...] | None = None) -> Exclusion:
    """Return what the words of `--exclude` name.

    Args:
        words: FILE:TIER each; of a table FILE alone takes every row.
        aus: Action units to leave out; those of mouth and chin unless given.

    Raises:
        UsageError: There is no such file, or a word has no tier where one is needed.
        StudyError: The file cannot be read, or has no such tier.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for word in words:
        path, tier = _path_and_tier(word)
        for file, start, end in _intervals(path, tier):
            found.setdefault(file, []).append((start, end))
    spans = {file: joined(np.array(each, float)) for file, each in found.items()}
    return Exclusion(spans, LOWER_FACE if aus is None else aus, tuple(words))


def excluded_aus(words: str | None) -> tuple[str, ...] | None:
    """Return the action units that `--exclude-aus` names: all of them for "all", None where it is not given.

    Raises:
        UsageError: A name is not that of an action unit.

    Example:
        >>> excluded_aus("12, 25"), len(excluded_aus("all")) == len(AU_NAMES)
        (('AU12', 'AU25'), True)
    """
    if words is None:
        return None
    return AU_NAMES if words == "all" else parse_aus(words)


def _path_and_tier(word: str) -> tuple[Path, str]:
    if Path(word).exists():
        return Path(word), ""
    name, _, tier = word.rpartition(":")
    if not name or not Path(name).exists():
        raise UsageError(
            f"--exclude {word}: there is no file {name or word}. Write FILE:TIER, such as talk.eaf:speech."
        )
    return Path(name), tier.strip()


def _intervals(path: Path, tier: str) -> list[tuple[str, float, float]]:
    if path.suffix.lower() == ".eaf":
        if not tier:
            raise UsageError(f"--exclude {path}: name the tier, too: {path}:speech.")
        return elan_intervals(path, tier)
    rows = read_delimited(path, set())
    if {"onset_s", "offset_s"} <= set(rows.columns):
        return _from_table(rows, tier)
    rows = read_delimited(path, {"Subject", "Behavior"})
    if not is_boris(rows.columns):
        raise StudyError(f"{path}: expected an export of BORIS, or the columns onset_s and offset_s.")
    found = intervals_of(rows, path, tier)
    if not found:
        held = ", ".join(sorted({row["Behavior"] for row in rows.rows}))
        raise StudyError(f"{path}: no state {tier!r}; found: {held or 'none'}.")
    return found


def _from_table(rows: Rows, tier: str) -> list[tuple[str, float, float]]:
    named = next((name for name in ("tier", "label", "au") if name in rows.columns), None)
    if tier and named is None:
        raise StudyError(f"{rows.path}: no column tier or label to look for {tier!r} in.")
    chosen = [row for row in rows.rows if not tier or row[str(named)] == tier]
    if tier and not chosen:
        raise StudyError(
            f"{rows.path}: no {tier!r}; found: {', '.join(sorted({row[str(named)] for row in rows.rows}))}."
        )
    times = [(rows.number(row, "onset_s"), rows.number(row, "offset_s")) for row in chosen]
    files = [file_name(row.get("file") or row.get("source") or ANY_FILE) for row in chosen]
    return [(file, *time) for file, time in zip(files, times, strict=True)]
