"""Training state in safetensors files: tensors by name, everything else as JSON in the header; nothing is unpickled."""

import hashlib
import json
import subprocess
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from duchenne.errors import TrainingError

_KEY = "duchenne"


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write a file whole or not at all.

    Args:
        path: Where to.
        tensors: By name.
        told: Anything that JSON can hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    save_file(
        {name: values.detach().cpu().contiguous() for name, values in tensors.items()},
        str(unfinished),
        {_KEY: json.dumps(metadata)},
    )
    unfinished.replace(path)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `write_tensors` wrote.

    Raises:
        TrainingError: There is no such file, or it is of another kind.
    """
    try:
        with safe_open(str(path), "pt") as file:
            metadata = json.loads((file.metadata() or {})[_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise TrainingError(
            f"{path} is no checkpoint of this project: {error}. Train again, or name another."
        ) from None


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Return the optimiser's tensors by name and its settings."""
    state = optimiser.state_dict()
    tensors = {
        f"optimiser.{index}.{name}": values
        for index, entry in state["state"].items()
        for name, values in entry.items()
        if isinstance(values, Tensor)
    }
    return tensors, state["param_groups"]


def load_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor], groups: list[dict[str, Any]]) -> None:
    """Give the optimiser what `optimiser_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, values in tensors.items():
        if name.startswith("optimiser."):
            _, index, key = name.split(".", 2)
            state.setdefault(int(index), {})[key] = values
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def identity_of(*parts: Any) -> str:
    """Return a hash of settings: what a checkpoint must agree with."""
    return hashlib.sha256(json.dumps([plain(part) for part in parts], sort_keys=True).encode()).hexdigest()


def plain(value: Any) -> Any:
    """Return settings as JSON can hold them; a dataclass becomes an object that names its class under "is"."""
    if is_dataclass(value) and not isinstance(value, type):
        return {"is": type(value).__name__} | {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    return value


def unplain(value: Any, kinds: dict[str, type]) -> Any:
    """Return what `plain` was given; lists come back as tuples.

    Raises:
        TrainingError: The text names a class that is not among the kinds, or fields that it does not have.
    """
    if isinstance(value, list):
        return tuple(unplain(entry, kinds) for entry in value)
    if not isinstance(value, dict):
        return value
    values = {key: unplain(entry, kinds) for key, entry in value.items() if key != "is"}
    if "is" not in value:
        return values
    try:
        return kinds[value["is"]](**values)
    except (KeyError, TypeError) as error:
        raise TrainingError(f"Settings of kind {value['is']} cannot be read by this version: {error}.") from None


@cache
def commit() -> str:
    """Return the version of the package, with the commit where it runs from a clone."""
    try:
        number = version("duchenne")
    except PackageNotFoundError:
        number = "unknown"
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return f"{number}+{done.stdout.strip()}" if done.returncode == 0 else number
