"""Make the AU network of the package from what `duchenne train compact` has left.

    duchenne render --protocol stills --count 14000 --seed 21 stills/train
    duchenne render --protocol stills --count 2000 --seed 12 stills/valid
    duchenne prepare stills/train --out store
    duchenne train compact --data store --epochs 8 --threads 1 --out trained
    python -m duchenne.training.au_release trained/compact stills/valid --weights au_compact.onnx --result au.json

Of the identities in the validation stills, two thirds choose thresholds and one third is used for the reported scores
only; none of them was trained on.
"""

import json
import sys
from pathlib import Path
from typing import Any, cast

import cyclopts

from duchenne.errors import DuchenneError, TrainingError

app = cyclopts.App(name="python -m duchenne.training.au_release", help=__doc__, help_format="plaintext")


@app.default
def main(system: Path, stills: Path, *, weights: Path, result: Path) -> None:
    """Export a trained network with thresholds, and record its scores on identities that nothing was chosen on.

    Args:
        system: Folder that duchenne train has written.
        stills: Folder with rendered stills of other identities.
        weights: ONNX file to write.
        result: JSON file to write.
    """
    import numpy as np

    from duchenne.recognition import AURecognizer
    from duchenne.training.au_evaluation import held_out, tabulate, thresholds_of
    from duchenne.training.au_network import predictions, shards_in
    from duchenne.training.deep import DeepSystem
    from duchenne.training.export import description, export_network
    from duchenne.training.systems import load_system

    shards = shards_in(stills)
    loaded = load_system(system)
    if not isinstance(loaded, DeepSystem):
        raise TrainingError(f"{system} holds no network but the classical system {loaded.name}; it has no ONNX form.")
    network = cast(Any, loaded.network)
    card = {"name": loaded.name, "source": "rendered heads (duchenne.synthesis) alone", **loaded.told}
    undecided = description(network, np.full(len(loaded.aus), 0.5), loaded.reference, card)
    export_network(network, undecided, weights)
    found = predictions(AURecognizer(weights), shards)
    choosing = found["landmarker"].of(~held_out(found["landmarker"].subject))
    thresholds = thresholds_of(loaded.aus, choosing)
    difference = export_network(network, description(network, thresholds, loaded.reference, card), weights)
    measured = {
        **card,
        "made_by": (__doc__ or "").split("\n\n")[1].strip().splitlines(),
        "what": "Rendered faces of identities that neither training nor the choice of thresholds saw; no real faces.",
        "onnx_against_torch_max_difference": difference,
        "onnx_bytes": weights.stat().st_size,
        "threshold_rule": "best F1 on two thirds of the validation identities, landmarks by the landmarker",
        "thresholds": {name: round(float(t), 4) for name, t in zip(loaded.aus, thresholds, strict=True)},
        "faces_that_chose": len(choosing.subject),
        "left_out_as_too_small": {name: faces.left_out for name, faces in found.items()},
        "scores": {
            f"{name}_landmarks": tabulate(loaded.aus, thresholds, faces.of(held_out(faces.subject)))
            for name, faces in found.items()
        },
    }
    result.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        app()
    except DuchenneError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
