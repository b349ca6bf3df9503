"""A significance map of a trained region network, checked on other subjects, as files: what `duchenne explain` runs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import EvaluationError
from duchenne.evaluation.explain.significance import FACES, Advance, faithfulness, halves, patch_significance
from duchenne.evaluation.explain.significance_map import rendered_face, significance_figure
from duchenne.evaluation.report.figures import save_figure


def explain_system(
    system: Any, store: FaceStore, folder: Path, faces: int = FACES, advance: Advance = lambda _: None
) -> dict[str, Any]:
    """Write significance.json, figure3.png and figure3.svg into the folder; return what the JSON holds.

    The map is made on every other subject and checked on the rest.

    Raises:
        DuchenneError: The system has no patches, there are too few subjects, or the folder cannot be written.
    """
    making, checking = halves(store, faces)
    found = patch_significance(system, store, making, advance)
    checked = faithfulness(system, store, checking, found)
    record = {
        "format": "duchenne significance 1",
        "system": system.name,
        "fingerprint": store.fingerprint,
        "faces": found.faces,
        "landmarks": list(found.landmarks),
        "drop": {name: found.drop[:, place].round(5).tolist() for place, name in enumerate(found.aus)},
        "effect": {name: found.effect[:, place].round(5).tolist() for place, name in enumerate(found.aus)},
        "most": {name: list(found.most(name)) for name in found.aus},
        "faithfulness": {key: round(v, 5) if isinstance(v, float) else v for key, v in asdict(checked).items()},
    }
    try:
        save_figure(
            significance_figure(found, rendered_face(), f"Patch significance, {system.name}"), folder, "figure3"
        )
        (folder / "significance.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{folder} cannot be written: {error.strerror}. Name a folder with room.") from error
    return record
