"""Large kernels by transforms against torch's own convolution, patch by patch; and which way is taken when."""

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn import functional

from duchenne.errors import TrainingError, UsageError
from duchenne.facs import PAPER_AUS
from duchenne.networks import compiled_kernel, patch_convolution
from duchenne.networks.baseline_config import ConvNetConfig
from duchenne.networks.convnet import ConvNet
from duchenne.networks.grouped_convolution import _filtered
from duchenne.networks.map_tiles import filtered_in_tiles, tiled_layer
from duchenne.networks.patch_convolution import choose_convolution, own_layer, resolved, transformed_maps
from duchenne.networks.region import PAPER, RegionNetwork
from duchenne.networks.region_config import PatchLayer
from duchenne.networks.spectral_convolution import geometry_of
from duchenne.networks.standard import AddedNormedConvolution
from duchenne.networks.symmetric import SymmetricNetwork
from duchenne.networks.symmetric_config import DEEP_LAYERS, PLAIN_LAYERS, SymmetricConfig
from duchenne.networks.tiled_convolution import spectra, tiled_convolution, tiling_of
from duchenne.training.run.checkpoints import read_tensors
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.task import Task
from duchenne.training.run.trainer import CHECKPOINT_FILE, Trainer

FACES = 9  # odd, so that the kernel's last vector of faces is not full
NARROW = dataclasses.replace(
    PAPER, aus=PAPER_AUS, layout=dataclasses.replace(PAPER.layout, landmarks=(1, 20)), widths=(8,), dropout=0.0
)
WHOLE_FACE_LAYERS = (PatchLayer(16, 7), PatchLayer(16, 7), PatchLayer(16, 5, 2), PatchLayer(8, 3))
needs_compiler = pytest.mark.skipif(compiled_kernel.compiled_kernel() is None, reason="no C++ compiler")
WAYS = ["tiled", pytest.param("compiled", marks=needs_compiler)]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(5)
    return RegionNetwork(NARROW)


@pytest.fixture(scope="module")
def planes(network):
    side = NARROW.layout.side_px
    generator = torch.Generator().manual_seed(6)
    windows = torch.randint(0, 256, (FACES, 2, side, side, 3), generator=generator, dtype=torch.uint8)
    return network.standardise(windows)


def loop_in_double(network, planes):
    """The reference: torch's convolution, each patch by itself, in double precision; maps, and parameters to derive."""
    layers = [network.shared, *network.patch_layers]
    learned = [values.detach().double().requires_grad_() for layer in layers for values in layer.parameters()]
    out = []
    for patch in range(planes.shape[1]):
        values = planes[:, patch].double()
        for layer, weight, bias in zip(layers, learned[::2], learned[1::2], strict=True):
            share = len(bias) // layer.groups
            own = slice(patch * share, (patch + 1) * share) if layer.groups > 1 else slice(None)
            values = torch.relu(functional.conv2d(values, weight[own], bias[own], layer.stride))
        out.append(values)
    return torch.cat(out, 1), learned


@pytest.fixture(scope="module")
def reference(network, planes):
    maps, learned = loop_in_double(network, planes)
    wish = torch.randn(maps.shape, generator=torch.Generator().manual_seed(7))
    return maps.detach(), wish, torch.autograd.grad((maps * wish).sum(), learned)


def derived(network, planes, wish):
    learned = [values for layer in (network.shared, *network.patch_layers) for values in layer.parameters()]
    maps = network.patch_maps(planes)
    return maps.detach(), torch.autograd.grad((maps * wish).sum(), learned)


@pytest.mark.parametrize("way", WAYS)
def test_values_and_gradients_equal_a_loop_over_the_patches(network, planes, reference, way):
    expected, wish, gradients = reference
    network.convolution = way
    assert (
        transformed_maps(planes, [own_layer(layer) for layer in (network.shared, *network.patch_layers)], way)
        is not None
    )
    maps, found = derived(network, planes, wish)
    torch.testing.assert_close(maps.double(), expected, rtol=0, atol=1e-4)
    for mine, theirs in zip(found, gradients, strict=True):
        assert (mine - theirs).norm() <= 1e-4 * theirs.norm()


@pytest.mark.parametrize("way", WAYS)
def test_a_second_time_gives_the_same_bytes(network, planes, reference, way):
    network.convolution = way
    once, again = (derived(network, planes, reference[1]) for _ in range(2))
    assert torch.equal(once[0], again[0])
    assert all(torch.equal(a, b) for a, b in zip(once[1], again[1], strict=True))


@pytest.mark.parametrize("way", WAYS[1:])
def test_two_threads_equal_one(network, planes, reference, way):
    network.convolution = way
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        maps, found = derived(network, planes, reference[1])
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(maps.double(), reference[0], rtol=0, atol=1e-4)
    for mine, theirs in zip(found, reference[2], strict=True):
        assert (mine - theirs).norm() <= 1e-4 * theirs.norm()


