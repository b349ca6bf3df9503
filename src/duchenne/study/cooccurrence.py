"""Which action units occur together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from duchenne.study.exclusion import Exclusion
from duchenne.study.judged import judged
from duchenne.study.results import aus_of

if TYPE_CHECKING:
    import pandas as pd


def cooccurrence(
    table: "pd.DataFrame", aus: Sequence[str] | None = None, exclude: Exclusion | None = None
) -> "pd.DataFrame":
    """Return how often the AU of a column occurs in the frames in which that of the row does, 0-1.

    Only frames in which both can be judged count; NaN where the AU of the row occurs in none of them.

    Args:
        table: A result.
        aus: Those of the table unless given.
        exclude: Stretches that do not count, such as speech.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"AU06_c": [1, 0, 0], "AU12_c": [1, 1, 0]})
        >>> float(cooccurrence(table).loc["AU12", "AU06"])
        0.5
    """
    import pandas as pd

    names = [au for au in aus or aus_of(table) if f"{au}_c" in table]
    known = judged(table, names, exclude)
    occurs = (table[[f"{au}_c" for au in names]].to_numpy() == 1) & known
    both = occurs.T.astype(float) @ occurs
    with np.errstate(invalid="ignore"):
        shares = both / (occurs.T.astype(float) @ known)
    return pd.DataFrame(shares, index=pd.Index(names), columns=pd.Index(names))
