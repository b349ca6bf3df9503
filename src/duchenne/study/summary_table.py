"""How often and how strongly each person showed each action unit, with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from duchenne.errors import StudyError, UsageError
from duchenne.measures.intervals import Bootstrap, interval, subject_weights
from duchenne.study.exclusion import Exclusion
from duchenne.study.judged import judged
from duchenne.study.people_table import by_person
from duchenne.study.results import PERSON, aus_of

if TYPE_CHECKING:
    import pandas as pd

LEAST_BLOCKS = 5
"""With fewer blocks of time of a person no interval is given: resampling so few tells nothing of its width."""
HEADS = (
    "person", "au", "frames", "judged", "rate", "rate_low", "rate_high",
    "intensity", "intensity_low", "intensity_high", "intensity_present", "peak",
)  # fmt: skip


@dataclass(frozen=True)
class Blocks:
    """How intervals are made: neighbouring frames are no independent evidence, so whole blocks of time are drawn.

    Attributes:
        seconds: Length of a block; it should be longer than the movements of a face.
        bootstrap: Draws, level and seed.
    """

    seconds: float = 5.0
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise UsageError(f"Blocks of {self.seconds:g} s are asked for; they must last more than 0 s.")


def summary(
    table: "pd.DataFrame",
    aus: Sequence[str] | None = None,
    exclude: Exclusion | None = None,
    blocks: Blocks | None = None,
) -> "pd.DataFrame":
    """Return rates and intensities of each AU of each person, over all sources of a table.

    Args:
        table: A result, with `person` where it holds several sources (`with_people`).
        aus: Those of the table unless given.
        exclude: Stretches that do not count, such as speech (`exclusion.read_exclusion`).
        blocks: How intervals are made.

    Returns:
        One row for each person and AU: `frames` with the face, `judged` of them (the AU's region is seen, the head
        turned no further than was tested, and it is not left out); `rate`, the share of the judged frames in which the
        AU occurs; `intensity`, 0-5, its mean over the judged frames; `intensity_present`, its mean while the AU occurs;
        `peak`, its largest while it occurs. `_low` and `_high` are the interval's ends (95% unless asked otherwise).
        NaN: nothing judged, no intensities, or for an interval fewer than five blocks of time.

    Raises:
        StudyError: The table has no occurrences.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"source": "a.mp4", "face_id": 0, "timestamp_s": [0.0, 0.1], "AU12_c": [1, 0]})
        >>> float(summary(table)["rate"].iloc[0])
        0.5

    Ours: the intervals are percentiles of a block bootstrap in time; blocks of all of a person's sources are drawn.
    """
    import pandas as pd

    table, names = by_person(table), [au for au in aus or aus_of(table) if f"{au}_c" in table]
    if not names:
        raise StudyError("The table has no occurrences (AU12_c and so on). Read them from the result.")
    rows: list[dict[str, object]] = []
    for _, own in table.groupby(PERSON, observed=True):
        rows += _of_person(own, judged(own, names, exclude), names, blocks or Blocks())
    return pd.DataFrame(rows, columns=list(HEADS))


@dataclass(frozen=True)
class _Counts:
    """Sums over the judged frames of each block of time.

    Attributes:
        judged: (s, a), frames.
        present: (s, a), frames in which the AU occurs.
        intensity: (s, a), sum of the intensities; NaN for AUs without.
    """

    judged: Float[np.ndarray, "s a"]
    present: Float[np.ndarray, "s a"]
    intensity: Float[np.ndarray, "s a"]


def _of_person(
    own: "pd.DataFrame", known: Bool[np.ndarray, "n a"], names: Sequence[str], blocks: Blocks
) -> list[dict[str, object]]:
    person = str(own[PERSON].iloc[0])
    occurs = np.stack([own[f"{au}_c"].to_numpy() == 1 for au in names], 1) & known
    intensity = np.stack([_intensity(own, au) for au in names], 1)
    block = _block_of(own, blocks.seconds)
    weights, column = subject_weights(block, blocks.bootstrap)
    counts = _Counts(*(_sums(column, values) for values in (known, occurs, np.where(known, intensity, 0.0))))
    rate, mean = _shares(counts, np.ones((1, len(counts.judged))))
    drawn = _shares(counts, weights) if len(counts.judged) >= LEAST_BLOCKS else (np.empty((0, len(names))),) * 2
    rows = []
    for k, au in enumerate(names):
        ends = [interval(values[:, k], blocks.bootstrap.level) or (np.nan, np.nan) for values in drawn]
        at_work = intensity[occurs[:, k], k]
        strength = (at_work.mean(), at_work.max()) if len(at_work) else (np.nan, np.nan)
        numbers = (len(own), int(known[:, k].sum()), rate[0, k], *ends[0], mean[0, k], *ends[1], *strength)
        rows.append(dict(zip(HEADS, (person, au, *numbers), strict=True)))
    return rows


def _intensity(own: "pd.DataFrame", au: str) -> Float[np.ndarray, " n"]:
    column = f"{au}_i"
    return own[column].to_numpy(float) if column in own else np.full(len(own), np.nan)


def _block_of(own: "pd.DataFrame", seconds: float) -> Int[np.ndarray, " n"]:
    """Return the number of each row's block of time: the same within one source."""
    source = own["source"].astype(str).astype("category").cat.codes.to_numpy(np.int64)
    return source * 10**9 + (own["timestamp_s"].to_numpy(float) // seconds).astype(np.int64)


def _sums(column: Int[np.ndarray, " n"], values: np.ndarray) -> Float[np.ndarray, "s a"]:
    total = np.zeros((int(column.max()) + 1, values.shape[1]))
    np.add.at(total, column, values)
    return total


def _shares(counts: _Counts, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rates and mean intensities, (d, a), of blocks that count so often; NaN where nothing is judged."""
    with np.errstate(invalid="ignore", divide="ignore"):
        judged_frames = weights @ counts.judged
        return weights @ counts.present / judged_frames, weights @ counts.intensity / judged_frames