@needs_compiler
@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "stride", "side"),
    [(16, 32, 3, 2, 24), (32, 16, 3, 1, 11), (16, 16, 3, 2, 9), (16, 16, 1, 1, 4), (16, 16, 5, 3, 13)],
)
@pytest.mark.parametrize("rim", [0, 1], ids=["whole maps", "a part of larger maps"])
def test_small_kernels_equal_torchs_grouped_convolution(inputs, outputs, kernel, stride, side, rim):
    generator, patches, faces = torch.Generator().manual_seed(9), 3, 2
    layer = nn.Conv2d(patches * inputs, patches * outputs, kernel, stride, groups=patches)
    maps = torch.randn(faces, patches * inputs, side, side, generator=generator)
    last = maps.permute(0, 2, 3, 1).unflatten(3, (patches, inputs)).contiguous()
    larger = torch.nn.functional.pad(last, (0, 0, 0, 0, rim, rim, rim, rim))
    last = larger[:, rim : rim + side, rim : rim + side].requires_grad_()
    found = _filtered(last, layer, compiled_kernel.compiled_kernel())
    twice, exact = copy.deepcopy(layer).double(), maps.double().requires_grad_()
    expected = twice(exact)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)
    wish = torch.randn(expected.shape, generator=generator)
    mine = torch.autograd.grad((found * wish).sum(), (last, layer.weight, layer.bias))
    theirs = torch.autograd.grad((expected * wish).sum(), (exact, twice.weight, twice.bias))
    for a, b in zip((mine[0].flatten(3).permute(0, 3, 1, 2), *mine[1:]), theirs, strict=True):
        assert (a - b).norm() <= 1e-5 * b.norm()


@needs_compiler
@pytest.mark.parametrize("layers", [PLAIN_LAYERS, DEEP_LAYERS], ids=["plain", "with residual layers"])
def test_small_networks_train_alike_and_judge_to_the_same_bytes(layers):
    """Gradients agree less than values: near its kink a ReLU may fall to either side."""
    torch.manual_seed(10)
    network = SymmetricNetwork(SymmetricConfig(patch_layers=layers, dropout=0.0, feature_dropout=0.0))
    for layer in network.patch_layers:
        if isinstance(layer, AddedNormedConvolution):
            torch.nn.init.uniform_(layer[1].weight, 0.5, 1)
    side, learned = network.config.layout.side_px, list(network.patch_layers.parameters())
    windows, shape = torch.randint(0, 256, (FACES, 22, side, side, 3), dtype=torch.uint8), torch.randn(FACES, 49, 3)
    found, start = {}, copy.deepcopy(network.state_dict())
    for way in ("direct", "compiled"):
        network.load_state_dict(start)
        network.convolution = way
        judged = network.eval()(windows, shape)
        values = network.train()(windows, shape)
        found[way] = (values.detach(), torch.autograd.grad(values.square().sum(), learned), judged)
    torch.testing.assert_close(found["compiled"][0], found["direct"][0], rtol=0, atol=1e-4)
    assert all(
        (a - b).norm() <= 0.02 * b.norm() + 1e-4 for a, b in zip(found["compiled"][1], found["direct"][1], strict=True)
    )
    assert torch.equal(found["compiled"][2], found["direct"][2])


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
def test_a_whole_face_is_filtered_in_tiles_as_by_torch(threads):
    """No layer's outputs can be cut into whole tiles. A value at the ReLU's corner may spoil one gradient of three."""
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        errors = [_error_of_tiles(seed) for seed in (11, 13, 14)]
    finally:
        torch.set_num_threads(before)
    assert sorted(errors)[1] <= 1e-4


def _error_of_tiles(seed):
    """Return how far the worst gradient is from the exact one, as a share of it."""
    torch.manual_seed(seed)
    network = ConvNet(ConvNetConfig(shared_channels=16, layers=WHOLE_FACE_LAYERS, side_px=77, widths=(8,), dropout=0.0))
    exact, names = copy.deepcopy(network).double(), list(network.state_dict())
    planes = torch.randn(FACES, 77, 77, 3).permute(0, 3, 1, 2)
    wish, expected = torch.randn(FACES, 8, 24, 24), exact.maps(planes.double())
    gradients = torch.autograd.grad((expected * wish).sum(), list(exact.maps.parameters()))
    network.convolution = "compiled"
    layers = [own_layer(layer) for layer in network.maps if isinstance(layer, nn.Conv2d)]
    assert [
        plan.tiling.count > 1 and plan.out_side % plan.tiling.outputs > 0
        for plan in patch_convolution._plans(planes[:, None], layers)
    ] == [True] * 3
    maps = network.filtered(planes)
    found = torch.autograd.grad((maps * wish).sum(), list(network.maps.parameters()))
    assert not torch.equal(maps, network.maps(planes))
    torch.testing.assert_close(maps.double(), expected, rtol=0, atol=1e-4)
    assert list(network.state_dict()) == names
    return max(float((a - b).norm() / b.norm()) for a, b in zip(found, gradients, strict=True))


