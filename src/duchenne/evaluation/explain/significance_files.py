"""A significance map of a trained region network, checked on other subjects: the files of `duchenne explain`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.splits import require_disjoint
from duchenne.errors import EvaluationError
from duchenne.evaluation.explain.significance import (
    FACES,
    Faithfulness,
    ProgressCallback,
    Significance,
    drawn_rows,
    faithfulness,
    map_and_check,
    patch_significance,
    patch_system,
)
from duchenne.evaluation.explain.significance_map import rendered_face, significance_figure
from duchenne.evaluation.json_record import json_text
from duchenne.evaluation.report.figures import save_figure
from duchenne.evaluation.tested_people import known_to
from duchenne.training.systems import System

FORMAT = "duchenne significance 1"


@dataclass(frozen=True)
class SignificanceRecord:
    """What significance.json holds; numbers are rounded to five digits.

    Attributes:
        system: Name of the recipe.
        fingerprint: Of the faces.
        faces: How many made the map.
        landmarks: The landmark of each patch, counted from 1.
        drop: By AU, mean fall of the score without each patch.
        effect: By AU, mean size of its change: the significance.
        most: By AU, the landmarks of the most significant patches.
        faithfulness: What scores are without those on other subjects.
        known: How many of these the system learnt from; None if it does not remember.
    """

    system: str
    fingerprint: str
    faces: int
    landmarks: tuple[int, ...]
    drop: Mapping[str, tuple[float, ...]]
    effect: Mapping[str, tuple[float, ...]]
    most: Mapping[str, tuple[int, ...]]
    faithfulness: Faithfulness
    known: int | None


def explain_system(
    system: System,
    store: FaceStore,
    folder: Path,
    faces: int = FACES,
    on_progress: ProgressCallback = lambda _: None,
    judges: FaceStore | None = None,
) -> SignificanceRecord:
    """Write significance.json, figure3.png and figure3.svg into the folder; return what the JSON holds.

    Args:
        system: A trained region network.
        store: Faces that make the map.
        folder: For the files.
        faces: At most so many make the map, and check it.
        on_progress: Called after each batch.
        judges: Faces of other subjects, which check the map; without them two of three subjects of `store` make it and
            the third checks it.

    Raises:
        DuchenneError: The system has no patches, there are too few subjects, a subject makes and checks the map, or the
            folder cannot be written.
    """
    patches = patch_system(system)
    if judges is None:
        judges = store
        making, checking = map_and_check(store, faces)
    else:
        require_disjoint({"the map": store.subject.tolist(), "its check": judges.subject.tolist()})
        making, checking = drawn_rows(store, faces), drawn_rows(judges, faces)
    found = patch_significance(patches, store, making, on_progress)
    checked = faithfulness(patches, judges, checking, found, on_progress=on_progress)
    record = _record(patches.name, store.fingerprint, found, checked, _known(system, judges.subject[checking]))
    try:
        save_figure(
            significance_figure(found, rendered_face(), f"Patch significance, {system.name}"), folder, "figure3"
        )
        (folder / "significance.json").write_text(json_text(record, FORMAT, indent=1), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror}. Name a folder with room.") from error
    return record


def _known(system: System, subjects: np.ndarray) -> int | None:
    """Return how many of these subjects taught the system or said when it should stop."""
    return None if system.people is None else len(set(subjects.tolist()) & known_to(system.people))


def _record(
    name: str, fingerprint: str, found: Significance, checked: Faithfulness, known: int | None
) -> SignificanceRecord:
    drop, effect = (
        {au: tuple(matrix[:, place].round(5).tolist()) for place, au in enumerate(found.aus)}
        for matrix in (found.drop, found.effect)
    )
    most = {au: found.most(au) for au in found.aus}
    rounded = replace(
        checked,
        intact=round(checked.intact, 5),
        without_most=round(checked.without_most, 5),
        without_least=round(checked.without_least, 5),
    )
    return SignificanceRecord(name, fingerprint, found.faces, found.landmarks, drop, effect, most, rounded, known)
