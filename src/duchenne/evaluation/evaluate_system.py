"""A trained system, or a file of scores, on prepared faces: what `duchenne evaluate` runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from duchenne.datasets.splits import require_disjoint
from duchenne.errors import EvaluationError, ParquetError
from duchenne.evaluation.evaluate import evaluate_faces
from duchenne.evaluation.runs import Run, RunOrigin
from duchenne.evaluation.scored_faces import scored_faces, thresholds_on
from duchenne.extras.parquet import column_names, read_parquet
from duchenne.facs import AU_NAMES
from duchenne.files.csv_rows import check_row_lengths
from duchenne.measures.intervals import Bootstrap

if TYPE_CHECKING:
    from duchenne.evaluation.tested_people import PeopleChoice

SUFFIX = "_p"
"""Of the columns of a file of scores, as in the files of `duchenne detect`."""


def evaluate_system(
    folder: Path,
    data: Sequence[Path],
    valid: Sequence[Path],
    origin: RunOrigin,
    bootstrap: Bootstrap,
    people: "PeopleChoice | None" = None,
) -> Run:
    """Return the run of a trained system.

    Args:
        folder: Of the system.
        data: Stores of the faces to test on.
        valid: Stores of the faces that choose thresholds.
        origin: To be kept in the run; whom the system learnt from is added.
        bootstrap: How intervals are made.
        people: Who is tested; everybody whom the system did not learn from unless given.

    Raises:
        EvaluationError: The system learnt from people of the test, and these are refused.
        DuchenneError: The system or a set of faces cannot be read, or validation and test share a subject.
    """
    from duchenne.evaluation.tested_people import PeopleChoice, known_to, strangers
    from duchenne.training.data.folds import read_faces
    from duchenne.training.systems import load_system

    system = load_system(folder)
    scale = system.recipe.reduction
    asked = people or PeopleChoice()
    test = read_faces(data, scale, asked.subjects)
    test, marked = strangers(test, known_to(system.people), asked.learnt)
    thresholds = None
    if valid:
        trained = frozenset() if system.people is None else system.people.train
        choosing, _ = strangers(read_faces(valid, scale), trained, asked.learnt, "validation")
        require_disjoint({"validation": choosing.subject.tolist(), "test": test.subject.tolist()})
        thresholds = thresholds_on(scored_faces(system.scores(choosing), system.aus, choosing))
    faces = scored_faces(system.scores(test), system.aus, test)
    origin = replace(origin, system=system.name, learnt_from=None if system.people is None else marked)
    return evaluate_faces(faces, origin, test.fingerprint, thresholds, bootstrap)


def evaluate_scores(
    path: Path,
    data: Sequence[Path],
    valid: Sequence[Path],
    origin: RunOrigin,
    bootstrap: Bootstrap,
    people: "PeopleChoice | None" = None,
) -> Run:
    """Return the run of a file of scores; nothing tells whom these come from.

    Raises:
        DuchenneError: The file or a set of faces cannot be read, or they do not fit each other.
    """
    from duchenne.datasets.store import PreparedStore
    from duchenne.training.data.dataset import FaceDataset

    if valid or (people is not None and people.subjects):
        raise EvaluationError(
            "A file of scores has one row for each face of --data, so it goes with neither --valid nor --subjects; "
            "leave --valid out, and score those faces alone that are to be tested."
        )
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
            check_row_lengths(path)
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
