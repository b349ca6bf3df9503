"""Go on from a face detector or landmarker that was exported: its ONNX file back into a network that can be trained."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from duchenne.errors import WeightsError


def start_from_export(network: nn.Module, path: Path, pictures: Tensor) -> None:
    """Give a network the weights of an exported one, so that it answers alike.

    Export folds each batch normalisation into its convolution. Here it is unfolded: mean and variance are measured on
    some pictures, gain and shift are chosen to undo them. So the answers are those of the file, and the statistics of
    a training batch agree with the stored ones.

    Args:
        network: Filled in place.
        path: An ONNX file that `landmarker_export` or `finder_export` wrote.
        pictures: n x 3 x h x w, normalised, such as training sees; some hundred.

    Raises:
        WeightsError: The file is of another architecture.
    """
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    weights = _weights(path)
    found, wanted = [w.shape for w, _ in weights], [tuple(layer.weight.shape) for layer in layers]
    if found != wanted:
        raise WeightsError(f"{path} holds layers of shapes {found}; this network has {wanted}. Train from nothing.")
    norms = _norm_after(network)
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, weights, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.copy()))
            shift = norms[layer].bias if layer in norms else layer.bias
            if shift is not None:
                shift.copy_(torch.from_numpy(bias.copy()))
        _unfold(network, norms, pictures)


def _weights(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weight and bias of each layer of the graph, in the order of its nodes."""
    graph = onnx.load(str(path)).graph
    stored = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    for node in graph.node:  # Of equal tensors the exporter keeps one and passes it on.
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    nodes = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    return [(stored[node.input[1]], stored[node.input[2]]) for node in nodes]


def _norm_after(network: nn.Module) -> dict[nn.Module, nn.BatchNorm2d]:
    modules = list(network.modules())
    return {a: b for a, b in pairwise(modules) if isinstance(b, nn.BatchNorm2d)}


def _unfold(network: nn.Module, norms: dict[nn.Module, nn.BatchNorm2d], pictures: Tensor) -> None:
    """Measure what each folded convolution gives, and let the normalisation after it take that away and add it."""
    measured: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(layer: nn.Module, _: object, out: Tensor) -> None:
        measured[layer] = (out.mean((0, 2, 3)), out.var((0, 2, 3)))

    for norm in norms.values():  # For now each adds its shift alone.
        norm.running_mean.zero_()  # type: ignore[union-attr]
        norm.running_var.fill_(1.0 - norm.eps)  # type: ignore[union-attr]
        norm.weight.fill_(1.0)
    hooks = [layer.register_forward_hook(note) for layer in norms]
    network.eval()(pictures)
    for hook in hooks:
        hook.remove()
    for layer, norm in norms.items():
        mean, variance = measured[layer]
        norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        norm.running_var.copy_(variance)  # type: ignore[union-attr]
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
