"""Which arithmetic filters patches, or a whole face as one: torch's own convolutions, or transforms of large kernels.

All give the same numbers up to rounding. What runs is chosen when it runs, by the sizes of a layer, by the number of
faces, and by what the machine has; a network's file says nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from duchenne.errors import UsageError
from duchenne.networks.compiled_kernel import Kernel, built_kernel, compiled_kernel
from duchenne.networks.grouped_convolution import grouped_convolution, grouped_maps
from duchenne.networks.map_tiles import TiledLayer, filtered_in_tiles, tiled_layer
from duchenne.networks.spectral_convolution import packed_maps, spectral_convolution
from duchenne.networks.tiled_convolution import Tiling, spectra, tiled_convolution, tiling_of

Convolution = Literal["auto", "direct", "tiled", "compiled"]
"""direct: torch's convolutions. tiled: transforms of tiles, as matrix products of torch; large kernels only. compiled:
by a kernel that a C++ compiler builds once; transforms for large kernels, plain sums for small ones in training. auto:
compiled where the kernel was built before, else tiled."""

_LEAST_FACES = 8
"""Below that, the transforms of the weights cost more than they save."""
_FACES_IN_TILES, _PATCHES_AT_ONCE = 32, 2


@dataclass(frozen=True)
class OwnLayer:
    """A valid convolution followed by a ReLU.

    Attributes:
        weight: Of each patch, or one for all.
        bias: Likewise.
        stride: Step.
    """

    weight: Float[Tensor, "q o c k k"]
    bias: Float[Tensor, "q o"]
    stride: int

    def of(self, patches: slice) -> "OwnLayer":
        """Return the layer of some patches."""
        if len(self.weight) == 1:
            return self
        return OwnLayer(self.weight[patches], self.bias[patches], self.stride)

    def direct(self, maps: Float[Tensor, "n c h h"], patch: int) -> Float[Tensor, "n o g g"]:
        """Return what torch's own convolution makes of one patch's maps."""
        own = patch if len(self.weight) > 1 else 0
        return torch.relu(functional.conv2d(maps, self.weight[own], self.bias[own], self.stride))


def own_layer(convolution: nn.Conv2d) -> OwnLayer:
    """Return a convolution of one group for each patch as the layer of those patches."""
    assert convolution.bias is not None
    groups = convolution.groups
    weight, bias = convolution.weight.unflatten(0, (groups, -1)), convolution.bias.unflatten(0, (groups, -1))
    return OwnLayer(weight, bias, convolution.stride[0])


def resolved(convolution: Convolution, bf16: bool = False) -> Convolution:
    """Return what "auto" means on this machine; anything else as it is.

    Args:
        convolution: What is wanted.
        bf16: Whether torch's convolutions would compute in bfloat16, which saves more than tiles do.

    Raises:
        UsageError: The compiled kernel is asked for and cannot be built here.

    Example:
        >>> resolved("direct")
        'direct'
    """
    if convolution == "compiled" and compiled_kernel() is None:
        raise UsageError("There is no C++ compiler (c++, or $CXX) for --convolution compiled. Use auto or tiled.")
    if convolution == "auto":
        slower: Convolution = "direct" if bf16 else "tiled"
        return slower if built_kernel() is None else "compiled"
    return convolution


def choose_convolution(network: nn.Module, convolution: Convolution, bf16: bool = False) -> Convolution | None:
    """Let a network filter its patches so from now on; return what was chosen, None if it has no choice.

    Args:
        network: Any network.
        convolution: What is wanted.
        bf16: As in `resolved`.

    Raises:
        UsageError: As `resolved`.
    """
    if not hasattr(network, "convolution"):
        return None
    chosen = resolved(convolution, bf16)
    network.convolution = chosen  # type: ignore[assignment]
    return chosen


def transformed_maps(
    planes: Float[Tensor, "n p k s s"], layers: Sequence[OwnLayer], convolution: Convolution
) -> Float[Tensor, "n m h h"] | None:
    """Return the maps of the last layer, patch after patch; None where torch's convolutions are to run as ever.

    Args:
        planes: Windows of each patch.
        layers: All of them, from the one that patches share on.
        convolution: Which way is wanted.
    """
    way = "direct" if _as_ever(planes) else resolved(convolution, torch.is_autocast_enabled("cpu"))
    with torch.autocast("cpu", enabled=False):
        if way == "compiled" and (plans := _plans(planes, layers)):
            return _compiled(planes.float(), layers, plans)
        if way == "tiled" and (tilings := _tilings(planes.shape[-1], layers)):
            return _tiled(planes.float(), layers, tilings)
    return None


def trained_maps(
    planes: Float[Tensor, "n p k s s"], shared: nn.Conv2d, layers: Sequence[nn.Module], convolution: Convolution
) -> Float[Tensor, "n m h h"] | None:
    """Return the maps of the last layer of a network with small kernels; None where torch's convolutions are to run.

    Args:
        planes: Windows of each patch.
        shared: The convolution that all patches share.
        layers: Those of each patch: a convolution, or one followed by a normalisation.
        convolution: Which way is wanted.
    """
    if _as_ever(planes) or torch.is_autocast_enabled("cpu") or resolved(convolution) != "compiled":
        return None
    kernel = compiled_kernel()
    assert kernel is not None
    return grouped_maps(planes, shared, layers, kernel)


def _as_ever(planes: Tensor) -> bool:
    traced = torch.jit.is_tracing() or torch.compiler.is_compiling()  # type: ignore[attr-defined]
    return traced or planes.device.type != "cpu" or len(planes) < _LEAST_FACES or planes.requires_grad


def _plans(planes: Float[Tensor, "n p k s s"], layers: Sequence[OwnLayer]) -> list[TiledLayer]:
    """Return how the kernel runs the first layers, as many as it can; only a single map is cut into tiles."""
    kernel, found = compiled_kernel(), list[TiledLayer]()
    if kernel is None:
        return found
    patches, side = planes.shape[1], planes.shape[-1]
    for layer in layers:
        outputs, inputs, width = layer.weight.shape[1:4]
        most_tiles = 1 if patches > 1 else None
        plan = tiled_layer(side, width, inputs, outputs, kernel.lanes, most_tiles) if layer.stride == 1 else None
        if plan is None or (found and plan.geometry.width != inputs):
            break
        found.append(plan)
        side = plan.out_side
    return found


def _tilings(side: int, layers: Sequence[OwnLayer]) -> list[Tiling]:
    """Return how the first layers' maps are cut into tiles, of as many layers as can be."""
    found = list[Tiling]()
    for layer in layers:
        plan = tiling_of(side, layer.weight.shape[3]) if layer.stride == 1 else None
        if plan is None:
            break
        found.append(plan)
        side = plan.outputs * plan.count
    return found


