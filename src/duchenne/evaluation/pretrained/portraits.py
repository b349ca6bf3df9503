"""A coarse check on real portraits with rough emotion labels: expected AUs should tell an emotion from neutral.

    python -m duchenne.evaluation.pretrained.portraits FACES --result portraits.json

FACES holds `index.csv` with the columns file, person and emotion. Nothing is trained or chosen by it, and emotion
labels are no AU labels: happy people need not smile, and neutral ones may.
"""

import json
import sys
from pathlib import Path

import cyclopts
import numpy as np
import pandas as pd

from duchenne.detector import AUDetector, DetectionOptions
from duchenne.errors import DuchenneError, TrainingError
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

app = cyclopts.App(name="python -m duchenne.evaluation.pretrained.portraits", help=__doc__, help_format="plaintext")


@app.default
def main(faces: Path, *, result: Path | None = None) -> None:
    """Print, and with --result write, the area under the ROC of each expected pair.

    Args:
        faces: Folder with index.csv and the pictures that it names.
        result: JSON file to write.
    """
    index = pd.read_csv(faces / "index.csv")
    wanted = {NEUTRAL, *(emotion for _, emotion in EXPECTED)}
    chosen = index[index["emotion"].isin(wanted)]
    if chosen.empty:
        raise TrainingError(f"{faces / 'index.csv'} has no picture labelled {', '.join(sorted(wanted))}.")
    measured = separation(faces, chosen)
    text = json.dumps(measured, indent=1)
    print(text)
    if result is not None:
        result.write_text(text + "\n", encoding="utf-8")


def separation(folder: Path, pictures: pd.DataFrame) -> dict[str, object]:
    """Return counts and, for each expected pair, the area under the ROC of the AU's probability."""
    detector = AUDetector(DetectionOptions(largest_face=True))
    emotions, probabilities = [], []
    for file, emotion in zip(pictures["file"], pictures["emotion"], strict=True):
        found = detector.detect(folder / file)
        if found:
            emotions.append(emotion)
            probabilities.append(found[0].probability)
    emotion_of, probability = np.array(emotions), np.array(probabilities)
    pairs = {}
    for au, emotion in EXPECTED:
        of_pair = np.isin(emotion_of, [emotion, NEUTRAL])
        score = probability[of_pair, detector.aus.index(au)]
        area = area_under_roc(emotion_of[of_pair] == emotion, score)
        pairs[f"{au} {emotion} against {NEUTRAL}"] = None if area is None else round(area, 4)
    return {
        "what": "Coarse check on real portraits with rough emotion labels; never used for training or selection.",
        "pictures": len(pictures),
        "without_a_face": len(pictures) - len(emotions),
        "faces_by_emotion": {str(name): int((emotion_of == name).sum()) for name in np.unique(emotion_of)},
        "area_under_roc": pairs,
    }


if __name__ == "__main__":
    try:
        app()
    except DuchenneError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
