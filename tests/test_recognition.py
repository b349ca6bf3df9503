"""The ONNX runtime of AU networks: the same numbers as torch, alone and in a batch; wrong files are named."""

import dataclasses
import json

import numpy as np
import onnx
import pytest
import torch
from numpy.testing import assert_allclose

from duchenne.alignment import align
from duchenne.errors import UsageError, WeightsError
from duchenne.geometry import scale_of
from duchenne.networks.region import PatchLayer, RegionConfig, RegionNetwork
from duchenne.onnx_network import METADATA_KEY
from duchenne.patches import PatchLayout, cut_windows
from duchenne.pose_normalisation import landmarks_3d, pose_normalised
from duchenne.recognition import AURecognizer
from duchenne.training.action_units.onnx_export import description, export_network
from toy_faces import head, picture_of, posed

AUS = ("AU06", "AU12")
CONFIG = RegionConfig(
    aus=AUS,
    layout=PatchLayout(landmarks=(1, 20, 32), side_px=12, reduction=2),
    grey=True,
    shared_channels=4,
    shared_kernel=3,
    patch_layers=(PatchLayer(4, 3, 2), PatchLayer(2, 1)),
    widths=(8,),
    batch_norm=True,
    shape_width=4,
)
REFERENCE = head() / 80


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return RegionNetwork(CONFIG, torch.from_numpy(REFERENCE).float()).eval()


@pytest.fixture(scope="module")
def weights(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "small.onnx"
    described = description(network, np.array([0.25, 0.75]), REFERENCE, {"data": "none"})
    assert export_network(network, described, path) < 1e-5
    return path


def faces(count):
    rng = np.random.default_rng(5)
    solids = [posed(head(), *rng.uniform(-30, 30, 3), scale=rng.uniform(0.6, 1.2)) for _ in range(count)]
    points = [solid_points + np.array([128, 128, 0]) for solid_points in solids]
    return [align(picture_of(p, rng), p[:, :2]) for p in points], [p[:, 2] for p in points]


def test_the_file_says_everything_that_detection_needs(weights):
    recognizer = AURecognizer(weights)
    assert recognizer.aus == AUS
    assert recognizer.thresholds.tolist() == [0.25, 0.75]
    assert recognizer.layout == CONFIG.layout
    assert recognizer.reads_depth
    assert recognizer.card["licence"] == "Apache-2.0"
    assert recognizer.card["data"] == "none"


def test_probabilities_equal_those_of_torch(network, weights):
    aligned, depth = faces(3)
    windows = np.stack([cut_windows(face.pixels, face.landmarks, CONFIG.layout) for face in aligned])
    scales = [scale_of(face.crop_from_image) for face in aligned]
    shapes = [
        pose_normalised(landmarks_3d(face.landmarks, z * scale), REFERENCE)
        for face, z, scale in zip(aligned, depth, scales, strict=True)
    ]
    with torch.no_grad():
        expected = network(torch.from_numpy(windows), torch.from_numpy(np.stack(shapes)).float()).sigmoid()
    assert_allclose(AURecognizer(weights).recognize(aligned, depth), expected, atol=1e-5)


def test_a_network_with_a_margin_says_so_and_reads_it(tmp_path):
    torch.manual_seed(1)
    config = dataclasses.replace(CONFIG, layout=PatchLayout((1, 20, 32), 56, 2, margin_px=20), shape_width=0)
    wide = RegionNetwork(config).eval()
    export_network(wide, description(wide, np.array([0.5, 0.5]), None, {}), tmp_path / "wide.onnx")
    recognizer = AURecognizer(tmp_path / "wide.onnx")
    assert recognizer.layout == config.layout
    points = posed(head(), 40, 0, 0)[:, :2] + np.array([128, 128])
    picture = picture_of(points, np.random.default_rng(2))
    face = align(picture, points, 20)
    windows = cut_windows(face.with_margin, face.landmarks, config.layout)
    assert (windows != cut_windows(face.pixels, face.landmarks, PatchLayout((1, 20, 32), 56, 2))).any()
    with torch.no_grad():
        expected = wide(torch.from_numpy(windows)[None]).sigmoid()
    assert_allclose(recognizer.recognize([face]), expected, atol=1e-5)
    with pytest.raises(UsageError, match="margin of 20 px"):
        recognizer.recognize([align(picture, points)])


def test_a_face_gets_the_same_numbers_alone_and_in_a_batch(weights):
    aligned, depth = faces(40)
    recognizer = AURecognizer(weights)
    together = recognizer.recognize(aligned, depth)
    alone = [recognizer.recognize([face], [z])[0] for face, z in zip(aligned, depth, strict=True)]
    assert_allclose(together, alone, atol=1e-4)
    assert np.ptp(together, axis=0).min() > 1e-4  # the faces do differ


def test_no_faces_give_no_rows(weights):
    assert AURecognizer(weights).recognize([], []).shape == (0, 2)


def test_missing_depth_is_refused(weights):
    aligned, depth = faces(2)
    for wrong in (None, depth[:1]):
        with pytest.raises(WeightsError, match="depth"):
            AURecognizer(weights).recognize(aligned, wrong)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"no AU weights at .*none\.onnx"):
        AURecognizer(tmp_path / "none.onnx")


