"""Maps that are larger than the compiled kernel's transforms: cut into overlapping tiles, and its outputs put together.

Rows of tiles take the place of patches that share their weights; the tiles of a row count as faces. What lies beyond
the map's edge is zero, and no output that is kept reads it.

Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 8.7 (overlap-save).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from duchenne.networks.compiled_kernel import Kernel
from duchenne.networks.spectral_convolution import (
    Geometry,
    Gradients,
    derive_patch,
    filter_patch,
    geometry_of,
    in_threads,
    packed_maps,
    spectrum_of,
    weight_gradient,
)
from duchenne.networks.tiled_convolution import Tiling

_FACES = 4
"""Faces whose tiles are cut at once: few, so that they stay near the processor, and enough to fill its vectors."""


@dataclass(frozen=True)
class TiledLayer:
    """How the kernel runs a layer.

    Attributes:
        side: Of the whole maps that it reads.
        tiling: How they are cut; one tile is the map itself.
        geometry: Of a tile.
    """

    side: int
    tiling: Tiling
    geometry: Geometry

    @property
    def out_tiling(self) -> Tiling:
        """How the outputs lie beside each other."""
        return replace(self.tiling, kernel=1)

    @property
    def out_side(self) -> int:
        """Side of the whole outputs."""
        return self.side - self.tiling.kernel + 1


def tiled_layer(
    side: int, kernel: int, inputs: int, outputs: int, lanes: int, most_tiles: int | None = None
) -> TiledLayer | None:
    """Return the tiles whose transforms have the fewest points in all; None where the kernel cannot run the layer.

    Args:
        side: Of the maps.
        kernel: Side of the kernel.
        inputs: Channels read.
        outputs: Channels made.
        lanes: Of the compiled kernel.
        most_tiles: Tiles along a map at most.

    Example:
        >>> tiled_layer(184, 7, 32, 16, lanes=8).tiling
        Tiling(kernel=7, outputs=36, count=5)
        >>> tiled_layer(48, 7, 32, 32, lanes=8).tiling
        Tiling(kernel=7, outputs=42, count=1)
        >>> tiled_layer(184, 7, 32, 16, lanes=8, most_tiles=1)
    """
    found, whole = list[TiledLayer](), side - kernel + 1
    for count in range(1, min(most_tiles or whole, whole) + 1):
        tiling = Tiling(kernel, -(-whole // count), count)
        geometry = geometry_of(tiling.inputs, kernel, inputs, outputs, lanes)
        if geometry is not None and (count - 1) * tiling.outputs < whole:
            found.append(TiledLayer(side, tiling, geometry))
    return min(found, key=lambda plan: (plan.tiling.count * plan.geometry.points, plan.geometry.points), default=None)


def filtered_in_tiles(
    maps: Float[Tensor, "n h h c"],
    weight: Float[Tensor, "1 o c k k"],
    bias: Float[Tensor, "1 o"],
    plan: TiledLayer,
    kernel: Kernel,
) -> Float[Tensor, "n g g o"]:
    """Return relu(convolution + bias), channels last.

    Args:
        maps: Channels last; where these do not fill the kernel's vectors, nobody may ask for the maps' gradient.
        weight: As that of patches that share it.
        bias: Likewise.
        plan: From `tiled_layer`.
        kernel: The compiled kernel.
    """
    found: Tensor = _Filtered.apply(maps, weight, bias, plan, kernel)  # type: ignore[no-untyped-call]
    return found


class _Filtered(torch.autograd.Function):
    """A few faces after the other, so that only their tiles are held; these are cut anew for the gradient."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, plan: TiledLayer, kernel: Kernel) -> Tensor:
        """Return the rectified outputs; `filtered_in_tiles` says of what."""
        geometry, bias = plan.geometry, bias.contiguous()
        spectrum = spectrum_of(weight[0], geometry.points)
        found = maps.new_empty(len(maps), plan.out_side, plan.out_side, geometry.outputs)
        for some, out in zip(maps.split(_FACES), found.split(_FACES), strict=True):
            _filter(some, spectrum, bias[0], out, plan, kernel)
        ctx.plan, ctx.kernel = plan, kernel
        ctx.save_for_backward(maps, weight, found)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        """Return the gradients of maps, weight and bias."""
        maps, weight, found = ctx.saved_tensors
        geometry, parts = ctx.plan.geometry, _parts(ctx.plan)
        turned = spectrum_of(weight[0].transpose(0, 1), geometry.points) if ctx.needs_input_grad[0] else None
        of_maps = None if turned is None else torch.zeros_like(maps)
        into = Gradients(of_maps, weight.new_zeros(parts, *geometry.spectrum), weight.new_zeros(parts, len(weight[0])))
        for first in range(0, len(maps), _FACES):
            few = slice(first, first + _FACES)
            own = replace(into, maps=None if of_maps is None else of_maps[few])
            _derive(maps[few], found[few], gradient[few], turned, own, ctx.plan, ctx.kernel)
        of_weight = weight_gradient(into.spectrum.sum(0), geometry.kernel)
        return of_maps, of_weight[None], into.bias.sum(0, keepdim=True), None, None


