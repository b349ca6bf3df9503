"""Nothing is sent and nothing is written but what was asked for: ONNX Runtime's telemetry is off before it starts."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import duchenne
from duchenne.evaluation import run_files
from toy_faces import stills, write_stills

SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"
ALIVE_S = 15
"""ONNX Runtime was seen to open its first socket 8 s after it was imported."""
WATCHER = """
import builtins, importlib.abc, os, sys
class Watcher(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print("telemetry off:", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watcher())
"""
VERBS = f"""
import sys, time
start = time.monotonic()
from duchenne.commands import run
from duchenne.synthesis.sets import stills
out, face = sys.argv[1:]
assert run(["detect", face, "--output", out + "/faces.csv", "--overlay", out + "/face.png"]) == 0
assert run(["doctor"]) == 0
stills.PER_PERSON = 1  # Drawing takes most of the time.
assert run(["render", out + "/set", "--count", "1"]) == 0
assert run(["prepare", out + "/toy", "--out", out + "/store", "--landmarks", "exact"]) == 0
words = ["--data", out + "/store", "--valid-share", "0.5", "--aus", "12", "--epochs", "1", "--batch", "8"]
assert run(["train", "compact", *words, "--out", out + "/system"]) == 0
time.sleep(max(0.0, {ALIVE_S} - (time.monotonic() - start)))
print("all done")
"""


def environment(home):
    """Return the environment of a user who never ran the program and set nothing."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "DUCHENNE", "MPL"))
    }
    source = str(Path(duchenne.__file__).parents[1])
    return kept | {"HOME": str(home), "PYTHONPATH": source, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def python(code, home, *words, **others):
    return subprocess.run(
        [sys.executable, "-c", code, *words], env=environment(home) | others, capture_output=True, text=True, check=True
    )


@pytest.mark.parametrize(
    "entry", ["from duchenne import AUDetector", "import duchenne.onnx_network", "import duchenne.faces"]
)
@pytest.mark.parametrize("set_before", [{}, {"ORT_DISABLE_TELEMETRY": "0"}])
def test_telemetry_is_off_before_onnxruntime_is_imported(entry, set_before, tmp_path):
    assert python(WATCHER + entry, tmp_path, **set_before).stdout.splitlines() == ["telemetry off: 1"]


def test_a_detection_leaves_nothing_in_the_home_folder(tmp_path):
    code = f"from duchenne import AUDetector; import time; AUDetector().detect({str(SAMPLE)!r}); time.sleep(1)"
    python(code, tmp_path)
    assert list(tmp_path.rglob("*")) == []


def test_figures_leave_nothing_in_the_home_folder(tmp_path):
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    code = (
        "import duchenne.evaluation.report.figures, matplotlib.font_manager, os;"
        "assert os.path.isdir(matplotlib.get_cachedir())"
    )
    python(code, home, TMPDIR=str(scratch))
    assert list(home.rglob("*")) == list(scratch.rglob("*")) == []


def test_onnxruntime_imported_first_is_said(tmp_path):
    assert "imported before duchenne, so its telemetry is on" in python("import onnxruntime, duchenne", tmp_path).stderr
    with_it_off = python("import onnxruntime, duchenne", tmp_path, ORT_DISABLE_TELEMETRY="1")
    assert with_it_off.stderr == ""


@pytest.mark.parametrize("folder", ["benchmarks", "scripts"])
def test_programs_beside_the_package_leave_onnxruntime_to_it(folder):
    programs = Path(__file__).parents[1] / folder
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in programs.glob("*.py")]
    names = {
        alias.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert "onnxruntime" not in names


def test_the_commit_is_asked_for_without_writing_to_the_clone(monkeypatch):
    """`git status` refreshes the index of the clone unless it is told not to."""
    asked = []
    done = subprocess.CompletedProcess([], 0, "abc", "")
    monkeypatch.setattr(run_files.subprocess, "run", lambda words, **_: asked.append(words) or done)
    assert run_files.commit_here() == "abc+"
    assert len(asked) == 2
    assert all("--no-optional-locks" in words for words in asked)


@pytest.mark.slow
def test_no_socket_and_no_file_elsewhere(tmp_path):
    """Detect, doctor, render, prepare and train under strace, alive for `ALIVE_S`."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", os.devnull, "true"], check=False).returncode:
        pytest.skip("strace is not installed or may not trace here (apt-get install strace)")
    home, out, log, scratch = (tmp_path / name for name in ("home", "out", "log", "scratch"))
    home.mkdir()
    scratch.mkdir()
    (out / "toy").mkdir(parents=True)
    for number in range(2):
        write_stills(stills(12, number, f"s{number}-"), out / "toy" / f"stills-0000{number}.parquet")
    calls = "trace=socket,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
    words = [strace, "-f", "--seccomp-bpf", "-qq", "-e", calls, "-o", str(log), sys.executable, "-c", VERBS, str(out)]
    asked = environment(home) | {"TMPDIR": str(scratch)}
    done = subprocess.run([*words, str(SAMPLE)], env=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "all done" in done.stdout
    lines = log.read_text(errors="replace").splitlines()
    assert len([line for line in lines if "openat" in line]) > 100  # It has traced something.
    assert [line for line in lines if re.search(r"socket\(AF_INET6?\b", line)] == []
    assert [path for line in lines if (path := written(line)) and elsewhere(path, (out, scratch))] == []
    assert list(home.rglob("*")) == list(scratch.rglob("*")) == []


def written(line):
    """Return the path that a traced call makes or opens for writing; None where it fails or only reads."""
    if re.search(r"= -1 |O_TMPFILE", line) or ("open" in line and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", line)):
        return None
    return next(iter(re.findall(r'"([^"]*)"', line)[-1:]), None)


def elsewhere(path, folders):
    """Return whether a path lies outside the folders; devices, and caches of Python and numba, do not count."""
    return not (path.startswith((*map(str, folders), "/dev/", "/proc/")) or "__pycache__" in path)
