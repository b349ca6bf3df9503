"""Make the AU network of the package from what `duchenne train compact` has left, and measure it.

    sh scripts/au_network.sh WORK        every step, from rendering on; a stopped run goes on
    python -m duchenne.evaluation.pretrained.au_network trained/compact --choose choose.store --poses poses.store \
        --pairs pairs.store --free free.store --choose-neutral choose_neutral.store \
        --free-neutral free_neutral.store --weights au_compact.onnx --result au_compact.json

No identity is in two of the stores, but the neutral ones show the people of the store that they are named after. The
first one says how far AUs may lean on landmarks, calibrates probabilities and chooses thresholds; the others are used
for the reported scores only.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cyclopts

from duchenne.errors import DuchenneError, TrainingError

app = cyclopts.App(name="python -m duchenne.evaluation.pretrained.au_network", help=__doc__, help_format="plaintext")


@app.default
def main(
    system: Path,
    *,
    choose: Path,
    poses: Path,
    pairs: Path,
    free: Path,
    choose_neutral: Path,
    free_neutral: Path,
    weights: Path,
    result: Path,
) -> None:
    """Calibrate and export a trained network, and record its scores on identities that nothing was chosen on.

    Args:
        system: Folder that duchenne train has written.
        choose: Store of stills of a mixed company in free poses.
        poses: Store of stills of independent AUs, each face under the fifteen poses of the grid.
        pairs: Store of frontal stills in pairs that differ in one movement.
        free: Store of stills of independent AUs in free poses.
        choose_neutral: Store of neutral frontal stills of people of the first.
        free_neutral: Store of neutral frontal stills of people of the free one.
        weights: ONNX file to write.
        result: JSON file to write.
    """
    from duchenne.datasets.splits import require_disjoint
    from duchenne.datasets.store import PreparedStore
    from duchenne.training.action_units.system import DeepSystem
    from duchenne.training.systems import load_system

    loaded = load_system(system)
    if not isinstance(loaded, DeepSystem):
        raise TrainingError(f"{system} holds no network but the classical system {loaded.name}; it has no ONNX form.")
    stores = {
        name: PreparedStore(path, loaded.recipe.reduction)
        for name, path in (
            ("choose", choose), ("poses", poses), ("pairs", pairs), ("free", free),
            ("choose_neutral", choose_neutral), ("free_neutral", free_neutral),
        )
    }  # fmt: skip
    require_disjoint({name: store.subject.tolist() for name, store in stores.items() if "neutral" not in name})
    measured = release(loaded, stores, weights)
    result.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary(measured), indent=1))


def release(system: Any, stores: Mapping[str, Any], weights: Path) -> dict[str, Any]:
    """Write the ONNX file; return what was chosen and measured, ready for JSON.

    Args:
        system: A `DeepSystem` with an ordinal head.
        stores: By the names of the command's options.
        weights: The file.
    """
    import numpy as np

    from duchenne.evaluation.pretrained import au_scores
    from duchenne.training.action_units import neutral
    from duchenne.training.action_units.calibration import calibrated
    from duchenne.training.action_units.export import export_system
    from duchenne.training.action_units.late_fusion import late_fusion_weights, with_late_fusion

    choose, poses, pairs, free = (stores[name] for name in ("choose", "poses", "pairs", "free"))
    system = calibrated(with_late_fusion(system, choose), choose)
    rule = neutral.learn_rule(system, choose, stores["choose_neutral"])
    exported = export_system(system, choose, weights, rule)
    aus, said = system.aus, {name: au_scores.answers(system, stores[name]) for name in ("poses", "pairs", "free")}
    frontal = (np.round(poses.pose_deg[:, :2]) == 0).all(1)
    on_grid, at_will = said["poses"].probability, said["free"].probability
    return {
        "what": "Rendered faces of identities that neither training nor calibration nor thresholds saw; no real faces. "
        "Faces and landmarks as duchenne prepare finds them.",
        "made_by": "sh scripts/au_network.sh WORK",
        "name": system.name,
        "source": "rendered heads (duchenne.synthesis) alone",
        **system.metadata,
        "onnx_bytes": exported.size_bytes,
        "onnx_against_torch_max_difference": exported.difference,
        "landmark_shares": late_fusion_weights(system.network),
        "threshold_rule": "best F1 on the choosing faces, after calibration on the same",
        "thresholds": {name: round(float(t), 4) for name, t in zip(aus, exported.thresholds, strict=True)},
        "stores": {
            name: {"fingerprint": store.fingerprint, "subjects": len(np.unique(store.subject)), **au_scores.lost(store)}
            for name, store in stores.items()
        },
        "area_under_roc_frontal": au_scores.area_table(aus, poses.subset(frontal), on_grid[frontal]),
        "area_under_roc_by_pose": au_scores.by_pose(aus, poses, on_grid),
        "area_under_roc_by_angle": au_scores.by_angle(aus, free, at_will),
        "area_under_roc_by_person": au_scores.by_group(aus, free, at_will),
        "area_under_roc_by_face_size": au_scores.by_size(aus, free, at_will),
        "intensity_and_calibration": au_scores.graded(aus, poses, said["poses"]),
        "intensity_and_calibration_frontal": au_scores.graded(aus, poses.subset(frontal), said["poses"].of(frontal)),
        "stronger_side_told": au_scores.stronger_side(aus, free, said["free"]),
        "f1_at_thresholds": au_scores.f1_table(aus, poses, on_grid, exported.thresholds),
        "pairs_that_differ_in_one_au": au_scores.in_pairs(aus, pairs, said["pairs"].probability),
        "pairs_of_lookalikes": au_scores.in_pairs(aus, pairs, said["pairs"].probability, differing=2),
        "with_the_neutral_face_of_the_person": neutral.measured(system, rule, free, stores["free_neutral"]),
    }


def summary(measured: dict[str, Any]) -> dict[str, Any]:
    """Return the figures that the bars are set for."""
    poses, graded = measured["area_under_roc_by_pose"], measured["intensity_and_calibration"]
    return {
        "frontal": measured["area_under_roc_frontal"]["mean_12"],
        **{name: value for name, value in poses.items() if name != "poses"},
        "icc": graded["icc_3_1_mean_12"],
        "icc_frontal": measured["intensity_and_calibration_frontal"]["icc_3_1_mean_12"],
        "calibration_error": graded["calibration_error_mean_12"],
        "stronger_side": measured["stronger_side_told"]["all"],
        "pairs_least_of_12": measured["pairs_that_differ_in_one_au"]["least_of_12"],
        **{kind: metadata["largest_difference"] for kind, metadata in measured["area_under_roc_by_person"].items()},
    }


if __name__ == "__main__":
    try:
        app()
    except DuchenneError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
