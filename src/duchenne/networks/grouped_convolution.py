"""Small kernels by the compiled kernel, a group of channels for each patch; training alone takes this way."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from duchenne.networks.compiled_kernel import Grouped, GroupedGradient, Kernel, Places
from duchenne.networks.standard import AddedConvolution, AddedNormedConvolution


def grouped_maps(
    planes: Float[Tensor, "n p k s s"], shared: nn.Conv2d, layers: Sequence[nn.Module], kernel: Kernel
) -> Float[Tensor, "n m h h"] | None:
    """Return the maps of the last layer, patch after patch; None where the channels do not fill the kernel's vectors.

    Args:
        planes: Windows of each patch.
        shared: The convolution that all patches share.
        layers: Those of each patch: a convolution, or one followed by a normalisation; or such ones that are added.
        kernel: The compiled kernel.
    """
    values = planes.permute(0, 3, 4, 1, 2)
    if shared.out_channels % kernel.lanes or shared.stride[0] > 1:
        return None
    maps = _filtered(values, shared, kernel, rectified=True)
    for layer in layers:
        convolution = layer[0] if isinstance(layer, nn.Sequential) else layer
        patches = convolution.groups  # type: ignore[union-attr]
        added = isinstance(layer, AddedConvolution | AddedNormedConvolution)
        if any(count // patches % kernel.lanes for count in (convolution.in_channels, convolution.out_channels)):  # type: ignore[union-attr,operator]
            found = nn.Conv2d.forward(convolution, maps)  # type: ignore[arg-type]
        else:
            padded = functional.pad(maps, [convolution.padding[0]] * 4) if added else maps  # type: ignore[union-attr,index,list-item]
            values = padded.permute(0, 2, 3, 1).unflatten(3, (patches, -1))
            if isinstance(layer, nn.Conv2d) and not added:
                maps = _filtered(values, layer, kernel, rectified=True)
                continue
            found = _filtered(values, convolution, kernel)  # type: ignore[arg-type]
        found = layer[1](found) if isinstance(layer, nn.Sequential) else found
        maps = torch.relu_(maps + found if added else found)  # in place: what went before keeps no outputs
    return maps


def _filtered(
    values: Float[Tensor, "n h h p c"], layer: nn.Conv2d, kernel: Kernel, rectified: bool = False
) -> Float[Tensor, "n m g g"]:
    """Return a layer's outputs, rectified or not, with channels last in memory."""
    weight = layer.weight.unflatten(0, (layer.groups, -1))
    bias = None if layer.bias is None else layer.bias.unflatten(0, (layer.groups, -1))
    found = grouped_convolution(values, weight, bias, layer.stride[0], kernel, rectified)
    return found.flatten(3).permute(0, 3, 1, 2)


def grouped_convolution(
    maps: Float[Tensor, "n h h p c"],
    weight: Float[Tensor, "q o c k k"],
    bias: Float[Tensor, "q o"] | None,
    stride: int,
    kernel: Kernel,
    rectified: bool = False,
) -> Float[Tensor, "n g g p o"]:
    """Return the convolution of each patch, behind a ReLU if wanted.

    Args:
        maps: Of each patch; channels that fill the kernel's vectors, or whose gradient nobody asks for.
        weight: Of each patch, or one for all; output channels that fill the kernel's vectors.
        bias: Likewise.
        stride: Step.
        kernel: The compiled kernel.
        rectified: Whether a ReLU follows.
    """
    found: Tensor = _Grouped.apply(maps, weight, bias, stride, kernel, rectified)  # type: ignore[no-untyped-call]
    return found


class _Grouped(torch.autograd.Function):
    """Threads share the patches; the numbers of each are summed by one thread."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor | None, stride: int, kernel: Kernel, rectified: bool
    ) -> Tensor:
        """Return the outputs, channels last; the weight's first axis is the patch, or 1 if all share it."""
        maps = _dense(maps)
        faces, side, _, patches, _ = maps.shape
        out_side = (side - weight.shape[3]) // stride + 1
        found = maps.new_empty(faces, out_side, out_side, patches, weight.shape[1])
        turned = weight.permute(0, 3, 4, 2, 1).contiguous()
        bias = None if bias is None else bias.contiguous()
        layer = _layer(maps, found, weight, stride)
        layer.rectify = rectified
        layer.weight, layer.weight_group = turned.data_ptr(), turned[0].numel() if len(weight) > 1 else 0
        if bias is not None:
            layer.bias, layer.bias_group = bias.data_ptr(), bias.shape[1] if len(bias) > 1 else 0
        _by_thread(layer, patches, kernel.grouped_forward)
        ctx.stride, ctx.kernel, ctx.has_bias = stride, kernel, bias is not None
        ctx.save_for_backward(maps, weight, found if rectified else None)
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None, None, None]:
        """Return the gradients of maps, weight and bias."""
        maps, weight, shown = ctx.saved_tensors
        gradient = _dense(gradient) if shown is None else gradient.contiguous()  # laid as the outputs are
        of_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        if of_maps is not None and of_maps.stride() != maps.stride():  # One set of strides reads both.
            maps, of_maps = maps.contiguous(), torch.empty_like(maps, memory_format=torch.contiguous_format)
        patches, layer = maps.shape[3], _layer(maps, gradient, weight, ctx.stride)
        _, outputs, inputs, side, _ = weight.shape
        found = GroupedGradient(
            None if of_maps is None else weight.permute(0, 3, 4, 1, 2).contiguous(),
            shown,
            of_maps,
            weight.new_zeros(patches, side, side, inputs, outputs),
            weight.new_zeros(patches, outputs) if ctx.has_bias else None,
        )
        _by_thread(layer, patches, lambda part: ctx.kernel.grouped_backward(part, found))
        of_weight, of_bias = found.weight.permute(0, 4, 3, 1, 2), found.bias
        if len(weight) == 1:
            of_weight = of_weight.sum(0, keepdim=True)
            of_bias = None if of_bias is None else of_bias.sum(0, keepdim=True)
        return found.maps, of_weight, of_bias, None, None, None


def _dense(values: Float[Tensor, "n h h p c"]) -> Float[Tensor, "n h h p c"]:
    """Return the values with the channels of a place beside each other."""
    return values if values.shape[4] == 1 or values.stride(4) == 1 else values.contiguous()


def _layer(maps: Tensor, out: Tensor, weight: Tensor, stride: int) -> Grouped:
    places = [Places(values.stride(0), values.stride(3), values.stride(1), values.stride(2)) for values in (maps, out)]
    sizes = {"side": maps.shape[1], "kernel": weight.shape[3], "stride": stride}
    channels = {"inputs": weight.shape[2], "outputs": weight.shape[1]}
    pointers = {"maps": maps.data_ptr(), "out": out.data_ptr()}
    return Grouped(**pointers, maps_at=places[0], out_at=places[1], faces=len(maps), **sizes, **channels)


def _by_thread(layer: Grouped, patches: int, run: Any) -> None:
    threads = min(torch.get_num_threads(), patches)
    parts = []
    for thread in range(threads):
        part = Grouped.from_buffer_copy(layer)
        part.first_group, part.last_group = thread * patches // threads, (thread + 1) * patches // threads
        parts.append(part)
    if threads == 1:
        run(parts[0])
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(run, parts))
