"""From trained weights to `landmarker.onnx`."""

import json
from pathlib import Path

import numpy as np
import torch

from duchenne.facs import LANDMARK_COUNT
from duchenne.landmarks import CROP_PER_BOX, INPUT_SIDE_PX, KIND
from duchenne.networks.landmarker import MEAN, SCALE, CropsToLandmarks, LandmarkerNetwork
from duchenne.networks.onnx_export import export_onnx
from duchenne.onnx_network import METADATA_KEY

OUTPUTS = ("points", "visibility", "presence")
TOLERANCE_PX = 0.02
"""How far a point of the ONNX file may lie from torch's."""


def export_landmarker(network: LandmarkerNetwork, path: Path, mean_face: np.ndarray, provenance: str) -> float:
    """Write the network, with normalisation inside and what a reader must know in the metadata.

    Args:
        network: Trained.
        path: The file to write.
        mean_face: (49, 3), the face that poses are measured against.
        provenance: What it was trained on.

    Returns:
        The largest difference between the file and torch, pixels.

    Raises:
        WeightsError: The file gives other points than torch; no file is left then.
    """
    noise = np.random.default_rng(0).integers(0, 256, (3, INPUT_SIDE_PX, INPUT_SIDE_PX, 3), dtype=np.uint8)
    crops = torch.from_numpy(noise)
    return export_onnx(
        CropsToLandmarks(network),
        path,
        {METADATA_KEY: json.dumps(description(mean_face, provenance))},
        inputs={"pixels": crops[:2]},
        outputs=OUTPUTS,
        free_axes={name: {0: "faces"} for name in ("pixels", *OUTPUTS)},
        others={"pixels": crops},
        tolerance=TOLERANCE_PX,
    )


def description(mean_face: np.ndarray, provenance: str) -> dict[str, object]:
    """Return the metadata that `landmarks.Landmarker` reads."""
    card = {
        "licence": "Apache-2.0",
        "input": f"pixels: n x {INPUT_SIDE_PX} x {INPUT_SIDE_PX} x 3, RGB, uint8",
        "normalisation": f"(value - {MEAN}) / {SCALE}, inside the graph",
        "outputs": f"points: n x {LANDMARK_COUNT} x 3, crop pixels and depth; visibility and presence: probabilities",
        "crop": "the face box's square times margin, turned so that the eye keypoints lie level; landmarks.CropRule",
        "provenance": provenance,
    }
    return {
        "kind": KIND, "side_px": INPUT_SIDE_PX, "margin": CROP_PER_BOX,
        "mean_face": np.round(mean_face, 4).tolist(), "card": card,
    }  # fmt: skip
