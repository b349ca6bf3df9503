"""A trained network as a system: scores for faces of a store, kept in a folder without pickle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import TrainingError, UsageError
from duchenne.networks.build import WindowNetwork, build_network
from duchenne.networks.region import RegionNetwork
from duchenne.training.data.inputs import InputReader
from duchenne.training.data.learnt_people import LearntPeople, people_in
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.recipes.stored import plain
from duchenne.training.run.checkpoints import read_tensors, recipe_in, write_tensors

NETWORK_FILE = "network.safetensors"
_BATCH = 64


@dataclass(frozen=True)
class DeepSystem:
    """A trained network.

    Attributes:
        recipe: How it was trained.
        network: In evaluation mode.
        reference: (49, 3) head that landmarks are pose-normalised onto; None where the network needs none.
        metadata: Data fingerprint, people, commit, steps, seconds and validation score.
    """

    recipe: DeepRecipe
    network: nn.Module
    reference: Float[np.ndarray, "49 3"] | None
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.recipe.name

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that `scores` returns, in its order."""
        return self.recipe.aus

    @property
    def people(self) -> LearntPeople | None:
        """The subjects whom it learnt from or who said when to stop; None if it does not remember."""
        return people_in(self.metadata)

    @property
    def config(self) -> Any:
        """Sizes of the network."""
        return self.recipe.network

    def inputs(self, store: FaceStore, rows: Int[np.ndarray, " k"]) -> tuple[Tensor, ...]:
        """Return what the network reads of these rows, where the network lies."""
        drawn = InputReader(self.recipe.network.view, store, self.reference).plain(rows)
        device = next(self.network.parameters()).device
        return tuple(torch.from_numpy(values).to(device) for values in drawn.inputs)

    def scores(self, store: FaceStore) -> Float[np.ndarray, "n a"]:
        """Return the probability of each AU in each face."""
        parts = []
        for start in range(0, len(store), _BATCH):
            rows = np.arange(start, min(start + _BATCH, len(store)))
            with torch.no_grad():
                parts.append(torch.sigmoid(self.network(*self.inputs(store, rows))).cpu().numpy().astype(float))
        return np.concatenate(parts) if parts else np.zeros((0, len(self.aus)))

    def patch_features(self, store: FaceStore, rows: Int[np.ndarray, " k"]) -> Float[Tensor, "k p f"]:
        """Return what each patch hands on; `network.read_features` takes it to logits.

        Raises:
            UsageError: The network has no patches.
        """
        if not isinstance(self.network, RegionNetwork):
            raise UsageError(f"{self.name} has no patches. Use paper, compact or grid.")
        with torch.no_grad():
            return self.network.patch_features(self.inputs(store, rows)[0])

    def save(self, folder: Path) -> None:
        """Write the system into the folder."""
        tensors = dict(self.network.state_dict())
        if self.reference is not None:
            tensors["reference"] = torch.from_numpy(self.reference)
        write_tensors(folder / NETWORK_FILE, tensors, {"recipe": plain(self.recipe), **self.metadata})


def ordinal_network(system: DeepSystem, use: str) -> WindowNetwork:
    """Return the system's network.

    Args:
        system: Any.
        use: What only networks with an ordinal head can do, for the message.

    Raises:
        TrainingError: It has no ordinal head.
    """
    network = system.network
    if not isinstance(network, WindowNetwork) or network.scale is None:
        raise TrainingError(f"{system.name} has no ordinal head; only such networks {use}.")
    return network


def load_deep(folder: Path) -> DeepSystem:
    """Return the system that lies in the folder.

    Raises:
        TrainingError: There is none, or this version cannot read it.
    """
    tensors, metadata = read_tensors(folder / NETWORK_FILE)
    recipe = recipe_in(folder / NETWORK_FILE, metadata)
    if not isinstance(recipe, DeepRecipe):
        raise TrainingError(f"{folder / NETWORK_FILE} holds no network of a recipe. Train again.")
    found = tensors.pop("reference", None)
    _require_fit(folder / NETWORK_FILE, recipe, tensors)
    network = build_network(recipe.network)
    network.load_state_dict(tensors)
    return DeepSystem(recipe, network.eval(), None if found is None else found.numpy(), metadata)


def _require_fit(path: Path, recipe: DeepRecipe, tensors: dict[str, Tensor]) -> None:
    """Raise TrainingError unless the tensors are those of the recipe's network, before it takes any memory."""
    try:
        with torch.device("meta"):
            expected = {name: values.shape for name, values in build_network(recipe.network).state_dict().items()}
    except (TypeError, ValueError, RuntimeError, ArithmeticError, AttributeError, IndexError) as error:
        raise TrainingError(f"{path} has a recipe whose network cannot be built: {error}. Train again.") from None
    wrong = sorted(
        name for name in {*expected, *tensors} if expected.get(name) != getattr(tensors.get(name), "shape", 0)
    )
    if wrong:
        raise TrainingError(f"{path} holds other tensors than its recipe says ({wrong[0]}). Train again.")
    if not all(torch.isfinite(values).all() for values in tensors.values()):
        raise TrainingError(f"{path} holds numbers that are not finite. Train again.")
