"""From a trained region network to an ONNX file that describes itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from jaxtyping import Float
from torch import Tensor, nn

from duchenne.errors import WeightsError
from duchenne.networks.region import RegionNetwork
from duchenne.onnx_network import METADATA_KEY
from duchenne.recognition import KIND, NeutralRule

OPSET = 17
LICENCE = "Apache-2.0"


PLAIN_OUTPUTS = ("probability",)
ORDINAL_OUTPUTS = ("probability", "intensity", "side_probability", "side_intensity")
"""(n, a) twice, then (n, a, 2) twice: the subject's left and right. Intensities are expected values, 0-5."""


class _Outputs(nn.Module):
    """The network with what users read behind it."""

    network: RegionNetwork

    def __init__(self, network: RegionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor, shape: Tensor | None = None) -> tuple[Tensor, ...]:
        scale = self.network.scale
        if scale is None:
            return (torch.sigmoid(self.network(windows, shape)),)
        latents = self.network.latents(windows, shape)
        face = latents.amax(2)
        sides = scale.intensity(latents.movedim(2, 0)).movedim(0, 2)
        return torch.sigmoid(face), scale.intensity(face), torch.sigmoid(latents), sides


def output_names(network: RegionNetwork) -> tuple[str, ...]:
    """Return the names of the ONNX file's outputs; `probability` is always the first."""
    return PLAIN_OUTPUTS if network.scale is None else ORDINAL_OUTPUTS


def description(
    network: RegionNetwork,
    thresholds: Float[np.ndarray, " a"],
    reference: np.ndarray | None,
    card: dict[str, Any],
    neutral: NeutralRule | None = None,
) -> dict[str, Any]:
    """Return the metadata that `recognition.AURecognizer` reads.

    Args:
        network: Its config says AUs and windows.
        thresholds: One for each AU.
        reference: (49, 3), the head that landmarks are pose-normalised onto; None where the network reads no shape.
        card: Anything about data and training.
        neutral: How neutral faces shift scores; None where that was not learnt.
    """
    config = network.config
    return {
        "kind": KIND,
        "aus": list(config.aus),
        "thresholds": [round(float(value), 4) for value in thresholds],
        "landmarks": list(config.layout.landmarks),
        "side_px": config.layout.side_px,
        "reduction": config.layout.reduction,
        "reference_shape": None if reference is None else np.round(reference, 5).tolist(),
        "outputs": list(output_names(network)),
        "neutral": None if neutral is None else {k: np.round(v, 5).tolist() for k, v in vars(neutral).items()},
        "card": {"licence": LICENCE, "input": "RGB windows, uint8; standardised inside the graph", **card},
    }


def export_network(network: RegionNetwork, described: dict[str, Any], path: Path, tolerance: float = 1e-4) -> float:
    """Write the ONNX file; return the largest difference between it and torch, over all outputs.

    Raises:
        WeightsError: The difference exceeds the tolerance; no file is left then.
    """
    module, outputs = _Outputs(network).eval(), list(output_names(network))
    inputs = _example(network, 2)
    names = ["windows", "shape"][: len(inputs)]
    unfinished = path.with_suffix(".unfinished")
    torch.onnx.export(
        module,
        inputs,
        str(unfinished),
        input_names=names,
        output_names=outputs,
        dynamic_axes={name: {0: "faces"} for name in (*names, *outputs)},
        opset_version=OPSET,
        dynamo=False,
    )
    model = onnx.load(str(unfinished))
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(described)})
    onnx.save(model, str(unfinished))
    difference = _difference(module, unfinished)
    if difference > tolerance:
        unfinished.unlink()
        raise WeightsError(f"The ONNX file differs from torch by {difference:.2g}; at most {tolerance:g} is accepted.")
    unfinished.rename(path)
    return difference


def _difference(module: _Outputs, path: Path) -> float:
    inputs = _example(module.network, 5)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    found = session.run(None, {name: values.numpy() for name, values in zip(names, inputs, strict=True)})
    with torch.no_grad():
        expected = module(*inputs)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, found, strict=True))


def _example(network: RegionNetwork, faces: int) -> tuple[Tensor, ...]:
    """Return inputs of the right sizes: noise around the mean shape."""
    generator = torch.Generator().manual_seed(0)
    side = network.config.layout.side_px
    size = (faces, network.config.patches, side, side, 3)
    windows = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
    if not network.config.shape_width:
        return (windows,)
    noise = torch.randn(faces, *network.shape_mean.shape, generator=generator)
    return windows, network.shape_mean + noise * network.shape_spread
