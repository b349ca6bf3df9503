"""Which segments to code by hand, and how many, so that intervals of kappa get a stated width.

Segments are drawn by the rarest action unit that the result calls in them: half of them in proportion to how many there
are, half in equal parts, so that rare action units are coded, too. Within each kind they are drawn at regular steps
through all persons, heads to the front and turned. Each drawn segment gets the weight with which it stands for others.

How many are needed is tried out: codes are made that agree with the result to the kappa that is expected, and the width
is that of the interval of `duchenne agree`, which rests on the differences between its units.

Source: disproportionate allocation and weights as in Cochran, Sampling Techniques (1977), chapter 5; the variance of a
ratio between clusters, chapter 11. Ours: the allocation, and how codes are made.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, Int

from duchenne.errors import UsageError
from duchenne.measures.contingency import kappa
from duchenne.study.codings.coding import CodedAU, CodedSpan, Coding
from duchenne.study.segments import Segments, segments_of
from duchenne.study.tracks import is_unnamed

if TYPE_CHECKING:
    import pandas as pd

TRIALS = 40
"""Sets of made-up codes over which a width is averaged."""
LEAST_UNITS = 5
"""An interval that rests on fewer units with the action unit says too little to be promised."""
_STEP = 1.4
_LEAST = 6


@dataclass(frozen=True)
class SampleSettings:
    """What the sample must reach.

    Attributes:
        width: Of the 95% interval of kappa, from end to end.
        kappa: That is expected.
        length_s: Of a segment.
        over: What `duchenne agree` will resample: a person in one video, a person in all, or a segment.
        seed: Of the draw.
    """

    width: float = 0.2
    kappa: float = 0.6
    length_s: float = 10.0
    over: Literal["sequence", "person", "segment"] = "sequence"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.width < 2 or not 0 < self.kappa < 1 or self.length_s <= 0:
            raise UsageError(
                f"Expected a width between 0 and 2, a kappa between 0 and 1 and a length above 0 s; got "
                f"{self.width:g}, {self.kappa:g} and {self.length_s:g}."
            )


@dataclass(frozen=True)
class CodingSample:
    """Segments to code.

    Attributes:
        coding: Their spans with weights, and every action unit of those persons as one to be coded.
        segments: How many there are to draw from.
        table: By action unit its rate, the width that is expected, and that of coding every segment.
    """

    coding: Coding
    segments: int
    table: "pd.DataFrame"


def sample(table: "pd.DataFrame", settings: SampleSettings | None = None) -> CodingSample:
    """Return which segments of a result to code.

    Args:
        table: From `read_results`.
        settings: What the sample must reach.

    Raises:
        StudyError: No face was found for the length of a segment.

    Example:
        >>> import pandas as pd
        >>> n = 6000
        >>> table = pd.DataFrame({"source": "a.mp4", "frame": range(n), "timestamp_s": [k / 25 for k in range(n)],
        ...                       "face_id": 0, "AU12_c": [k // 90 % 3 == 0 for k in range(n)]}).astype({"AU12_c": int})
        >>> found = sample(table, SampleSettings(width=0.4, over="segment"))
        >>> len(found.coding.spans) <= found.segments == 24
        True
    """
    import pandas as pd

    settings = settings or SampleSettings()
    segments = segments_of(table, settings.length_s)
    full = widths(segments, len(segments), settings)
    reachable = full <= settings.width
    number, found = len(segments), full
    if reachable.any():
        for tried in _numbers(len(segments)):
            found = widths(segments, tried, settings)
            if (found[reachable] <= settings.width).all():
                number = tried
                break
    chosen, weights = draw(segments, number, np.random.default_rng(settings.seed))
    rows = {"au": segments.aus, "share_called": segments.rate, "width": found, "width_of_all": full}
    return CodingSample(_coding(segments, chosen, weights), len(segments), pd.DataFrame(rows))


def allocation(kind: Int[np.ndarray, " n"], number: int) -> dict[int, int]:
    """Return how many segments of each kind are drawn; at least one of each.

    Example:
        >>> allocation(np.array([-1] * 90 + [3] * 10), 20)
        {-1: 14, 3: 6}
    """
    kinds, there = np.unique(kind, return_counts=True)
    share = 0.5 * there / there.sum() + 0.5 / len(kinds)
    wanted = np.minimum(there, np.maximum(1, np.rint(share * number)))
    while wanted.sum() < min(number, there.sum()):  # What a small kind cannot give, the others do.
        room = np.where(wanted < there, (there - wanted) / there, -1.0)
        wanted[room.argmax()] += 1
    return {int(one): int(count) for one, count in zip(kinds, wanted, strict=True)}


def draw(
    segments: Segments, number: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Return the places of the drawn segments, in order, and the weight of each."""
    kind = segments.kind
    order = np.lexsort(
        (rng.random(len(segments)), segments.turned, np.array(segments.person), np.array(segments.source))
    )
    chosen, weights = [], []
    for one, count in allocation(kind, number).items():
        own = order[kind[order] == one]
        places = (np.arange(count) + rng.random()) * len(own) / count
        chosen.append(own[np.floor(places).astype(int)])
        weights.append(np.full(count, len(own) / count))
    place, weight = np.concatenate(chosen), np.concatenate(weights)
    first = np.argsort(place)
    return place[first], weight[first]


def widths(segments: Segments, number: int, settings: SampleSettings) -> Float[np.ndarray, " a"]:
    """Return the width of the interval of kappa that is to be expected of so many segments, for each action unit.

    It is infinite where an action unit is never or always called, or in fewer than `LEAST_UNITS` units.
    """
    rng = np.random.default_rng(settings.seed)
    unit = _units(segments, settings)
    found = np.zeros((TRIALS, len(segments.aus)))
    for trial in range(TRIALS):
        place, weight = draw(segments, number, rng)
        for column in range(len(segments.aus)):
            tables = _made_up(segments, column, place, settings.kappa, rng) * weight[:, None]
            found[trial, column] = _width(tables, unit[place])
    usable = np.isfinite(found)
    mean = np.where(usable, found, 0).sum(0) / np.maximum(usable.sum(0), 1)
    return np.where(usable.mean(0) > 0.5, mean, np.inf)


def _units(segments: Segments, settings: SampleSettings) -> Int[np.ndarray, " n"]:
    if settings.over == "segment":
        return np.arange(len(segments))
    names = [
        person if settings.over == "person" and not is_unnamed(person) else f"{source}\n{person}"
        for source, person in zip(segments.source, segments.person, strict=True)
    ]
    return np.unique(names, return_inverse=True)[1]


def _made_up(
    segments: Segments, column: int, place: Int[np.ndarray, " m"], expected: float, rng: np.random.Generator
) -> Float[np.ndarray, "m 4"]:
    """Return frames by call and made-up code (neither, code, call, both) in each segment.

    Codes have the rate of the calls. All calls of a segment are confirmed or none, and a missed event is as long as
    calls of a segment are in the mean: errors come in stretches, as coders' do.
    """
    called, known, rate = segments.called[place, column], segments.known[place, column], segments.rate[column]
    right = rate + expected * (1 - rate)
    both = np.where(rng.random(len(place)) < right, called, 0.0)
    with_it = segments.called[:, column][segments.called[:, column] > 0]
    length = np.minimum(with_it.mean() if len(with_it) else 0.0, known - called)
    whole = np.minimum(with_it.mean() if len(with_it) else 0.0, segments.known[:, column] - segments.called[:, column])
    missed_frames = (1 - right) * segments.called[:, column].sum()
    chance = min(1.0, missed_frames / whole.sum()) if whole.sum() else 0.0
    missed = np.where(rng.random(len(place)) < chance, length, 0.0)
    return np.stack([known - called - missed, missed, called - both, both], 1)


def _width(tables: Float[np.ndarray, "m 4"], unit: Int[np.ndarray, " m"]) -> float:
    """Return 2 x 1.96 standard errors of kappa between units, by its slope at the whole table."""
    names, row = np.unique(unit, return_inverse=True)
    sums = np.stack([np.bincount(row, cells) for cells in tables.T], 1)
    whole = sums.sum(0)
    if (sums[:, 1:] > 0).any(1).sum() < LEAST_UNITS:
        return float("inf")
    step = 1e-4 * whole.sum()
    tried = np.concatenate([whole + step * np.eye(4), whole[None]]).reshape(5, 2, 2)
    values = kappa(tried)
    if np.isnan(values).any() or not whole[1:].any():
        return float("inf")
    parts = sums @ ((values[:4] - values[4]) / step)
    parts = parts - parts.mean()
    return float(2 * 1.96 * np.sqrt(len(names) / (len(names) - 1) * (parts**2).sum()))


def _numbers(most: int) -> list[int]:
    numbers, number = [], float(_LEAST)
    while number < most:
        numbers.append(round(number))
        number *= _STEP
    return [*numbers, most]


def _coding(segments: Segments, chosen: Int[np.ndarray, " m"], weights: Float[np.ndarray, " m"]) -> Coding:
    spans = []
    for place, weight in zip(chosen.tolist(), weights.tolist(), strict=True):
        start = float(segments.onset_s[place])
        end = start + segments.length_s
        spans.append(CodedSpan(segments.source[place], segments.person[place], start, end, round(weight, 6)))
    who = dict.fromkeys((one.file, one.person) for one in spans)
    return Coding((), tuple(CodedAU(file, person, au) for file, person in who for au in segments.aus), tuple(spans))
