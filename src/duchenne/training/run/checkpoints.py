"""Training state in safetensors files: tensors by name, everything else as JSON in the header; nothing is unpickled."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from duchenne.errors import TrainingError
from duchenne.files.whole_files import FULL_DISK, write_whole
from duchenne.training.recipes.named import Recipe
from duchenne.training.recipes.stored import plain, read_recipe

_KEY, _HASH_KEY = "duchenne", "sha256"


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    """Write a file whole or not at all.

    Args:
        path: Where to.
        tensors: By name.
        metadata: Anything that JSON can hold.

    Raises:
        TrainingError: The disk is full or the folder cannot be written; what was there before is untouched.
    """
    kept = {name: values.detach().cpu().contiguous() for name, values in tensors.items()}
    text = json.dumps(metadata)
    data = save(kept, {_KEY: text, _HASH_KEY: _hash(kept, text)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        what = "the disk is full" if error.errno in FULL_DISK else "it cannot be written"
        raise TrainingError(
            f"{path}: {what} ({error.strerror}). What was kept before is whole; make room, then give the same command "
            "again to go on from there."
        ) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what `write_tensors` wrote.

    Raises:
        TrainingError: There is no such file, it is of another kind, or altered since it was written.
    """
    try:
        with safe_open(str(path), "pt") as file:
            held = file.metadata() or {}
            metadata = json.loads(held[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError, RecursionError) as error:
        raise TrainingError(
            f"{path} is not a checkpoint of this project: {error}. Train again, or name another."
        ) from None
    if not isinstance(metadata, dict):
        raise TrainingError(f"{path} is not a checkpoint of this project: it has no description. Train again.")
    if _HASH_KEY in held and held[_HASH_KEY] != _hash(tensors, held[_KEY]):
        raise TrainingError(f"{path} is altered or damaged: its hash is another. Copy it again, or train again.")
    return tensors, metadata


def recipe_in(path: Path, metadata: dict[str, Any]) -> Recipe:
    """Take the recipe out of what `read_tensors` returned, and return it.

    Raises:
        TrainingError: There is none, or this version cannot read it.
    """
    stored = metadata.pop("recipe", None)
    if not isinstance(stored, dict):
        raise TrainingError(f"{path} names no recipe; it was not made by duchenne train.")
    return read_recipe(stored)


def _hash(tensors: dict[str, Tensor], text: str) -> str:
    """Return what changes with names, types, sizes and values of the tensors and with the metadata."""
    digest = hashlib.sha256(text.encode())
    for name, values in sorted(tensors.items()):
        digest.update(f"{name} {values.dtype} {tuple(values.shape)} ".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
    for parameter, entry in optimiser.state.items():  # Laid out in memory as before, so that sums round as before.
        for name, values in entry.items():
            if values.shape == parameter.shape:
                entry[name] = torch.empty_like(parameter, dtype=values.dtype).copy_(values)


def hash_of_files(paths: Iterable[Path]) -> str:
    """Return a hash of what some files hold, in this order."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def identity_of(*parts: Any) -> str:
    """Return a hash of settings: what a checkpoint must agree with."""
    return hashlib.sha256(json.dumps([plain(part) for part in parts], sort_keys=True).encode()).hexdigest()


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
