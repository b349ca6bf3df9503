"""From an exported ONNX file back to the tensors of the network, so that released weights can be trained on.

The export folds batch normalisation into the layers before it, so what comes back fits a network without it; that says
the same as the exported one, and no batch statistics follow a few subjects.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from jaxtyping import Float
from onnx import numpy_helper
from torch import Tensor

from duchenne.recognition import AURecognizer

_PREFIX = "network."


@dataclass(frozen=True)
class OnnxWeights:
    """What an exported file holds.

    Attributes:
        tensors: By the names of the network's `state_dict`, of one without batch normalisation.
        aus: Names, in the order of the outputs.
        reference: (49, 3) head that landmarks are pose-normalised onto; None where the network reads no shape.
    """

    tensors: dict[str, Tensor]
    aus: tuple[str, ...]
    reference: Float[np.ndarray, "49 3"] | None


def read_onnx_weights(path: Path) -> OnnxWeights:
    """Return what `training.action_units.onnx_export.export_network` has written.

    Raises:
        WeightsError: The file is missing, or is no AU network of this project.
    """
    described = AURecognizer(path)
    return OnnxWeights(_tensors(onnx.load(str(path))), described.aus, described.reference)


def _tensors(model: Any) -> dict[str, Tensor]:
    """Return the tensors; a folded layer has lost its name, but layers stand in the order in which they are run."""
    values = {entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy()) for entry in model.graph.initializer}
    for node in model.graph.node:  # Of equal tensors the exporter keeps one and passes it on.
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    found = {name.removeprefix(_PREFIX): v for name, v in values.items() if name.startswith(_PREFIX)}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    for number, node in enumerate(convolutions[1:]):
        for part, name in zip(("weight", "bias"), node.input[1:], strict=True):
            found[f"patch_layers.{number}.{part}"] = values[name]
    return found
