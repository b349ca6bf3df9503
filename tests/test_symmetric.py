"""The symmetric network: a mirrored face gets the mirrored answer, in torch, in the exported file, on a real way in."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from duchenne.errors import UsageError
from duchenne.facs import AU_BY_NAME, LANDMARK_COUNT, MIRROR_LANDMARKS, PATCH_LANDMARKS
from duchenne.networks.standard import AddedNormedConvolution
from duchenne.networks.symmetric import SymmetricNetwork
from duchenne.networks.symmetric_config import DEEP_LAYERS, SymmetricConfig
from duchenne.patches import PatchLayout, cut_windows
from duchenne.training.action_units.onnx_export import description, export_network

AUS = ("AU01", "AU02", "AU12", "AU25")
SMALL = replace(SymmetricConfig(aus=AUS), width=16, landmark_widths=(16, 8))


DEEP = replace(SMALL, patch_layers=DEEP_LAYERS)


@pytest.fixture(scope="module", params=[SMALL, DEEP], ids=["plain", "with residual layers"])
def network(request):
    torch.manual_seed(3)
    mean, spread = torch.randn(LANDMARK_COUNT, 3), torch.rand(LANDMARK_COUNT, 3) + 0.5
    found = SymmetricNetwork(request.param, mean, spread)
    for layer in found.patch_layers:
        if isinstance(layer, AddedNormedConvolution):
            torch.nn.init.uniform_(layer[1].weight, 0.5, 1)
    found.train()
    found(*faces(8))  # so that batch statistics are not those of the start
    return found.eval()


def faces(count, seed=0):
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, 256, (count, 200, 200, 3), dtype=np.uint8)
    points = rng.uniform(30, 170, (count, LANDMARK_COUNT, 3))
    return inputs(crops, points)


def inputs(crops, points):
    windows = np.stack([cut_windows(c, p[:, :2], SMALL.layout) for c, p in zip(crops, points, strict=True)])
    shape = (points - 100) / 80
    return torch.from_numpy(windows), torch.from_numpy(shape).float()


def mirrored_faces(count, seed=0):
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, 256, (count, 200, 200, 3), dtype=np.uint8)
    points = rng.uniform(30, 170, (count, LANDMARK_COUNT, 3))
    flipped = points[:, MIRROR_LANDMARKS].copy()
    flipped[..., 0] = 200 - flipped[..., 0]
    return inputs(np.ascontiguousarray(crops[:, :, ::-1]), flipped)


def test_a_mirrored_face_gets_the_mirrored_answer(network):
    with torch.no_grad():
        plain, mirrored = (network.branches(*given) for given in (faces(5), mirrored_faces(5)))
    for one, other in zip(plain, mirrored, strict=True):
        torch.testing.assert_close(other, one.flip(2), atol=1e-5, rtol=0)
    sided = [AU_BY_NAME[name].sided for name in AUS]
    differ = (plain[0][..., 0] - plain[0][..., 1]).abs().amax(0)
    assert (differ > 1e-4).tolist() == sided


def test_both_answers_are_added_and_each_speaks_alone(network):
    with torch.no_grad():
        joint, appearance, landmarks = network.branches(*faces(4))
        windows, shape = faces(4)
        other = network.branches(torch.zeros_like(windows), shape)
    torch.testing.assert_close(joint, appearance + landmarks)
    torch.testing.assert_close(other[2], landmarks)
    assert (other[1] - appearance).abs().max() > 1e-3


def test_the_subjects_left_is_the_images_right(network):
    windows, shape = faces(3)
    changed = windows.clone()
    right = [k for k, n in enumerate(PATCH_LANDMARKS) if n - 1 > MIRROR_LANDMARKS[n - 1]]
    changed[:, right[-1]] = 255 - changed[:, right[-1]]
    with torch.no_grad():
        before, after = network.branches(windows, shape)[1], network.branches(changed, shape)[1]
    moved = (after - before).abs().mean(0)
    assert moved[1, 0] > 0  # AU02 on the left
    assert moved.shape == (len(AUS), 2)


def test_rescaling_takes_each_latent_along_a_line(network):
    factor, shift = torch.tensor([0.5, 2.0, 1.0, 3.0]), torch.tensor([1.0, 0.0, -1.0, 0.3])
    torch.manual_seed(0)
    other = SymmetricNetwork(SMALL).eval()
    with torch.no_grad():
        before = other.latents(*faces(4))
        other.rescale(factor, shift)
        after = other.latents(*faces(4))
    torch.testing.assert_close(after, before * factor[:, None] + shift[:, None], atol=1e-5, rtol=1e-4)


def test_a_window_without_its_mirror_image_is_refused():
    with pytest.raises(UsageError, match="mirror"):
        SymmetricConfig(layout=PatchLayout((1, 4, 10), 28, 2))


def test_windows_too_small_for_the_layers_are_refused():
    with pytest.raises(UsageError, match="too small"):
        SymmetricConfig(layout=PatchLayout(side_px=10, reduction=2))


def test_the_exported_file_gives_the_mirrored_answer_too(network, tmp_path):
    described = description(network, np.full(len(AUS), 0.5), np.zeros((LANDMARK_COUNT, 3)), {})
    export_network(network, described, tmp_path / "au.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "au.onnx"))
    plain, mirrored = (
        session.run(["probability", "side_probability"], {"windows": w.numpy(), "shape": s.numpy()})
        for w, s in (faces(3), mirrored_faces(3))
    )
    np.testing.assert_allclose(plain[0], mirrored[0], atol=1e-5)
    np.testing.assert_allclose(plain[1], mirrored[1][..., ::-1], atol=1e-5)


def test_the_products_are_those_that_torch_counts(network):
    windows, shape = faces(1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(windows, shape)
    assert counter.get_total_flops() == 2 * network.config.multiply_accumulates()
