"""The one command that makes the AU network of the package again.

    python -m duchenne.training.au_network STILLS WORK --weights au_compact.onnx --result au_compact.json

STILLS holds `train/` and `valid/` with rendered stills of different identities. Of the identities in `valid/`, two
thirds choose thresholds and one third is used for the reported scores only.
"""

import json
import platform
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cyclopts

from duchenne.errors import DuchenneError, TrainingError

if TYPE_CHECKING:
    from duchenne.recognition import AURecognizer
    from duchenne.training.aligned_store import AlignedStore
    from duchenne.training.au_evaluation import Predictions
    from duchenne.training.au_fitting import AURecipe, FittedNetwork

app = cyclopts.App(name="python -m duchenne.training.au_network", help=__doc__, help_format="plaintext")


@dataclass(frozen=True)
class _Out:
    weights: Path
    result: Path


@app.default
def main(
    stills: Path,
    work: Path,
    *,
    weights: Path = Path("au_compact.onnx"),
    result: Path = Path("au_compact.json"),
    epochs: float = 20.0,
    batch: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
    shape: bool = True,
    shards: int | None = None,
    threads: int = 1,
) -> None:
    """Align rendered stills, train the compact region network on them, export it and record its scores.

    Args:
        stills: Folder with train/*.parquet and valid/*.parquet.
        work: Folder for aligned faces and the checkpoint; a stopped run goes on from there.
        weights: ONNX file to write.
        result: JSON file to write.
        epochs: Times that each face is seen.
        batch: Faces in a step.
        learning_rate: Peak of the one cycle.
        seed: Of every random choice.
        shape: Whether the network reads derotated landmarks beside the windows.
        shards: Use the first so many training files only; all of them unless given.
        threads: Threads of torch.
    """
    import torch

    from duchenne.networks.region import COMPACT
    from duchenne.training.au_fitting import AURecipe, fit

    torch.set_num_threads(threads)
    network = replace(COMPACT, head="occurrence", shape_width=COMPACT.shape_width if shape else 0)
    recipe = AURecipe(network=network, epochs=epochs, batch=batch, learning_rate=learning_rate, seed=seed)
    train, valid = shards_in(stills / "train")[:shards], shards_in(stills / "valid")
    store = _prepared(train, valid, work)
    fitted = fit(store, recipe, work / "checkpoint.pt", report)
    _finish(store, valid, recipe, fitted, _Out(weights, result))


def report(remark: str) -> None:
    """Write a remark with the time to stderr."""
    print(f"{time.strftime('%H:%M:%S')} {remark}", file=sys.stderr, flush=True)


def shards_in(folder: Path) -> list[Path]:
    """Return the Parquet files of a folder of stills, in order.

    Raises:
        TrainingError: It holds none.
    """
    found = sorted(folder.glob("*.parquet"))
    if not found:
        raise TrainingError(f"There are no *.parquet files in {folder}. Render stills into it first.")
    return found


def _prepared(train: list[Path], valid: list[Path], work: Path) -> "AlignedStore":
    """Return the aligned training faces, having checked that validation knows none of their subjects."""
    import numpy as np
    from fastparquet import ParquetFile

    from duchenne.landmarks import Landmarker
    from duchenne.training.aligned_store import AlignedStore, prepare_store, require_disjoint
    from duchenne.training.au_evaluation import by_landmarker

    left_out = prepare_store(train, work / "aligned", by_landmarker(Landmarker().locate))
    store = AlignedStore(work / "aligned", [shard.stem for shard in train])
    others = [ParquetFile(str(shard)).to_pandas(columns=["subject"])["subject"] for shard in valid]
    require_disjoint({"train": store.subject, "valid": np.concatenate(others).astype(str)})
    report(f"{len(store)} faces of {len(np.unique(store.subject))} subjects; {left_out} newly left out as too small")
    return store


