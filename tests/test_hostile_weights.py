"""Weights that were damaged or made to do harm: one message each, whatever they hold."""

import json
import shutil
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from duchenne import weights
from duchenne.errors import TrainingError, WeightsError
from duchenne.faces import FaceDetector
from duchenne.landmarks import Landmarker, mean_face
from duchenne.networks.build import build_network
from duchenne.networks.region import RegionNetwork
from duchenne.onnx_network import METADATA_KEY
from duchenne.recognition import AURecognizer
from duchenne.training.action_units.onnx_export import description, export_network
from duchenne.training.action_units.system import DeepSystem, load_deep
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.recipes.named import RECIPES
from duchenne.training.systems import load_system
from duchenne.weights import onnx_trial
from toy_faces import head
from toy_network import TINY


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "tiny.onnx"
    network = RegionNetwork(TINY, torch.from_numpy(head() / 80).float()).eval()
    export_network(network, description(network, np.array([0.5, 0.5]), head() / 80, {"data": "none"}), path)
    return path


@pytest.fixture(scope="module")
def described(exported):
    """What the exported network says of itself, as JSON."""
    return onnx.load(str(exported)).metadata_props[0].value


def hostile(path, nodes, described, initializers=(), windows=(1, 4, 16, 16, 3)):
    """Write a network of these nodes, which says of itself that it is one of ours."""
    inputs = [
        helper.make_tensor_value_info("windows", TensorProto.UINT8, windows),
        helper.make_tensor_value_info("shape", TensorProto.FLOAT, (1, 49, 3)),
    ]
    given = json.loads(described)["outputs"]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in given]
    graph = helper.make_graph(list(nodes), "hostile", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: described})
    onnx.save(model, str(path))
    return path


def outputs_from(name, described):
    return [helper.make_node("Identity", [name], [given]) for given in json.loads(described)["outputs"]]


def test_a_network_of_the_package_is_held_against_its_hash(tmp_path, monkeypatch):
    altered = shutil.copytree(weights.FOLDER, tmp_path / "weights")
    monkeypatch.setattr(weights, "FOLDER", altered)
    assert len(AURecognizer().aus) == 23
    for name, load in (
        ("au_real.onnx", AURecognizer),
        ("landmarker.onnx", Landmarker),
        ("face_detector.onnx", FaceDetector),
        ("mean_face.json", mean_face.__wrapped__),
    ):
        data = bytearray((altered / name).read_bytes())
        data[len(data) // 2] ^= 1
        (altered / name).write_bytes(data)
        with pytest.raises(
            WeightsError, match=f"weights {name} in .* are altered or damaged.*Install the package again"
        ):
            load()
    (altered / "hashes.json").write_text("{")
    with pytest.raises(WeightsError, match=r"hashes\.json cannot be read"):
        AURecognizer()


def test_the_package_s_own_networks_need_no_trial(monkeypatch):
    monkeypatch.setattr("duchenne.onnx_network.fault_of", lambda path: pytest.fail("tried"))
    assert Landmarker().rule.side_px == 128


def test_a_network_is_tried_where_limits_are_lower_than_those_of_the_trial():
    """Batch systems set hard limits, which a process cannot raise."""
    own = str(weights.FOLDER / "landmarker.onnx")
    script = (
        "import pathlib, resource, sys; resource.setrlimit(resource.RLIMIT_CPU, (10, 10)); "
        "from duchenne.weights import onnx_trial; print(onnx_trial.fault_of(pathlib.Path(sys.argv[1])))"
    )
    done = subprocess.run([sys.executable, "-c", script, own], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"


@pytest.mark.parametrize("value", [1.0, float("nan"), float("inf")])
def test_outputs_of_a_trial_must_be_finite(value, tmp_path):
    constant = helper.make_node("Constant", [], ["y"], value_float=value)
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ())
    graph, opset = helper.make_graph([constant], "one", [], [result]), helper.make_opsetid("", 13)
    model = helper.make_model(graph, ir_version=8, opset_imports=[opset])
    onnx.save(model, tmp_path / "one.onnx")
    with nullcontext() if value == 1 else pytest.raises(ValueError, match="y is not a finite number"):
        onnx_trial._run_once(tmp_path / "one.onnx")


def test_a_loop_without_end_is_stopped(tmp_path, described, monkeypatch):
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["on_out"]), helper.make_node("Identity", ["x"], ["x_out"])],
        "body",
        [
            helper.make_tensor_value_info("k", TensorProto.INT64, ()),
            helper.make_tensor_value_info("on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on_out", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("x_out", TensorProto.FLOAT, None),
        ],
    )
    constants = [
        numpy_helper.from_array(np.array(2**62), "most"),
        numpy_helper.from_array(np.array(True), "true"),
    ]
    nodes = [
        helper.make_node("Loop", ["most", "true", "shape"], ["looped"], body=body),
        *outputs_from("looped", described),
    ]
    path = hostile(tmp_path / "loop.onnx", nodes, described, constants)
    monkeypatch.setattr(onnx_trial, "MOST_SECONDS", 3)
    with pytest.raises(WeightsError, match=r"loop\.onnx .* does not come to an end within 3 s"):
        AURecognizer(path)


