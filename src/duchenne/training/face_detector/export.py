"""From trained weights to `face_detector.onnx`."""

import json
from pathlib import Path

import torch

from duchenne.faces import MAP_CHANNELS, POINT_UNIT, SIDE_UNIT, STRIDES
from duchenne.networks.face_detector import MEAN, SCALE, FaceDetectorNetwork, PictureToMaps
from duchenne.networks.onnx_export import export_onnx, write_metadata

TOLERANCE = 1e-3
"""How far a value of the ONNX file's maps may lie from torch's."""


def export_face_detector(network: FaceDetectorNetwork, path: Path, confidence: float) -> float:
    """Write the network with its normalisation inside and what a reader must know in the file's metadata.

    Args:
        network: Trained.
        path: The file to write.
        confidence: Default threshold on a face's score.

    Returns:
        The largest difference between the file and torch.

    Raises:
        WeightsError: The file gives other maps than torch; no file is left then.
    """
    outputs = [f"stride_{stride}" for stride in STRIDES]
    noise = torch.randint(0, 256, (1, 96, 160, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return export_onnx(
        PictureToMaps(network),
        path,
        _metadata(confidence),
        inputs={"pixels": torch.zeros((1, 64, 96, 3), dtype=torch.uint8)},
        outputs=outputs,
        free_axes={"pixels": {1: "height", 2: "width"}} | {n: {1: f"{n}_height", 2: f"{n}_width"} for n in outputs},
        others={"pixels": noise},
        tolerance=TOLERANCE,
    )


def set_confidence(path: Path, confidence: float) -> None:
    """Change the default threshold in a face detector's file."""
    write_metadata(path, _metadata(confidence))


def _metadata(confidence: float) -> dict[str, str]:
    return {
        "task": "face detector",
        "input": "pixels: 1 x height x width x 3, RGB, uint8; height and width multiples of 32",
        "normalisation": f"(value - {MEAN}) / {SCALE}, inside the graph",
        "strides": json.dumps(STRIDES),
        "channels": f"{MAP_CHANNELS}: score, centre, log side, 5 points; units 1, {SIDE_UNIT}, {POINT_UNIT} strides",
        "confidence": repr(round(confidence, 4)),
        "license": "Apache-2.0",
    }
