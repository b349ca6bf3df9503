"""The baselines as their authors printed them: counts, layers and training worked by hand from paper or file."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from duchenne.errors import UsageError
from duchenne.evaluation.experiment.baselines import experiment_recipes
from duchenne.evaluation.experiment.sizes import SIZES, resized
from duchenne.networks.baseline_config import AlexNetConfig, DrmlConfig, EacVggConfig
from duchenne.networks.build import build_network
from duchenne.networks.eac_vgg import CENTRES, au_centres
from duchenne.networks.region import parameter_count
from duchenne.networks.view import View
from duchenne.training.data.inputs import InputReader
from duchenne.training.recipes.augmentation import NONE
from duchenne.training.recipes.deep import Sgd
from duchenne.training.recipes.named import RECIPES
from duchenne.training.recipes.stored import plain, read_recipe
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.optimisers import build_optimiser
from duchenne.training.systems import load_system, train_system
from toy_faces import head
from toy_store import toy_store

DRML_LATER = (16 * 32 * 64 + 16) + (16 * 16 * 64 + 16) + (16 * 16 * 36 + 16) + (16 * 16 * 25 + 16)
DRML_FULL = (16 * 27 * 27 * 4096 + 4096) + (4096 * 2048 + 2048) + (2048 * 12 + 12)
REGION = 64 * (32 * 32 * 9 + 32)
ALEXNET = 60_965_224  # one thousand classes, as its paper's 60 million and Caffe's bvlc_alexnet have them
VGG19 = 20_024_384  # convolutions of torchvision's vgg19
EAC = (25_088 * 4096 + 4096) + (4096 * 2048 + 2048) + (4096 * 12 + 12)
EAC_REGIONS = 20 * (512 * 512 * 9 + 512) + 20 * (512 * 16 * 150 + 150) + (3000 * 2048 + 2048)


def small(config):
    """Return the same layers with few maps."""
    if isinstance(config, EacVggConfig):
        return dataclasses.replace(
            config, channels=(2, 2, 4, 6, 6), region_width=3, trunk_width=8, width=8, side_px=64, dropout=0.0
        )
    if isinstance(config, AlexNetConfig):
        return dataclasses.replace(config, channels=(8, 8, 8, 8, 8), width=8, side_px=131, cropped_from_px=150)
    return dataclasses.replace(config, channels=6, widths=(8,), side_px=90, cropped_from_px=100)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("drml-paper", 32 * 363 + 32 + REGION + DRML_LATER + DRML_FULL),
        ("drml-convnet-paper", 32 * 363 + 32 + DRML_LATER + DRML_FULL),
        ("lcn-paper", 32 * 363 + 32 + 80 * 80 * (32 * 32 * 9 + 32) + DRML_LATER + DRML_FULL),
        ("alexnet-paper", ALEXNET - (4096 * 1000 + 1000) + (4096 * 12 + 12)),
        ("eac-paper", VGG19 + EAC + EAC_REGIONS),
    ],
)
def test_each_has_the_parameters_that_a_hand_counts(name, count):
    with torch.device("meta"):
        assert parameter_count(build_network(RECIPES[name].network)) == count


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("-paper")])
def test_each_can_be_kept_and_read_and_is_what_the_papers_size_trains(name):
    assert read_recipe(plain(RECIPES[name])) == RECIPES[name]
    trained = experiment_recipes(resized(SIZES["full"], networks="paper"), 3)[name.removesuffix("-paper")]
    assert (trained.network, trained.optimiser) == (RECIPES[name].network, RECIPES[name].optimiser)
    assert trained.skew_power == 0


def test_drml_rectifies_nothing_before_its_regions_and_normalises_over_channels_behind_the_pooling():
    torch.manual_seed(0)
    network = build_network(small(RECIPES["drml-paper"].network)).eval()
    first, region, pool, norm = list(network.maps)[:4]
    assert [type(layer).__name__ for layer in (first, region, pool, norm)] == [
        "Conv2d", "RegionLayer", "MaxPool2d", "LocalResponseNorm",
    ]  # fmt: skip
    assert region.norm.weight is None
    maps = torch.rand(1, 6, 2, 2) * 40
    for channel in range(6):
        near = maps[0, max(0, channel - 2) : channel + 3].square().sum(0)
        expected = maps[0, channel] / (1 + 1e-4 / 5 * near) ** 0.75  # Caffe divides by the number of channels
        torch.testing.assert_close(norm(maps)[0, channel], expected)


def test_alexnet_has_two_columns_and_the_printed_normalisation():
    torch.manual_seed(0)
    network = build_network(small(RECIPES["alexnet-paper"].network)).eval()
    convolutions = [layer for layer in network.maps if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.groups for layer in convolutions] == [1, 2, 1, 2, 2]
    assert [type(layer).__name__ for layer in network.maps][:4] == ["Conv2d", "ReLU", "LocalResponseNorm", "MaxPool2d"]
    maps = torch.rand(1, 8, 1, 1) * 90
    expected = maps[0, 4] / (2 + 1e-4 * maps[0, 2:7].square().sum(0)) ** 0.75
    torch.testing.assert_close(network.maps[2](maps)[0, 4], expected)
    kinds = [type(layer).__name__ for layer in network.full]
    assert kinds == ["Linear", "ReLU", "Dropout"] * 2


def test_eac_adds_its_first_maps_weighed_by_attention_in_two_groups_and_enlarges_cells_of_the_fourth():
    torch.manual_seed(0)
    network = build_network(small(EacVggConfig())).eval()
    seen: dict[str, torch.Tensor] = {}
    for number in (2, 3, 4):
        for place in (0, 3):
            keep = f"{number}{place}"
            network.groups[number][place].register_forward_hook(
                lambda _, given, out, keep=keep: seen.update({keep: torch.relu(out), f"in{keep}": given[0]})
            )
    network.regions.register_forward_pre_hook(lambda _, given: seen.update(regions=given[0]))
    points = torch.from_numpy(head()[:, :2] + 100).float()[None] * 64 / 200
    network(torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8), points)
    centres = au_centres(points)[0].numpy()
    cells = np.stack(np.meshgrid(np.arange(16), np.arange(16)), -1) + 0.5
    away = np.abs(centres / 4 - cells[:, :, None]).sum(-1).min(-1)
    third = np.maximum(0, 1 - 0.095 * 56 / 16 * away)
    fourth = third.reshape(8, 2, 8, 2).max((1, 3))
    assert 0.05 < (third > 0).mean() < 0.95
    for group, attention, pooled in ((2, third, "in30"), (3, fourth, "in40")):
        weighed = seen[f"{group}0"] * torch.from_numpy(attention).float()
        expected = torch.nn.functional.max_pool2d(seen[f"{group}3"] + weighed, 2)
        torch.testing.assert_close(seen[pooled], expected)
    maps = network.norm(seen["33"] + seen["30"] * torch.from_numpy(fourth).float())[0]
    for number, centre in enumerate(centres):
        left, top = np.clip(np.round(centre / 8 - 1.5).astype(int), 0, 5)
        cells = maps[:, top : top + 3, left : left + 3]
        part = seen["regions"][0, number * 6 : number * 6 + 6]
        torch.testing.assert_close(part, cells.repeat_interleave(2, 1).repeat_interleave(2, 2))


def test_eac_has_a_pair_of_mirrored_centres_for_each_of_ten_places():
    points = torch.from_numpy(head()[:, :2] + 100).float()[None]
    centres = au_centres(points)[0].numpy()
    middle = CENTRES.index((35, 0.0))  # the two lips' middles are no mirror images
    for first in range(0, 20, 2):
        if first != middle:
            assert_allclose(centres[first], [200 - centres[first + 1][0], centres[first + 1][1]], atol=1e-3)
    inner = np.ptp(head()[[22, 25], 0])
    assert_allclose(centres[6], head()[24, :2] + 100 + [0, inner], atol=1e-3)


@pytest.mark.parametrize("name", ["drml-paper", "drml-convnet-paper", "lcn-paper", "alexnet-paper", "eac-paper"])
def test_every_part_learns(name):
    config = small(RECIPES[name].network)
    network = build_network(config)
    face = torch.randint(0, 256, (3, config.side_px, config.side_px, 3), dtype=torch.uint8)
    points = torch.from_numpy(head()[:, :2] + 100).float().expand(3, -1, -1) * config.side_px / 200
    logits = network(face, points) if config.view.points else network(face)
    assert logits.shape == (3, 12)
    logits.square().sum().backward()
    assert all(values.grad is not None for values in network.parameters())


def test_windows_lie_anywhere_in_training_and_in_the_middle_otherwise():
    store, rows = toy_store(24), np.arange(24)
    whole = InputReader(View(side_px=50), store, None).plain(rows).inputs[0]
    reader = InputReader(View(side_px=40, cropped_from_px=50), store, None)
    assert (reader.plain(rows).inputs[0] == whole[:, 5:45, 5:45]).all()
    changed = reader.changed(rows, NONE, [np.random.default_rng(k) for k in rows]).inputs[0]
    views = np.lib.stride_tricks.sliding_window_view(whole, (40, 40), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    places = [np.argwhere((views[k] == changed[k]).all((2, 3, 4))).tolist() for k in rows]
    assert all(places)
    corners = np.array([found[0] for found in places])
    assert (corners.min(), corners.max()) == (0, 10)
    assert len(np.unique(corners, axis=0)) > 15
    assert RECIPES["drml-paper"].network.view == View(side_px=170, cropped_from_px=200)
    with pytest.raises(UsageError, match="cannot be cut out of 100 px"):
        View(side_px=170, cropped_from_px=100)


def test_steps_of_drmls_optimiser_are_those_computed_by_hand():
    settings = dataclasses.replace(RECIPES["drml-paper"].optimiser, drop_every=2)
    assert dataclasses.replace(settings, drop_every=4000) == Sgd(1e-3, 0.9, 5e-4, False, 4000, 0.1)
    weight = torch.tensor([2.0], dtype=torch.double, requires_grad=True)
    optimiser, schedule = build_optimiser(settings, [weight], 3)
    value, pace = 2.0, 0.0
    for given, rate in ((0.5, 1e-3), (-3.0, 1e-3), (1.0, 1e-4)):
        weight.grad = torch.tensor([given], dtype=torch.double)
        optimiser.step()
        schedule.step()
        pace = 0.9 * pace + given + 5e-4 * value
        value -= rate * pace
        assert weight.item() == pytest.approx(value, rel=1e-12)


def test_a_printed_baseline_is_trained_stopped_and_loaded(tmp_path):
    recipe = dataclasses.replace(
        RECIPES["drml-paper"],
        network=dataclasses.replace(small(DrmlConfig(cropped_from_px=200, as_printed=True)), aus=("AU04", "AU12")),
        batch=16,
        epochs=1,
        optimiser=Sgd(drop_every=1),
    )
    stores = toy_store(32), toy_store(8, 1, "b")
    system = train_system(recipe, *stores, tmp_path, device=DeviceConfig("cpu", threads=1))
    assert_allclose(load_system(tmp_path).scores(stores[1]), system.scores(stores[1]), atol=1e-6)
