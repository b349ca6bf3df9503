"""Fine-tuning: begin with the weights of a trained system or of a released file, for the same AUs or others."""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from duchenne.errors import TrainingError
from duchenne.networks.ordinal import OrdinalScale
from duchenne.networks.region_config import RegionConfig, ResidualLayer
from duchenne.networks.symmetric_config import SymmetricConfig
from duchenne.training.action_units.onnx_weights import OnnxWeights, read_onnx_weights
from duchenne.training.action_units.system import NETWORK_FILE, load_deep
from duchenne.training.data.learnt_people import people_in
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.run.checkpoints import identity_of, read_tensors
from duchenne.weights import AU_NETWORKS, DEFAULT_AU_NETWORK, whole_weights

PRETRAINED = "pretrained"
"""Stands for the package's own AU network."""
_OUTPUTS = ("output", "appearance", "landmarks")
"""The last layers: of a region network the first, with outputs by side; of a symmetric one the others."""
_PATCH_LAYERS = "patch_layers."


@dataclass(frozen=True)
class Initialisation:
    """Weights to begin from.

    Attributes:
        path: A folder of `duchenne train`; an ONNX file of `duchenne export`; or "pretrained", the package's own file.
    """

    path: Path

    @cached_property
    def file(self) -> Path:
        """The file that holds the weights."""
        if str(self.path) == PRETRAINED:
            return whole_weights(AU_NETWORKS[DEFAULT_AU_NETWORK])
        return self.path / NETWORK_FILE if self.path.is_dir() else self.path

    @property
    def exported(self) -> bool:
        """Whether it is an ONNX file, whose batch normalisation is folded into the layers."""
        return self.file.name != NETWORK_FILE

    @cached_property
    def weights(self) -> OnnxWeights:
        """The tensors, with the AUs and the reference head that go with them."""
        if self.exported:
            return read_onnx_weights(self.file)
        system = load_deep(self.file.parent)
        return OnnxWeights(dict(system.network.state_dict()), system.aus, system.reference)

    @property
    def people(self) -> frozenset[str]:
        """Whom the weights learnt from; nobody where they do not say, as exported files do not."""
        if self.exported:
            return frozenset()
        found = people_in(read_tensors(self.file)[1])
        return frozenset() if found is None else found.everybody

    @property
    def hash(self) -> str:
        """What a checkpoint of the fine-tuning must agree with."""
        _ = self.weights  # says what is wrong with the file, if anything is
        return identity_of(hashlib.sha256(self.file.read_bytes()).hexdigest())

    def suited(self, recipe: DeepRecipe) -> DeepRecipe:
        """Return the recipe for a network that these weights fit: without batch normalisation if it was folded.

        Raises:
            TrainingError: The weights are an ONNX file and the recipe's network reads no windows around landmarks.
        """
        if not self.exported:
            return recipe
        if not isinstance(recipe.network, RegionConfig | SymmetricConfig):
            raise TrainingError(
                f"{self.file} reads windows around landmarks, {recipe.name} does not. Use the recipe symmetric."
            )
        return replace(recipe, network=replace(recipe.network, batch_norm=False))


def begin_from(
    start: Initialisation, network: nn.Module, aus: tuple[str, ...], reference: Float[np.ndarray, "49 3"] | None
) -> Float[np.ndarray, "49 3"] | None:
    """Give the network the start's weights; return the reference head that goes with them.

    Outputs of AUs that the start knows are taken over by name; those of other AUs keep their random weights. Residual
    layers that the start lacks begin by adding nothing.

    Raises:
        TrainingError: The sizes of a layer before the output differ.
    """
    own, given = network.state_dict(), start.weights.tensors
    given, added = _beside_residual_layers(given, network)
    for name, values in own.items():
        if name.startswith((*(f"{layer}." for layer in _OUTPUTS), "scale.", *added)):
            continue
        if name not in given or given[name].shape != values.shape:
            raise TrainingError(
                f"{start.file} has no {name} of {tuple(values.shape)}. Fine-tuning changes AUs, not sizes: take the "
                "recipe that it was trained with."
            )
        values.copy_(given[name])
    _take_outputs(own, given, aus, start.weights.aus)
    network.load_state_dict(own)
    return start.weights.reference if reference is not None else None


def _beside_residual_layers(given: dict[str, Tensor], network: nn.Module) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the tensors under the names that they have in the network, and how names of its further layers begin."""
    layers = getattr(getattr(network, "config", None), "patch_layers", ())
    old = [number for number, layer in enumerate(layers) if not isinstance(layer, ResidualLayer)]
    found = {name.split(".")[1] for name in given if name.startswith(_PATCH_LAYERS)}
    if len(found) != len(old) or len(old) == len(layers):
        return given, ()
    renamed = {}
    for name, values in given.items():
        if name.startswith(_PATCH_LAYERS):
            number, part = name.removeprefix(_PATCH_LAYERS).split(".", 1)
            name = f"{_PATCH_LAYERS}{old[int(number)]}.{part}"
        renamed[name] = values
    return renamed, tuple(f"{_PATCH_LAYERS}{number}." for number in set(range(len(layers))) - set(old))


def _take_outputs(
    own: dict[str, Tensor], given: dict[str, Tensor], aus: tuple[str, ...], known: tuple[str, ...]
) -> None:
    ordinal = "scale.steps" in own and "scale.steps" in given
    if ("scale.steps" in own) != ("scale.steps" in given):
        return
    shared = [name for name in aus if name in known]
    here, there = OrdinalScale(aus), OrdinalScale(known)
    parts = [f"{layer}.{part}" for layer in _OUTPUTS for part in ("weight", "bias") if f"{layer}.{part}" in own]
    for name in shared:
        a, b = aus.index(name), known.index(name)
        by_side = ordinal and "output.weight" in own
        pairs = {(a, b)} | ({(int(here.right[a]), int(there.right[b]))} if by_side else set())
        for to, come_from in pairs:
            for part in parts:
                own[part][to] = given[part][come_from]
        if ordinal:
            own["scale.steps"][a] = given["scale.steps"][b]
