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

from duchenne.networks.spectral_convolution import Geometry, geometry_of
from duchenne.networks.tiled_convolution import Tiling


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


def cut(maps: Float[Tensor, "p n h h c"], tiling: Tiling) -> Float[Tensor, "q m t t c"]:
    """Return the tiles of maps; where a tile is a whole map, the maps as they are."""
    if tiling.count == 1:
        return maps
    found: Tensor = _Cut.apply(maps.squeeze(0), tiling)  # type: ignore[no-untyped-call]
    return found.flatten(1, 2)


def joined(tiles: Float[Tensor, "q m g g o"], tiling: Tiling, out_side: int) -> Float[Tensor, "p n h h o"]:
    """Return the whole outputs."""
    if tiling.count == 1:
        return tiles
    by_face = tiles.unflatten(1, (-1, tiling.count))
    found: Tensor = _Joined.apply(by_face, replace(tiling, kernel=1), out_side)  # type: ignore[no-untyped-call]
    return found[None]


class _Cut(torch.autograd.Function):
    """Tiles of maps; the gradients of what they share are summed."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, tiling: Tiling) -> Tensor:
        """Return (row of tiles, face, column of tiles, row, column, channel)."""
        ctx.tiling, ctx.side = tiling, maps.shape[1]
        return _tiles(maps, tiling)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the maps."""
        return _summed(gradient, ctx.tiling, ctx.side), None


class _Joined(torch.autograd.Function):
    """Maps from their tiles."""

    @staticmethod
    def forward(ctx: Any, tiles: Tensor, tiling: Tiling, side: int) -> Tensor:
        """Return (face, row, column, channel)."""
        ctx.tiling = tiling
        return _summed(tiles, tiling, side)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the tiles."""
        return _tiles(gradient, ctx.tiling), None, None


def _tiles(maps: Float[Tensor, "n h h c"], tiling: Tiling) -> Float[Tensor, "r n r t t c"]:
    """Return tiles by row and column."""
    count, side = tiling.count, tiling.inputs
    found = maps.new_empty(count, len(maps), count, side, side, maps.shape[3])
    for tile, rows, columns in _places(found, tiling):
        part = maps[:, rows, columns]
        height, width = part.shape[1:3]
        tile[:, :height, :width] = part
        tile[:, height:].zero_()
        tile[:, :height, width:].zero_()
    return found


def _summed(tiles: Float[Tensor, "r n r t t c"], tiling: Tiling, side: int) -> Float[Tensor, "n h h c"]:
    """Return maps of this side that hold the sum of all tiles at their places."""
    overlap = tiling.inputs > tiling.outputs
    found = tiles.new_empty(tiles.shape[1], side, side, tiles.shape[5])
    if overlap:
        found.zero_()
    for tile, rows, columns in _places(tiles, tiling):
        part = found[:, rows, columns]
        values = tile[:, : part.shape[1], : part.shape[2]]
        part.add_(values) if overlap else part.copy_(values)
    return found


def _places(tiles: Tensor, tiling: Tiling) -> Iterator[tuple[Tensor, slice, slice]]:
    """Yield each tile of all faces with its rows and columns in the maps; those beyond their edge are not there."""
    for row, column in tiling.tiles():
        place = (slice(row, row + tiling.inputs), slice(column, column + tiling.inputs))
        yield tiles[row // tiling.outputs, :, column // tiling.outputs], *place
