"""Opening and running an ONNX network whose metadata describe it, by ONNX Runtime."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from duchenne.devices import CPU, Device, session_on
from duchenne.errors import DeviceError, WeightsError
from duchenne.weights import is_of_the_package
from duchenne.weights.onnx_trial import fault_of

MOST_FILE_BYTES = 2_000_000_000
"""Of a network; the paper's has 224 MB."""
METADATA_KEY = "duchenne"
"""Under which an exported network keeps its description, as JSON."""


def open_network(path: Path, threads: int, what: str, device: Device = CPU) -> onnxruntime.InferenceSession:
    """Return a session on the file. One that is none of the package's is tried in a process of its own first.

    Args:
        path: The file.
        threads: For one call.
        what: What is missing if there is no such file, after "no".
        device: Where it is computed.

    Raises:
        DeviceError: The device does not come up.
        WeightsError: The file is missing or cannot be run.
    """
    if not path.is_file():
        raise WeightsError(f"Found no {what} at {path}. Name an ONNX file, or none for the built-in one.")
    state = path.stat()
    if state.st_size > MOST_FILE_BYTES:
        raise WeightsError(f"{path} has {state.st_size} bytes; a network has at most {MOST_FILE_BYTES}. Name another.")
    if not is_of_the_package(path) and (fault := _fault(path, state.st_size, state.st_mtime_ns)):
        raise WeightsError(f"{path} is not an ONNX network that can be run: {fault}. Export it again.")
    try:
        return session_on(device, path, threads)
    except DeviceError:
        raise
    except Exception as error:  # ONNX Runtime's own tree has no public base but Exception.
        raise WeightsError(f"{path} is not an ONNX network that can be run: {str(error).splitlines()[0]}") from error


@lru_cache(maxsize=32)
def _fault(path: Path, size: int, changed_ns: int) -> str | None:
    return fault_of(path)


def run_network(
    path: Path, session: onnxruntime.InferenceSession, outputs: Sequence[str] | None, inputs: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """Return the outputs of a network.

    Args:
        path: Its file, to be named.
        session: As `open_network` gives it.
        outputs: Names; None for all.
        inputs: By name.

    Raises:
        WeightsError: The network takes other inputs, or gives what is not a finite number.
    """
    try:
        found = session.run(None if outputs is None else list(outputs), dict(inputs))
    except Exception as error:  # As above.
        raise WeightsError(f"{path} cannot be run on a face: {str(error).splitlines()[0]} Export it again.") from error
    if not all(np.isfinite(values).all() for values in found):
        raise WeightsError(f"{path} gives numbers that are not finite; its weights are damaged. Export it again.")
    return [np.asarray(values) for values in found]


def described(path: Path, session: onnxruntime.InferenceSession, kind: str, what: str, maker: str) -> dict[str, Any]:
    """Return the metadata of the network.

    Args:
        path: Its file, to be named.
        session: As `open_network` gives it.
        kind: The kind that its metadata must name.
        what: The same in the words of a message, after "but not".
        maker: What writes such files, after "with".

    Raises:
        WeightsError: It has no metadata, or those of another kind.
    """
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("kind") != kind:
        raise WeightsError(
            f"{path} is an ONNX network, but not {what} of this project (no metadata {METADATA_KEY!r} of kind "
            f"{kind!r}). Export one with {maker}."
        )
    return found
