"""The moments at which a person's action units were strongest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from duchenne.study.exclusion import Exclusion
from duchenne.study.judged import judged
from duchenne.study.pictures import FaceAt, face_at
from duchenne.study.results import BOX, PERSON, aus_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Peak:
    """The strongest moment of one AU of one person.

    Attributes:
        person: Whose.
        au: Its name.
        source: Of the frame.
        time_s: Of the frame.
        strength: Intensity 0-5, or the probability where there are no intensities.
        face: Where the face is; None where the table holds no box.
    """

    person: str
    au: str
    source: str
    time_s: float
    strength: float
    face: FaceAt | None


def peaks(table: "pd.DataFrame", most: int = 8, exclude: Exclusion | None = None) -> list[Peak]:
    """Return for each person the strongest moment of each AU that occurs, the strongest AUs first, at most so many.

    Args:
        table: A result with `person`.
        most: For each person.
        exclude: Stretches that do not count, such as speech.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"source": "a.mp4", "person": "anna", "timestamp_s": [0.0, 0.1], "face_id": 0,
        ...                       "AU12_c": [1, 1], "AU12_i": [2.0, 3.0]})
        >>> peaks(table)[0].time_s
        0.1
    """
    names = aus_of(table, "c")
    known, boxed = judged(table, names, exclude), set(BOX) <= set(table)
    found: list[Peak] = []
    for person, rows in table.groupby(PERSON, observed=True).indices.items():
        own: list[Peak] = []
        for k, au in enumerate(names):
            column = f"{au}_i" if f"{au}_i" in table else f"{au}_p"
            at_work = rows[(table[f"{au}_c"].to_numpy()[rows] == 1) & known[rows, k]]
            if len(at_work):
                strength = table[column].to_numpy(float)[at_work]
                row = table.iloc[at_work[int(np.argmax(strength))]]
                face = face_at(row) if boxed else None
                time_s = float(row["timestamp_s"])
                own.append(Peak(str(person), au, str(row["source"]), time_s, float(strength.max()), face))
        found += sorted(own, key=lambda peak: -peak.strength)[:most]
    return found
