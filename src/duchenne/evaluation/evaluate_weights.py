"""A network of the package, or an exported file, on prepared faces: the agreement of detection with coders."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from duchenne.errors import EvaluationError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.runs import Run, RunOrigin
from duchenne.evaluation.scored_faces import ScoredFaces, scored_faces
from duchenne.evaluation.tested_people import PeopleChoice
from duchenne.facs import au_columns
from duchenne.measures.intervals import Bootstrap
from duchenne.networks.view import View
from duchenne.recognition import AURecognizer
from duchenne.training.data.dataset import FaceDataset
from duchenne.training.data.folds import read_faces
from duchenne.training.data.inputs import InputReader
from duchenne.weights import AU_NETWORKS

_BATCH = 64


def names_weights(system: str | Path) -> bool:
    """Return whether a word names a network of the package, or a file of `duchenne export`.

    Example:
        >>> names_weights("real"), names_weights("mine.onnx"), names_weights("trained/svm")
        (True, True, False)
    """
    path = Path(system)
    return not path.is_dir() and (str(system) in AU_NETWORKS or path.suffix.lower() == ".onnx")


def evaluate_weights(
    weights: str | Path,
    data: Sequence[Path],
    valid: Sequence[Path],
    origin: RunOrigin,
    bootstrap: Bootstrap,
    people: PeopleChoice | None = None,
) -> Run:
    """Return the run of a network as detection uses it: its own thresholds, intensities if it predicts them.

    AUs that the faces have no label of are left out. A file names nobody whom it learnt from.

    Args:
        weights: "real", "rendered", or an ONNX file.
        data: Stores of the faces to test on.
        valid: None may be named: thresholds are the file's.
        origin: To be kept in the run.
        bootstrap: How intervals are made.
        people: Who is tested.

    Raises:
        EvaluationError: Validation faces are named, or no AU of the network is labelled.
        DuchenneError: The file or a set of faces cannot be read.
    """
    if valid:
        raise EvaluationError(f"{weights} has thresholds of its own, so --valid chooses none; leave it out.")
    recognizer = AURecognizer(str(weights))
    asked = people or PeopleChoice()
    test = read_faces(data, recognizer.layout.reduction, asked.subjects)
    faces = _scored(recognizer, test)
    thresholds = dict(zip(recognizer.aus, recognizer.thresholds.tolist(), strict=True))
    return evaluate_faces(faces, replace(origin, system=str(weights)), test.fingerprint, thresholds, bootstrap)


def _scored(recognizer: AURecognizer, test: FaceDataset) -> ScoredFaces:
    known = np.asarray(test.known)[:, au_columns(recognizer.aus)].any(0)
    if not known.any():
        raise EvaluationError(
            f"These faces have no label of any AU of {recognizer.path.name}; name faces that are coded."
        )
    reader = InputReader(View(recognizer.layout, shape=recognizer.reads_depth), test, recognizer.reference)
    parts = []
    for start in range(0, len(test), _BATCH):
        inputs = reader.plain(np.arange(start, min(start + _BATCH, len(test)))).inputs
        parts.append(recognizer.run(*inputs))
    probability = np.concatenate([part.probability for part in parts])[:, known]
    grades = [part.intensity for part in parts if part.intensity is not None]
    aus = tuple(np.array(recognizer.aus)[known].tolist())
    return scored_faces(probability, aus, test, np.concatenate(grades)[:, known] if grades else None)
