"""`duchenne dev`: help without weight, results that become JSON and cards, and words for what is amiss."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from duchenne.commands import run
from duchenne.commands.dev.measuring import command_line
from duchenne.evaluation.json_record import to_json
from duchenne.evaluation.pretrained.au_result import AUNetworkResult
from duchenne.evaluation.pretrained.cards import card
from duchenne.evaluation.pretrained.face_detector_result import FaceDetectorResult
from duchenne.evaluation.pretrained.landmark_result import LandmarksResult
from duchenne.evaluation.pretrained.real_faces.real_faces_result import RealFacesResult
from duchenne.evaluation.pretrained.result_json import read_result

RESULTS = Path(__file__).parents[1] / "results"
CARDS = Path(__file__).parents[1] / "docs/cards"
VERBS = (
    "card", "check-portraits", "draw-sample-face", "fit-pose-correction", "grade-by-blendshapes", "label-faces",
    "measure-au-network", "measure-face-detector", "measure-landmarks", "measure-movements", "measure-synthesis",
    "pack-head-data", "real-faces", "release-au-network", "train-face-detector", "train-landmarks", "write-hashes",
)  # fmt: skip
NETWORKS = (
    ("au-network", "au_real.json", AUNetworkResult, "au_real.md"),
    ("real-faces", "au_real_on_real_faces.json", RealFacesResult, "au_real.md"),
    ("real-faces", "au_rendered_on_real_faces.json", RealFacesResult, "au_rendered.md"),
    ("face-detector", "face_detector.json", FaceDetectorResult, "face_detector.md"),
    ("landmarks", "landmarker.json", LandmarksResult, "landmarker.md"),
)


def test_no_help_needs_a_heavy_library():
    code = (
        "import sys\nfrom duchenne.commands import run\n"
        f"for verb in ((), *((verb,) for verb in {VERBS})):\n    assert run(['dev', *verb, '--help']) == 0, verb\n"
        "heavy = {'torch', 'onnxruntime', 'cv2', 'pandas', 'av', 'numba'} & set(sys.modules)\n"
        "sys.exit(f'{heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "For those who make the package's own weights." in done.stdout
    for words in ("--choose-neutral", "--teachers", "--backgrounds", "ends in 0"):
        assert words in done.stdout


@pytest.mark.parametrize(("network", "file", "kind", "page"), NETWORKS)
def test_a_result_on_file_comes_back_key_by_key(network, file, kind, page):
    stored = json.loads((RESULTS / file).read_text())
    assert json.loads(json.dumps(to_json(read_result(kind, RESULTS / file)))) == stored


@pytest.mark.parametrize(("network", "file", "kind", "page"), NETWORKS)
def test_the_card_s_tables_are_those_of_the_page(network, file, kind, page):
    """Pages were written with the tables of another program."""
    rows = {line for line in (CARDS / page).read_text().splitlines() if line.startswith("|")}
    printed = [line for line in card(network, RESULTS / file).splitlines() if line.startswith("|")]
    assert len(printed) > 20
    assert not [line for line in printed if line.replace("|  |", "| |", 1) not in rows and line not in rows]


def test_figures_stand_where_they_belong():
    """Read off results/ by hand."""
    rows = card("landmarks", RESULTS / "landmarker.json").splitlines()
    assert "| pitch +40 yaw +0 | 195 of 200 | .0201 | .0344 | .0103 | .0125 | 3.8 | 1.7 | 2.8 | 0.3 |" in rows
    assert "| opening of the lips | .80 |  |" in rows
    assert "4 of 469 pictures without a face (0.9%)" in card("face-detector", RESULTS / "face_detector.json")


def test_the_card_of_another_network_is_refused(capfd):
    assert run(["dev", "card", "landmarks", str(RESULTS / "face_detector.json")]) == 1
    assert "holds another kind of result: it has the unknown key 'false_faces'" in capfd.readouterr().err
    assert run(["dev", "card", "au-network", str(CARDS / "landmarker.md")]) == 1
    assert "cannot be read as JSON" in capfd.readouterr().err


def test_a_result_with_a_key_too_many_is_refused(tmp_path, capfd):
    stored = json.loads((RESULTS / "landmarker.json").read_text())
    stored["rendered"]["all"]["medain"] = 1  # beside keys of its own and keys of an inner dataclass
    (tmp_path / "new.json").write_text(json.dumps(stored))
    assert run(["dev", "card", "landmarks", str(tmp_path / "new.json")]) == 1
    assert "rendered/all has the unknown key 'medain'" in capfd.readouterr().err


def test_a_measurement_of_nothing_is_refused(tmp_path, capfd):
    pytest.importorskip("cv2")
    assert run(["dev", "measure-landmarks", "--out", str(tmp_path / "x.json")]) == 1
    assert "Nothing to measure on: name --faces" in capfd.readouterr().err
    assert run(["dev", "measure-landmarks", "--faces", str(tmp_path), "--out", str(tmp_path / "x.json")]) == 1
    assert "duchenne dev label-faces" in capfd.readouterr().err


def test_each_store_of_heads_is_measured_as_what_it_is(tmp_path, monkeypatch):
    asked = {}

    def measured(weights, stores, command):
        asked.update(weights=weights, **vars(stores))
        return read_result(AUNetworkResult, RESULTS / "au_real.json")

    monkeypatch.setattr("duchenne.evaluation.pretrained.au_file.measure_au_files", measured)
    words = ["--poses", "p", "--free", "f", "--prototypes", "e", "--out", str(tmp_path / "out.json")]
    assert run(["dev", "measure-au-network", "real", *words]) == 0
    assert asked == {
        "weights": (Path("real"),), "poses": Path("p"), "free": Path("f"), "prototypes": Path("e"),
    }  # fmt: skip


def test_no_path_of_a_machine_is_recorded():
    words = ["dev", "measure-landmarks", "--grid", "/home/me/nine", "--out", "new.json"]
    assert command_line(words) == "duchenne dev measure-landmarks --grid nine --out new.json"
