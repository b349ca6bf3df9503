"""Which faces of a result look away, and which regions of them are hidden, so that nothing can be judged there."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, UInt8

from duchenne.facs import ACTION_UNITS, AU_BY_NAME, AU_NAMES, Region
from duchenne.reliability import pose_tested, region_seen
from duchenne.results.columns import POINTS

if TYPE_CHECKING:
    import pandas as pd

VISIBILITY = tuple(f"v_{number}" for number in POINTS)
TURN = ("yaw_deg", "pitch_deg")
UNJUDGED = "unjudged"
"""Column that `read_results` makes of pose and visibility, which take fifty times as much room."""
_AWAY = 128
_REGIONS = tuple(Region)
_ONE_OF_EACH = tuple(next(au.name for au in ACTION_UNITS if au.region is region) for region in _REGIONS)


def turned_away(table: "pd.DataFrame") -> Bool[np.ndarray, " n"]:
    """Return for each row whether the head is turned beyond what was tested; False where a table has no pose."""
    if not set(TURN) <= set(table):
        return np.zeros(len(table), bool)
    yaw, pitch = (table[column].to_numpy(float) for column in TURN)
    return ~pose_tested(yaw, pitch)


def hidden(table: "pd.DataFrame", aus: Sequence[str] = AU_NAMES) -> Bool[np.ndarray, "n a"]:
    """Return for each row and AU whether its region is hidden; False where a table has no visibility of landmarks."""
    if not set(VISIBILITY) <= set(table):
        return np.zeros((len(table), len(aus)), bool)
    return ~region_seen(aus, table[list(VISIBILITY)].to_numpy(float))


def unjudged(table: "pd.DataFrame") -> UInt8[np.ndarray, " n"]:
    """Return for each row what cannot be judged: 128 where the head looks away, else a bit for each hidden region.

    Example:
        >>> import pandas as pd
        >>> unjudged(pd.DataFrame({"yaw_deg": [0.0, 80.0], "pitch_deg": [0.0, 0.0]})).tolist()
        [0, 128]
    """
    bits = np.where(turned_away(table), _AWAY, 0).astype(np.uint8)
    for place, covered in enumerate(hidden(table, _ONE_OF_EACH).T):
        bits |= (covered.astype(np.uint8) << place).astype(np.uint8)
    return bits


def can_be_judged(bits: UInt8[np.ndarray, " n"], au: str) -> Bool[np.ndarray, " n"]:
    """Return where an AU can be judged, by what `unjudged` gave."""
    return (bits & (_AWAY | 1 << _REGIONS.index(AU_BY_NAME[au].region))) == 0
