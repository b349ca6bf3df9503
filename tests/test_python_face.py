"""What Python sees: names, keywords, the pictures that are taken, results that compare, detectors that travel."""

import inspect
import io
import multiprocessing
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import duchenne
from duchenne import AUDetector
from duchenne.diagnosis import SAMPLE
from duchenne.errors import DuchenneError, MediaError, UsageError
from duchenne.facs import AU_NAMES, parse_aus
from duchenne.media import frame_of
from duchenne.results.detection_options import ByOptions, DetectionOptions

NAMES = {"AUDetector", "FaceAUs", "to_dataframe", "errors", "__version__"}
PIXELS = np.asarray(Image.open(SAMPLE).convert("RGB"))


@pytest.fixture(scope="module")
def detector():
    return AUDetector(aus="6,12", sides=True, workers=1)


@pytest.fixture(scope="module")
def face(detector):
    return detector.detect(SAMPLE)[0]


def test_all_names_are_seen_and_none_is_imported_before_it_is_asked_for():
    code = (
        "import sys, duchenne\n"
        "names = {'__version__', *duchenne.__all__}\n"
        "assert names <= set(dir(duchenne)), names - set(dir(duchenne))\n"
        "loaded = {'numpy', 'onnxruntime', 'torch', 'pandas', 'av', 'PIL', 'importlib.metadata'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "for name in names: getattr(duchenne, name)\n"
        "assert not {'torch', 'cv2', 'numba'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(duchenne.__all__) >= NAMES - {"__version__"}
    with pytest.raises(AttributeError, match="no attribute 'AUdetector'"):
        getattr(duchenne, "AUdetector")  # noqa: B009


@pytest.mark.parametrize("aus", ["6,12", "AU12 au6", ["au12", 6], (12, 6), {"AU06", 12}])
def test_action_units_are_named_as_on_the_command_line(aus):
    assert parse_aus(aus) == ("AU06", "AU12")


@pytest.mark.parametrize("aus", [[], "", [99], "AU99", [True], ["smile"]])
def test_what_is_no_action_unit_is_refused(aus):
    with pytest.raises(UsageError):
        parse_aus(aus)


@pytest.mark.parametrize(
    ("thresholds", "expected"),
    [
        (0.25, {"AU06": 0.25, "AU12": 0.25}),
        ({12: 0.25, "au6": 0.5}, {"AU06": 0.5, "AU12": 0.25}),
        ("AU12=0.25,6=0.5", {"AU06": 0.5, "AU12": 0.25}),
        (["0.5", "AU12=0.25"], {"AU06": 0.5, "AU12": 0.25}),
    ],
)
def test_thresholds_are_taken_as_numbers_and_as_words(thresholds, expected):
    assert AUDetector(aus="6,12", thresholds=thresholds).thresholds == expected


def test_thresholds_are_read_from_a_file(tmp_path):
    (tmp_path / "t.csv").write_text("au,threshold\nAU12,0.125\n")
    assert AUDetector(aus=12, thresholds=tmp_path / "t.csv").thresholds == {"AU12": 0.125}


@pytest.mark.parametrize(
    "wrong",
    [{"thresholds": {12: 0.5, "AU12": 0.6}}, {"thresholds": 1.5}, {"thresholds": "f2"}, {"workers": 0}, {"aus": 99}],
)
def test_senseless_keywords_are_refused(wrong):
    with pytest.raises(UsageError):
        AUDetector(**wrong)


def test_one_action_unit_of_a_face(face):
    au = face[12]
    assert au == face["AU12"] == face["au12"] == face["12"]
    assert (au.probability, au.occurs, au.intensity) == (
        face.probability_of("au12"),
        face.occurs(12),
        face.intensity_of("12"),
    )
    assert au.letter == face.letter_of(12) != ""
    assert au.side_probability == tuple(face.side_probability[1])
    assert [one.name for one in face] == list(face.aus)
    assert len(face) == 2
    assert 12 in face
    assert 25 not in face
    assert "nothing" not in face
    with pytest.raises(UsageError, match="There is no 'AU25' in this result"):
        face[25]


def test_faces_compare_by_value_and_can_be_kept_in_sets(face, detector):
    again = detector.detect(SAMPLE)[0]
    assert again == face
    assert len({again, face}) == 1
    other = replace(face, probability=face.probability + 0.001)
    assert other != face
    assert len({other, face}) == 2
    assert replace(face, intensity=None) != face
    assert face != "face"
    assert replace(face.landmarks, depth=face.landmarks.depth * 2) != face.landmarks
    assert frame_of(PIXELS) == frame_of(PIXELS.copy())


def test_what_is_printed_is_short(face, detector):
    assert repr(face) == f"<FaceAUs of {str(SAMPLE)!r}, frame 0, face_id 0: AU06 AU12 of 2 AUs>"
    assert repr(detector) == "AUDetector(aus=('AU06', 'AU12'), sides=True)"
    assert repr(frame_of(PIXELS[:4, :5])) == "<Frame 0 of 'array' at 0 s, 5 x 4 px>"
    assert all(len(repr(part)) < 80 for part in (face.box, face.landmarks))


def turned_jpeg() -> bytes:
    """Return the sample, lying on its side, with the EXIF note of how to hold it."""
    image, file = Image.fromarray(np.rot90(PIXELS)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn it by 90 degrees clockwise.
    image.save(file, "PNG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(PIXELS),
        Image.fromarray(PIXELS).convert("RGBA"),
        PIXELS / 255,
        (PIXELS / 255).astype(np.float32),
        torch.from_numpy(PIXELS.copy()).permute(2, 0, 1),
        torch.from_numpy(PIXELS.copy()),
        torch.from_numpy(PIXELS / 255).permute(2, 0, 1).requires_grad_(),
        turned_jpeg(),
        io.BytesIO(turned_jpeg()),
        Image.open(io.BytesIO(turned_jpeg())),
    ],
    ids=["pil", "rgba", "float64", "float32", "tensor", "tensor-last", "gradient", "bytes", "file", "exif"],
)
def test_pictures_in_memory_have_the_pixels_of_the_array(image):
    assert_array_equal(frame_of(image).pixels, PIXELS)


def test_grey_pictures_in_memory():
    grey = PIXELS[:, :, 0]
    for image in (grey, grey / 255, Image.fromarray(grey), torch.from_numpy(grey.copy())[None]):
        assert_array_equal(frame_of(image).pixels, np.repeat(grey[:, :, None], 3, 2))


def test_an_open_file_is_named_and_detected_in(detector, face):
    with SAMPLE.open("rb") as file:
        (found,) = detector.detect(file)
    assert found == face


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (PIXELS.astype(np.float64), "floats from 0 to 237, expected 0-1"),
        (np.full((4, 4), np.nan), "expected 0-1"),
        (PIXELS.astype(np.int32), "int32, expected uint8"),
        (np.zeros((3, 40, 40), np.uint8), "expected height x width x 3"),
        (torch.zeros(2, 3, 8, 8), "batch one by one"),
        (torch.zeros(3, 8, 8).to_sparse(), "dense tensor"),
        (io.BytesIO(b""), "nothing in it"),
        (io.BytesIO(b"no picture"), "not that of a picture"),
        (io.StringIO("text"), "binary mode"),
        (b"", "nothing in it"),
        (Image.new("RGB", (0, 8)), "no pixels"),
        (None, "NoneType: this is not a picture"),
        ([[1, 2]], "list: this is not a picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_our_tree(image, why):
    with pytest.raises(MediaError, match=why):
        frame_of(image)


def test_a_closed_pillow_image_is_refused():
    image = Image.open(SAMPLE)
    image.close()
    with pytest.raises(MediaError, match="broken or cut short"):
        frame_of(image)


def detected(detector):
    return detector.detect(SAMPLE)


def same_numbers(one, other):
    assert one == other
    assert_allclose(one[0].probability, other[0].probability, rtol=0, atol=0)


def test_a_pickled_detector_gives_the_same_numbers_in_a_spawned_process(detector, face):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        same_numbers(pool.apply(detected, (detector,)), [face])


def test_a_pickled_detector_keeps_neutral_faces_and_compares(detector, face):
    told = detector.with_neutral(SAMPLE)
    assert detector.neutral is None
    back = pickle.loads(pickle.dumps(told))
    assert back == told
    assert hash(back) == hash(told)
    assert told != detector
    assert back.detect(SAMPLE) == told.detect(SAMPLE)
    assert back.detect(SAMPLE) != [face]
    assert pickle.loads(pickle.dumps(detector)) == detector
    assert AUDetector(aus=6) != AUDetector(aus=12)


@pytest.mark.parametrize("name", ["real", "rendered"])
def test_names_of_our_networks_are_no_paths(name):
    class Options(ByOptions):
        options = DetectionOptions(weights=Path(name))

    assert str(Options().portable_options.weights) == name


def test_joblib_takes_a_detector(detector, face):
    (found,) = joblib.Parallel(n_jobs=2)([joblib.delayed(detected)(detector)])
    same_numbers(found, [face])


class Pictures(torch.utils.data.Dataset):
    def __init__(self, detector):
        self.detector = detector

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.detector.detect(SAMPLE)[0]


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_workers_of_a_data_loader_take_a_detector(detector, face, way):
    loader = torch.utils.data.DataLoader(
        Pictures(detector), batch_size=None, num_workers=1, multiprocessing_context=way
    )
    assert list(loader) == [face, face]


def test_the_path_of_weights_is_whole_when_a_detector_travels(tmp_path, monkeypatch):
    from duchenne.weights import weights_path

    (tmp_path / "w.onnx").write_bytes(weights_path("au_rendered.onnx").read_bytes())
    monkeypatch.chdir(tmp_path)
    kept = pickle.dumps(AUDetector(weights="w.onnx"))
    monkeypatch.chdir("/")
    assert pickle.loads(kept).weights[-1] == tmp_path / "w.onnx"


def test_options_are_keywords_and_errors_are_ours():
    kinds = {entry.kind for entry in inspect.signature(AUDetector).parameters.values()}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
    assert duchenne.errors.DuchenneError is DuchenneError
    assert AUDetector().aus == AU_NAMES
