"""Videos decoded by a device: what is missing is said, what it cannot decode is noted, nothing falls back in silence.

No device is needed: FFmpeg's own answers where there is none are real, and a device that is there is one for which the
processor stands in.
"""

import av
import pytest
from av.codec.hwaccel import HWDeviceType

from clips import write_clip
from duchenne import AUDetector, diagnosis
from duchenne.commands import run
from duchenne.detection import RunOptions, run_detection
from duchenne.errors import DeviceError, DeviceWarning, UsageError
from duchenne.media import Source, SourceKind, container, hardware_decoding, open_video, video
from duchenne.media.hardware_decoding import hardware_fault, hardware_for, offered_hardware
from duchenne.results.result_record import read_record
from test_detection import Interrupting

USABLE = [name for name in offered_hardware() if hardware_fault(name) is None]
MISSING = [name for name in HWDeviceType.__members__ if name != "none" and name not in USABLE]
none_here = pytest.mark.skipif(bool(USABLE), reason="a device is here")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "a.mp4", 10, "mpeg4")


@pytest.fixture
def _cuda_starts(monkeypatch):
    """CUDA seems to be there; FFmpeg itself knows better where it is not."""
    monkeypatch.setattr(hardware_decoding, "hardware_fault", lambda name: None)


@pytest.fixture
def _cuda_decodes(_cuda_starts, monkeypatch):
    """The processor stands in for CUDA."""
    monkeypatch.setattr(video, "accelerator", lambda name: None)


def pixels_of(path, **options):
    with open_video(path, **options) as opened:
        return [frame.pixels.tobytes() for frame in opened], opened.notes


def test_a_name_that_ffmpeg_does_not_know_is_refused(clip, capsys):
    for ask in (lambda: RunOptions(hardware_decoding="gpu"), lambda: open_video(clip, hardware_decoding="gpu")):
        with pytest.raises(UsageError, match=r"no hardware decoding 'gpu'. Choose one of off, auto, .*cuda, vaapi"):
            ask()
    assert run(["detect", str(clip), "--hardware-decoding", "gpu"]) == 2
    assert "no hardware decoding 'gpu'" in capsys.readouterr().err


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_and_asked_for_by_name_is_an_error_before_any_work(name, clip, tmp_path, capsys):
    told = "does not start" if name in offered_hardware() else rf"FFmpeg of PyAV {av.__version__} has no decoder on"
    for ask in (lambda: open_video(clip, hardware_decoding=name), lambda: hardware_for(name)):
        with pytest.raises(DeviceError, match=rf"{told}.*--hardware-decoding off or auto"):
            ask()
    with pytest.raises(DeviceError, match=told):
        next(AUDetector(workers=1).detect_video(clip, hardware_decoding=name))
    output = tmp_path / "r.csv"
    assert run(["detect", str(clip), "--output", str(output), "--hardware-decoding", name]) == 1
    assert name in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@none_here
def test_auto_goes_on_in_software_and_says_so(clip, tmp_path, capsys):
    with pytest.warns(DeviceWarning, match=r"Videos are decoded in software"):
        assert hardware_for("auto") == "off"
    plain, auto = tmp_path / "plain.csv", tmp_path / "auto.csv"
    assert run(["detect", str(clip), "--output", str(plain), "--every-frame"]) == 0
    assert "decoded in" not in capsys.readouterr().err
    words = ["detect", str(clip), "--output", str(auto), "--every-frame", "--hardware-decoding", "auto"]
    assert run(words) == 0
    assert "Videos are decoded in software." in capsys.readouterr().err
    assert auto.read_bytes() == plain.read_bytes()
    assert read_record(auto).options["hardware_decoding"] == "off"
    assert read_record(auto).fingerprint == read_record(plain).fingerprint


@none_here
@pytest.mark.usefixtures("_cuda_starts")
def test_a_video_that_the_device_cannot_decode_is_decoded_in_software_and_noted(clip, tmp_path, capsys):
    found, notes = pixels_of(clip, hardware_decoding="cuda")
    assert found == pixels_of(clip)[0]
    assert notes == ("cuda cannot decode it; it was decoded in software",)
    output = tmp_path / "r.csv"
    assert run(["detect", str(clip), "--output", str(output), "--every-frame", "--hardware-decoding", "cuda"]) == 0
    assert "a.mp4: cuda cannot decode it; it was decoded in software." in capsys.readouterr().err
    assert read_record(output).notes == [f"{clip}: {notes[0]}"]


@pytest.mark.usefixtures("_cuda_starts")
def test_a_stream_that_ffmpeg_gives_to_the_processor_is_noted(clip, monkeypatch):
    """As where only another stream of the file is one for the device."""
    opened = av.open

    def on_the_processor(url, options, hwaccel):
        return opened(url, options=options)

    monkeypatch.setattr(container.av, "open", on_the_processor)
    assert pixels_of(clip, hardware_decoding="cuda")[1] == ("cuda cannot decode it; it was decoded in software",)


@pytest.mark.usefixtures("_cuda_decodes")
def test_the_device_is_recorded_and_another_is_another_run(clip, tmp_path, capsys):
    output = tmp_path / "r.csv"
    words = ["detect", str(clip), "--output", str(output), "--every-frame"]
    assert run([*words, "--hardware-decoding", "auto"]) == 0
    assert "Videos are decoded on cuda." in capsys.readouterr().err
    record = read_record(output)
    assert record.options["hardware_decoding"] == "cuda"
    assert record.notes == []
    assert run(["detect", "--like", f"{output}.json", "--output", str(tmp_path / "like.csv"), "--every-frame"]) == 0
    assert read_record(tmp_path / "like.csv").fingerprint == record.fingerprint
    source = Source(str(clip), SourceKind.VIDEO)
    detector, folder = AUDetector(workers=1), tmp_path / "folder"
    run_detection(detector, [source], RunOptions(output_dir=folder, hardware_decoding="cuda"), Interrupting(None))
    with pytest.raises(UsageError, match="made with other settings"):
        run_detection(detector, [source], RunOptions(output_dir=folder), Interrupting(None))


@pytest.mark.usefixtures("_cuda_decodes")
def test_the_doctor_lists_what_can_decode(monkeypatch):
    monkeypatch.setattr(hardware_decoding, "offered_hardware", lambda: ("cuda", "vaapi"))
    assert diagnosis.hardware_decoding().found == "usable: cuda, vaapi; off unless asked for (--hardware-decoding)"
    monkeypatch.setattr(hardware_decoding, "hardware_fault", lambda name: None if name == "cuda" else "No vaapi.")
    finding = diagnosis.hardware_decoding()
    assert finding.ok
    assert finding.found == "usable: cuda; off unless asked for (--hardware-decoding). No vaapi"
