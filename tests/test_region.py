"""The region network against counts by hand, a loop over separate modules, and cutting after the shared layer."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES, PAPER_AUS, PATCH_LANDMARKS
from duchenne.networks.region import (
    COMPACT,
    PAPER,
    RegionConfig,
    RegionNetwork,
    parameter_count,
)
from duchenne.patches import PatchLayout, cut_windows

PAPER_12 = dataclasses.replace(PAPER, aus=PAPER_AUS)


def noise(config, count=2):
    side = config.layout.side_px
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, config.patches, side, side, 3), generator=generator, dtype=torch.uint8)


def shapes(config, count=2):
    return torch.randn(count, 49, 3, generator=torch.Generator().manual_seed(2)) if config.shape_width else None


def on_meta(config):
    with torch.device("meta"):
        return RegionNetwork(config)


def test_the_paper_size_has_the_parameters_that_a_hand_counts():
    shared = 32 * 11 * 11 * 3 + 32
    patch = (32 * 32 * 49 + 32) + (16 * 32 * 49 + 16) + (16 * 16 * 25 + 16) + (16 * 16 * 9 + 16) + (8 * 16 * 9 + 8)
    full = (25344 * 2048 + 2048) + (2048 * 1024 + 1024) + (1024 * 12 + 12)
    assert parameter_count(on_meta(PAPER_12)) == shared + 22 * patch + full == 55_903_260


def test_all_49_patches_give_the_count_by_hand():
    config = dataclasses.replace(PAPER_12, layout=PatchLayout(landmarks=tuple(range(1, 50))))
    expected = 11_648 + 49 * 85_208 + (49 * 1152 * 2048 + 2048) + 2_098_176 + 12_300
    assert parameter_count(on_meta(config)) == expected


def test_map_sides_and_features_are_those_of_the_paper():
    assert PAPER.map_sides() == (48, 42, 36, 16, 14, 12)
    assert PAPER.feature_count == 22 * 12 * 12 * 8 == 25_344


@pytest.mark.parametrize("config", [PAPER, COMPACT])
def test_the_maps_have_the_sides_that_the_config_states(config):
    network = on_meta(config)
    side = config.layout.side_px
    maps = network.shared(torch.empty(1, 1 if config.grey else 3, side, side, device="meta"))
    assert maps.shape[-1] == config.map_sides()[0]
    maps = torch.empty(1, config.patches * config.shared_channels, *maps.shape[2:], device="meta")
    for layer, sides in zip(network.patch_layers, config.map_sides()[1:], strict=True):
        maps = layer(maps)
        assert maps.shape[2:] == (sides, sides)


def test_compact_is_about_a_hundredth_of_the_paper_and_fits_in_ten_megabytes():
    assert 50 < 3.19e9 / COMPACT.multiply_accumulates() < 250
    assert parameter_count(on_meta(COMPACT)) * 4 < 10e6


def test_the_count_of_products_agrees_with_torch():
    from torch.utils.flop_counter import FlopCounterMode

    network = RegionNetwork(COMPACT).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(noise(COMPACT, 1), shapes(COMPACT, 1))
    assert counter.get_total_flops() == 2 * COMPACT.multiply_accumulates()


@pytest.mark.parametrize(("margin_px", "least", "most"), [(0, 30, 170), (20, 9, 191)])
def test_cutting_windows_before_the_shared_layer_equals_cutting_its_map(margin_px, least, most):
    """With the margin also where windows leave the crop: the map goes on there, as far as the picture does."""
    rng = np.random.default_rng(3)
    crop = rng.integers(0, 256, (200 + 2 * margin_px,) * 2 + (3,), dtype=np.uint8)
    landmarks = rng.uniform(least, most, (49, 2))
    layer = nn.Conv2d(3, 4, 11)
    layout = dataclasses.replace(PAPER.layout, margin_px=margin_px)
    before = functional.relu(layer(channels_first(cut_windows(crop, landmarks, layout))))
    whole = functional.pad(functional.relu(layer(channels_first(crop[None])))[0], (24, 24, 24, 24))
    for patch, number in zip(before, PATCH_LANDMARKS, strict=True):
        x, y = np.round(landmarks[number - 1]).astype(int) - 5 + margin_px
        torch.testing.assert_close(patch, whole[:, y : y + 48, x : x + 48], rtol=0, atol=1e-3)


def channels_first(pixels):
    return torch.from_numpy(pixels).float().movedim(-1, 1)


SMALL = RegionConfig(
    layout=PatchLayout(landmarks=(1, 20, 32), side_px=20),
    shared_channels=4,
    shared_kernel=3,
    patch_layers=(PAPER.patch_layers[3], PAPER.patch_layers[4]),
    widths=(16,),
    dropout=0.0,
)


def loop_over_patches(network, planes):
    """The reference: each patch goes through modules of its own."""
    maps = torch.relu(network.shared(planes.flatten(0, 1))).unflatten(0, planes.shape[:2])
    out = []
    for patch in range(planes.shape[1]):
        values = maps[:, patch]
        for layer in network.patch_layers:
            share = layer.out_channels // layer.groups
            own = slice(patch * share, (patch + 1) * share)
            values = torch.relu(functional.conv2d(values, layer.weight[own], layer.bias[own], layer.stride))
        out.append(values)
    return torch.cat(out, 1)


@pytest.mark.parametrize("faces", [3, 35])  # the patch layers take sixteen at once
def test_the_grouped_layers_equal_a_loop_over_separate_modules(faces):
    torch.manual_seed(4)
    network = RegionNetwork(SMALL)
    planes = network.standardise(noise(SMALL, faces))
    grouped, looped = network.patch_maps(planes), loop_over_patches(network, planes)
    torch.testing.assert_close(grouped, looped, rtol=0, atol=1e-5)
    weights = list(network.patch_layers.parameters()) + list(network.shared.parameters())
    wish = torch.randn_like(grouped)
    for a, b in zip(
        torch.autograd.grad((grouped * wish).sum(), weights),
        torch.autograd.grad((looped * wish).sum(), weights),
        strict=True,
    ):
        assert (a - b).norm() <= 1e-4 * b.norm()


def test_a_patch_sees_its_own_window_only():
    network = RegionNetwork(SMALL)
    planes = network.standardise(noise(SMALL, 1))
    changed = planes.clone()
    changed[:, 1] += 1
    before, after = (network.patch_maps(p).unflatten(1, (3, -1)) for p in (planes, changed))
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_brightness_and_contrast_hardly_change_the_standardised_windows():
    network = RegionNetwork(COMPACT)
    windows = noise(COMPACT).float()
    torch.testing.assert_close(network.standardise(windows), network.standardise(windows * 0.7 + 20), rtol=0, atol=0.1)


def test_a_flat_picture_gives_zeros():
    windows = torch.full((1, 22, 28, 28, 3), 77, dtype=torch.uint8)
    assert RegionNetwork(COMPACT).standardise(windows).abs().max() < 1e-4


def test_one_logit_for_each_au():
    assert RegionNetwork(COMPACT).eval()(noise(COMPACT), shapes(COMPACT)).shape == (2, len(AU_NAMES))


def test_shape_is_asked_for_where_the_config_has_it_and_refused_elsewhere():
    with pytest.raises(UsageError, match="shape_width"):
        RegionNetwork(dataclasses.replace(COMPACT, shape_width=8))(noise(COMPACT))
    with pytest.raises(UsageError, match="shape_width"):
        RegionNetwork(SMALL)(noise(SMALL), torch.zeros(2, 49, 3))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"aus": ("AU99",)}, "AU99"),
        ({"aus": ()}, "at least one AU"),
        ({"shape_alone": 0.2}, "landmarks that are not read"),
        ({"dropout": 1.0}, "Dropout"),
        ({"layout": PatchLayout(side_px=20)}, "too small"),
    ],
)
def test_nonsense_is_refused(wrong, message):
    with pytest.raises(UsageError, match=message):
        dataclasses.replace(PAPER, **wrong)


SIDED = dataclasses.replace(SMALL, aus=("AU01", "AU12"), head="ordinal")


def test_faces_told_by_their_shape_alone_see_no_patches_and_only_in_training():
    config = dataclasses.replace(COMPACT, shape_alone=0.5, dropout=0.0, feature_dropout=0.0)
    network, count = RegionNetwork(config), 64
    features = torch.rand(count, config.patches, config.feature_count // config.patches)
    same = torch.zeros(count, 49, 3)

    def distinct(training):
        return len({tuple(row) for row in network.train(training).read_features(features, same).tolist()})

    assert count / 4 < distinct(training=True) < 3 * count / 4
    assert distinct(training=False) == count


def test_intensity_and_occurrence_come_from_one_latent_and_never_contradict():
    network = RegionNetwork(SIDED)
    with torch.no_grad():
        network.scale.steps.normal_(0, 3)
    latents = torch.linspace(-9, 9, 200)[:, None].expand(-1, 2)
    grades, cuts = network.scale.grade_logits(latents), network.scale.cuts()
    assert (cuts.diff(dim=1) > 0).all()
    assert torch.equal(grades[..., 1], latents)
    assert (grades.diff(dim=-1) < 0).all()
    assert (network.scale.intensity(latents).diff(dim=0) > 0).all()
    by_hand = sum(1 / (1 + np.exp(cuts[1, k].item() - 0.5)) for k in range(5))
    assert network.scale.intensity(torch.tensor([[0.0, 0.5]]))[0, 1].item() == pytest.approx(by_hand)


def test_only_aus_with_sides_have_two_latents_and_the_face_is_the_stronger_side():
    network = RegionNetwork(SIDED).eval()
    latents = network.latents(noise(SIDED, 3))
    assert torch.equal(latents[:, 0, 0], latents[:, 0, 1])
    assert not torch.equal(latents[:, 1, 0], latents[:, 1, 1])
    assert torch.equal(network(noise(SIDED, 3)), latents.amax(2))
    with pytest.raises(UsageError, match="no ordinal head"):
        RegionNetwork(SMALL).latents(noise(SMALL))


@pytest.mark.parametrize("config", [SMALL, SIDED, dataclasses.replace(SMALL, widths=(), shape_width=8)])
def test_silenced_patches_are_those_whose_features_are_zero(config):
    network, windows = RegionNetwork(config).eval(), noise(config, 2)
    shape = [torch.randn(2, 49, 3)] if config.shape_width else []
    features = network.patch_features(windows)
    assert torch.allclose(network.read_features(features, *shape), network(windows, *shape), atol=1e-6)
    sets = [(), (1,), (0, 2)]
    found = network.read_silenced(features, sets, *shape)
    for patches, logits in zip(sets, found, strict=True):
        left = features.clone()
        left[:, list(patches)] = 0
        torch.testing.assert_close(logits, network.read_features(left, *shape), rtol=0, atol=1e-5)
    assert not torch.allclose(found[0], found[1])
    assert not torch.allclose(found[1], found[2])


def test_shared_patch_layers_equal_own_ones_with_equal_weights():
    config = dataclasses.replace(COMPACT, own_weights=False)
    own, shared = RegionNetwork(COMPACT).eval(), RegionNetwork(config).eval()
    state = {
        name: values.repeat(config.patches, *[1] * (values.ndim - 1))
        if name.startswith("patch_layers") and values.ndim
        else values
        for name, values in shared.state_dict().items()
    }
    own.load_state_dict(state)
    with torch.no_grad():
        found = shared(noise(config), shapes(config))
        torch.testing.assert_close(own(noise(config), shapes(config)), found, atol=1e-4, rtol=1e-4)
    assert parameter_count(shared) < parameter_count(own)