def _finish(store: "AlignedStore", valid: list[Path], recipe: "AURecipe", fitted: "FittedNetwork", out: _Out) -> None:
    """Export, choose thresholds on validation subjects, export again with them, score the others."""
    import numpy as np

    from duchenne.recognition import AURecognizer
    from duchenne.training.au_evaluation import held_out, tabulate, thresholds_of
    from duchenne.training.export import description, export_network

    aus, card = recipe.network.aus, _card(store, recipe, fitted)
    undecided = description(fitted.network, np.full(len(aus), 0.5), fitted.reference, card)
    export_network(fitted.network, undecided, out.weights)
    recognizer = AURecognizer(out.weights)
    found = predictions(recognizer, valid)
    choosing = found["landmarker"].of(~held_out(found["landmarker"].subject))
    thresholds = thresholds_of(aus, choosing)
    decided = description(fitted.network, thresholds, fitted.reference, card)
    measured = {
        **card,
        "onnx_against_torch_max_difference": export_network(fitted.network, decided, out.weights),
        "onnx_bytes": out.weights.stat().st_size,
        "ms_per_face_one_thread": _milliseconds(recognizer),
        "what": "Rendered faces of identities that neither training nor the choice of thresholds saw; no real faces.",
        "label_rule": "intensity rounded: 0 absent, 1 (trace, A) unknown, 2-5 (B-E) present; the stronger side counts; "
        "AU25 is present with AU26 and AU27, unknown with AU22 alone",
        "threshold_rule": "best F1 on the validation identities, landmarks by the landmarker",
        "thresholds": {name: round(float(t), 4) for name, t in zip(aus, thresholds, strict=True)},
        "validation_faces": len(choosing.subject),
        "left_out_as_too_small": {name: faces.left_out for name, faces in found.items()},
        "scores": {
            f"{name}_landmarks": tabulate(aus, thresholds, faces.of(held_out(faces.subject)))
            for name, faces in found.items()
        },
    }
    out.result.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    means = {name: table["all"]["mean_12_aroc"] for name, table in measured["scores"].items()}
    report(f"wrote {out.weights} and {out.result}; mean area under the ROC over the paper's 12 AUs: {means}")


def predictions(recognizer: "AURecognizer", valid: list[Path]) -> dict[str, "Predictions"]:
    """Return what the network says with the landmarker's points, and with the renderer's."""
    from duchenne.landmarks import Landmarker
    from duchenne.training.aligned_store import exact
    from duchenne.training.au_evaluation import by_landmarker, predict

    return {
        "landmarker": predict(recognizer, valid, by_landmarker(Landmarker().locate)),
        "exact": predict(recognizer, valid, exact),
    }


def _card(store: "AlignedStore", recipe: "AURecipe", fitted: "FittedNetwork") -> dict[str, Any]:
    """Return what is known of data and training, for the ONNX file and the result."""
    import numpy as np
    import torch

    from duchenne.networks.region import multiply_accumulates, parameter_count

    positives = (store.occurrence & store.known).sum(0)
    return {
        "name": "au_compact",
        "command": "python -m duchenne.training.au_network STILLS WORK "
        f"--epochs {recipe.epochs:g} --batch {recipe.batch} --learning-rate {recipe.learning_rate:g} "
        f"--seed {recipe.seed} {'--shape' if recipe.network.shape_width else '--no-shape'}",
        "data": {
            "source": "rendered heads (duchenne.synthesis); no real person, no licensed label",
            "fingerprint": store.fingerprint,
            "faces": len(store),
            "subjects": len(np.unique(store.subject)),
            "positives": dict(zip(recipe.network.aus, positives.tolist(), strict=True)),
        },
        "training": {
            "steps": fitted.steps,
            "minutes_since_last_start": round(fitted.seconds / 60, 1),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "machine": platform.machine(),
        },
        "parameters": parameter_count(fitted.network),
        "million_multiply_accumulates": round(multiply_accumulates(recipe.network) / 1e6, 2),
    }


def _milliseconds(recognizer: "AURecognizer", rounds: int = 100) -> float:
    """Return the median time for one face: windows, shape and network, on one thread."""
    import numpy as np

    from duchenne.alignment import AlignedFace

    rng = np.random.default_rng(0)
    face = AlignedFace(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8), rng.uniform(40, 160, (49, 2)), np.eye(3))
    times = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        recognizer.recognize([face], [rng.normal(size=49)])
        times.append(time.perf_counter() - start_s)
    return round(1000 * float(np.median(times)), 2)


if __name__ == "__main__":
    try:
        app()
    except DuchenneError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