def test_a_text_file_is_no_network(tmp_path):
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(WeightsError, match=r"text\.onnx is not an ONNX network"):
        AURecognizer(tmp_path / "text.onnx")


def altered(weights, path, change):
    """Write the weights with other metadata: `change` gets the description, or None to leave it out."""
    model = onnx.load(str(weights))
    described = json.loads(model.metadata_props[0].value)
    del model.metadata_props[:]
    text = change(described)
    if text is not None:
        onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(text)})
    onnx.save(model, str(path))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: None, "not an AU network of this project"),
        (lambda d: d | {"kind": "landmarks"}, "not an AU network of this project"),
        (lambda d: {k: v for k, v in d.items() if k != "side_px"}, "unreadable.*side_px"),
        (lambda d: d | {"thresholds": [0.5]}, "2 AUs and 1 thresholds"),
        (lambda d: d | {"aus": ["AU06", "AU99"]}, "each AU must be one of"),
        (lambda d: d | {"reference_shape": [[1.0]]}, "unreadable"),
    ],
)
def test_other_metadata_is_refused(weights, tmp_path, change, message):
    with pytest.raises(WeightsError, match=message):
        AURecognizer(altered(weights, tmp_path / "altered.onnx", change))


def test_an_export_that_differs_from_torch_leaves_no_file(network, tmp_path):
    described = description(network, np.array([0.5, 0.5]), REFERENCE, {})
    with pytest.raises(WeightsError, match="differs from torch"):
        export_network(network, described, tmp_path / "x.onnx", tolerance=-1.0)
    assert not list(tmp_path.iterdir())


def with_metadata(weights, path, **changes):
    model = onnx.load(str(weights))
    (entry,) = (one for one in model.metadata_props if one.key == METADATA_KEY)
    entry.value = json.dumps(json.loads(entry.value) | changes)
    onnx.save(model, str(path))
    return path


def test_sets_of_thresholds_are_read_and_files_without_them_load(weights, tmp_path):
    sets = {"balanced": [0.6, 0.7], "f1": [0.2, 0.3]}
    notes = {"AU12": {"chosen_on": "rendered"}}
    both = AURecognizer(with_metadata(weights, tmp_path / "both.onnx", threshold_sets=sets, threshold_notes=notes))
    assert both.thresholds_of("balanced").tolist() == [0.6, 0.7]
    assert both.thresholds_of("f1").tolist() == [0.2, 0.3]
    assert both.threshold_notes == notes
    old = AURecognizer(weights)
    assert old.thresholds.tolist() == [0.25, 0.75]
    assert (old.threshold_sets, old.threshold_notes) == ({}, {})
    with pytest.raises(UsageError, match=r"small\.onnx holds one set of thresholds .* so 'balanced' cannot be chosen"):
        old.thresholds_of("balanced")
    one = AURecognizer(with_metadata(weights, tmp_path / "one.onnx", threshold_sets={"f1": [0.2, 0.3]}))
    with pytest.raises(UsageError, match=r"one\.onnx has no thresholds 'balanced'; it has f1"):
        one.thresholds_of("balanced")


@pytest.mark.parametrize("sets", [{"f1": [0.2]}, {"f1": [0.2, "x"]}, 3, None])
def test_garbled_sets_of_thresholds_are_named(weights, tmp_path, sets):
    with pytest.raises(WeightsError, match=r"bad\.onnx has missing or unreadable"):
        AURecognizer(with_metadata(weights, tmp_path / "bad.onnx", threshold_sets=sets))
