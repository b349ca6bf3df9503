"""Where networks are computed: the execution providers of ONNX Runtime, by the names that users give."""

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal, get_args

import onnxruntime

from duchenne.errors import DeviceError, UsageError
from duchenne.extras.runtimes import RUNTIME_OF, how_to_get
from duchenne.weights import weights_path

DeviceName = Literal["auto", "cpu", "cuda", "coreml", "openvino", "directml"]
"""What may be asked for."""


@dataclass(frozen=True)
class Device:
    """A way to compute networks.

    Attributes:
        name: As users give it.
        provider: ONNX Runtime's name of it.
        settings: Of the provider. Ours: numbers stay in single precision wherever the provider leaves a choice.
        in_turns: Whether a network may be called by one thread at a time only.
        note: What "auto" found wrong with another device; empty where nothing.
    """

    name: str
    provider: str
    settings: Mapping[str, str] = field(default_factory=dict)
    in_turns: bool = False
    note: str = ""


CPU = Device("cpu", "CPUExecutionProvider")
DEVICES = {
    device.name: device
    for device in (
        CPU,
        Device("cuda", "CUDAExecutionProvider", {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}),
        Device("coreml", "CoreMLExecutionProvider"),
        Device("openvino", "OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "FP32"}),
        Device("directml", "DmlExecutionProvider", in_turns=True),
    )
}
_TAKEN_BY_AUTO = ("cuda", "directml", "openvino")
"""In this order, where their package is installed. Ours: CoreML is part of every ONNX Runtime for macOS, so that it is
no sign of a wish; it is taken if it is asked for by name."""


class _InTurns(onnxruntime.InferenceSession):  # type: ignore[misc]
    """A session whose calls wait for each other, as DirectML demands."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turn = Lock()

    def run(self, *args: Any, **options: Any) -> Any:
        """Return the outputs."""
        with self._turn:
            return super().run(*args, **options)


def device_for(name: str) -> Device:
    """Return the device that is asked for; for "auto" the first that can be used, at last the processor.

    Example:
        >>> device_for("cpu").provider
        'CPUExecutionProvider'

    Args:
        name: One of `DeviceName`.

    Raises:
        UsageError: There is no device of this name.
        DeviceError: It is asked for by name and cannot be used here.
    """
    check_device(name)
    if name == "auto":
        return _first_usable()
    if fault := fault_of(name):
        raise DeviceError(f"{fault} Use --device cpu or auto to go on without it.")
    return DEVICES[name]


def check_device(name: str) -> None:
    """Raise UsageError unless a device may be asked for by this name."""
    if name not in get_args(DeviceName):
        raise UsageError(f"There is no device {name!r}. Choose one of {', '.join(get_args(DeviceName))}.")


def _first_usable() -> Device:
    there = onnxruntime.get_available_providers()
    faults: list[str] = []
    for name in _TAKEN_BY_AUTO:
        if DEVICES[name].provider in there:
            if not (fault := fault_of(name)):
                return replace(DEVICES[name], note=" ".join(faults))
            faults.append(fault)
    return replace(CPU, note=" ".join(faults))


@cache
def fault_of(name: str) -> str | None:
    """Return why a device cannot be used here; None if it can: a network of the package was opened on it.

    Example:
        >>> fault_of("cpu") is None
        True
    """
    device = DEVICES[name]
    there = onnxruntime.get_available_providers()
    if device.provider not in there:
        known = ", ".join(provider.removesuffix("ExecutionProvider") for provider in there)
        return (
            f"The device {name} needs {device.provider}, which the installed ONNX Runtime {onnxruntime.__version__} "
            f"lacks (it has {known}). {_way_to(name)}"
        )
    try:
        session_on(device, weights_path("landmarker.onnx"), 1)
    except DeviceError as error:
        return str(error)
    return None


def _way_to(name: str) -> str:
    if name in RUNTIME_OF:
        return f"Install {RUNTIME_OF[name]} in its place: {how_to_get(name).replace(chr(10), ' && ')}."
    return "It is part of the onnxruntime for macOS."


def session_on(device: Device, path: Path, threads: int) -> onnxruntime.InferenceSession:
    """Return a session that computes a network on a device, and nowhere else but for what the device lacks.

    ONNX Runtime would go on with the processor if the device failed, now or in a call; that is switched off.

    Args:
        device: Where.
        path: The network.
        threads: Of the processor, for one call.

    Raises:
        DeviceError: The device does not come up, for example without its driver.
        Exception: As ONNX Runtime raises it, if the file is no network.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.enable_mem_pattern = not device.in_turns
    kind = _InTurns if device.in_turns else onnxruntime.InferenceSession
    with redirect_stdout(io.StringIO()):  # What it says of a device that fails goes there.
        session = kind(str(path), options, providers=_providers(device))
    if session.get_providers()[0] != device.provider:
        raise DeviceError(
            f"The device {device.name} cannot be used: {device.provider} is installed but does not start. Check its "
            "driver and the libraries that it needs."
        )
    session.disable_fallback()
    return session


def _providers(device: Device) -> Sequence[Any]:
    return [CPU.provider] if device.name == "cpu" else [(device.provider, dict(device.settings)), CPU.provider]
