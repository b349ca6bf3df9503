"""A coarse check on real portraits with rough emotion labels: expected AUs should tell an emotion from neutral.

Nothing is trained or chosen by it, and emotion labels are no AU labels: happy people need not smile, and neutral ones
may.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from duchenne.detector import AUDetector
from duchenne.errors import EvaluationError
from duchenne.files.csv_rows import check_row_lengths
from duchenne.measures.ranking import area_under_roc

EXPECTED: tuple[tuple[str, str], ...] = (
    ("AU12", "happiness"),
    ("AU06", "happiness"),
    ("AU25", "surprise"),
    ("AU26", "surprise"),
    ("AU01", "surprise"),
    ("AU02", "surprise"),
    ("AU05", "surprise"),
    ("AU04", "anger"),
)
"""AU and emotion that it should tell from a neutral face."""
NEUTRAL = "neutral"


@dataclass(frozen=True)
class PortraitCheck:
    """How well expected AUs tell emotions from neutral.

    Attributes:
        what: This check, in words.
        pictures: With one of the emotions, or neutral.
        without_a_face: Of these.
        faces_by_emotion: How many.
        area_under_roc: Of each AU's probability, by AU and emotion; None where there is no such picture.
    """

    what: str
    pictures: int
    without_a_face: int
    faces_by_emotion: Mapping[str, int]
    area_under_roc: Mapping[str, float | None]


def check_portraits(folder: Path) -> PortraitCheck:
    """Return the area under the ROC of each expected pair.

    Args:
        folder: Pictures with index.csv, which has the columns file and emotion.

    Raises:
        EvaluationError: There is no index, or no picture with one of the emotions.
    """
    wanted = {NEUTRAL, *(emotion for _, emotion in EXPECTED)}
    try:
        check_row_lengths(folder / "index.csv")
        index = pd.read_csv(folder / "index.csv")
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{folder / 'index.csv'} cannot be read: {error}") from error
    chosen = index[index["emotion"].isin(wanted)]
    if chosen.empty:
        raise EvaluationError(f"{folder / 'index.csv'} has no picture labelled {', '.join(sorted(wanted))}.")
    return _separation(folder, chosen)


def _separation(folder: Path, pictures: pd.DataFrame) -> PortraitCheck:
    detector = AUDetector(largest_face=True)
    found = [
        (emotion, faces[0].probability)
        for file, emotion in zip(pictures["file"], pictures["emotion"], strict=True)
        if (faces := detector.detect(folder / file))
    ]
    emotions = np.array([emotion for emotion, _ in found])
    probability = np.array([of_aus for _, of_aus in found]).reshape(len(found), len(detector.aus))
    areas = {}
    for au, emotion in EXPECTED:
        rows = np.isin(emotions, [emotion, NEUTRAL])
        area = area_under_roc(emotions[rows] == emotion, probability[rows, detector.aus.index(au)])
        areas[f"{au} {emotion} against {NEUTRAL}"] = None if area is None else round(area, 4)
    return PortraitCheck(
        what="Coarse check on real portraits with rough emotion labels; never used for training or selection.",
        pictures=len(pictures),
        without_a_face=len(pictures) - len(found),
        faces_by_emotion={str(name): int((emotions == name).sum()) for name in np.unique(emotions)},
        area_under_roc=areas,
    )
