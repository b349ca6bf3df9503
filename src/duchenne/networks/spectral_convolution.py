"""Convolution, bias and ReLU of several patches by the compiled kernel, with gradients."""

import math
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from duchenne.networks.compiled_kernel import Gradient, Kernel, Layer

_POINTS = (24, 42, 48, 60)
"""Lengths of transforms that the kernel knows."""
_LEAST_KERNEL = 5
_WIDEST = 64


@dataclass(frozen=True)
class Geometry:
    """The sizes of a layer for the kernel.

    Attributes:
        side: Of the maps.
        kernel: Side of the kernel.
        inputs: Channels read.
        outputs: Channels made.
        packed: Faces beside each other at a place of the maps.
        width: Floats at a place.
        points: Length of the transforms.
    """

    side: int
    kernel: int
    inputs: int
    outputs: int
    packed: int
    width: int
    points: int

    @property
    def out_side(self) -> int:
        """Side of the outputs."""
        return self.side - self.kernel + 1

    @property
    def spectrum(self) -> tuple[int, ...]:
        """Shape of the weights' spectrum: angles along rows, angles down columns, part, input, output."""
        return self.points // 2, self.points, 2, self.inputs, self.outputs


def geometry_of(side: int, kernel: int, inputs: int, outputs: int, lanes: int) -> Geometry | None:
    """Return how the kernel runs a layer with stride 1; None where it cannot, or where it would not pay.

    Example:
        >>> geometry_of(48, 7, 32, 32, lanes=8)
        Geometry(side=48, kernel=7, inputs=32, outputs=32, packed=1, width=32, points=48)
        >>> geometry_of(16, 3, 16, 16, lanes=8)
    """
    points = next((length for length in _POINTS if side <= length <= side * 1.2), None)
    if points is None or not _LEAST_KERNEL <= kernel <= side or outputs % lanes or max(inputs, outputs) > _WIDEST:
        return None
    if inputs % lanes == 0:
        return Geometry(side, kernel, inputs, outputs, 1, inputs, points)
    own = 1 << (inputs - 1).bit_length()
    if own > lanes:
        return None
    return Geometry(side, kernel, inputs, outputs, lanes // own, lanes, points)


def packed_maps(planes: Float[Tensor, "n p k s s"], geometry: Geometry, kernel: Kernel) -> Float[Tensor, "p m s s w"]:
    """Return windows as the first layer reads them: patch by patch, channels last, faces beside each other.

    What is missing to whole vectors is zero.
    """
    windows = planes.permute(0, 1, 3, 4, 2)
    if not windows[0, 0].is_contiguous():
        windows = windows.contiguous()
    items = -(-len(planes) // geometry.packed)
    found = planes.new_empty(planes.shape[1], items, geometry.side, geometry.side, geometry.width)
    for patch, maps in enumerate(found):
        kernel.pack(windows[:, patch], geometry.packed, geometry.width // geometry.packed, maps)
    return found


def spectral_convolution(
    maps: Float[Tensor, "p m h h w"],
    weight: Float[Tensor, "q o c k k"],
    bias: Float[Tensor, "q o"],
    faces: int,
    geometry: Geometry,
    kernel: Kernel,
) -> Float[Tensor, "p n g g o"]:
    """Return relu(convolution + bias) of each patch, channels last.

    Args:
        maps: Of all patches, channels last; the first layer's as `packed_maps` makes them.
        weight: Of each patch, or one for all.
        bias: By output channel, likewise.
        faces: Their number.
        geometry: From `geometry_of`.
        kernel: The compiled kernel.
    """
    found: Tensor = _Spectral.apply(maps, weight, bias, faces, geometry, kernel)  # type: ignore[no-untyped-call]
    return found


class _Spectral(torch.autograd.Function):
    """Threads share the patches; the numbers of each are summed by one thread."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor, faces: int, geometry: Geometry, kernel: Kernel
    ) -> Tensor:
        """Return the rectified outputs; `spectral_convolution` says of what."""
        maps, bias = maps.contiguous(), bias.contiguous()
        found = maps.new_empty(len(maps), faces, geometry.out_side, geometry.out_side, geometry.outputs)
        shared = spectrum_of(weight[0], geometry.points) if len(weight) == 1 else None

        def run(patch: int) -> None:
            spectrum = spectrum_of(weight[patch], geometry.points) if shared is None else shared
            own_bias = bias[patch if shared is None else 0]
            filter_patch(maps[patch], spectrum, own_bias, found[patch], geometry, kernel)

        in_threads(run, range(len(maps)))
        ctx.geometry, ctx.kernel = geometry, kernel
        ctx.save_for_backward(maps, weight, found)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None, None]:
        """Return the gradients of maps, weight and bias."""
        maps, weight, found = ctx.saved_tensors
        geometry: Geometry = ctx.geometry
        gradient = gradient.contiguous()
        of_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        of_weight = weight.new_empty(len(maps), *weight.shape[1:])
        of_bias = weight.new_zeros(len(maps), geometry.outputs)

        def run(patch: int) -> None:
            own = weight[patch if len(weight) > 1 else 0]
            turned = None if of_maps is None else spectrum_of(own.transpose(0, 1), geometry.points)
            of_spectrum = weight.new_zeros(geometry.spectrum)
            into = Gradients(None if of_maps is None else of_maps[patch], of_spectrum, of_bias[patch])
            derive_patch(maps[patch], found[patch], gradient[patch], turned, into, geometry, ctx.kernel)
            of_weight[patch] = weight_gradient(of_spectrum, geometry.kernel)

        in_threads(run, range(len(maps)))
        if len(weight) == 1:
            of_weight, of_bias = of_weight.sum(0, keepdim=True), of_bias.sum(0, keepdim=True)
        return of_maps, of_weight, of_bias, None, None, None


@dataclass(frozen=True)
class Gradients:
    """What the gradients of a patch are written to.

    Attributes:
        maps: None where nobody asks for it.
        spectrum: Of the weights; added to.
        bias: Added to.
    """

    maps: Tensor | None
    spectrum: Tensor
    bias: Tensor


def filter_patch(
    maps: Tensor, spectrum: Tensor, bias: Tensor, found: Tensor, geometry: Geometry, kernel: Kernel
) -> None:
    """Write the rectified outputs of one patch's maps."""
    kernel.forward(_layer(maps, spectrum, bias, found, geometry), geometry.points)


def derive_patch(
    maps: Tensor,
    found: Tensor,
    gradient: Tensor,
    turned: Tensor | None,
    into: Gradients,
    geometry: Geometry,
    kernel: Kernel,
) -> None:
    """Write the gradients of one patch; `turned` is the spectrum with outputs before inputs, for that of the maps."""
    pointers = [None if values is None else values.data_ptr() for values in (turned, into.maps)]
    wanted = Gradient(gradient.data_ptr(), *pointers, into.spectrum.data_ptr(), into.bias.data_ptr())
    kernel.backward(_layer(maps, None, None, found, geometry), wanted, geometry.points)


def in_threads(run: Callable[[int], None], patches: Iterable[int]) -> None:
    """Run each patch, by as many threads as torch has."""
    threads = torch.get_num_threads()
    if threads == 1:
        for patch in patches:
            run(patch)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_without_gradient(run), patches))


def _without_gradient(run: Callable[[int], None]) -> Callable[[int], None]:
    def quietly(patch: int) -> None:
        with torch.no_grad():
            run(patch)

    return quietly


def _layer(maps: Tensor, spectrum: Tensor | None, bias: Tensor | None, out: Tensor, geometry: Geometry) -> Layer:
    return Layer(
        maps.data_ptr(),
        None if spectrum is None else spectrum.data_ptr(),
        None if bias is None else bias.data_ptr(),
        out.data_ptr(),
        len(out),
        geometry.packed,
        geometry.width,
        geometry.side,
        geometry.kernel,
        geometry.inputs,
        geometry.outputs,
    )


def spectrum_of(weight: Float[Tensor, "o c k k"], points: int) -> Float[Tensor, "f g 2 c o"]:
    """Return the conjugate of the kernel's spectrum: angles along rows, angles down columns, part, input, output."""
    outputs, inputs, side, _ = weight.shape
    rows, columns = _kernel_stages(points, side)
    along = torch.mm(rows, weight.permute(3, 2, 1, 0).reshape(side, -1)).view(points // 2, 2 * side, -1)
    return torch.bmm(columns.expand(points // 2, -1, -1), along).view(points // 2, points, 2, inputs, outputs)


def weight_gradient(spectrum: Float[Tensor, "f g 2 c o"], side: int) -> Float[Tensor, "o c k k"]:
    """Return the kernel whose spectrum this is."""
    half, points, _, inputs, outputs = spectrum.shape
    rows, columns = _kernel_stages(points, side)
    down = torch.bmm(columns.T.expand(half, -1, -1), spectrum.view(half, 2 * points, -1))
    values = torch.mm(rows.T, down.view(points, -1)) * (2 / points**2)
    return values.view(side, side, inputs, outputs).permute(3, 2, 1, 0)


@cache
def _kernel_stages(points: int, side: int) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n2 k2"]]:
    """Return the transform along the rows of real values, and that down the columns of complex ones, part by part."""
    place = torch.arange(points, dtype=torch.float64)
    odd = math.pi / points * (4 * place[: points // 2, None] + 1) * place[:side]
    whole = 2 * math.pi / points * place[:, None] * place[:side]
    rows = torch.stack([odd.cos(), odd.sin()], 1).flatten(0, 1)
    real = torch.stack([whole.cos(), -whole.sin()], 1)
    imaginary = torch.stack([whole.sin(), whole.cos()], 1)
    columns = torch.stack([real, imaginary], 1).reshape(2 * points, 2 * side)
    return rows.float(), columns.float()
