"""How far a coder agrees with the result, or with another coder, while coding goes on: no intervals, one video."""

import math
from dataclasses import dataclass

from duchenne.errors import StudyError
from duchenne.measures.intervals import Bootstrap
from duchenne.review.coder_codes import CoderCodes
from duchenne.review.review_videos import ReviewVideo
from duchenne.study.agreement.agreement_table import agree
from duchenne.study.agreement.settings import AgreeSettings

_SHOWN = ("kappa", "ac1", "f1", "facs_ratio", "weighted_kappa")


@dataclass(frozen=True)
class AgreementNow:
    """What the page shows.

    Attributes:
        columns: Names of the measures.
        rows: Action unit, events of the first, events of the second, and the measures; None where not defined.
        notes: What was not compared, and why.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    notes: tuple[str, ...]


def agreement_now(video: ReviewVideo, codes: CoderCodes, other: CoderCodes | None) -> AgreementNow:
    """Return the agreement in one video.

    Args:
        video: The video.
        codes: Of the coder.
        other: Of another coder; None compares with the result.
    """
    mine = codes.coding(files=[video.source])
    first = video.table if other is None else other.coding(files=[video.source])
    if first is None:
        return AgreementNow(_SHOWN, (), ("Nothing was detected in this video yet.",))
    try:
        found = agree(first, mine, AgreeSettings(bootstrap=Bootstrap(draws=0)))
    except StudyError as error:
        return AgreementNow(_SHOWN, (), (str(error),))
    names = ("au", "events_first", "events_second", *_SHOWN)
    rows = zip(*(found.table[name].tolist() for name in names), strict=True)
    return AgreementNow(_SHOWN, tuple(tuple(map(_plain, row)) for row in rows), tuple(dict.fromkeys(found.notes)))


def _plain(value: object) -> str | int | float | None:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 3)
    return value if isinstance(value, str | int) else None
