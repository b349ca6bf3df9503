"""Valid convolutions by the discrete Fourier transform of tiles: large kernels in a fifth of the products.

Maps are cut into overlapping tiles, as in overlap-save filtering. The transform of a tile, the products of spectra and
the transform back are batched matrix products of real numbers, which run at the processor's own rate: torch.fft takes
as long for one map and leaves frequencies where a copy must collect them first. Maps lie as (row, column, channel,
face), so that each stage reads what the stage before wrote, without a copy.

Columns are transformed at the frequencies of (2 f + 1) / 2 periods, which come in conjugate pairs without exception,
so half of them say everything of real values; rows at whole periods. What wraps around a tile is never read.

Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 8.7 (overlap-save). Ours: odd frequencies,
stages as matrix products.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

_SIDES = (12, 14, 16)
"""Outputs along a tile that pay; smaller tiles read too much twice, larger ones take longer to transform."""


@dataclass(frozen=True)
class Tiling:
    """How maps are cut.

    Attributes:
        kernel: Side of the kernel.
        outputs: Outputs along a tile.
        count: Tiles along the map.
    """

    kernel: int
    outputs: int
    count: int

    @property
    def inputs(self) -> int:
        """Values that a tile reads along each axis."""
        return self.outputs + self.kernel - 1

    @property
    def points(self) -> int:
        """Length of the transform: even, and no shorter than the tile."""
        return self.inputs + self.inputs % 2

    def tiles(self) -> list[tuple[int, int]]:
        """Return first row and first column of each tile."""
        first = [place * self.outputs for place in range(self.count)]
        return [(row, column) for row in first for column in first]


def tiling_of(side: int, kernel: int) -> Tiling | None:
    """Return how to cut maps of this side; None where their outputs cannot be cut into tiles that pay.

    Example:
        >>> tiling_of(48, 7)
        Tiling(kernel=7, outputs=14, count=3)
    """
    outputs = side - kernel + 1
    fitting = [tile for tile in _SIDES if outputs > 0 and outputs % tile == 0]
    return Tiling(kernel, fitting[0], outputs // fitting[0]) if fitting and kernel >= _LEAST_KERNEL else None


_LEAST_KERNEL = 6
"""Below this side, what transforms cost exceeds what they save."""


def spectra(weight: Float[Tensor, "o c k k"], tiling: Tiling) -> Float[Tensor, "f o2 c2"]:
    """Return for each frequency the matrix that takes a map's real and imaginary parts to the output's.

    Gradients pass through it, so that those of all tiles and faces are transformed back once.
    """
    stages = _stages(tiling, weight.dtype)
    rows = torch.einsum("fy,ocyx->focx", stages.kernel_columns, weight.to(stages.kernel_columns.dtype))
    values = torch.einsum("gx,focx->fgoc", stages.kernel_rows, rows).flatten(0, 1)
    real, imaginary = values.real, values.imag
    return torch.cat([torch.cat([real, -imaginary], 2), torch.cat([imaginary, real], 2)], 1)


def tiled_convolution(
    maps: Float[Tensor, "h h c n"],
    spectrum: Float[Tensor, "f o2 c2"],
    bias: Float[Tensor, " o"],
    tiling: Tiling,
) -> Float[Tensor, "g g o n"]:
    """Return relu(convolution + bias), with stride 1 and no padding.

    Args:
        maps: Of one patch.
        spectrum: From `spectra`.
        bias: By output channel.
        tiling: As `tiling_of` says for these maps.
    """
    found: Tensor = _Tiled.apply(maps, spectrum, bias, tiling)  # type: ignore[no-untyped-call]
    return found


@dataclass(frozen=True)
class _Stages:
    """The four transforms of a tile as matrices, and both of a kernel.

    Attributes:
        columns: (n, i): down each column; rows are frequencies, each real part before its imaginary part.
        rows: (2n, 2i): along each row, for one frequency of the columns.
        rows_back: (2m, 2n).
        columns_back: (m, n).
        kernel_columns: (n / 2, k), complex.
        kernel_rows: (n, k), complex.
    """

    columns: Tensor
    rows: Tensor
    rows_back: Tensor
    columns_back: Tensor
    kernel_columns: Tensor
    kernel_rows: Tensor


@cache
def _stages(tiling: Tiling, dtype: torch.dtype) -> _Stages:
    points, inputs, outputs = tiling.points, tiling.inputs, tiling.outputs
    place = torch.arange(max(points, inputs), dtype=torch.float64)
    odd = math.pi / points * (2 * place[: points // 2, None] + 1) * place
    whole = 2 * math.pi / points * place[:points, None] * place
    columns = torch.stack([odd.cos(), -odd.sin()], 1).flatten(0, 1)
    back = torch.stack([odd.cos(), -odd.sin()], 1).flatten(0, 1).T * (2 / points)
    rows = _complex_matrix(whole[:, :inputs].cos(), -whole[:, :inputs].sin(), interleaved_rows=True)
    rows_back = _complex_matrix(whole[:, :outputs].cos().T, whole[:, :outputs].sin().T, interleaved_rows=False) / points
    kernel = slice(0, tiling.kernel)
    complex_type = torch.complex128 if dtype == torch.float64 else torch.complex64
    return _Stages(
        columns[:, :inputs].to(dtype).contiguous(),
        rows.to(dtype).contiguous(),
        rows_back.to(dtype).contiguous(),
        back[:outputs].to(dtype).contiguous(),
        torch.polar(torch.ones_like(odd), odd)[:, kernel].to(complex_type),
        torch.polar(torch.ones_like(whole), whole)[:, kernel].to(complex_type),
    )


def _complex_matrix(real: Tensor, imaginary: Tensor, *, interleaved_rows: bool) -> Tensor:
    """Return the real matrix of a complex one: parts interleaved along one axis, one after the other on the other."""
    upper, lower = torch.stack([real, -imaginary], 0), torch.stack([imaginary, real], 0)
    blocks = torch.stack([upper, lower], 0)  # part of the result, part of the input, row, column
    order = (2, 0, 1, 3) if interleaved_rows else (0, 2, 3, 1)
    return blocks.permute(*order).reshape(2 * real.shape[0], 2 * real.shape[1])


class _Tiled(torch.autograd.Function):
    """Convolution, bias and ReLU; spectra of maps are made anew for the gradient, as they are larger than the maps."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, spectrum: Tensor, bias: Tensor, tiling: Tiling) -> Tensor:
        """Return the rectified outputs; `tiled_convolution` says of what."""
        outputs, (channels, faces) = tiling.outputs, (len(bias), maps.shape[3])
        work = _Work(tiling, maps.dtype)
        found = maps.new_empty(tiling.count * outputs, tiling.count * outputs, channels, faces)
        for tile in tiling.tiles():
            products = torch.bmm(spectrum, work.transformed(_cut(maps, tile, tiling.inputs), faces))
            work.back(products, _cut(found, tile, outputs))
        found.add_(bias[:, None]).relu_()
        ctx.tiling = tiling
        ctx.save_for_backward(maps, spectrum, found)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        """Return the gradients of maps, spectrum and bias."""
        maps, spectrum, found = ctx.saved_tensors
        tiling, faces = ctx.tiling, maps.shape[3]
        gradient = torch.where(found > 0, gradient, 0)
        work = _Work(tiling, maps.dtype)
        of_maps = torch.zeros_like(maps) if ctx.needs_input_grad[0] else None
        of_spectrum = torch.zeros_like(spectrum)
        for tile in tiling.tiles():
            products = work.back_transposed(_cut(gradient, tile, tiling.outputs), faces)
            values = work.transformed(_cut(maps, tile, tiling.inputs), faces)
            of_spectrum.baddbmm_(products, values.transpose(1, 2))
            if of_maps is not None:
                values = torch.bmm(spectrum.transpose(1, 2), products)
                work.add_transposed(values, _cut(of_maps, tile, tiling.inputs))
        return of_maps, of_spectrum, gradient.sum((0, 1, 3)), None


