"""Opening an ONNX network whose metadata describe it; ONNX Runtime on the processor."""

import json
from pathlib import Path
from typing import Any

import onnxruntime

from duchenne.errors import WeightsError

METADATA_KEY = "duchenne"
"""Under which an exported network keeps its description, as JSON."""


def open_network(path: Path, threads: int, what: str) -> onnxruntime.InferenceSession:
    """Return a session on the file.

    Args:
        path: The file.
        threads: For one call.
        what: What is missing if there is no such file, after "no".

    Raises:
        WeightsError: The file is missing or cannot be run.
    """
    if not path.is_file():
        raise WeightsError(f"Found no {what} at {path}. Name an ONNX file, or none for the built-in one.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own tree has no public base but Exception.
        raise WeightsError(f"{path} is no ONNX network that can be run: {str(error).splitlines()[0]}") from error


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
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or found.get("kind") != kind:
        raise WeightsError(
            f"{path} is an ONNX network, but not {what} of this project (no metadata {METADATA_KEY!r} of kind "
            f"{kind!r}). Export one with {maker}."
        )
    return found
