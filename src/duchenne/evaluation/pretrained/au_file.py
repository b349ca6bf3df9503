"""What exported AU networks reach on prepared rendered heads, side by side: `duchenne dev measure-au-network`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from duchenne.datasets.store import PreparedStore
from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained import au_scores
from duchenne.evaluation.pretrained.au_predictions import Predictions, RenderedStore
from duchenne.evaluation.pretrained.au_prototypes import PrototypeAreas, within_prototypes
from duchenne.evaluation.pretrained.au_result import AreaTable, Grading, PoseAreas, SideShares, StoreSummary
from duchenne.evaluation.run_files import commit_here
from duchenne.networks.view import View
from duchenne.recognition import AURecognizer, Recognized
from duchenne.training.data.inputs import InputReader
from duchenne.weights import sha256_of

_BATCH = 64


@dataclass(frozen=True)
class FileScores:
    """What one file reaches; a part is None where its store was not given.

    Attributes:
        sha256: Of the file.
        frontal: Areas at yaw 0, pitch 0.
        by_pose: Areas on the grid of poses.
        grading: On the grid of poses.
        grading_frontal: At yaw 0, pitch 0.
        stronger_side: Free poses.
        within_prototypes: Areas among faces of one emotion prototype.
    """

    sha256: str
    frontal: AreaTable | None
    by_pose: PoseAreas | None
    grading: Grading | None
    grading_frontal: Grading | None
    stronger_side: SideShares | None
    within_prototypes: PrototypeAreas | None


@dataclass(frozen=True)
class AUFilesResult:
    """What several files reach on the same heads.

    Attributes:
        made_by: The command.
        commit: Of the code.
        stores: The sets by name.
        files: By the name of the file.
    """

    made_by: str
    commit: str | None
    stores: Mapping[str, StoreSummary]
    files: Mapping[str, FileScores]


@dataclass(frozen=True)
class HeadStores:
    """Prepared stores of rendered heads of people whom the networks have not seen; None for none.

    Attributes:
        poses: Independent AUs, each face under the fifteen poses of the grid.
        free: Independent AUs, free poses.
        prototypes: AUs by emotion prototypes.
    """

    poses: Path | None = None
    free: Path | None = None
    prototypes: Path | None = None


def measure_au_files(weights: Sequence[Path], heads: HeadStores, command: str) -> AUFilesResult:
    """Return what each file reaches.

    Raises:
        EvaluationError: No store or file is given, or two files have the same name or different scales.
        WeightsError: A file is no AU network.
        DatasetError: A folder holds no store.
    """
    recognizers = [AURecognizer(path) for path in weights]
    names = [recognizer.path.name for recognizer in recognizers]
    if len(set(names)) < len(names):
        raise EvaluationError(f"Of {' '.join(names)} two have the same name. Give files of different names.")
    folders = {name: path for name, path in vars(heads).items() if path is not None}
    if not folders:
        raise EvaluationError("No store of rendered heads is given. Name --poses, --free or --prototypes.")
    reductions = {recognizer.layout.reduction for recognizer in recognizers}
    if len(reductions) != 1:
        raise EvaluationError("The files read faces at different scales, or there is none. Measure those apart.")
    (reduction,) = reductions
    stores = {name: PreparedStore(path, reduction) for name, path in folders.items()}
    return AUFilesResult(
        command,
        commit_here(),
        {name: au_scores.store_summary(store) for name, store in stores.items()},
        {name: _scores(one, stores) for name, one in zip(names, recognizers, strict=True)},
    )


def predict_from_file(recognizer: AURecognizer, store: RenderedStore) -> Predictions:
    """Return what an exported network predicts for the faces of a store.

    Raises:
        EvaluationError: The file gives no intensities by side.
    """
    view = View(layout=recognizer.layout, shape=recognizer.reads_depth)
    reader = InputReader(view, store, recognizer.reference)
    parts = []
    for start in range(0, len(store), _BATCH):
        inputs = reader.plain(np.arange(start, min(start + _BATCH, len(store)))).inputs
        parts.append(_sides_known(recognizer, recognizer.run(*inputs)))
    return Predictions(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _sides_known(recognizer: AURecognizer, found: Recognized) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if found.intensity is None or found.side_intensity is None:
        raise EvaluationError(f"{recognizer.path.name} gives no intensities by side. Export a network that does.")
    return found.probability, found.intensity, found.side_intensity


def _scores(recognizer: AURecognizer, stores: Mapping[str, PreparedStore]) -> FileScores:
    aus, found = recognizer.aus, {name: predict_from_file(recognizer, store) for name, store in stores.items()}
    poses, free, prototypes = (stores.get(name) for name in ("poses", "free", "prototypes"))
    frontal, on_frontal = au_scores.frontal_faces(poses, found["poses"]) if poses else (None, None)
    return FileScores(
        sha256=sha256_of(recognizer.path),
        frontal=au_scores.area_table(aus, frontal, on_frontal.probability) if frontal and on_frontal else None,
        by_pose=au_scores.by_pose(aus, poses, found["poses"].probability) if poses else None,
        grading=au_scores.grading(aus, poses, found["poses"]) if poses else None,
        grading_frontal=au_scores.grading(aus, frontal, on_frontal) if frontal and on_frontal else None,
        stronger_side=au_scores.stronger_side(aus, free, found["free"]) if free else None,
        within_prototypes=within_prototypes(aus, prototypes, found["prototypes"].probability) if prototypes else None,
    )
