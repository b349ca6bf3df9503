"""The baselines' networks against counts by hand and what defines each of them."""

import dataclasses

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from duchenne.facs import PAPER_AUS
from duchenne.networks.baseline_config import AlexNetConfig, ConvNetConfig, DrmlConfig, EacConfig, FrontalConfig
from duchenne.networks.build import build_network
from duchenne.networks.drml import LocalLayer, RegionLayer
from duchenne.networks.eac import CENTRES, attention_map, au_centres, crop_regions
from duchenne.networks.region import PAPER, parameter_count
from duchenne.networks.view import View, grid_points
from duchenne.training.data.frontalisation import front_points, frontalise
from toy_faces import head, posed


def on_meta(config):
    with torch.device("meta"):
        return build_network(config)


def test_the_convnet_has_the_parameters_that_a_hand_counts():
    config = ConvNetConfig()
    assert config.map_sides() == (190, 184, 178, 87, 85, 83)
    patch = (32 * 32 * 49 + 32) + (16 * 32 * 49 + 16) + (16 * 16 * 25 + 16) + (16 * 16 * 9 + 16) + (8 * 16 * 9 + 8)
    full = (55_112 * 2048 + 2048) + (2048 * 1024 + 1024) + (1024 * 12 + 12)
    assert parameter_count(on_meta(config)) == 32 * 363 + 32 + patch + full == 115_078_756


def test_drml_and_its_convnet_have_the_parameters_that_a_hand_counts():
    shared = 32 * 363 + 32
    later = (16 * 32 * 64 + 16) + (16 * 16 * 64 + 16) + (16 * 16 * 36 + 16) + (16 * 16 * 25 + 16)
    full = (16 * 27 * 27 * 4096 + 4096) + (4096 * 2048 + 2048) + (2048 * 12 + 12)
    assert parameter_count(on_meta(DrmlConfig(middle="none"))) == shared + later + full
    region = 64 * (32 * 32 * 9 + 32) + 64 * 32 * 2
    assert parameter_count(on_meta(DrmlConfig())) == shared + later + full + region
    local = 80 * 80 * (32 * 32 * 9 + 32)
    assert parameter_count(on_meta(DrmlConfig(middle="local"))) == shared + later + full + local


def test_alexnet_has_the_parameters_of_the_published_one_column():
    published = 61_100_840  # torchvision's alexnet, 1000 classes
    assert parameter_count(on_meta(AlexNetConfig(side_px=224))) == published - (4096 * 1000 + 1000) + (4096 * 12 + 12)


@pytest.mark.parametrize(("side_px", "reduction"), [(227, 1), (200, 1), (101, 1), (100, 2), (51, 2), (50, 4), (20, 4)])
def test_a_small_view_reads_a_reduced_crop_that_is_never_smaller_than_itself(side_px, reduction):
    assert View(side_px=side_px).reduction == reduction


@pytest.mark.parametrize(
    "config",
    [
        ConvNetConfig(widths=(8,)),
        ConvNetConfig(widths=(8,), side_px=100, batch_norm=True, grey=True, feature_dropout=0.2),
        DrmlConfig(widths=(8,)),
        DrmlConfig(middle="none", widths=(8,)),
        DrmlConfig(middle="local", widths=(8,), channels=2),
        AlexNetConfig(width=8),
        AlexNetConfig(width=8, side_px=222),
        DrmlConfig(widths=(8,), channels=4, side_px=90, batch_norm=True),
        AlexNetConfig(width=8, side_px=100, batch_norm=True, first_kernel=5, first_stride=2),
        EacConfig(width=8),
        FrontalConfig(width=8),
    ],
)
def test_each_gives_one_logit_for_each_au_and_every_part_learns(config):
    network = build_network(config)
    face = torch.randint(0, 256, (2, config.side_px, config.side_px, 3), dtype=torch.uint8)
    points = torch.from_numpy(head()[:, :2] + 100).float().expand(2, -1, -1) * config.side_px / 200
    logits = network(face, points) if config.view.points else network(face)
    assert logits.shape == (2, len(PAPER_AUS))
    logits.square().sum().backward()
    assert all(values.grad is not None for values in network.parameters())


