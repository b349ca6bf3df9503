"""A trained system, or a file of scores, on prepared faces: what `duchenne evaluate` runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from duchenne.datasets.splits import require_disjoint
from duchenne.errors import EvaluationError, ParquetError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.runs import Run, RunOrigin
from duchenne.evaluation.scored_faces import scored_faces, thresholds_on
from duchenne.extras.parquet import column_names, read_parquet
from duchenne.facs import AU_NAMES
from duchenne.measures.intervals import Bootstrap

SUFFIX = "_p"
"""Of the columns of a file of scores, as in the files of `duchenne detect`."""


def evaluate_system(
    folder: Path, data: Sequence[Path], valid: Sequence[Path], origin: RunOrigin, bootstrap: Bootstrap
) -> Run:
    """Return the run of a trained system.

    Raises:
        DuchenneError: The system or a set of faces cannot be read, or validation and test share a subject.
    """
    from duchenne.datasets.store import PreparedStore
    from duchenne.training.data.dataset import FaceDataset
    from duchenne.training.systems import load_system

    system = load_system(folder)
    scale = system.recipe.reduction
    test = FaceDataset([PreparedStore(part, scale) for part in data])
    thresholds = None
    if valid:
        choosing = FaceDataset([PreparedStore(part, scale) for part in valid])
        require_disjoint({"validation": choosing.subject.tolist(), "test": test.subject.tolist()})
        thresholds = thresholds_on(scored_faces(system.scores(choosing), system.aus, choosing))
    faces = scored_faces(system.scores(test), system.aus, test)
    return evaluate_faces(faces, replace(origin, system=system.name), test.fingerprint, thresholds, bootstrap)


def evaluate_scores(
    path: Path, data: Sequence[Path], valid: Sequence[Path], origin: RunOrigin, bootstrap: Bootstrap
) -> Run:
    """Return the run of a file of scores.

    Raises:
        DuchenneError: The file or a set of faces cannot be read, or they do not fit each other.
    """
    from duchenne.datasets.store import PreparedStore
    from duchenne.training.data.dataset import FaceDataset

    if valid:
        raise EvaluationError("A file of scores has none for validation faces; leave --valid out.")
    test = FaceDataset([PreparedStore(part) for part in data])
    aus, scores = read_scores(path)
    return evaluate_faces(scored_faces(scores, aus, test), origin, test.fingerprint, None, bootstrap)


def read_scores(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Return AU names and scores of a CSV or Parquet file.

    Raises:
        EvaluationError: It cannot be read, or has no column of scores.
    """
    names = [f"{name}{SUFFIX}" for name in AU_NAMES]
    try:
        if path.suffix == ".parquet":
            held = set(column_names(path))
            table: Mapping[str, np.ndarray] = read_parquet(path, [name for name in names if name in held], empty=True)
        else:
            scores = pd.read_csv(path)
            table = {name: scores[name].to_numpy() for name in names if name in scores}
        columns = {name: np.asarray(values, float) for name, values in table.items()}
    except (OSError, ValueError, TypeError, ArithmeticError, ParquetError) as error:
        raise EvaluationError(
            f"{path} is neither a trained system nor a readable CSV or Parquet file of numbers: {error}"
        ) from error
    if not columns:
        raise EvaluationError(f"{path} has no column of scores. Name them {names[0]}, {names[1]}, ...")
    return tuple(name.removesuffix(SUFFIX) for name in columns), np.column_stack(list(columns.values()))