def _compiled(planes: Tensor, layers: Sequence[OwnLayer], plans: Sequence[TiledLayer]) -> Tensor:
    kernel = compiled_kernel()
    assert kernel is not None
    faces, patches, found = len(planes), planes.shape[1], []
    at_once = max(_PATCHES_AT_ONCE, torch.get_num_threads())
    for first in range(0, patches, at_once):
        here = slice(first, first + at_once)
        maps = planes[:, here].permute(1, 0, 3, 4, 2)
        for plan, layer in zip(plans, layers, strict=False):
            own = layer.of(here)
            if plan.tiling.count > 1:
                maps = filtered_in_tiles(maps.squeeze(0), own.weight, own.bias, plan, kernel)[None]
                continue
            if plan is plans[0]:
                maps = packed_maps(planes[:, here], plan.geometry, kernel)
            maps = spectral_convolution(maps, own.weight, own.bias, faces, plan.geometry, kernel)
        found.append(_rest(maps, [layer.of(here) for layer in layers[len(plans) :]], kernel))
    return torch.cat(found, 1)


def _rest(maps: Float[Tensor, "p n h h c"], layers: Sequence[OwnLayer], kernel: Kernel) -> Float[Tensor, "n m g g"]:
    """Return what the layers after those with large kernels make of some patches' maps."""
    values = maps.permute(1, 2, 3, 0, 4)
    for layer in layers:
        outputs, inputs = layer.weight.shape[1:3]
        if outputs % kernel.lanes or inputs % kernel.lanes:
            parts = values.permute(3, 0, 4, 1, 2).unbind()
            filtered = torch.stack([layer.direct(part, patch) for patch, part in enumerate(parts)])
            values = filtered.permute(1, 3, 4, 0, 2)
        else:
            values = grouped_convolution(values, layer.weight, layer.bias, layer.stride, kernel, rectified=True)
    return values.permute(0, 3, 4, 1, 2).flatten(1, 2)


def _tiled(planes: Tensor, layers: Sequence[OwnLayer], plans: Sequence[Tiling]) -> Tensor:
    found = []
    shared = spectra(layers[0].weight[0], plans[0]) if len(layers[0].weight) == 1 else None
    for patch in range(planes.shape[1]):
        parts = []
        own = [layer.of(slice(patch, patch + 1)) for layer in layers[: len(plans)]]
        matrices = [spectra(layer.weight[0], plan) for layer, plan in zip(own, plans, strict=True)]
        matrices[0] = matrices[0] if shared is None else shared
        for part in planes[:, patch].split(_FACES_IN_TILES):
            maps = part.permute(2, 3, 1, 0).contiguous()
            for layer, plan, matrix in zip(own, plans, matrices, strict=True):
                maps = tiled_convolution(maps, matrix, layer.bias[0], plan)
            values = maps.permute(3, 2, 0, 1).contiguous()
            for layer in layers[len(plans) :]:
                values = layer.direct(values, patch)
            parts.append(values)
        found.append(torch.cat(parts))
    return torch.cat(found, 1)
