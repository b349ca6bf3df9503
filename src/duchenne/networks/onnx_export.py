"""From any torch module to an ONNX file that describes itself and computes what torch computes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from duchenne.errors import WeightsError
from duchenne.files.whole_files import write_whole

OPSET = 17


def export_onnx(
    module: nn.Module,
    path: Path,
    metadata: Mapping[str, str],
    *,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    free_axes: Mapping[str, Mapping[int, str]],
    others: Mapping[str, Tensor],
    tolerance: float,
) -> float:
    """Write the file, whole or not at all; return the largest difference between it and torch, over all outputs.

    Args:
        module: Called with the inputs in their order; returns a tensor, or a tuple of them.
        path: Where to.
        metadata: What the file says of itself.
        inputs: Example by name; the module is traced with it.
        outputs: Names.
        free_axes: Names of the axes of inputs and outputs whose size may differ from the example's.
        others: Inputs of other sizes, on which file and module are compared.
        tolerance: Difference that is accepted.

    Raises:
        WeightsError: The difference exceeds the tolerance; no file is left then.
    """
    module = module.eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        draft = Path(folder) / "network.onnx"
        torch.onnx.export(
            module, tuple(inputs.values()), str(draft), input_names=list(inputs), output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in free_axes.items()}, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        write_metadata(draft, metadata)
        difference = _difference(module, draft, others)
        if not difference <= tolerance:
            raise WeightsError(
                f"The ONNX file differs from torch by {difference:.2g}; at most {tolerance:g} is accepted."
            )
        write_whole(path, draft.read_bytes())
    return difference


def write_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Let an ONNX file say this of itself, and nothing else; the file is checked and replaced as a whole."""
    model = onnx.load(str(path))
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    write_whole(path, model.SerializeToString())


def _difference(module: nn.Module, path: Path, inputs: Mapping[str, Tensor]) -> float:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    known = {entry.name for entry in session.get_inputs()}
    found = session.run(None, {name: values.numpy() for name, values in inputs.items() if name in known})
    with torch.no_grad():
        expected = module(*inputs.values())
    expected = (expected,) if isinstance(expected, Tensor) else expected
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, found, strict=True))
