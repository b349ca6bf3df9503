"""Which frames of a recording are used, by name.

    all     every labelled frame
    paper   each frame by a chance that follows from its AUs, so that BP4D's skew is that of Table 1
    fera17-seven, fera17-nine
            the same for FERA 2017's training set, seen from seven or nine views
    rare-first
            every frame with any of AU 1 2 4 15 23 24; 35 % of those whose only rare AU is 17; 15 % of the rest: a
            simpler rule that misses AU02 and AU23 of Table 1
    drml    up to 100 frames with and 200 without each of the paper's AUs in each sequence

Source: all but `all` and `drml` are derived from Table 1 (docs/method.md); `drml` is Zhao, Chu and Zhang, CVPR
2016, section 4. Ours: for `drml` the numbers hold for each AU apart, and the frames of all AUs are joined. Draws depend
on the seed and the sequence's name alone, so that the views of a FERA 2017 sequence keep the same frames.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from duchenne.errors import UsageError
from duchenne.facs import PAPER_AUS, au_columns

Occurring = Bool[np.ndarray, "k 23"]
Views = Literal["seven", "nine"]
"""Of FERA 2017: those that the paper keeps, or all."""

_RARE = au_columns(["AU01", "AU02", "AU04", "AU15", "AU23", "AU24"])
(_CHIN,) = au_columns(["AU17"])
_PAPER = au_columns(PAPER_AUS)
CHIN_SHARE, REST_SHARE = 0.35, 0.15
FERA17_AUS = ("AU01", "AU04", "AU06", "AU07", "AU10", "AU12", "AU14", "AU15", "AU17", "AU23")
BP4D_LOG_CHANCE = (-1.49, (2.18, 0.80, 1.72, -0.18, -0.20, -0.29, 0.56, 0.11, 1.42, 0.35, 0.94, 1.20))
"""Logarithm of a frame's chance to be kept when it has no AU, and what each of the paper's twelve adds.

Source: fitted to the BP4D row of Table 1 on how often each combination of AUs occurs in BP4D's labelled frames; it
gives every printed digit, with 99,300 frames (docs/datasets.md).
"""
FERA17_LOG_CHANCE = {
    "seven": (-2.550, (1.08, 0.59, -0.32, 0.07, 0.12, 0.37, -0.11, 1.14, 0.28, 1.40)),
    "nine": (-2.602, (0.92, 0.46, -0.27, 0.06, 0.10, 0.29, -0.09, 0.91, 0.25, 1.11)),
}
"""By number of views: logarithm of a frame's chance to be kept when it has no AU, and what each of `FERA17_AUS` adds.

Source: fitted to the FERA17 row of Table 1 and the paper's 300,000 frames; all views of a frame have the same labels.
"""
DRML_POSITIVES, DRML_NEGATIVES = 100, 200


def sample_frames(
    name: str, occurrence: Occurring, known: Occurring, seed: int, sequence: str
) -> Bool[np.ndarray, " k"]:
    """Return which frames of one sequence a sampling keeps.

    Args:
        name: One of `SAMPLINGS`.
        occurrence: Labels of the sequence.
        known: Where they hold.
        seed: Other seeds draw other frames.
        sequence: Its name.

    Raises:
        UsageError: There is no such sampling.
    """
    if name not in SAMPLINGS:
        raise UsageError(f"There is no sampling {name!r}; known: {', '.join(SAMPLINGS)}.")
    rng = np.random.default_rng([seed, zlib.crc32(sequence.encode())])
    return SAMPLINGS[name](occurrence, known, rng)


def _all(occurrence: Occurring, known: Occurring, rng: np.random.Generator) -> Bool[np.ndarray, " k"]:
    return np.ones(len(occurrence), bool)


def _rare_first(occurrence: Occurring, known: Occurring, rng: np.random.Generator) -> Bool[np.ndarray, " k"]:
    present = occurrence & known
    rare, chin = present[:, _RARE].any(1), present[:, _CHIN]
    return rare | (rng.random(len(rare)) < np.where(chin, CHIN_SHARE, REST_SHARE))


def fera17_chance(occurrence: Occurring, known: Occurring, views: Views) -> Float[np.ndarray, " k"]:
    """Return the chance of each frame to be kept, in all its views or in none.

    Args:
        occurrence: Labels.
        known: Where they hold; an AU that is not known adds nothing.
        views: How many of the nine are used.
    """
    start, added = FERA17_LOG_CHANCE[views]
    return _chance((occurrence & known)[:, au_columns(FERA17_AUS)], start, added)


def bp4d_chance(occurrence: Occurring, known: Occurring) -> Float[np.ndarray, " k"]:
    """Return the chance of each frame of BP4D to be kept; an AU that is not known adds nothing."""
    return _chance((occurrence & known)[:, _PAPER], *BP4D_LOG_CHANCE)


def _chance(present: np.ndarray, start: float, added: tuple[float, ...]) -> np.ndarray:
    return np.minimum(1.0, np.exp(start + present @ np.array(added)))


def _paper(occurrence: Occurring, known: Occurring, rng: np.random.Generator) -> Bool[np.ndarray, " k"]:
    return rng.random(len(occurrence)) < bp4d_chance(occurrence, known)


def _fera17(views: Views, occurrence: Occurring, known: Occurring, rng: np.random.Generator) -> Bool[np.ndarray, " k"]:
    return rng.random(len(occurrence)) < fera17_chance(occurrence, known, views)


def _drml(occurrence: Occurring, known: Occurring, rng: np.random.Generator) -> Bool[np.ndarray, " k"]:
    kept = np.zeros(len(occurrence), bool)
    for column in _PAPER:
        present = occurrence[:, column] & known[:, column]
        for rows, limit in ((present, DRML_POSITIVES), (~present & known[:, column], DRML_NEGATIVES)):
            kept[rng.permutation(np.flatnonzero(rows))[:limit]] = True
    return kept


SAMPLINGS: dict[str, Callable[[Occurring, Occurring, np.random.Generator], Bool[np.ndarray, " k"]]] = {
    "all": _all,
    "paper": _paper,
    "rare-first": _rare_first,
    "fera17-seven": partial(_fera17, "seven"),
    "fera17-nine": partial(_fera17, "nine"),
    "drml": _drml,
}
