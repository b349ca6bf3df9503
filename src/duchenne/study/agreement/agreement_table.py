"""Two codings -> one row of measures for each action unit, with intervals (docs/study.md explains the columns)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from duchenne.errors import StudyError
from duchenne.facs import AU_NAMES
from duchenne.measures.agreement import intraclass_of_two
from duchenne.measures.contingency import (
    gwet_ac1,
    kappa,
    krippendorff_alpha,
    percent_agreement,
    share_within_one,
    specific_agreement,
)
from duchenne.measures.event_matching import event_agreement
from duchenne.measures.intervals import interval, subject_weights
from duchenne.measures.ranking import curve_of_counts, or_none, roc_area
from duchenne.study.agreement.advice import advise
from duchenne.study.agreement.clock import FoundShift, find_shift
from duchenne.study.agreement.counting import Added, AUCounts, added, count
from duchenne.study.agreement.pairs import Pair, pair_up
from duchenne.study.agreement.settings import AgreeSettings
from duchenne.study.codings.coding import Coding
from duchenne.study.codings.reading import Codes
from duchenne.study.results import file_name
from duchenne.study.tracks import is_unnamed

if TYPE_CHECKING:
    import pandas as pd

MEASURES: Mapping[str, Callable[[Added], Float[np.ndarray, " d"]]] = {
    "kappa": lambda sums: kappa(sums.occurrence),
    "percent_agreement": lambda sums: percent_agreement(sums.occurrence),
    "positive_agreement": lambda sums: specific_agreement(sums.occurrence, 1),
    "negative_agreement": lambda sums: specific_agreement(sums.occurrence, 0),
    "ac1": lambda sums: gwet_ac1(sums.occurrence),
    "alpha": lambda sums: krippendorff_alpha(sums.occurrence),
    "f1": lambda sums: specific_agreement(sums.occurrence, 1),
    "area": lambda sums: (
        roc_area(curve_of_counts(sums.score, sums.positives, sums.negatives)) if len(sums.score) else _none(sums)
    ),
    "icc": lambda sums: _graded(sums, intraclass_of_two(sums.moments)),
    "weighted_kappa": lambda sums: _graded(sums, kappa(sums.grades, "quadratic")),
    "within_one_letter": lambda sums: _graded(sums, share_within_one(sums.grades)),
    "facs_ratio": lambda sums: event_agreement(sums.events[:, 0]),
    "onset_agreement": lambda sums: event_agreement(sums.events[:, 1]),
    "offset_agreement": lambda sums: event_agreement(sums.events[:, 2]),
}
"""By their column: each of sums over units, (d,) values; NaN where not defined."""
AT_ONCE = 50
"""Resamplings that are worked on side by side; each holds the counts of every score."""


@dataclass(frozen=True)
class Agreement:
    """How far two codings agree.

    Attributes:
        table: One row for each action unit.
        thresholds: The advice for each action unit (`advice.Advice`).
        left_out: By video and action unit, seconds that were compared and seconds left out.
        shifts: Clocks that differ.
        notes: What was not compared, and why.
        units: How many units intervals rest on.
    """

    table: "pd.DataFrame"
    thresholds: "pd.DataFrame"
    left_out: "pd.DataFrame"
    shifts: tuple[FoundShift, ...]
    notes: tuple[str, ...]
    units: int


def agree(first: Codes, second: Codes, settings: AgreeSettings | None = None) -> Agreement:
    """Return how far a result and codes, or any two codings, agree.

    Args:
        first: A table of `read_results`, or a `Coding`: what is judged.
        second: Codes: what it is judged by.
        settings: How they are compared.

    Raises:
        StudyError: They have no person in the same video, or no action unit, in common.

    Example:
        >>> import pandas as pd
        >>> from duchenne.study.codings.coding import CodedEvent, coding_from
        >>> table = pd.DataFrame({"source": "a.mp4", "frame": range(6), "timestamp_s": [k / 10 for k in range(6)],
        ...                       "face_id": 0, "AU12_c": [0, 1, 1, 1, 0, 0]})
        >>> codes = coding_from([CodedEvent("a.mp4", "", "AU12", 0.1, 0.3)], [])
        >>> agree(table, codes).table[["au", "kappa", "f1"]].round(2).values.tolist()
        [['AU12', 0.67, 0.8]]
    """
    settings = settings or AgreeSettings()
    pairs, notes = pair_up(first, second, settings)
    shifts = _shifts(pairs)
    if shifts and settings.find_shifts:
        found = {one.file: settings.shifts.get(one.file, settings.shifts.get("", 0.0)) + one.seconds for one in shifts}
        settings = replace(settings, shifts={**settings.shifts, **found})
        pairs, notes = pair_up(first, second, settings)
        notes += [f"{one.file}: the codes were moved by {one.seconds:+.2f} s." for one in shifts]
    notes += [note for codes in (first, second) if isinstance(codes, Coding) for note in codes.notes]
    if isinstance(second, Coding) and not second.files:
        notes.append("The codes name no action unit of any video.")
    if not pairs:
        told = "\n".join(f"  {note}" for note in dict.fromkeys(notes)) or "  Neither names a person."
        raise StudyError(f"Nothing can be compared.\n{told}")
    notes += [] if settings.find_shifts else [str(one) for one in shifts]
    parts = [part for pair in pairs for part in pair.segments()] if settings.over == "segment" else pairs
    return _agreement(parts, settings, shifts, notes)


def _shifts(pairs: Sequence[Pair]) -> tuple[FoundShift, ...]:
    by_source: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_source.setdefault(pair.source, []).append(pair)
    return tuple(found for group in by_source.values() if (found := find_shift(group)) is not None)


def _agreement(
    pairs: Sequence[Pair], settings: AgreeSettings, shifts: tuple[FoundShift, ...], notes: list[str]
) -> Agreement:
    import pandas as pd

    rows, advices, left_out = [], [], []
    all_units = sorted({_unit(pair, settings) for pair in pairs})
    if len(all_units) < 2:
        notes.append(
            f"A single {settings.over}: no intervals, and no threshold is advised. Code more {settings.over}s "
            "(duchenne sample says how many)."
        )
    for au in AU_NAMES:
        those = [pair for pair in pairs if au in pair.aus]
        if not those:
            continue
        counts = [count(pair, au, settings) for pair in those]
        sums = added(counts).by([_unit(pair, settings) for pair in those])
        rows.append(_row(au, sums, counts, settings))
        has_probability = all(getattr(pair.first, "column", lambda _: None)(f"{au}_p") is not None for pair in those)
        blank = replace(sums, score=sums.score[:0], positives=sums.positives[:, :0], negatives=sums.negatives[:, :0])
        advices.append(asdict(advise(au, sums if has_probability else blank, settings.rule)))
        left_out += [
            [file_name(pair.source), pair.person, au, round(one.compared_s, 3), round(one.left_out_s, 3)]
            for pair, one in zip(those, counts, strict=True)
        ]
    columns = ["file", "person", "au", "compared_s", "left_out_s"]
    tables = pd.DataFrame(rows), pd.DataFrame(advices), pd.DataFrame(left_out, columns=columns)
    return Agreement(*tables, shifts, tuple(dict.fromkeys(notes)), len(all_units))


def _unit(pair: Pair, settings: AgreeSettings) -> str:
    """Return the unit to which a pair belongs; a face that has only a number is somebody else in each video."""
    if settings.over == "person" and not is_unnamed(pair.person):
        return pair.person
    return f"{pair.source}\n{pair.person}\n{pair.segment}"


def _row(au: str, sums: Added, counts: Sequence[AUCounts], settings: AgreeSettings) -> dict[str, object]:
    whole = sums.weighted(np.ones((1, len(sums.occurrence))))
    frames, events, late = whole.occurrence[0], whole.events[0, 0], np.concatenate([one.late_s for one in counts])
    row: dict[str, object] = {
        "au": au,
        "units": len(sums.occurrence),
        "frames": round(float(frames.sum()), 2),
        "share_first": _ratio(frames[1].sum(), frames.sum()),
        "share_second": _ratio(frames[:, 1].sum(), frames.sum()),
        "events_first": int(events[1]),
        "events_second": int(events[2]),
    }
    drawn = _resampled(sums, settings)
    for name, measure in MEASURES.items():
        low, high = interval(drawn[name], settings.bootstrap.level) or (None, None) if name in drawn else (None, None)
        row |= {name: or_none(measure(whole)[0]), f"{name}_low": low, f"{name}_high": high}
    return row | {"onset_difference_s": round(float(np.median(late)), 4) if len(late) else None}


def _resampled(sums: Added, settings: AgreeSettings) -> dict[str, Float[np.ndarray, " d"]]:
    """Return each measure in each resampling of the units; nothing with a single one."""
    units = len(sums.occurrence)
    if units < 2 or not settings.bootstrap.draws:
        return {}
    drawn, _ = subject_weights(np.arange(units), settings.bootstrap)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}
    for start in range(0, len(drawn), AT_ONCE):
        some = sums.weighted(drawn[start : start + AT_ONCE])
        for name, measure in MEASURES.items():
            parts[name].append(measure(some))
    return {name: np.concatenate(values) for name, values in parts.items()}


def _graded(sums: Added, values: Float[np.ndarray, " d"]) -> Float[np.ndarray, " d"]:
    """Return values of grades; NaN where the codes have none but absence."""
    return np.where(sums.grades[:, :, 1:].sum((1, 2)) > 0, values, np.nan)


def _none(sums: Added) -> Float[np.ndarray, " d"]:
    return np.full(len(sums.occurrence), np.nan)


def _ratio(part: float, whole: float) -> float | None:
    return round(float(part / whole), 4) if whole else None