def test_a_huge_tensor_is_refused(tmp_path, described):
    size = numpy_helper.from_array(np.array([1 << 15, 1 << 16]), "size")
    nodes = [helper.make_node("ConstantOfShape", ["size"], ["huge"]), *outputs_from("huge", described)]
    with pytest.raises(WeightsError, match=r"huge\.onnx is not an ONNX network that can be run"):
        AURecognizer(hostile(tmp_path / "huge.onnx", nodes, described, [size]))


def test_a_huge_input_is_refused(tmp_path, described):
    nodes = outputs_from("shape", described)
    path = hostile(tmp_path / "wide.onnx", nodes, described, windows=(1, 4, 60_000, 60_000, 3))
    with pytest.raises(WeightsError, match="input windows has the sizes 1 x 4 x 60000 x 60000 x 3"):
        AURecognizer(path)


def test_numbers_that_are_not_finite_are_refused(exported, tmp_path):
    model = onnx.load(str(exported))
    largest = max(model.graph.initializer, key=lambda entry: len(entry.raw_data))
    values = numpy_helper.to_array(largest).copy()
    values.flat[0] = np.nan
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    onnx.save(model, str(tmp_path / "nan.onnx"))
    with pytest.raises(WeightsError, match=r"nan\.onnx .* is not a finite number"):
        AURecognizer(tmp_path / "nan.onnx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side_px": 28}, "cannot be run on a face"),
        ({"landmarks": [3, 8]}, "cannot be run on a face"),
        ({"aus": ["AU04"], "thresholds": [0.5]}, "gives an output of the sizes|unreadable"),
        ({"side_px": 10**9}, "unreadable"),
        ({"thresholds": [0.5, float("nan")]}, "unreadable.*not finite"),
        ({"aus": [["AU04"], ["AU12"]]}, "unreadable"),
        ({"card": 3}, "unreadable"),
        ({"reduction": 7}, "unreadable"),
        ({"thresholds": [0.5, 10**400]}, "unreadable"),
    ],
)
def test_metadata_of_another_network_are_refused(change, message, exported, described, tmp_path):
    model = onnx.load(str(exported))
    del model.metadata_props[:]
    helper.set_model_props(model, {METADATA_KEY: json.dumps(json.loads(described) | change)})
    onnx.save(model, str(tmp_path / "other.onnx"))
    with pytest.raises(WeightsError, match=message):
        AURecognizer(tmp_path / "other.onnx")


def test_a_file_that_is_cut_short_is_refused(exported, tmp_path):
    data = exported.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError, match=r"cut\.onnx is not an ONNX network that can be run"):
        AURecognizer(tmp_path / "cut.onnx")


@pytest.fixture
def system(tmp_path):
    torch.manual_seed(0)
    recipe = DeepRecipe("tiny", "For tests.", TINY)
    DeepSystem(recipe, build_network(TINY), head() / 80, {"commit": "none"}).save(tmp_path)
    return tmp_path


def test_a_flipped_bit_of_a_system_is_noticed(system):
    assert load_system(system).aus == ("AU04", "AU12")
    path = system / "network.safetensors"
    data, rng = path.read_bytes(), np.random.default_rng(3)
    for place in rng.integers(8, len(data), 60).tolist():
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << int(rng.integers(8))]) + data[place + 1 :])
        with pytest.raises(TrainingError):
            load_system(system)


@pytest.mark.parametrize("name", ["network.safetensors", "classical.safetensors"])
@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "not a checkpoint of this project"),
        ({"duchenne": "{}"}, "names no recipe"),
        ({"duchenne": "[]"}, "has no description"),
        ({"duchenne": "[" * 100_000}, "not a checkpoint of this project"),
        ({"duchenne": '{"recipe": {"is": "DeepRecipe", "name": 3}}'}, "cannot be read by this version"),
        ({"duchenne": '{"recipe": {"is": "PatchLayer", "channels": 1, "kernel": 1}}'}, "in place of a recipe"),
    ],
)
def test_a_file_without_recipe_is_refused(name, metadata, message, tmp_path):
    save_file({"x": torch.zeros(3)}, str(tmp_path / name), metadata or None)
    with pytest.raises(TrainingError, match=message):
        load_system(tmp_path)


def test_a_recipe_of_another_network_is_refused_before_it_takes_memory(system):
    from safetensors import safe_open

    path = system / "network.safetensors"
    with safe_open(str(path), "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        stored = json.loads(file.metadata()["duchenne"])
    stored["recipe"]["network"]["widths"] = [10**6, 10**6]  # 4 TB
    save_file(tensors, str(path), {"duchenne": json.dumps(stored)})
    with pytest.raises(TrainingError, match="holds other tensors than its recipe says"):
        load_deep(system)


def test_every_recipe_s_network_can_be_sized_without_memory():
    for recipe in RECIPES.values():
        if isinstance(recipe, DeepRecipe):
            with torch.device("meta"):
                assert all(values.is_meta for values in build_network(recipe.network).parameters()), recipe.name
