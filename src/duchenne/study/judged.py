"""What of a result counts: what can be judged, less what is left out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool

from duchenne.facs import UNKNOWN
from duchenne.study.exclusion import Exclusion
from duchenne.study.judgeable import UNJUDGED, can_be_judged, unjudged

if TYPE_CHECKING:
    import pandas as pd


def left_out(table: "pd.DataFrame", aus: Sequence[str], exclude: Exclusion | None) -> Bool[np.ndarray, "n a"]:
    """Return for each row and AU whether it lies in a stretch that shall not count, such as speech."""
    out = np.zeros((len(table), len(aus)), bool)
    if exclude is None or not len(table):
        return out
    time_s = table["timestamp_s"].to_numpy(float)
    columns = np.array([au in exclude.aus for au in aus], bool)
    for source, rows in table.groupby("source", observed=True).indices.items():
        moments = np.unique(time_s[rows])
        # A frame lasts until the next one begins; its middle decides, as in `events`.
        half_s = float(np.median(np.diff(moments))) / 2 if len(moments) > 1 else 0.0
        inside = exclude.inside(str(source), time_s[rows] + half_s)
        out[rows] = inside[:, None] & columns
    return out


def judged(table: "pd.DataFrame", aus: Sequence[str], exclude: Exclusion | None = None) -> Bool[np.ndarray, "n a"]:
    """Return for each row and AU whether it can be judged and counts.

    It cannot where the occurrence is 9, the head is turned beyond what was tested, or the region is hidden
    (`reliability`). Tables without pose or visibility say only what their occurrences say. Nor does it count where the
    AU is left out.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"AU12_c": [1, 9, 0], "yaw_deg": [0.0, 0.0, 80.0], "pitch_deg": [0.0, 0.0, 0.0]})
        >>> judged(table, ["AU12"])[:, 0].tolist()
        [True, False, False]
    """
    known = np.stack(
        [table[f"{au}_c"].to_numpy() != UNKNOWN if f"{au}_c" in table else np.ones(len(table), bool) for au in aus], 1
    )
    bits = table[UNJUDGED].to_numpy() if UNJUDGED in table else unjudged(table)
    return known & np.stack([can_be_judged(bits, au) for au in aus], 1) & ~left_out(table, aus, exclude)
