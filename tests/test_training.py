"""Training systems: refusals, the loop, killed and continued, two processes as one, fine-tuning, sides."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from duchenne.errors import TrainingError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.measures.ranking import area_under_roc, counts_at
from duchenne.networks.region import PatchLayer, RegionNetwork
from duchenne.training.action_units.export import export_system
from duchenne.training.action_units.initialisation import Initialisation
from duchenne.training.action_units.train import train_au_network
from duchenne.training.data import folds
from duchenne.training.data.checks import require_trainable
from duchenne.training.data.sampler import BatchSampler, balanced_chances
from duchenne.training.recipes.assignments import with_assignments
from duchenne.training.recipes.augmentation import NONE, AugmentationConfig
from duchenne.training.recipes.deep import Adadelta, AdamW, DeepRecipe
from duchenne.training.recipes.named import RECIPES, recipe_named, with_settings
from duchenne.training.recipes.stored import plain, read_recipe
from duchenne.training.run.checkpoints import read_tensors, write_tensors
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.optimisers import PartwiseAdadelta, build_optimiser
from duchenne.training.run.progress import silent
from duchenne.training.systems import load_system, train_system
from toy_network import TINY
from toy_store import SMILE, toy_store

RECIPE = DeepRecipe(
    "tiny", "for tests", TINY, AdamW(learning_rate=1e-2), batch=16, epochs=30, patience=0, validate_every=10, bf16=False
)
CPU = DeviceConfig("cpu", threads=1)
"""With a number of threads of its own, since bits depend on it and other tests may change torch's."""


@pytest.fixture(scope="module")
def stores():
    return toy_store(96), toy_store(32, 1, "b")


