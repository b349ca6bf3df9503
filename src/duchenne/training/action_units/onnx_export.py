"""The graph and metadata of an AU network's ONNX file; `export` adds thresholds and what is known of the training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from duchenne.networks.build import WindowNetwork
from duchenne.networks.onnx_export import export_onnx
from duchenne.onnx_network import METADATA_KEY
from duchenne.recognition import KIND, NeutralRule

LICENCE = "Apache-2.0"
PLAIN_OUTPUTS = ("probability",)
ORDINAL_OUTPUTS = ("probability", "intensity", "side_probability", "side_intensity")
"""(n, a) twice, then (n, a, 2) twice: the subject's left and right. Intensities are expected values, 0-5."""


class _Outputs(nn.Module):
    """The network with what users read behind it."""

    network: WindowNetwork

    def __init__(self, network: WindowNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: Tensor, shape: Tensor | None = None) -> tuple[Tensor, ...]:
        inputs = (windows,) if shape is None else (windows, shape)
        scale = self.network.scale
        if scale is None:
            return (torch.sigmoid(self.network(*inputs)),)
        latents = self.network.latents(*inputs)
        face = latents.amax(2)
        sides = scale.intensity(latents.movedim(2, 0)).movedim(0, 2)
        return torch.sigmoid(face), scale.intensity(face), torch.sigmoid(latents), sides


def output_names(network: WindowNetwork) -> tuple[str, ...]:
    """Return the names of the ONNX file's outputs; `probability` is always the first."""
    return PLAIN_OUTPUTS if network.scale is None else ORDINAL_OUTPUTS


def description(
    network: WindowNetwork,
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
        "margin_px": config.layout.margin_px,
        "reference_shape": None if reference is None else np.round(reference, 5).tolist(),
        "outputs": list(output_names(network)),
        "neutral": None if neutral is None else {k: np.round(v, 5).tolist() for k, v in vars(neutral).items()},
        "card": {"licence": LICENCE, "input": "RGB windows, uint8; standardised inside the graph", **card},
    }


def export_network(network: WindowNetwork, described: dict[str, Any], path: Path, tolerance: float = 1e-4) -> float:
    """Write the ONNX file; return the largest difference between it and torch, over all outputs.

    Raises:
        WeightsError: The difference exceeds the tolerance; no file is left then.
    """
    outputs, inputs = output_names(network), _example(network, 2)
    return export_onnx(
        _Outputs(network),
        path,
        {METADATA_KEY: json.dumps(described)},
        inputs=inputs,
        outputs=outputs,
        free_axes={name: {0: "faces"} for name in (*inputs, *outputs)},
        others=_example(network, 5),
        tolerance=tolerance,
    )


def _example(network: WindowNetwork, faces: int) -> dict[str, Tensor]:
    """Return inputs of the right sizes by name: noise, around the mean pose-normalised landmarks."""
    generator = torch.Generator().manual_seed(0)
    side = network.config.layout.side_px
    size = (faces, network.config.patches, side, side, 3)
    windows = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)
    if not network.config.view.shape:
        return {"windows": windows}
    noise = torch.randn(faces, *network.shape_mean.shape, generator=generator)
    return {"windows": windows, "shape": network.shape_mean + noise * network.shape_spread}
