"""`duchenne doctor` on a copy of the package that is damaged: every damage is a line of the report."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import duchenne
from duchenne import diagnosis
from duchenne.extras import EXTRA_OF
from duchenne.extras.runtimes import RUNTIME_OF

PACKAGE = Path(duchenne.__file__).parent


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def garble(path):
    path.write_bytes(b"[" * 100_000)


@pytest.fixture
def copy(tmp_path):
    left_out = shutil.ignore_patterns("__pycache__", "head_data.npz")
    return shutil.copytree(PACKAGE, tmp_path / "src" / "duchenne", ignore=left_out)


def doctor(copy):
    code = "import sys; from duchenne.commands import run; sys.exit(run(['doctor']))"
    environment = os.environ | {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "400"}
    words = [sys.executable, "-P", "-c", code]
    return subprocess.run(words, capture_output=True, text=True, env=environment, check=False, cwd=copy.parent)


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("weights/au_real.onnx", cut, "au_real.onnx"),
        ("weights/landmarker.onnx", Path.unlink, "landmarker.onnx"),
        ("weights/face_detector.onnx", replace_by_folder, "face_detector.onnx"),
        ("weights/mean_face.json", garble, "mean_face.json"),
        ("weights/hashes.json", garble, "hashes.json"),
        ("samples/face.json", garble, "face.json"),
        ("samples/face.jpg", cut, "face.jpg"),
        ("recognition.py", garble, "self-check"),
    ],
)
def test_every_damage_is_a_line_of_the_report(name, damage, said, copy):
    damage(copy / name)
    done = doctor(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert any(said in line for line in failed), done.stdout
    assert any(line.startswith("FAILED  self-check") for line in failed) or said == "hashes.json"
    assert "onnxruntime" in done.stdout  # The rest of the report is there.
    assert "checks failed" in done.stderr


def test_every_extra_that_users_install_is_listed_with_its_libraries():
    """Those that only develop the package are not."""
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    devices = set(RUNTIME_OF)  # Of these the line "devices" tells.
    assert {name: extras[name][0].partition(">=")[0] for name in devices} == RUNTIME_OF
    assert set(diagnosis._EXTRAS) == set(extras) - devices - {"docs", "notebooks", "mutants", "teachers", "test"}
    looked_for = {library for libraries in diagnosis._EXTRAS.values() for library in libraries}
    assert looked_for <= set(EXTRA_OF)
