"""Where networks are computed: what is missing is said, and nothing falls back in silence."""

import pickle
import threading
import time

import numpy as np
import onnxruntime
import pytest
from numpy.testing import assert_allclose

from duchenne import AUDetector, devices, diagnosis
from duchenne.commands import run
from duchenne.devices import CPU, DEVICES, Device, device_for, fault_of, session_on
from duchenne.diagnosis import SAMPLE
from duchenne.errors import DeviceError, DeviceWarning, UsageError
from duchenne.results.result_record import read_record
from duchenne.weights import weights_path

HERE = set(onnxruntime.get_available_providers())
ACCELERATORS = [name for name in DEVICES if name != "cpu"]
MISSING = [name for name in ACCELERATORS if DEVICES[name].provider not in HERE]
LANDMARKER = weights_path("landmarker.onnx")


@pytest.fixture(autouse=True)
def anew():
    fault_of.cache_clear()
    yield
    fault_of.cache_clear()


@pytest.fixture
def cuda_without_driver(monkeypatch):
    """ONNX Runtime lists CUDA and then opens networks without it, as it does where there is no driver."""
    if "CUDAExecutionProvider" in HERE:
        pytest.skip("CUDA is here")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", CPU.provider])


def test_a_name_that_no_device_has_is_refused():
    with pytest.raises(UsageError, match=r"no device 'gpu'. Choose one of auto, cpu, cuda"):
        device_for("gpu")


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_and_asked_for_by_name_is_an_error(name):
    with pytest.raises(DeviceError, match=f"The device {name} needs {DEVICES[name].provider}, .* lacks") as said:
        AUDetector(device=name)
    assert name == "coreml" or f"pip install --no-deps onnxruntime-{name.replace('cuda', 'gpu')}" in str(said.value)


def test_a_device_that_does_not_start_is_an_error_by_name(cuda_without_driver):
    with pytest.raises(DeviceError, match=r"CUDAExecutionProvider is installed but does not start.*--device cpu"):
        AUDetector(device="cuda")


def test_auto_goes_on_without_it_and_says_so(cuda_without_driver):
    with pytest.warns(DeviceWarning, match=r"CUDAExecutionProvider is installed but does not start.* run on cpu"):
        detector = AUDetector()
    assert detector.device.name == "cpu"
    assert detector.options.device == "auto"
    assert len(detector.detect(SAMPLE)) == 1


def test_the_record_and_the_doctor_name_the_device(tmp_path, monkeypatch, capsys):
    words = ["detect", str(SAMPLE), "--output", str(tmp_path / "r.csv")]
    assert run([*words, "--device", "cpu"]) == 0
    options = read_record(tmp_path / "r.csv").options
    assert (options["device"], options["provider"]) == ("cpu", "CPUExecutionProvider")
    assert f"usable: {', '.join(name for name in DEVICES if fault_of(name) is None)};" in diagnosis.devices().found
    for name in MISSING[:1]:
        assert run([*words, "--overwrite", "--device", name]) == 1
        assert f"The device {name} needs" in capsys.readouterr().err


def test_two_packages_in_one_folder_are_a_fault(monkeypatch):
    assert diagnosis._runtime().ok
    both = {"onnxruntime": "1.24.1", "onnxruntime-openvino": "1.24.1"}
    monkeypatch.setattr(diagnosis, "installed_runtimes", lambda: both)
    finding = diagnosis._runtime()
    assert finding.ok is False
    assert "pip uninstall --yes onnxruntime onnxruntime-openvino" in finding.found


def test_a_failing_device_does_not_hand_over_to_the_processor():
    """ONNX Runtime does so in the middle of a run unless it is told not to."""
    assert onnxruntime.InferenceSession(str(LANDMARKER), providers=[CPU.provider])._enable_fallback
    assert not session_on(CPU, LANDMARKER, 1)._enable_fallback


def test_a_device_that_takes_one_call_at_a_time_gets_one(monkeypatch):
    at_work, most = 0, 0

    def slow(self, *_):
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.02)
        at_work -= 1

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", slow)
    for in_turns, expected in ((False, 4), (True, 1)):
        most = 0
        session = session_on(Device("cpu", CPU.provider, in_turns=in_turns), LANDMARKER, 1)
        threads = [threading.Thread(target=session.run, args=(None, {})) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (most == 1) == (expected == 1)


def test_a_detector_keeps_its_device_in_another_process():
    detector = AUDetector(device="cpu")
    again = pickle.loads(pickle.dumps(detector))
    assert again == detector
    assert again.options.device == again.device.name == "cpu"
    assert "device='cpu'" in repr(again)
    assert again != AUDetector()


def test_what_auto_took_holds_in_a_process_that_has_more(monkeypatch):
    """So that the parts of one result, found on several machines, rest on one device."""
    data = pickle.dumps(AUDetector(device="auto"))
    taken = AUDetector().device.name
    monkeypatch.setattr(devices, "_first_usable", lambda: DEVICES["cuda"])
    again = pickle.loads(data)
    assert again.options.device == "auto"
    assert again.device.name == taken


@pytest.mark.parametrize("name", [name for name in ACCELERATORS if name not in MISSING])
def test_a_device_gives_the_numbers_of_the_processor(name):
    (found,), (expected,) = (AUDetector(device=one).detect(SAMPLE) for one in (name, "cpu"))
    assert device_for(name) is DEVICES[name]
    assert devices.session_on(DEVICES[name], LANDMARKER, 1).get_providers()[0] == DEVICES[name].provider
    assert_allclose(found.probability, expected.probability, atol=2e-3)
    assert np.abs(found.landmarks.points - expected.landmarks.points).max() < 0.1
