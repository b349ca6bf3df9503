"""Numbers that others printed: for columns of their own beside ours, and for drawing faces as BP4D's people move.

All of them lie in published.csv, and nowhere else.

Corrections of the paper's slips are in the file, with a note at each.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float

from duchenne.errors import UsageError


@dataclass(frozen=True)
class Published:
    """One printed number.

    Attributes:
        system: The name of its recipe here; "ours" is the paper's own network, "labels" a property of the labels.
        data: "train to test", or one name for both.
        measure: As in a run: f1, nf1, apr, napr, aroc; also skew and relation.
        au: The AU, a pair of them with a space between, or "mean".
        value: As printed.
        source: Who printed it.
        place: Table, figure or section.
        note: What was corrected, or how it was measured if otherwise than in the paper.
    """

    system: str
    data: str
    measure: str
    au: str
    value: float
    source: str
    place: str
    note: str


@cache
def published() -> tuple[Published, ...]:
    """Return all printed numbers, in the order of the file."""
    text = files("duchenne").joinpath("published.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Published(**{**row, "value": float(row["value"])}) for row in rows)  # type: ignore[arg-type]


def printed(system: str, data: str, measure: str) -> dict[str, float]:
    """Return the printed values by AU; empty where nobody printed any."""
    wanted = (system, data, measure)
    return {row.au: row.value for row in published() if (row.system, row.data, row.measure) == wanted}


def printed_relations(system: str) -> tuple[tuple[str, ...], Float[np.ndarray, "a a"]]:
    """Return AUs and relation matrix of Figure 5: of the "labels" (top) or of the network, "ours" (bottom).

    Raises:
        UsageError: Nobody printed one.
    """
    pairs = printed(system, "BP4D train", "relation")
    if not pairs:
        raise UsageError(f"No relation matrix of {system!r} was published; there are those of 'labels' and 'ours'.")
    aus = tuple(dict.fromkeys(pair.split()[0] for pair in pairs))
    return aus, np.array([[pairs[f"{row} {column}"] for column in aus] for row in aus])
