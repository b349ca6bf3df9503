"""The one trainer, on a line to be fitted, a tiny face detector and a tiny landmark run.

It learns, stops, goes on to the same bytes and refuses another recipe's checkpoint; the product reads what it writes.
"""

import dataclasses
import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from duchenne.errors import TrainingError, UsageError
from duchenne.faces import FaceDetector, box_from_landmarks, overlap
from duchenne.facs import LANDMARK_COUNT
from duchenne.geometry import HeadPose, rotation_from_pose
from duchenne.landmarks import Landmarker, mean_face
from duchenne.training.face_detector.pool import LabelledPicture, write_pool
from duchenne.training.face_detector.sources import Prepared
from duchenne.training.face_detector.train import FaceDetectorOptions, fit_face_detector, train_face_detector
from duchenne.training.landmarks.pool import empty_sample, face_sample, write_part
from duchenne.training.landmarks.train import LandmarkParts, LandmarksOptions, fit_landmarks, train_landmarks
from duchenne.training.recipes.face_detector import FaceDetectorRecipe
from duchenne.training.recipes.landmarks import LandmarkerRecipe
from duchenne.training.run import memory, trainer
from duchenne.training.run.bf16 import computes_bf16
from duchenne.training.run.checkpoints import read_tensors
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import silent
from duchenne.training.run.task import Task, Validation
from duchenne.training.run.trainer import BEST_FILE, CHECKPOINT_FILE, Trainer
from toy_faces import picture_of

CPU = DeviceConfig("cpu", threads=1)
HALF = dataclasses.replace(CPU, precision="bf16")


class Stopped(Exception):
    """Somebody pulled the plug."""


class Line(torch.nn.Module):
    """A line with the mean square of its error behind it."""

    def __init__(self):
        super().__init__()
        self.network = torch.nn.Linear(2, 1)
        self.dropout = torch.nn.Dropout(0.3)

    def forward(self, x, y):
        error = self.network(self.dropout(x)) - y
        return {"above": error.clamp(min=0).square().mean(), "below": error.clamp(max=0).square().mean()}


def line_task(steps=40, stop_at=None, **settings):
    """A task whose batch follows from the step; at `stop_at` its batch fails."""
    torch.manual_seed(0)
    loss = Line()
    optimiser = torch.optim.AdamW(loss.network.parameters(), lr=0.1)

    def batch(step):
        if step == stop_at:
            raise Stopped
        x = torch.from_numpy(np.random.default_rng([3, step]).normal(size=(8, 2))).float()
        return x, x @ torch.tensor([[1.0], [-2.0]]) + 0.5

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
    whole = {"identity": "line", "schedule": schedule, "gradient_norm": 1.0, "average": 0.9, "keep_every_s": 0.0}
    return Task(loss.network, loss, optimiser, steps, batch, 8, **(whole | settings))


def states(task, folder):
    """The tensors and the words of a run's last checkpoint."""
    Trainer(folder, CPU).train(task)
    return read_tensors(folder / CHECKPOINT_FILE)


def assert_same(one, other):
    assert one[0].keys() == other[0].keys()
    for name, values in one[0].items():
        assert torch.equal(values, other[0][name]), name
    assert one[1] == other[1]