def _cut(maps: Tensor, tile: tuple[int, int], side: int) -> Tensor:
    """Return (side, side * channels * faces), a view of the maps from the tile's first row and column on."""
    row, column = tile
    step = maps.shape[2] * maps.shape[3]
    return maps[row : row + side].flatten(1)[:, column * step : (column + side) * step]


class _Work:
    """The stages of one tile."""

    def __init__(self, tiling: Tiling, dtype: torch.dtype) -> None:
        self.half, self.points, stages = tiling.points // 2, tiling.points, _stages(tiling, dtype)
        self.inputs, self.outputs = tiling.inputs, tiling.outputs
        self.columns, self.columns_back = stages.columns, stages.columns_back
        self.rows = stages.rows.expand(self.half, -1, -1)
        self.rows_back = stages.rows_back.expand(self.half, -1, -1)

    def transformed(self, tile: Tensor, faces: int) -> Tensor:
        """Return the spectrum of a tile: (frequencies, 2 channels, faces)."""
        down = torch.mm(self.columns, tile).view(self.half, 2 * self.inputs, -1)
        return torch.bmm(self.rows, down).view(self.half * self.points, -1, faces)

    def add_transposed(self, values: Tensor, tile: Tensor) -> None:
        """Add to a tile what the transpose of `transformed` makes of values."""
        along = torch.bmm(self.rows.transpose(1, 2), values.view(self.half, 2 * self.points, -1))
        tile.addmm_(self.columns.T, along.view(self.points, -1))

    def back(self, products: Tensor, tile: Tensor) -> None:
        """Write the tile whose spectrum this is."""
        along = torch.bmm(self.rows_back, products.view(self.half, 2 * self.points, -1))
        torch.mm(self.columns_back, along.view(self.points, -1), out=tile)

    def back_transposed(self, tile: Tensor, faces: int) -> Tensor:
        """Return what the transpose of `back` makes of a tile."""
        down = torch.mm(self.columns_back.T, tile).view(self.half, 2 * self.outputs, -1)
        return torch.bmm(self.rows_back.transpose(1, 2), down).view(self.half * self.points, -1, faces)
