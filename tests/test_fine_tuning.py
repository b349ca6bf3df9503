"""Fine-tuning from the package's own weights: they come back whole and learn other AUs; wrong starts are named."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.testing import assert_allclose

from duchenne.errors import TrainingError, WeightsError
from duchenne.facs import AU_NAMES
from duchenne.networks.build import build_network
from duchenne.networks.symmetric_config import DEEP_LAYERS, SymmetricConfig
from duchenne.recognition import AURecognizer
from duchenne.training.action_units.export import export_system
from duchenne.training.action_units.initialisation import PRETRAINED, Initialisation, begin_from
from duchenne.training.action_units.train import train_au_network
from duchenne.training.recipes.named import RECIPES
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import silent
from toy_store import toy_store

START = Initialisation(Path(PRETRAINED))
CPU = DeviceConfig("cpu", threads=1)
SIZES = RECIPES["symmetric"].network
RECIPE = dataclasses.replace(
    RECIPES["symmetric"], batch=16, epochs=1, validate_every=1, bf16=False, freeze=("shared", "patch_layers")
)


@pytest.fixture(scope="module")
def pretrained():
    recipe = START.suited(RECIPE)
    network = build_network(recipe.network, np.zeros((49, 3)), np.ones((49, 3)))
    return network, begin_from(START, network, recipe.aus, np.zeros((49, 3)))


def test_the_pretrained_weights_come_back_whole(pretrained):
    network, reference = copy.deepcopy(pretrained[0]), pretrained[1]
    recognizer = AURecognizer()
    assert_allclose(reference, recognizer.reference)
    generator = torch.Generator().manual_seed(0)
    side = SIZES.layout.side_px
    windows = torch.randint(0, 256, (3, SIZES.patches, side, side, 3), generator=generator, dtype=torch.uint8)
    shape = network.shape_mean + torch.randn(3, 49, 3, generator=generator) * network.shape_spread
    session = onnxruntime.InferenceSession(str(recognizer.path))
    names = ["probability", "intensity", "side_probability"]
    probability, intensity, by_side = session.run(names, {"windows": windows.numpy(), "shape": shape.numpy()})
    with torch.no_grad():
        latents = network.eval().latents(windows, shape)
        assert_allclose(torch.sigmoid(latents), by_side, atol=1e-4)
        assert_allclose(torch.sigmoid(latents.amax(2)), probability, atol=1e-4)
        assert_allclose(network.scale.intensity(latents.amax(2)), intensity, atol=1e-4)
    assert np.ptp(probability, axis=0).max() > 0.05


def test_few_subjects_teach_the_pretrained_network_other_aus(pretrained, tmp_path):
    network = dataclasses.replace(SIZES, aus=("AU12", "AU25"))
    recipe = dataclasses.replace(RECIPE, network=network, epochs=3)
    train, valid = toy_store(48), toy_store(24, 1, "b")
    tuned = train_au_network(recipe, train, valid, tmp_path, silent, CPU, START)
    before, after = pretrained[0].state_dict(), tuned.network.state_dict()
    for name, values in before.items():
        if name.startswith(("shared", "patch_layers", "shape_mean", "shape_spread")):
            assert torch.equal(values, after[name]), name
    assert not torch.equal(before["features.weight"], after["features.weight"])
    assert_allclose(tuned.reference, pretrained[1])
    for layer in ("appearance.weight", "landmarks.weight"):
        smile = before[layer][AU_NAMES.index("AU12")]
        assert (after[layer][0] - smile).abs().max() < (after[layer][1] - smile).abs().max() / 4
    assert AURecognizer(export_system(tuned, valid, tmp_path / "au.onnx").path).aus == ("AU12", "AU25")
    again = train_au_network(recipe, train, valid, tmp_path, silent, CPU, START)
    assert again.metadata["steps"] == tuned.metadata["steps"] == 9


def test_wrong_starts_are_named(tmp_path):
    train, valid = toy_store(32), toy_store(8, 1, "b")
    with pytest.raises(TrainingError, match=r"au_real\.onnx reads windows around landmarks, drml does not"):
        train_au_network(RECIPES["drml"], train, valid, tmp_path, silent, CPU, START)
    wider = dataclasses.replace(RECIPE, network=dataclasses.replace(SIZES, width=128))
    with pytest.raises(TrainingError, match=r"au_real\.onnx has no features\.weight .*changes AUs, not sizes"):
        train_au_network(wider, train, valid, tmp_path, silent, CPU, START)
    with pytest.raises(WeightsError, match="no AU weights at"):
        train_au_network(RECIPE, train, valid, tmp_path, silent, CPU, Initialisation(tmp_path / "none.onnx"))
    with pytest.raises(TrainingError, match=r"network\.safetensors is not a checkpoint"):
        train_au_network(RECIPE, train, valid, tmp_path, silent, CPU, Initialisation(tmp_path))


def test_a_network_goes_on_to_learn_with_residual_layers(tmp_path):
    train, valid = toy_store(32), toy_store(16, 1, "b")
    plain = dataclasses.replace(
        RECIPES["symmetric-base"], batch=16, epochs=1, validate_every=1, bf16=False, network=SymmetricConfig(width=16)
    )
    first = train_au_network(plain, train, valid, tmp_path / "plain", silent, CPU)
    deep = dataclasses.replace(plain, network=SymmetricConfig(width=16, patch_layers=DEEP_LAYERS))
    start = Initialisation(tmp_path / "plain")
    grown = build_network(deep.network, np.zeros((49, 3)), np.ones((49, 3)))
    begin_from(start, grown, deep.aus, np.zeros((49, 3)))
    grown.eval()
    windows = torch.randint(0, 256, (3, SIZES.patches, 28, 28, 3), dtype=torch.uint8)
    shape = torch.randn(3, 49, 3)
    with torch.no_grad():
        torch.testing.assert_close(grown.latents(windows, shape), first.network.eval().latents(windows, shape))
    learnt = train_au_network(deep, train, valid, tmp_path / "deep", silent, CPU, start)
    added = learnt.network.patch_layers[1]
    assert added[1].weight.abs().max() > 0
    again = Initialisation(tmp_path / "deep")
    begin_from(again, grown, deep.aus, np.zeros((49, 3)))
    torch.testing.assert_close(grown.patch_layers[1][1].weight, added[1].weight)