@pytest.fixture(scope="module")
def trained(stores, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return train_au_network(RECIPE, *stores, folder, silent, CPU), folder


def test_training_learns_and_the_loaded_system_says_the_same(stores, trained):
    system, folder = trained
    scores = system.scores(stores[1])
    assert area_under_roc(stores[1].occurrence[:, SMILE], scores[:, 1]) > 0.9
    loaded = load_system(folder)
    assert (loaded.name, loaded.aus) == ("tiny", ("AU04", "AU12"))
    assert_allclose(loaded.scores(stores[1]), scores, atol=1e-7)
    metadata = read_tensors(folder / "network.safetensors")[1]
    assert metadata["data"] == stores[0].fingerprint
    assert metadata["steps"] == 180
    assert loaded.people.train == set(stores[0].subject)
    assert loaded.people.valid == set(stores[1].subject)
    assert any((folder / "log").iterdir())


def test_a_small_network_learns_64_faces_by_heart(tmp_path):
    """AU01 does not show in these pictures; benchmarks/overfit.py asks the same of the paper's network."""
    aus = ("AU01", "AU04", "AU12")
    network = dataclasses.replace(
        TINY, aus=aus, shared_channels=8, patch_layers=(PatchLayer(8, 3),), widths=(256,), dropout=0.0, shape_width=0,
        head="occurrence",
    )  # fmt: skip
    settings = {"network": network, "optimiser": AdamW(5e-3), "batch": 32, "epochs": 110, "augmentation": NONE}
    faces = toy_store(64)
    recipe = dataclasses.replace(RECIPE, **settings, validate_every=110)
    system = train_au_network(recipe, faces, toy_store(8, 1, "b"), tmp_path, silent, CPU)
    truth = faces.occurrence[:, [AU_NAMES.index(name) for name in aus]]
    for column, name in enumerate(aus):
        assert counts_at(truth[:, column], system.scores(faces)[:, column] >= 0.5).f1 == 1.0, name


def test_the_sides_are_told_apart(stores, trained):
    system, _ = trained
    valid = stores[1]
    with torch.no_grad():
        latents = system.network.latents(*system.inputs(valid, np.arange(len(valid))))[:, 1].numpy().astype(float)
    for side in range(2):
        assert area_under_roc(valid.intensity[:, SMILE, side] >= 1.5, latents[:, side]) > 0.8


def test_recipes_survive_being_written():
    for recipe in RECIPES.values():
        assert read_recipe(plain(recipe)) == recipe
    with pytest.raises(TrainingError, match="Nonsense"):
        read_recipe({"is": "Nonsense"})
    with pytest.raises(TrainingError, match="settings of Svm in place of a recipe"):
        read_recipe({"is": "Svm", "penalties": [1.0]})


def test_a_system_of_the_last_version_is_read_under_its_old_names(trained, tmp_path):
    """What version 0.1.0 wrote, spelled out: other names of the augmentation and of two of its fields."""
    augmentation = {
        "is": "Augmentation", "landmark_error": 0.02, "depth_error": 0.02, "feature_turn_deg": 4.0,
        "feature_shift": 0.007, "mirror": 0.5, "tint": 0.1, "gamma": 0.2, "contrast": 0.2, "brightness": 0.06,
        "low_resolution": 0.5, "min_side_px": 40, "jpeg": 0.3, "jpeg_quality": [30, 90],
    }  # fmt: skip
    tensors, metadata = read_tensors(trained[1] / "network.safetensors")
    metadata["recipe"]["augmentation"] = augmentation
    write_tensors(tmp_path / "network.safetensors", tensors, metadata)
    loaded = load_system(tmp_path).recipe.augmentation
    assert loaded == AugmentationConfig(feature_jitter_deg=4.0, feature_jitter_shift=0.007)
    augmentation["feature_tun_deg"] = augmentation.pop("feature_turn_deg")
    write_tensors(tmp_path / "network.safetensors", tensors, metadata)
    with pytest.raises(TrainingError, match=r"AugmentationConfig cannot be read by this version.*feature_tun_deg"):
        load_system(tmp_path)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_training import CPU, RECIPE, silent, toy_store, train_au_network
import dataclasses
recipe = dataclasses.replace(RECIPE, epochs=20, keep_every_s=0.0)
train_au_network(recipe, toy_store(96), toy_store(32, 1, "b"), Path({folder!r}), silent, CPU)
"""


def test_killed_in_mid_training_it_goes_on_to_the_same_bits(stores, tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=20, keep_every_s=0.0)
    broken = tmp_path / "broken"
    code = SCRIPT.format(tests=str(Path(__file__).parent), folder=str(broken))
    child = subprocess.Popen([sys.executable, "-c", code])
    step = 0
    while step < 20:
        time.sleep(0.02)
        assert child.poll() is None, "training ended before it could be killed"
        if (broken / "checkpoint.safetensors").exists():
            seen = tmp_path / "seen.safetensors"  # Its reader opens a name twice; the run gives its own anew each step.
            seen.unlink(missing_ok=True)
            os.link(broken / "checkpoint.safetensors", seen)
            step = read_tensors(seen)[1]["state"]["step"]
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not (broken / "network.safetensors").exists()
    resumed = train_au_network(recipe, *stores, broken, silent, CPU)
    whole = train_au_network(recipe, *stores, tmp_path / "whole", silent, CPU)
    for name, values in whole.network.state_dict().items():
        assert torch.equal(values, resumed.network.state_dict()[name]), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a graphics card")
def test_on_a_graphics_card_it_learns_goes_on_and_is_read_back_without_one(stores, tmp_path):
    system = train_au_network(RECIPE, *stores, tmp_path / "whole", silent, DeviceConfig("cuda"))
    assert next(system.network.parameters()).is_cuda
    again = train_au_network(
        RECIPE, *stores, tmp_path / "whole", silent, DeviceConfig("cuda")
    )  # from its checkpoint, no step left
    scores = system.scores(stores[1])
    assert_allclose(again.scores(stores[1]), scores, atol=1e-6)
    assert area_under_roc(stores[1].occurrence[:, SMILE], scores[:, 1]) > 0.9
    assert_allclose(load_system(tmp_path / "whole").scores(stores[1]), scores, atol=1e-3)


def test_a_continued_run_takes_the_threads_that_it_began_with(stores, tmp_path):
    recipe = dataclasses.replace(RECIPE, epochs=1)
    train_au_network(recipe, *stores, tmp_path, silent, CPU)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        train_au_network(recipe, *stores, tmp_path, silent, DeviceConfig("cpu"))
        assert torch.get_num_threads() == 1
        train_au_network(recipe, *stores, tmp_path, silent, DeviceConfig("cpu", threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_folder_of_another_recipe_is_refused(stores, trained):
    with pytest.raises(TrainingError, match="another recipe"):
        train_au_network(dataclasses.replace(RECIPE, epochs=2), *stores, trained[1], silent, CPU)


def test_early_stopping_keeps_the_best_weights_and_a_finished_run_does_not_go_on(stores, tmp_path):
    recipe = dataclasses.replace(RECIPE, optimiser=Adadelta(), epochs=50, patience=2, validate_every=1)
    metadata = train_au_network(recipe, *stores, tmp_path, silent, CPU).metadata
    assert metadata["steps"] < 50 * 6
    assert metadata["steps"] - metadata["best_step"] == 2 * 6
    assert train_au_network(recipe, *stores, tmp_path, silent, CPU).metadata["steps"] == metadata["steps"]


def test_one_step_of_the_papers_optimiser_is_the_one_computed_by_hand():
    weight = torch.tensor([2.0, -1.0], dtype=torch.double, requires_grad=True)
    optimiser, schedule = build_optimiser(RECIPES["paper"].optimiser, [weight], 5)
    square, delta, value = np.zeros(2), np.zeros(2), np.array([2.0, -1.0])
    for given in (np.array([0.5, -3.0]), np.array([0.1, 2.0])):
        weight.grad = torch.tensor(given)
        optimiser.step()
        gradient = given + 5e-4 * value
        square = 0.95 * square + 0.05 * gradient**2
        change = np.sqrt(delta + 1e-6) / np.sqrt(square + 1e-6) * gradient
        delta = 0.95 * delta + 0.05 * change**2
        value = value - 1.0 * change
        assert_allclose(weight.detach().numpy(), value, rtol=1e-12)
    assert schedule is None


def test_adadelta_in_parts_has_the_numbers_of_torchs():
    """Of a weight of several parts, of one whose gradient has gaps in memory, and of one without a gradient."""
    generator = torch.Generator().manual_seed(3)
    first = [torch.randn(shape, generator=generator) for shape in ((3, 2**17 + 5), (40, 30), (4,))]
    ours, theirs = ([torch.nn.Parameter(values.clone()) for values in first] for _ in range(2))
    settings = {"lr": 0.7, "rho": 0.9, "eps": 1e-6, "weight_decay": 5e-4}
    optimisers = PartwiseAdadelta(ours, **settings), torch.optim.Adadelta(theirs, **settings)
    for _ in range(3):
        given = torch.randn(3, 2**17 + 5, generator=generator), torch.randn(30, 40, generator=generator).T
        for weights, optimiser in zip((ours, theirs), optimisers, strict=True):
            for weight, gradient in zip(weights, given, strict=False):
                weight.grad = gradient
            optimiser.step()
    assert all(map(torch.equal, ours, theirs))
    mine, wanted = (optimiser.state_dict()["state"] for optimiser in optimisers)
    assert mine.keys() == wanted.keys() == {0, 1}
    assert all(torch.equal(mine[n][name], wanted[n][name]) for n in wanted for name in wanted[n])


def test_the_papers_settings_are_the_papers():
    paper = RECIPES["paper"]
    assert paper.optimiser == Adadelta(1.0, 0.95, 1e-6, 5e-4)
    assert (paper.batch, paper.network.dropout, len(paper.aus), paper.skew_power) == (128, 0.5, 12, 1)


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (lambda s: s.intensity.__setitem__((slice(None), SMILE), 3.0), "AU12 has 96 positive and 0 negative"),
        (lambda s: s.known.__setitem__((slice(None), SMILE), False), "AU12: all 96 training labels are unknown"),
        (lambda s: s.subject.__setitem__(0, "b3"), "Subject b3 and 0 more are in training and in validation"),
        (lambda s: s.points.__setitem__((5, 3), np.nan), "1 training faces have landmarks that are not numbers"),
    ],
)
def test_data_that_cannot_teach_is_refused_before_the_first_step(stores, tmp_path, corrupt, message):
    train = toy_store(96)
    corrupt(train)
    train.__post_init__()
    with pytest.raises(TrainingError, match=message):
        train_au_network(RECIPE, train, stores[1], tmp_path, silent, CPU)
    assert not list(tmp_path.iterdir())


def test_pixels_that_are_no_numbers_are_refused(stores):
    train = toy_store(96)
    train.pixels = np.where(np.arange(96)[:, None, None, None] == 0, np.nan, train.pixels)
    with pytest.raises(TrainingError, match="float64, 1 of 64 looked at with NaN"):
        require_trainable(train, stores[1], TINY.aus)


def test_unknown_labels_do_not_count(stores, tmp_path):
    train = toy_store(96)
    train.known[::3] = False
    train.__post_init__()
    other = dataclasses.replace(train, intensity=np.where(train.known[..., None], train.intensity, 5 - train.intensity))
    recipe = dataclasses.replace(RECIPE, epochs=1)
    a, b = (
        train_au_network(recipe, s, stores[1], tmp_path / str(k), silent, CPU) for k, s in enumerate((train, other))
    )
    for name, values in a.network.state_dict().items():
        assert torch.equal(values, b.network.state_dict()[name]), name


def test_balanced_sampling_gives_rare_aus_as_much_as_common_ones():
    occurrence = np.zeros((1000, 2), bool)
    occurrence[:10, 0], occurrence[10:510, 1] = True, True
    chances = balanced_chances(occurrence, np.ones_like(occurrence))
    assert chances.sum() == pytest.approx(1)
    assert chances[:10].sum() == pytest.approx(0.5 * 0.01 + 0.25)
    assert chances[10:510].sum() == pytest.approx(0.5 * 0.5 + 0.25)


def test_processes_that_share_a_batch_draw_what_one_would(stores):
    whole = BatchSampler(RECIPE, stores[0], np.zeros((49, 3)) + stores[0].points[0], 6).read(3)
    parts = [BatchSampler(RECIPE, stores[0], np.zeros((49, 3)) + stores[0].points[0], 6, r, 2).read(3) for r in (0, 1)]
    for rank, (inputs, labels) in enumerate(parts):
        assert torch.equal(inputs[0], whole[0][0][rank::2])
        assert torch.equal(labels.occurrence, whole[1].occurrence[rank::2])


def test_fine_tuning_keeps_what_is_frozen_and_takes_shared_outputs(stores, trained, tmp_path):
    network = dataclasses.replace(TINY, aus=("AU12", "AU25"))
    recipe = dataclasses.replace(RECIPE, network=network, epochs=1, freeze=("shared", "patch_layers"))
    tuned = train_system(recipe, *stores, tmp_path, silent, CPU, Initialisation(trained[1]))
    before, after = trained[0].network.state_dict(), tuned.network.state_dict()
    for name in before:
        if name.startswith(("shared", "patch_layers", "shape_mean")):
            assert torch.equal(before[name], after[name]), name
    assert not torch.equal(before["full.0.weight"], after["full.0.weight"])
    assert (after["output.weight"][0] - before["output.weight"][1]).abs().max() < 0.2
    with pytest.raises(TrainingError, match="No parameter begins with 'nose'"):
        train_system(dataclasses.replace(recipe, freeze=("nose",)), *stores, tmp_path / "x", silent, CPU)
    wider = dataclasses.replace(recipe, network=dataclasses.replace(network, shared_channels=5))
    with pytest.raises(TrainingError, match="changes AUs, not sizes"):
        train_system(wider, *stores, tmp_path / "y", silent, CPU, Initialisation(trained[1]))


def test_what_is_no_system_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"network\.safetensors"):
        load_system(tmp_path)
    with pytest.raises(UsageError, match="batch of 2"):
        dataclasses.replace(RECIPE, batch=1)
    assert set(RECIPES["compact"].aus) == set(AU_NAMES)


def test_settings_of_the_command_line_change_a_recipe_and_nonsense_is_named():
    changed = with_settings(recipe_named("paper"), "12,4", epochs=3.0, seed=None)
    assert (changed.aus, changed.epochs, changed.seed) == (("AU04", "AU12"), 3.0, 0)
    with pytest.raises(UsageError, match=r"no recipe 'papper'\. Known: paper, compact"):
        recipe_named("papper")
    with pytest.raises(UsageError, match="has no trees"):
        with_settings(RECIPES["paper"], trees=5)


def test_any_setting_of_a_recipe_can_be_changed_in_words():
    words = ["optimiser.learning_rate = 1e-3", "sampling=balanced", "bf16=False", "network.dropout=0.25"]
    changed = with_assignments(RECIPES["symmetric"], words)
    assert (changed.optimiser.learning_rate, changed.sampling, changed.bf16) == (0.001, "balanced", False)
    assert changed.network.dropout == 0.25
    assert changed.optimiser.weight_decay == RECIPES["symmetric"].optimiser.weight_decay


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("rest_times", "write NAME=VALUE"),
        ("trees=5", "no setting 'trees'. Known: .*rest_times"),
        ("optimiser=SGD", "Name one of them: optimiser.learning_rate"),
        ("seed.x=1", "seed has no settings of its own"),
        ("seed=many", "found 'many', expected a value like 0"),
        ("bf16=maybe", "found 'maybe', expected a value like True"),
        ("freeze=shared", "not a number, a word or a switch"),
        ("rest_times=0", "repeated 0 times"),
    ],
)
def test_settings_that_make_no_sense_are_named(words, message):
    with pytest.raises(UsageError, match=message):
        with_assignments(RECIPES["symmetric"], [words])


def test_bfloat16_trains_too(stores, tmp_path):
    half = dataclasses.replace(CPU, precision="bf16")
    system = train_au_network(dataclasses.replace(RECIPE, epochs=1), *stores, tmp_path, silent, half)
    assert (system.metadata["steps"], system.metadata["precision"]) == (6, "bf16")
    assert next(system.network.parameters()).dtype == torch.float32


def test_the_exported_file_says_the_same_with_intensities_and_sides(stores, trained, tmp_path):
    import onnxruntime

    from duchenne.recognition import AURecognizer

    system, valid = trained[0], stores[1]
    done = export_system(system, valid, tmp_path / "au.onnx")
    assert done.difference < 1e-4
    recognizer = AURecognizer(done.path)
    assert recognizer.aus == system.aus
    assert recognizer.card["data"] == stores[0].fingerprint
    rows = np.arange(5)
    inputs = dict(zip(("windows", "shape"), (values.numpy() for values in system.inputs(valid, rows)), strict=True))
    session = onnxruntime.InferenceSession(str(done.path))
    probability, intensity, by_side, side_intensity = session.run(None, inputs)
    assert_allclose(probability, system.scores(valid)[:5], atol=1e-4)
    assert_allclose(probability, by_side.max(2), atol=1e-6)
    assert_allclose(intensity, side_intensity.max(2), atol=1e-5)
    order = np.argsort(probability[:, 1])
    assert (np.diff(intensity[order, 1]) >= 0).all()
    only_smiles = valid.subset(np.flatnonzero(valid.occurrence[:, SMILE]))
    with pytest.raises(TrainingError, match="AU12 has one class only"):
        export_system(system, only_smiles, tmp_path / "other.onnx")
    grid = dataclasses.replace(system, network=RegionNetwork(dataclasses.replace(RECIPES["grid"].network)))
    with pytest.raises(UsageError, match="reads no windows around landmarks"):
        export_system(grid, valid, tmp_path / "other.onnx")


def test_a_split_without_a_fold_is_its_first(monkeypatch):
    class Subjects(folds.FaceDataset):
        def __init__(self, subject):
            self.subject = subject

        def subset(self, rows):
            return Subjects(self.subject[rows])

    monkeypatch.setattr(folds, "read_faces", lambda *asked: Subjects(np.array(["b", "a", "c", "a", "d"])))
    train, valid, test = folds.read_training_faces([Path("store")], folds.FacesChoice(split="leave-one-out"), seed=0)
    assert test == ("a",)
    assert {*train.subject, *valid.subject} == {"b", "c", "d"}