def _filter(maps: Tensor, spectrum: Tensor, bias: Tensor, out: Tensor, plan: TiledLayer, kernel: Kernel) -> None:
    """Write the outputs of a few faces."""
    tiles, faces = _packed(maps, plan, kernel), len(maps) * plan.tiling.count**2
    values = maps.new_empty(len(tiles), faces // len(tiles), *[plan.tiling.outputs] * 2, plan.geometry.outputs)
    in_threads(
        lambda part: filter_patch(tiles[part], spectrum, bias, values[part], plan.geometry, kernel), range(len(tiles))
    )
    _add(values, plan.out_tiling, out)


def _derive(
    maps: Tensor,
    found: Tensor,
    gradient: Tensor,
    turned: Tensor | None,
    into: Gradients,
    plan: TiledLayer,
    kernel: Kernel,
) -> None:
    """Add the gradients of a few faces; spectrum and bias of each part by themselves."""
    tiles, parts = _packed(maps, plan, kernel), _parts(plan)
    shown, wanted = (_tiles(values, plan.out_tiling, parts) for values in (found, gradient))
    of_tiles = None if into.maps is None else torch.empty_like(tiles)

    def run(part: int) -> None:
        own = Gradients(None if of_tiles is None else of_tiles[part], into.spectrum[part], into.bias[part])
        derive_patch(tiles[part], shown[part], wanted[part], turned, own, plan.geometry, kernel)

    in_threads(run, range(parts))
    if into.maps is not None and of_tiles is not None:
        _add(of_tiles, plan.tiling, into.maps)


def _parts(plan: TiledLayer) -> int:
    """Return what threads share: rows of tiles; one thread takes all at once."""
    return plan.tiling.count if torch.get_num_threads() > 1 else 1


def _packed(maps: Float[Tensor, "n h h c"], plan: TiledLayer, kernel: Kernel) -> Float[Tensor, "p m t t w"]:
    """Return the tiles as the kernel reads them."""
    tiles = _tiles(maps, plan.tiling, _parts(plan))
    if tiles.shape[-1] == plan.geometry.width:
        return tiles
    return packed_maps(tiles.permute(1, 0, 4, 2, 3), plan.geometry, kernel)


def _tiles(maps: Float[Tensor, "n h h c"], tiling: Tiling, parts: int) -> Float[Tensor, "p m t t c"]:
    """Return the tiles of a few faces: row of tiles, face, column of tiles; zero beyond the maps' edge."""
    count, side = tiling.count, tiling.inputs
    found = maps.new_empty(count, len(maps), count, side, side, maps.shape[3])
    for tile, rows, columns in _places(found, tiling):
        part = maps[:, rows, columns]
        height, width = part.shape[1:3]
        tile[:, :height, :width] = part
        tile[:, height:].zero_()
        tile[:, :height, width:].zero_()
    return found.view(parts, -1, *found.shape[3:])


def _add(tiles: Float[Tensor, "p m t t c"], tiling: Tiling, maps: Float[Tensor, "n h h c"]) -> None:
    """Add the tiles to the maps at their places; tiles that do not overlap are written there."""
    for tile, rows, columns in _places(tiles.view(tiling.count, -1, tiling.count, *tiles.shape[2:]), tiling):
        part = maps[:, rows, columns]
        values = tile[:, : part.shape[1], : part.shape[2]]
        part.copy_(values) if tiling.inputs == tiling.outputs else part.add_(values)


def _places(tiles: Float[Tensor, "r n r t t c"], tiling: Tiling) -> Iterator[tuple[Tensor, slice, slice]]:
    """Yield each tile of all faces with its rows and columns in the maps; those beyond their edge are not there."""
    for row, column in tiling.tiles():
        place = (slice(row, row + tiling.inputs), slice(column, column + tiling.inputs))
        yield tiles[row // tiling.outputs, :, column // tiling.outputs], *place
