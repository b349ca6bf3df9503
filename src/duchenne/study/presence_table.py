"""Who was seen when and how well: found, turned away, hidden."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from duchenne.study.judgeable import hidden, turned_away
from duchenne.study.people_table import by_person
from duchenne.study.results import PERSON

if TYPE_CHECKING:
    import pandas as pd


def presence(table: "pd.DataFrame", frames: Mapping[str, int] | None = None) -> "pd.DataFrame":
    """Return for each person and source when and how well the face was seen.

    Args:
        table: A result; without pose and visibility of the landmarks nothing counts as turned away or hidden.
        frames: How many frames of each source were looked at. Where it is not said, the frames from the first to the
            last that shows any face count.

    Returns:
        `person`, `source`, `first_s`, `last_s`, `frames` (looked at), `found` (frames with this face), and of these
        `turned` (the head is turned beyond what was tested), `hidden` (not so, and the region of an AU is not seen) and
        `clear` (the rest), as numbers of frames; `confidence`, the mean of the face detector's (NaN: not read).

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"source": "a.mp4", "frame": [0, 1, 3], "face_id": 0, "timestamp_s": [0, 0.1, 0.3]})
        >>> presence(table)[["frames", "found"]].values.tolist()
        [[4, 3]]
    """
    import pandas as pd

    table = by_person(table)
    away = turned_away(table)
    part = hidden(table).any(1) & ~away
    marked = pd.DataFrame({
        "source": table["source"].astype(str), PERSON: table[PERSON].astype(str), "frame": table["frame"],
        "time_s": table["timestamp_s"].astype(float), "turned": away, "hidden": part, "clear": ~away & ~part,
        "confidence": table["confidence"].astype(float) if "confidence" in table else np.nan,
    })  # fmt: skip
    looked_at = {str(name): looked_at_in(own["frame"].to_numpy()) for name, own in marked.groupby("source")}
    groups = marked.groupby([PERSON, "source"], sort=True)
    found = groups.agg(
        first_s=("time_s", "min"), last_s=("time_s", "max"), found=("frame", "nunique"), turned=("turned", "sum"),
        hidden=("hidden", "sum"), clear=("clear", "sum"), confidence=("confidence", "mean"),
    ).reset_index()  # fmt: skip
    found.insert(4, "frames", [(frames or {}).get(name, looked_at[name]) for name in found["source"]])
    return found


def looked_at_in(frames: np.ndarray) -> int:
    """Return how many frames lie from the first to the last, at the smallest step between two of them.

    Example:
        >>> looked_at_in(np.array([0, 3, 3, 9]))
        4
    """
    own = np.unique(frames)
    step = int(np.diff(own).min()) if len(own) > 1 else 1
    return int((own[-1] - own[0]) // step + 1)
