"""One direction: a module imports only from those before it on the way from picture to report."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import duchenne

ROOT = Path(duchenne.__file__).parent
ORDER = (  # noqa: SIM905
    "errors facs geometry poses published workers measures pose_normalisation weights onnx_network cropping media "
    "faces "
    "tracking landmarks smoothing reliability alignment location patches recognition columns results result_files "
    "detector overlay diagnosis synthesis datasets networks training evaluation detection commands __main__"
).split()
HEAVY = {"torch", "cv2", "numba", "scipy", "anny", "sklearn", "matplotlib", "onnx"}
LIGHT_FLOORS = ORDER[: ORDER.index("synthesis")]


def floor_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return modules | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    own = ORDER.index(floor_of(path))
    floors = {name.split(".")[1] for name in imports_of(path) if name.startswith("duchenne.")}
    later = {floor for floor in floors if ORDER.index(floor) > own}
    assert not later, f"{path.name} imports from later floors: {later}"


@pytest.mark.parametrize(
    "path", [p for p in MODULES if floor_of(p) in LIGHT_FLOORS], ids=lambda path: str(path.relative_to(ROOT))
)
def test_detection_needs_no_heavy_library(path):
    assert not {name.split(".")[0] for name in imports_of(path)} & HEAVY


def test_help_is_quick_and_light():
    code = (
        "import sys\nfrom duchenne.commands import run\nrun(['--help'])\nrun(['detect', '--help'])\n"
        "heavy = {'torch', 'onnxruntime', 'cv2', 'pandas', 'av'} & set(sys.modules)\n"
        "sys.exit(f'{heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "action units" in done.stdout
