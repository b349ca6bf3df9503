"""Which frames of a recording are used, by name.

    all     every labelled frame
    paper   every frame with any of AU 1 2 4 15 23 24; 35 % of those whose only rare AU is 17; 15 % of the rest
    drml    up to 100 frames with and 200 without each of the paper's AUs in each sequence

Source: `paper` is derived from Table 1 (docs/method.md); `drml` is Zhao, Chu and Zhang, CVPR 2016, section 4. Ours: for
`drml` the numbers hold for each AU apart, and the frames of all AUs are joined. Draws depend on the seed and the
sequence's name alone, so that the nine views of a FERA 2017 sequence keep the same frames.
"""

import zlib
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool

from duchenne.errors import UsageError
from duchenne.facs import PAPER_AUS, au_columns

Occurring = Bool[np.ndarray, "k 23"]

_RARE = au_columns(["AU01", "AU02", "AU04", "AU15", "AU23", "AU24"])
(_CHIN,) = au_columns(["AU17"])
_PAPER = au_columns(PAPER_AUS)
CHIN_SHARE, REST_SHARE = 0.35, 0.15
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


def _paper(occurrence: Occurring, known: Occurring, rng: np.random.Generator) -> Bool[np.ndarray, " k"]:
    present = occurrence & known
    rare, chin = present[:, _RARE].any(1), present[:, _CHIN]
    return rare | (rng.random(len(rare)) < np.where(chin, CHIN_SHARE, REST_SHARE))


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
    "drml": _drml,
}