@pytest.mark.parametrize(
    "config",
    [
        ConvNetConfig(shared_channels=8, layers=PAPER.patch_layers[1:], widths=(64, 64), side_px=80),
        DrmlConfig(channels=8, widths=(64, 64), side_px=90),
        DrmlConfig(channels=8, middle="none", widths=(64, 64), side_px=90),
        DrmlConfig(channels=8, middle="local", widths=(64, 64), side_px=90),
        AlexNetConfig(channels=(32, 32, 32, 32, 32), width=64, side_px=131),
    ],
)
def test_what_tells_faces_apart_reaches_the_last_layer(config):
    torch.manual_seed(0)
    network = build_network(config).eval()
    seen = []
    network.output.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    smooth = torch.nn.functional.interpolate(torch.rand(16, 3, 9, 9) * 255, config.side_px, mode="bilinear")
    with torch.no_grad():
        network(smooth.permute(0, 2, 3, 1).to(torch.uint8))
    assert 0.1 < seen[0].std(0).mean() < 3


def test_regions_of_drml_see_themselves_only_and_equal_a_loop():
    torch.manual_seed(0)
    layer = RegionLayer(3).eval()
    maps = torch.rand(2, 3, 32, 32)
    found = layer(maps)
    scale = (1 + layer.norm.eps) ** -0.5
    for row, column in ((0, 0), (3, 5), (7, 7)):
        part = maps[:, :, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
        own = slice((row * 8 + column) * 3, (row * 8 + column) * 3 + 3)
        changed = torch.conv2d(part * scale, layer.filters.weight[own], layer.filters.bias[own], padding=1)
        expected = torch.relu(part + changed)
        torch.testing.assert_close(found[:, :, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4], expected)


def test_a_local_layer_with_the_same_filters_everywhere_is_a_convolution():
    layer = LocalLayer(2, 6)
    with torch.no_grad():
        layer.filters.copy_(layer.filters[:1].expand_as(layer.filters).clone())
    maps = torch.rand(3, 2, 6, 6)
    expected = torch.relu(torch.conv2d(maps, layer.filters[0].reshape(2, 2, 3, 3), padding=1))
    torch.testing.assert_close(layer(maps), expected)


def test_attention_is_one_at_a_centre_and_regions_lie_around_it():
    centres = torch.full((1, len(CENTRES), 2), 12.5)
    attention = attention_map(centres, 25, 25.0)[0]
    assert attention[12, 12] == 1
    assert attention[12, 13].item() == pytest.approx(1 - 0.095 * 56 / 25)
    assert attention[0, 0] == 0
    maps = torch.arange(25.0).expand(1, 1, 25, 25)
    assert crop_regions(maps, centres)[0, 0, 0, 0].tolist() == [10, 11, 12, 13, 14, 15]


def test_the_centres_of_aus_are_mirror_images_on_a_symmetric_head():
    points = torch.from_numpy(head()[:, :2] + 100).float()[None]
    centres = au_centres(points)[0].numpy()
    mirrored = np.column_stack([200 - centres[:, 0], centres[:, 1]])
    for place in mirrored:
        assert np.abs(centres - place).sum(1).min() < 1e-3


def test_the_grid_has_22_patches_evenly_spread():
    points = grid_points(PAPER.layout)[np.array(PAPER.layout.landmarks) - 1]
    assert len(np.unique(points, axis=0)) == 22
    assert_allclose(points.mean(0), [100, 100], atol=1e-9)
    with pytest.raises(Exception, match="22 patches"):
        View(layout=dataclasses.replace(PAPER.layout, landmarks=(1, 2)), grid=True)


def test_a_turned_face_comes_back_to_the_front():
    reference = head() / 56
    reference = reference - reference.mean(0)
    front = front_points(head(), reference)
    turned = posed(head(), 25, 10, 0)
    assert_allclose(front_points(turned, reference), front, atol=1e-6)
    from duchenne.alignment import crop_transform
    from duchenne.geometry import scale_of, transform_points

    transform = crop_transform(turned[:, :2])
    points = np.column_stack([transform_points(transform, turned[:, :2]), turned[:, 2] * scale_of(transform)])
    x, y = np.meshgrid(np.arange(200) + 0.5, np.arange(200) + 0.5)
    blobs = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18) for px, py in points[[31, 37, 40], :2])
    pixels = (np.clip(blobs, 0, 1) * 255).astype(np.uint8)[..., None]
    warped = frontalise(pixels, points, reference)[..., 0].astype(float)
    for target in front_points(points, reference)[[31, 37, 40]]:
        near = np.exp(-((x - target[0]) ** 2 + (y - target[1]) ** 2) / 18)
        assert (warped * near).sum() / near.sum() > 100