@needs_compiler
@pytest.mark.parametrize("side", [70, 68])
def test_tiles_that_overlap_give_their_maps_the_sum_of_their_gradients(side):
    generator, kernel = torch.Generator().manual_seed(12), compiled_kernel.compiled_kernel()
    maps, weight, bias = (
        torch.randn(*size, generator=generator, requires_grad=True)
        for size in ((2, side, side, 16), (1, 16, 16, 7, 7), (1, 16))
    )
    plan = tiled_layer(side, 7, 16, 16, kernel.lanes)
    assert plan.tiling.count > 1
    found = filtered_in_tiles(maps, weight, bias, plan, kernel)
    exact = [values.detach().double().requires_grad_() for values in (maps, weight, bias)]
    expected = torch.relu(functional.conv2d(exact[0].permute(0, 3, 1, 2), exact[1][0], exact[2][0]))
    expected = expected.permute(0, 2, 3, 1)
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-4)
    wish = torch.randn(expected.shape, generator=generator)
    mine = torch.autograd.grad((found * wish).sum(), (maps, weight, bias))
    theirs = torch.autograd.grad((expected * wish).sum(), exact)
    assert all((a - b).norm() <= 1e-4 * b.norm() for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize(("side", "kernel"), [(48, 7), (19, 6), (31, 8)])
def test_tiles_are_exact_in_double_precision(side, kernel):
    generator = torch.Generator().manual_seed(8)
    maps, weight, bias = (
        torch.randn(*size, generator=generator, dtype=torch.float64, requires_grad=True)
        for size in ((side, side, 3, 2), (4, 3, kernel, kernel), (4,))
    )
    tiling = tiling_of(side, kernel)
    found = tiled_convolution(maps, spectra(weight, tiling), bias, tiling).permute(3, 2, 0, 1)
    expected = torch.relu(functional.conv2d(maps.permute(3, 2, 0, 1), weight, bias))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    wish = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    for mine, theirs in zip(
        torch.autograd.grad((found * wish).sum(), (maps, weight, bias)),
        torch.autograd.grad((expected * wish).sum(), (maps, weight, bias)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-10)


def test_small_kernels_few_faces_and_asked_for_gradients_of_windows_run_as_ever(network, planes):
    layers = [own_layer(layer) for layer in (network.shared, *network.patch_layers)]
    assert transformed_maps(planes[:7], layers, "tiled") is None
    assert transformed_maps(planes.clone().requires_grad_(), layers, "tiled") is None
    assert transformed_maps(planes, layers, "direct") is None
    assert transformed_maps(planes, layers[3:], "tiled") is None
    assert tiling_of(16, 3) is None
    assert geometry_of(48, 7, 32, 30, lanes=8) is None
    assert choose_convolution(nn.Linear(1, 1), "tiled") is None


def test_the_choice_is_no_part_of_what_is_saved(network):
    assert not [name for name in network.state_dict() if "convolution" in name]


def without_compiler(monkeypatch):
    monkeypatch.setattr(patch_convolution, "compiled_kernel", lambda: None)
    monkeypatch.setattr(patch_convolution, "built_kernel", lambda: None)


def test_without_a_compiler_tiles_are_taken_and_the_kernel_is_refused(monkeypatch):
    without_compiler(monkeypatch)
    assert (resolved("auto"), resolved("auto", bf16=True), resolved("direct")) == ("tiled", "direct", "direct")
    with pytest.raises(UsageError, match=r"no C\+\+ compiler"):
        resolved("compiled")


def test_a_compiler_that_is_missing_or_fails_leaves_no_kernel_and_no_file(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for compiler in ("no-such-compiler", "false"):
        monkeypatch.setenv("CXX", compiler)
        assert compiled_kernel.compiled_kernel.__wrapped__() is None
    assert not list(tmp_path.rglob("*.so"))


class Chooser(nn.Linear):
    """A line that has a choice."""

    convolution = "auto"


class Loss(nn.Module):
    """Its mean."""

    def __init__(self):
        super().__init__()
        self.network = Chooser(1, 1)

    def forward(self, x):
        return {"mean": self.network(x).mean()}


def run(folder, convolution="auto"):
    """Train in a folder and return the network and what its checkpoint says."""
    loss = Loss()
    optimiser = torch.optim.AdamW(loss.network.parameters())
    task = Task(loss.network, loss, optimiser, 2, lambda step: (torch.ones(1, 1),), 1, "line")
    Trainer(folder, DeviceConfig("cpu", threads=1, convolution=convolution)).train(task)
    return loss.network, read_tensors(folder / CHECKPOINT_FILE)[1]


def test_a_run_goes_on_in_its_own_way(tmp_path, monkeypatch):
    assert run(tmp_path / "tiled", "tiled")[1]["convolution"] == "tiled"
    assert run(tmp_path / "tiled")[0].convolution == "tiled"
    monkeypatch.setattr(patch_convolution, "compiled_kernel", object)
    assert run(tmp_path / "compiled")[1]["convolution"] == "compiled"
    without_compiler(monkeypatch)
    with pytest.raises(TrainingError, match="Go on with --convolution tiled"):
        run(tmp_path / "compiled")
    assert run(tmp_path / "compiled", "tiled")[0].convolution == "tiled"
