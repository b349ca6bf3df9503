"""From trained weights to `landmarker.onnx`."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from duchenne.errors import WeightsError
from duchenne.facs import LANDMARK_COUNT
from duchenne.landmarks import CROP_PER_BOX, INPUT_SIDE_PX, KIND
from duchenne.networks.landmarker import MEAN, SCALE, CropsToLandmarks, LandmarkerNetwork
from duchenne.onnx_network import METADATA_KEY

NAMES = ("points", "visibility", "presence")
TOLERANCE_PX = 0.02
"""How far a point of the ONNX file may lie from torch's."""


def export_landmarker(network: LandmarkerNetwork, path: Path, mean_face: np.ndarray, provenance: str) -> None:
    """Write the network, with normalisation inside and what a reader must know in the metadata.

    Args:
        network: Trained.
        path: The file to write.
        mean_face: (49, 3), the face that poses are measured against.
        provenance: What it was trained on.

    Raises:
        WeightsError: The file gives other points than torch; no file is left then.
    """
    axes = {name: {0: "faces"} for name in ("pixels", *NAMES)}
    crops = np.random.default_rng(0).integers(0, 256, (3, INPUT_SIDE_PX, INPUT_SIDE_PX, 3), dtype=np.uint8)
    graph = CropsToLandmarks(network).eval()
    unfinished = path.with_suffix(".unfinished")
    torch.onnx.export(
        graph, (torch.from_numpy(crops[:2]),), str(unfinished), input_names=["pixels"], output_names=list(NAMES),
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(unfinished))
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(description(mean_face, provenance))})
    onnx.checker.check_model(model)
    onnx.save(model, str(unfinished))
    session = onnxruntime.InferenceSession(str(unfinished), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        difference = float(
            np.abs(graph(torch.from_numpy(crops))[0].numpy() - session.run(None, {"pixels": crops})[0]).max()
        )
    if not difference <= TOLERANCE_PX:
        unfinished.unlink()
        raise WeightsError(f"The ONNX file differs from torch by {difference:.2g} px; {TOLERANCE_PX:g} is accepted.")
    unfinished.rename(path)


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
