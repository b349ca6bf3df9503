"""Make the AU network of the package from what `duchenne train compact` has left, and measure it.

    sh scripts/au_network.sh WORK        every step, from rendering on; a stopped run goes on
    python -m duchenne.training.au_release trained/compact --choose choose.store --poses poses.store \
        --pairs pairs.store --weights au_compact.onnx --result au_compact.json

No identity is in two of the stores. The first one calibrates probabilities and chooses thresholds; the other two are
used for the reported scores only.
"""

import json
import sys
from pathlib import Path
from typing import Any

import cyclopts

from duchenne.errors import DuchenneError, TrainingError

app = cyclopts.App(name="python -m duchenne.training.au_release", help=__doc__, help_format="plaintext")


@app.default
def main(
    system: Path,
    *,
    choose: Path,
    poses: Path,
    pairs: Path,
    weights: Path,
    result: Path,
) -> None:
    """Calibrate and export a trained network, and record its scores on identities that nothing was chosen on.

    Args:
        system: Folder that duchenne train has written.
        choose: Store of stills of a mixed company in free poses.
        poses: Store of stills of independent AUs, each face under the fifteen poses of the grid.
        pairs: Store of frontal stills in pairs that differ in one movement.
        weights: ONNX file to write.
        result: JSON file to write.
    """
    from duchenne.datasets.splits import require_disjoint
    from duchenne.datasets.store import PreparedStore
    from duchenne.training.deep import DeepSystem
    from duchenne.training.systems import load_system

    loaded = load_system(system)
    if not isinstance(loaded, DeepSystem):
        raise TrainingError(f"{system} holds no network but the classical system {loaded.name}; it has no ONNX form.")
    stores = {
        name: PreparedStore(path, loaded.recipe.reduction)
        for name, path in (("choose", choose), ("poses", poses), ("pairs", pairs))
    }
    require_disjoint({name: store.subject.tolist() for name, store in stores.items()})
    measured = release(loaded, stores["choose"], stores["poses"], stores["pairs"], weights)
    result.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary(measured), indent=1))


def release(system: Any, choose: Any, poses: Any, pairs: Any, weights: Path) -> dict[str, Any]:
    """Write the ONNX file; return what was chosen and measured, ready for JSON."""
    import numpy as np

    from duchenne.training import au_scores
    from duchenne.training.calibration import calibrated
    from duchenne.training.export_system import export_system

    system = calibrated(system, choose)
    exported = export_system(system, choose, weights)
    said = {"poses": au_scores.answers(system, poses), "pairs": au_scores.answers(system, pairs)}
    pose = np.round(poses.pose_deg[:, :2])
    frontal = (pose == 0).all(1)
    front, at = poses.subset(frontal), said["poses"].probability
    return {
        "what": "Rendered faces of identities that neither training nor calibration nor thresholds saw; no real faces. "
        "Faces and landmarks as duchenne prepare finds them.",
        "made_by": "sh scripts/au_network.sh WORK",
        "name": system.name,
        "source": "rendered heads (duchenne.synthesis) alone",
        **system.told,
        "onnx_bytes": exported.size_bytes,
        "onnx_against_torch_max_difference": exported.difference,
        "threshold_rule": "best F1 on the choosing faces, after calibration on the same",
        "thresholds": {name: round(float(t), 4) for name, t in zip(system.aus, exported.thresholds, strict=True)},
        "stores": {
            name: {"fingerprint": store.fingerprint, "subjects": len(np.unique(store.subject)), **au_scores.lost(store)}
            for name, store in (("choose", choose), ("poses", poses), ("pairs", pairs))
        },
        "area_under_roc_frontal": au_scores.area_table(system.aus, front, at[frontal]),
        "area_under_roc_by_pose": au_scores.by_pose(system.aus, poses, at),
        "area_under_roc_by_person": au_scores.by_group(system.aus, poses, at),
        "intensity_and_calibration": au_scores.graded(system.aus, poses, said["poses"]),
        "f1_at_thresholds": au_scores.f1_table(system.aus, poses, at, exported.thresholds),
        "pairs_that_differ_in_one_au": au_scores.in_pairs(system.aus, pairs, said["pairs"].probability),
    }


def summary(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that the bars are set for."""
    poses, graded = measured["area_under_roc_by_pose"], measured["intensity_and_calibration"]
    return {
        "frontal": measured["area_under_roc_frontal"]["mean_12"],
        **{name: value for name, value in poses.items() if name != "poses"},
        "icc": graded["icc_3_1_mean_12"],
        "calibration_error": graded["calibration_error_mean_12"],
        "pairs_least_of_12": measured["pairs_that_differ_in_one_au"]["least_of_12"],
        **{kind: told["largest_difference"] for kind, told in measured["area_under_roc_by_person"].items()},
    }


if __name__ == "__main__":
    try:
        app()
    except DuchenneError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