class TestTrainer:
    def test_a_run_that_stopped_ends_in_the_same_bytes_as_one_that_did_not(self, tmp_path):
        whole = states(line_task(), tmp_path / "whole")
        with pytest.raises(Stopped):
            states(line_task(stop_at=23), tmp_path / "broken")
        kept = read_tensors(tmp_path / "broken" / CHECKPOINT_FILE)[1]
        assert 15 < kept["state"]["step"] <= 23
        assert_same(whole, states(line_task(), tmp_path / "broken"))
        assert {name.split(".")[0] for name in whole[0]} == {"network", "average", "optimiser"}

    @pytest.mark.parametrize(
        ("keep_every_s", "saving_s", "kept"),
        [(5.0, 0.1, [6, 12, 18, 24, 30, 36, 40]), (5.0, 0.5, [6, 17, 28, 39, 40]), (0.0, 0.5, [*range(1, 41), 40])],
    )
    def test_checkpoints_that_take_long_are_written_less_often(
        self, keep_every_s, saving_s, kept, tmp_path, monkeypatch
    ):
        """A step takes a second of a clock by hand: a twentieth of the time at most goes into checkpoints."""
        now_s, saved = [0.0], []

        def write(path, tensors, metadata):
            now_s[0] += saving_s
            saved.append(metadata["state"]["step"])

        def a_second_each(batch):
            def timed(step):
                now_s[0] += 1.0
                return batch(step)

            return timed

        monkeypatch.setattr(trainer, "write_tensors", write)
        monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
        monkeypatch.setattr(trainer, "drawn_ahead", lambda batch, steps, _: map(a_second_each(batch), steps))
        Trainer(tmp_path, CPU).train(line_task(keep_every_s=keep_every_s))
        assert saved == kept

    def test_nothing_of_a_checkpoint_is_pickled_and_no_half_of_one_stays(self, tmp_path):
        states(line_task(), tmp_path)
        start = (tmp_path / CHECKPOINT_FILE).read_bytes()
        header = int.from_bytes(start[:8], "little")
        assert start[8 : 8 + header].lstrip().startswith(b"{")
        assert {path.name for path in tmp_path.iterdir()} == {CHECKPOINT_FILE, "log"}

    def test_another_identity_or_precision_is_refused(self, tmp_path):
        states(line_task(), tmp_path)
        with pytest.raises(TrainingError, match="another recipe or with other data"):
            Trainer(tmp_path, CPU).train(line_task(identity="curve"))
        with pytest.raises(TrainingError, match=r"made in float32\. Go on with --precision float32"):
            Trainer(tmp_path, HALF).train(line_task())

    def test_other_versions_at_a_continuation_are_told(self, tmp_path, monkeypatch):
        states(line_task(), tmp_path)
        told = []
        same = Trainer(tmp_path, CPU, told.append).train(line_task())
        assert same.notes == ()
        monkeypatch.setattr("duchenne.training.run.versions.code_digest", lambda: "other")
        monkeypatch.setattr("duchenne.training.run.versions.version", lambda name: "9.9")
        trained = Trainer(tmp_path, CPU, told.append).train(line_task())
        (note,) = trained.notes
        assert re.match(r"the code of duchenne is another, numpy was .* and is 9\.9, torch was .* since step", note)
        assert [progress.note for progress in told if progress.note] == [note]

    def test_the_best_weights_come_back_after_patience_is_over(self, tmp_path):
        """The score falls after the third validation; by hand, the weights of that moment must come back."""
        seen = []

        def validate(network):
            seen.append(network.weight.detach().clone())
            return Validation((1.0, 2.0, 3.0, 2.5, 2.9, 1.0, 0.0)[len(seen) - 1])

        settings = {"validate": validate, "validate_every": 4, "patience": 2, "average": None}
        trained = Trainer(tmp_path, CPU).train(line_task(**settings))
        assert (trained.steps, trained.best_step, trained.score) == (20, 12, 3.0)
        assert torch.equal(trained.network.weight, seen[2])
        assert not torch.equal(seen[2], seen[4])
        assert torch.equal(read_tensors(tmp_path / BEST_FILE)[0]["weight"], seen[2])
        again = Trainer(tmp_path, CPU).train(line_task(**settings))
        assert (again.steps, len(seen)) == (20, 5)
        assert torch.equal(again.network.weight, seen[2])

    def test_the_average_of_the_weights_is_the_one_computed_by_hand(self, tmp_path):
        weights, by_hand = [], None
        task = line_task(steps=12, average=0.4)
        step = task.optimiser.step

        def noted(*args, **kwargs):
            step(*args, **kwargs)
            weights.append(task.network.weight.detach().double().clone())

        task.optimiser.step = noted
        by_hand = task.network.weight.detach().double().clone()
        trained = Trainer(tmp_path, CPU).train(task)
        for count, now in enumerate(weights, 1):
            keep = min(0.4, count / (count + 10))
            by_hand = keep * by_hand + (1 - keep) * now
        assert len(weights) == 12
        assert torch.allclose(trained.network.weight.double(), by_hand, atol=1e-6)

    def test_gradients_are_cut_to_their_length(self, tmp_path):
        lengths = []
        task = line_task(steps=6, gradient_norm=0.01)
        step = task.optimiser.step

        def noted(*args, **kwargs):
            lengths.append(torch.cat([p.grad.flatten() for p in task.network.parameters()]).norm().item())
            step(*args, **kwargs)

        task.optimiser.step = noted
        Trainer(tmp_path, CPU).train(task)
        assert lengths == pytest.approx([0.01] * 6, rel=1e-3)

    def test_a_loss_that_is_no_number_ends_the_run_before_it_is_kept(self, tmp_path):
        task = line_task()
        nan = dataclasses.replace(task, batch=lambda step: (torch.full((8, 2), float("nan")), torch.zeros(8, 1)))
        with pytest.raises(TrainingError, match="The loss is nan at step 0"):
            Trainer(tmp_path, CPU).train(nan)
        assert not (tmp_path / CHECKPOINT_FILE).exists()

    def test_progress_tells_the_time_left(self, tmp_path):
        reported = []
        Trainer(tmp_path, CPU, reported.append).train(line_task())
        assert (reported[-1].step, reported[-1].steps, reported[-1].left_s) == (40, 40, 0.0)
        assert reported[-1].per_s > 0

    def test_layers_in_bfloat16_leave_the_batch_as_it_is(self, tmp_path):
        seen = {}

        class Noting(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.network = torch.nn.Linear(1, 1)

            def forward(self, x):
                seen["batch"], seen["layer"] = x.clone(), self.network(x)
                return {"loss": seen["layer"].float().mean()}

        loss = Noting()
        x = torch.tensor([[200.3]])
        optimiser = torch.optim.SGD(loss.network.parameters(), lr=0.1)
        Trainer(tmp_path, HALF, bf16=True).train(Task(loss.network, loss, optimiser, 1, lambda _: (x,), 1, "x"))
        assert torch.equal(seen["batch"], x)
        assert seen["layer"].dtype == torch.bfloat16
        Trainer(tmp_path / "f", dataclasses.replace(CPU, precision="float32"), bf16=True).train(
            Task(loss.network, loss, optimiser, 1, lambda _: (x,), 1, "x")
        )
        assert seen["layer"].dtype == torch.float32

    def test_patience_needs_a_validation(self):
        with pytest.raises(TrainingError, match="patience of 3 without a validation"):
            line_task(patience=3)


def face(rng, side):
    """A blob of a face, 40 px wide in the middle, and the 49 points that make its box."""
    pixels = rng.integers(60, 120, (side, side, 3), dtype=np.uint8)
    middle = side // 2
    cv2.ellipse(pixels, (middle, middle), (22, 28), 0, 0, 360, (230, 190, 170), -1)
    for x in (-9, 9):
        cv2.circle(pixels, (middle + x, middle - 8), 4, (20, 20, 20), -1)
    cv2.ellipse(pixels, (middle, middle + 12), (9, 3), 0, 0, 360, (150, 20, 20), -1)
    points = np.tile([float(middle), float(middle)], (LANDMARK_COUNT, 1))
    points[[19, 22]], points[[25, 28]] = (middle - 9, middle - 8), (middle + 9, middle - 8)
    points[31], points[37] = (middle - 9, middle + 12), (middle + 9, middle + 12)
    points[2], points[8] = (middle - 14, middle - 14), (middle + 14, middle - 14)
    return LabelledPicture(pixels, points, grey=False)


DETECTOR = FaceDetectorRecipe(steps=60, batch=4, side_px=64, warmup=5, peak_rate=5e-3, keep_every_s=0.0)
LANDMARKS = LandmarkerRecipe(steps=30, real=4, rendered=4, empty=2, validate_every=15, keep_every_s=0.0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    write_pool(folder / "faces", [face(rng, 96) for _ in range(6)], 6)
    np.save(folder / "backgrounds.npy", rng.integers(60, 120, (3, 320, 320, 3), dtype=np.uint8))
    return Prepared([folder / "faces"], [1.0], folder / "backgrounds.npy")


def detector_options(folder, **settings):
    nothing = Path("nothing")
    recipe = dataclasses.replace(DETECTOR, **settings)
    return FaceDetectorOptions(nothing, nothing, (), folder, folder / "out.onnx", recipe=recipe, device=CPU)


def stop_at(step):
    """A callback that stops the run once so many steps are made."""

    def on_progress(progress):
        if progress.step >= step:
            raise Stopped

    return on_progress


@pytest.fixture
def each_step(monkeypatch):
    monkeypatch.setattr("duchenne.training.run.trainer._REPORT_EVERY_S", -1.0)


def losses_of(fit):
    reported = []
    fit(reported.append)
    return [progress.loss for progress in reported if progress.loss is not None]


class TestFaceDetector:
    def test_a_tiny_run_learns_and_the_product_reads_what_it_wrote(self, pictures, tmp_path, each_step):
        options = detector_options(tmp_path, steps=120)
        losses = losses_of(lambda tell: fit_face_detector(options, pictures, tell))
        assert len(losses) == 120
        assert losses[-1] < 0.75 * losses[0]
        shown = face(np.random.default_rng(5), 96)
        detector, true = FaceDetector(tmp_path / "face_detector.onnx"), box_from_landmarks(shown.landmarks)
        best, *_ = detector.find(shown.pixels, confidence=0.5)
        assert overlap(true, best.box[None])[0] > 0.5

    def test_stopped_it_goes_on_to_the_same_bytes_and_refuses_another_recipe(self, pictures, tmp_path, each_step):
        files = []
        for name, moment in (("whole", None), ("broken", 25)):
            options = detector_options(tmp_path / name)
            if moment:
                with pytest.raises(Stopped):
                    fit_face_detector(options, pictures, stop_at(moment))
                assert read_tensors(options.work / CHECKPOINT_FILE)[1]["state"]["step"] == moment - 1
            files.append(fit_face_detector(options, pictures, silent).read_bytes())
        assert files[0] == files[1]
        assert_same(*(read_tensors(tmp_path / name / CHECKPOINT_FILE) for name in ("whole", "broken")))
        with pytest.raises(TrainingError, match="another recipe or with other data"):
            fit_face_detector(detector_options(tmp_path / "whole", seed=2), pictures, silent)
        fewer = dataclasses.replace(pictures, shares=[0.5])
        with pytest.raises(TrainingError, match="another recipe or with other data"):
            fit_face_detector(detector_options(tmp_path / "whole"), fewer, silent)

    def test_a_batch_follows_from_seed_and_step_and_steps_differ(self, pictures):
        from duchenne.training.face_detector.task import CanvasBatches

        def batch(step, **settings):
            recipe = dataclasses.replace(DETECTOR, **settings)
            return CanvasBatches(pictures.parts, pictures.shares, pictures.backgrounds, recipe)(step)

        first, longer = batch(7), batch(7, batch=6)
        for values, same, more in zip(first, batch(7), longer, strict=True):
            assert torch.equal(values, same)
            assert torch.equal(values, more[:4])  # A place in the batch has random numbers of its own.
        assert not torch.equal(first[0], batch(8)[0])
        assert not torch.equal(first[0], batch(7, seed=2)[0])

    def test_it_is_trained_by_one_process(self, tmp_path):
        two = dataclasses.replace(detector_options(tmp_path), device=DeviceConfig("cpu", devices=2))
        with pytest.raises(UsageError, match="The face detector is trained by one process, got 2"):
            train_face_detector(two)


def sample(rng, rendered):
    landmarks_3d = 60.0 * mean_face() @ rotation_from_pose(HeadPose(*rng.uniform(-25, 25, 3))).T
    landmarks_3d += np.array([150.0, 140.0, -landmarks_3d[:, 2].mean()])
    visible = np.ones(LANDMARK_COUNT, bool) if rendered else None
    return face_sample(picture_of(landmarks_3d, rng, 300), landmarks_3d, visible)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("parts"), np.random.default_rng(0)
    write_part(folder / "real", [sample(rng, False) for _ in range(8)])
    write_part(folder / "rendered", [sample(rng, True) for _ in range(8)])
    write_part(folder / "watched", [sample(rng, False) for _ in range(4)])
    write_part(folder / "empty", [empty_sample(rng.integers(0, 256, (200, 200, 3), dtype=np.uint8)) for _ in range(3)])
    return LandmarkParts(*([folder / name] for name in ("real", "rendered", "empty", "watched")))


def landmark_options(folder, **settings):
    nothing, recipe = Path("nothing"), dataclasses.replace(LANDMARKS, **settings)
    return LandmarksOptions(nothing, nothing, (), (), folder, folder / "landmarker.onnx", recipe=recipe, device=CPU)


class TestLandmarks:
    def test_a_tiny_run_learns_and_the_product_reads_what_it_wrote(self, parts, tmp_path, each_step):
        options = landmark_options(tmp_path, steps=60)
        losses = losses_of(lambda tell: fit_landmarks(options, parts, mean_face(), tell))
        assert len(losses) == 60
        assert losses[-1] < 0.85 * losses[0]
        points, visibility, presence = Landmarker(options.out).run(np.full((2, 128, 128, 3), 127, np.uint8))
        assert (points.shape, visibility.shape, presence.shape) == ((2, 49, 3), (2, 49), (2,))

    def test_stopped_it_goes_on_to_the_same_bytes_and_refuses_another_recipe(self, parts, tmp_path, each_step):
        for name, moment in (("whole", None), ("broken", 13)):
            options = landmark_options(tmp_path / name)
            if moment:
                with pytest.raises(Stopped):
                    fit_landmarks(options, parts, mean_face(), stop_at(moment))
            fit_landmarks(options, parts, mean_face(), silent)
        assert_same(*(read_tensors(tmp_path / name / CHECKPOINT_FILE) for name in ("whole", "broken")))
        files = [(tmp_path / name / "landmarker.onnx").read_bytes() for name in ("whole", "broken")]
        assert files[0] == files[1]
        with pytest.raises(TrainingError, match="another recipe or with other data"):
            fit_landmarks(landmark_options(tmp_path / "whole", gap_weight=0.0), parts, mean_face(), silent)
        fewer = dataclasses.replace(parts, real=parts.watched)
        with pytest.raises(TrainingError, match="another recipe or with other data"):
            fit_landmarks(landmark_options(tmp_path / "whole"), fewer, mean_face(), silent)

    def test_it_is_trained_by_one_process(self, tmp_path):
        two = dataclasses.replace(landmark_options(tmp_path), device=DeviceConfig("cpu", nodes=2))
        with pytest.raises(UsageError, match="The landmark network is trained by one process, got 2"):
            train_landmarks(two)


X86 = "processor\t: 0\nflags\t\t: fpu avx2 {}\n\nprocessor\t: 1\nflags\t\t: fpu avx2 {}\n"


@pytest.mark.parametrize(
    ("info", "computes"),
    [
        (X86.format("", ""), False),
        (X86.format("avx512f avx512_vnni", ""), False),
        (X86.format("avx512f avx512_bf16", ""), True),
        ("Features\t: fp asimd sve\n", False),
        ("Features\t: fp asimd bf16 i8mm\n", True),
        ("", False),
    ],
)
def test_bfloat16_is_taken_where_the_processor_has_instructions_for_it(info, computes, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(info)
    monkeypatch.setattr("duchenne.training.run.bf16.CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("duchenne.training.run.bf16.platform.system", lambda: "Linux")
    computes_bf16.cache_clear()
    try:
        assert DeviceConfig("cpu").uses_bf16(recipe_bf16=True) == computes
        assert not DeviceConfig("cpu").uses_bf16(recipe_bf16=False)
        assert DeviceConfig("cpu", precision="bf16").uses_bf16(recipe_bf16=True)
        said = []
        assert Trainer(tmp_path, DeviceConfig("cpu"), said.append, bf16=True).bf16 == computes
        remarks = [progress.remark for progress in said]
        assert remarks == ([] if computes else ["float32: the cpu has no instructions for bfloat16"])
    finally:
        computes_bf16.cache_clear()


@pytest.mark.parametrize(("told", "computes"), [("1\n", True), ("0\n", False), ("", False)])
def test_macos_is_asked_by_sysctl(told, computes, monkeypatch):
    def asked(words, **options):
        assert words == ["sysctl", "-n", "hw.optional.arm.FEAT_BF16"]
        return SimpleNamespace(stdout=told)

    monkeypatch.setattr("duchenne.training.run.bf16.platform.system", lambda: "Darwin")
    monkeypatch.setattr("duchenne.training.run.bf16.subprocess.run", asked)
    computes_bf16.cache_clear()
    try:
        assert computes_bf16("cpu") == computes
    finally:
        computes_bf16.cache_clear()


def test_the_c_library_is_asked_to_keep_blocks_up_to_a_gibibyte(monkeypatch):
    """By the numbers of malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD is -1."""
    asked = []
    library = SimpleNamespace(mallopt=lambda name, value: asked.append((name, value)) or 1)
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(memory.sys, "platform", "linux")
    assert memory.keep_freed_memory()
    assert asked == [(-3, 2**30), (-1, 2**31 - 1)]
