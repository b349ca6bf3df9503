"""From trained weights to `face_detector.onnx`."""

import json
from pathlib import Path

import onnx
import torch

from duchenne.faces import MAP_CHANNELS, POINT_UNIT, SIDE_UNIT, STRIDES
from duchenne.networks.face_detector import MEAN, SCALE, FaceDetectorNetwork, PictureToMaps


def export_face_detector(network: FaceDetectorNetwork, path: Path, confidence: float) -> None:
    """Write the network with its normalisation inside and what a reader must know in the file's metadata.

    Args:
        network: Trained.
        path: The file to write.
        confidence: Default threshold on a face's score.
    """
    names = [f"stride_{stride}" for stride in STRIDES]
    shapes = {"pixels": {1: "height", 2: "width"}} | {n: {1: f"{n}_height", 2: f"{n}_width"} for n in names}
    example = torch.zeros((1, 64, 96, 3), dtype=torch.uint8)
    graph = PictureToMaps(network).eval()
    torch.onnx.export(
        graph, (example,), str(path), input_names=["pixels"], output_names=names, dynamic_axes=shapes,
        opset_version=17, dynamo=False,
    )  # fmt: skip
    set_confidence(path, confidence)


def set_confidence(path: Path, confidence: float) -> None:
    """Write the metadata of a face detector's file, its default threshold among them."""
    model = onnx.load(str(path))
    about = {
        "task": "face detector",
        "input": "pixels: 1 x height x width x 3, RGB, uint8; height and width multiples of 32",
        "normalisation": f"(value - {MEAN}) / {SCALE}, inside the graph",
        "strides": json.dumps(STRIDES),
        "channels": f"{MAP_CHANNELS}: score, centre, log side, 5 points; units 1, {SIDE_UNIT}, {POINT_UNIT} strides",
        "confidence": repr(round(confidence, 4)),
        "license": "Apache-2.0",
    }
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, about)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
