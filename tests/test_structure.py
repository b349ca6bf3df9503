"""One direction: a module imports only from those before it on the way from picture to report; rooms and sizes."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

import duchenne

ROOT = Path(duchenne.__file__).parent
ORDER = (  # noqa: SIM905
    "errors extras files facs chosen_thresholds geometry poses published workers measures "
    "pose_normalisation weights devices onnx_network cropping colour media faces tracking landmarks smoothing "
    "reliability alignment location patches recognition neutral_faces results side_by_side detector overlay diagnosis "
    "synthesis datasets networks training evaluation finding detection cluster study review "
    "commands __main__"
).split()
ROOMS = {
    "synthesis": "rig raster person skin head scene sets checks rendering",
    "training": "recipes run pictures data face_detector landmarks classical action_units systems trained_system",
    "evaluation": "json_record relations runs scored_faces run_files evaluate tested_people evaluate_system "
    "evaluate_weights evaluated_run report explain experiment pretrained",
}
"""The rooms inside a folder, in their order: what hangs on what."""
HEAVY = {"torch", "cv2", "numba", "scipy", "sklearn", "matplotlib", "onnx"}
LIGHT_FLOORS = ORDER[: ORDER.index("synthesis")]
MOST_MODULE_LINES, MOST_FUNCTION_LINES, MOST_MODULES = 300, 60, 24
"""Of a module; of a function without its docstring; of modules in a folder."""
SHARED_NAMES = {
    "__main__": {"."},
    "augmentation": {"training/recipes", "training/data", "training/landmarks"},
    "au_network": {"evaluation/pretrained", "evaluation/pretrained/cards"},
    "canvas": {"overlay", "training/face_detector"},
    "evaluate": {"commands", "evaluation"},
    "export": {"commands", "training/action_units", "training/face_detector", "training/landmarks"},
    "face_detector": {"networks", "training/recipes", "evaluation/pretrained", "evaluation/pretrained/cards"},
    "labels": {"datasets", "training/data"},
    "landmarks": {".", "training/recipes", "evaluation/pretrained", "evaluation/pretrained/cards"},
    "loss": {"training/face_detector", "training/landmarks"},
    "onnx_export": {"networks", "training/action_units"},
    "pool": {"training/face_detector", "training/landmarks"},
    "prepare": {"commands", "datasets/preparing"},
    "sample": {"commands", "synthesis/sets"},
    "sources": {"media", "training/face_detector", "training/landmarks"},
    "stills": {"datasets", "synthesis/sets"},
    "system": {"training/action_units", "training/classical"},
    "tables": {"datasets", "evaluation/report"},
    "task": {"training/run", "training/action_units", "training/face_detector", "training/landmarks"},
    "train": {"commands", "training/action_units", "training/face_detector", "training/landmarks"},
}
"""Module names that stand in several folders, and in which: the folder makes the difference plain."""
NOT_YET: set[str] = set()
"""What still breaks a rule; nothing may be added, and what is mended must go."""

MODULES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def floor_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Return the modules that a module imports, `from package import module` among them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def later_rooms(path: Path) -> set[str]:
    """Return what a module imports from later rooms of its own folder."""
    floor, *inner = path.relative_to(ROOT).with_suffix("").parts
    if floor not in ROOMS or inner == ["__init__"]:
        return set()
    order = ROOMS[floor].split()
    found = {name.split(".")[2] for name in imports_of(path) if name.startswith(f"duchenne.{floor}.")}
    assert {inner[0], *found} <= set(order), (
        f"{place(path)}: no place in ROOMS for { ({inner[0], *found} - set(order)) }"
    )
    own = order.index(inner[0])
    return {f"{place(path)} imports {floor}.{room}" for room in found if order.index(room) > own}


def long_functions(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > MOST_FUNCTION_LINES:
                found.add(f"{place(path)}: {node.name} is too long")
    return found


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_imports_point_one_way(path):
    own = ORDER.index(floor_of(path))
    floors = {name.split(".")[1] for name in imports_of(path) if name.startswith("duchenne.")} & set(ORDER)
    later = {floor for floor in floors if ORDER.index(floor) > own}
    assert not later, f"{path.name} imports from later floors: {later}"


@pytest.mark.parametrize("path", [p for p in MODULES if floor_of(p) in ROOMS], ids=place)
def test_imports_between_rooms_point_one_way(path):
    assert later_rooms(path) <= NOT_YET


@pytest.mark.parametrize("path", MODULES, ids=place)
def test_modules_and_functions_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_MODULE_LINES
    assert long_functions(path) <= NOT_YET


def test_what_is_mended_leaves_the_list():
    broken = set().union(*(later_rooms(path) | long_functions(path) for path in MODULES))
    assert broken == NOT_YET


def test_no_folder_is_crowded():
    modules = defaultdict(list)
    for path in MODULES:
        if path.stem not in ("__init__", "__main__"):
            modules[path.parent].append(path.stem)
    crowded = {place(folder): len(names) for folder, names in modules.items() if len(names) > MOST_MODULES}
    assert not crowded


def test_a_name_stands_for_one_module_unless_its_folder_tells_which():
    folders = defaultdict(set)
    for path in MODULES:
        if path.stem != "__init__":
            folders[path.stem].add(place(path.parent))
    shared = {name: found for name, found in folders.items() if len(found) > 1}
    assert not {name: found for name, found in shared.items() if not found <= SHARED_NAMES.get(name, set())}


def test_the_drawing_in_contributing_is_true():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    drawn = re.findall(
        r"^( {2}| {4})([a-z_0-9]+(?:\.py|/))  *\S", text.split("src/duchenne/\n")[1].split("```")[0], re.M
    )
    assert [name.removesuffix(".py").rstrip("/") for indent, name in drawn if len(indent) == 2] == ORDER[:-1]
    rooms = [name.removesuffix(".py").rstrip("/") for indent, name in drawn if len(indent) == 4]
    known = [room for order in ROOMS.values() for room in order.split()]
    assert [room for room in known if room in rooms] == rooms
    folders = {path.name for floor in ROOMS for path in (ROOT / floor).iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(rooms)


def test_every_import_is_seen(tmp_path):
    module = tmp_path / "m.py"
    module.write_text("import a.b\nfrom c import d\ndef f():\n    from e.g import h, i\n")
    assert imports_of(module) == {"a.b", "c", "c.d", "e.g", "e.g.h", "e.g.i"}


@pytest.mark.parametrize("path", [p for p in MODULES if floor_of(p) in LIGHT_FLOORS], ids=place)
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
