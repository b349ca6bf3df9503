"""Which tests look at a change, and whether they pass: each run is a fork of a process that has the libraries loaded.

The suite runs once with coverage, which keeps in out/mutants-covering.json which test runs which line and how long each
takes. A change is then looked at by the tests that run its line, then by the test files nearest to its module.
"""

import ast
import gc
import hashlib
import importlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import types
from collections import defaultdict
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from beartype._cache.cacheclear import clear_caches
from coverage import CoverageData

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "src" / "duchenne", ROOT / "tests"
COVERING = ROOT / "out" / "mutants-covering.json"
MOST_FILES, LIMIT_S, WAIT_S = 6, 120.0, 900.0
"""Test files that look at a change where no test is known to run its line; seconds that all tests of a change take at
most (those that run its line half of that); and seconds that a run may take by the clock, where it waits."""
NEAREST_FILES, MOST_ATTEMPTS = 2, 4
"""Test files that look at a change besides the tests that run its line; and attempts, each without the tests that were
found to fail without any change."""
NOT_THE_ROOMS_OWN = {"test_structure.py", "test_fuzz.py", "test_commands_help.py"}
"""Test files that look at the text of modules, or at all of them."""
LIBRARIES = (
    "torch",
    "onnx",
    "scipy.stats",
    "sklearn",
    "pandas",
    "pyarrow",
    "hypothesis",
    "beartype",
    "cv2",
    "av",
)
LIBRARIES += ("PIL.Image", "jaxtyping", "cyclopts", "rich", "matplotlib", "numba", "skimage", "starlette", "uvicorn")


@cache
def plain_modules() -> frozenset[str]:
    """Return the modules that tests/conftest.py imports before types are checked."""
    return frozenset(imports_of(TESTS / "conftest.py"))


def imports_of(path: Path, at_once: bool = False) -> set[str]:
    """Return what a file imports, by full names; without what functions import, or types only, on demand."""
    nodes = nodes_of(ast.parse(path.read_text(encoding="utf-8")), at_once)
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def nodes_of(node: ast.AST, at_once: bool) -> list[ast.AST]:
    """Return a node and those below it; on demand none of functions and of what is read for types only."""
    if at_once and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return []
    if at_once and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return []
    return [node, *(found for below in ast.iter_child_nodes(node) for found in nodes_of(below, at_once))]


@cache
def graph(at_once: bool = False) -> dict[str, frozenset[str]]:
    """Return which modules of the package each module, test file and helper of tests imports."""
    modules = {".".join(("duchenne", *p.relative_to(PACKAGE).with_suffix("").parts)): p for p in PACKAGE.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    modules |= {path.stem: path for path in TESTS.glob("*.py")}
    return {name: frozenset((imports_of(path, at_once) & set(modules)) - {name}) for name, path in modules.items()}


@cache
def distances(file: str) -> dict[str, int]:
    """Return how many imports lie between a module and all that rest on it."""
    module = ".".join(("duchenne", *Path(file).with_suffix("").parts)).removesuffix(".__init__")
    distance, edge = {module: 0}, {module}
    while edge:
        edge = {name for name, used in graph().items() if used & edge and name not in distance}
        distance |= dict.fromkeys(edge, 1 + max(distance.values()))
    return distance


def tests_of(file: str) -> list[str]:
    """Return the test files of a module, the nearest first: fewest imports between, then fewest imports of its own."""
    distance, stem = distances(file), Path(file).stem
    found = [name for name in distance if name.startswith("test_") and f"{name}.py" not in NOT_THE_ROOMS_OWN]
    found.sort(key=lambda name: (distance[name] - (stem in name), len(graph()[name]), name))
    return [f"{name}.py" for name in found]


@cache
def resting_on(file: str) -> frozenset[str]:
    """Return the modules of the package that are to be imported again when one changes: it, and all that rest on it."""
    used = {
        name: {*names, *(name.rpartition(".")[:1] if "." in name else ())}
        for name, names in graph(at_once=True).items()
    }
    module = ".".join(("duchenne", *Path(file).with_suffix("").parts)).removesuffix(".__init__")
    found, edge = {module}, {module}
    while edge:
        edge = {name for name, names in used.items() if names & edge and name not in found}
        found |= edge
    return frozenset(name for name in found if name.partition(".")[0] == "duchenne")


def lines_that_run(text: str, line: int) -> range:
    """Return the lines whose run shows a change in one line.

    These are the lines of its statement; those of the body where it stands in a function's head; and all of the module
    where it runs on import only.
    """
    around = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    functions = [node for node in around if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not functions:
        return range(1, text.count("\n") + 2)
    inner = max(around, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
    if inner is functions[-1] and line < inner.body[0].lineno:
        return range(inner.body[0].lineno, (inner.end_lineno or 0) + 1)
    body = getattr(inner, "body", None)
    return range(inner.lineno, max(line, body[0].lineno - 1 if body else inner.end_lineno or line) + 1)


def digest_of(path: Path) -> str:
    """Return the fingerprint of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def measure() -> None:
    """Run the suite once, and keep which test runs which line, the seconds of each test, and what files were read."""
    COVERING.parent.mkdir(exist_ok=True)
    data, rc = COVERING.with_suffix(".coverage"), COVERING.with_suffix(".rc")
    rc.write_text(f"[run]\nsource = duchenne\ndata_file = {data}\n", encoding="utf-8")
    words = [
        "-n",
        "2",
        "--dist",
        "loadfile",
        "--cov=duchenne",
        f"--cov-config={rc}",
        "--cov-context=test",
        "--cov-report=",
    ]
    words += ["--durations=0", "--durations-min=0.002", "-vv", "-p", "no:cacheprovider"]
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    keep_covering(data, said.stdout)


def keep_covering(data: Path, said: str) -> None:
    """Write what a run of the suite with coverage found."""
    seconds: dict[str, float] = defaultdict(float)
    for time_s, test in re.findall(r"^([\d.]+)s (?:setup|call|teardown) +(tests/.*?)\s*$", said, re.M):
        seconds[test] = round(seconds[test] + float(time_s), 3)
    found, lines = CoverageData(str(data)), {}
    found.read()
    numbers: dict[str, int] = {}
    for name in found.measured_files():
        contexts = found.contexts_by_lineno(name).items()
        file = name.rpartition("src/duchenne/")[2]
        lines[file] = {
            line: sorted({numbers.setdefault(one, len(numbers)) for one in names if one}) for line, names in contexts
        }
    files = {f"{path.relative_to(ROOT)}": digest_of(path) for top in (PACKAGE, TESTS) for path in top.rglob("*.py")}
    kept = {"files": files, "seconds": seconds, "contexts": list(numbers), "lines": lines}
    COVERING.write_text(json.dumps(kept), encoding="utf-8")


@cache
def covering() -> dict:
    """Return what the run with coverage found."""
    return json.loads(COVERING.read_text(encoding="utf-8"))


def fresh(path: Path) -> bool:
    """Return whether a file is as it was when coverage was measured."""
    return covering()["files"].get(f"{path.relative_to(ROOT)}") == digest_of(path)


def tests_that_run(file: str, line: int, limit_s: float) -> list[str]:
    """Return the tests that run a line of a module, within a limit; near and quick test files come first.

    A line that runs in a fixture is looked at by all tests of that file, as they share it. No test is returned for a
    module that changed since coverage was measured; nor tests of files that did.
    """
    if not COVERING.exists() or not fresh(PACKAGE / file):
        return []
    kept, lines = covering(), covering()["lines"].get(file, {})
    wanted = lines_that_run((PACKAGE / file).read_text(encoding="utf-8"), line)
    contexts = {kept["contexts"][k] for row in wanted for k in lines.get(str(row), ())}
    names = {name for name, _, when in (one.rpartition("|") for one in contexts) if when == "run"}
    shared = {one.partition("::")[0] for one in contexts if not one.endswith("|run")}
    known = {*kept["seconds"], *(one.rpartition("|")[0] for one in kept["contexts"])}
    names |= {name for name in known if name.partition("::")[0] in shared}
    groups: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for name in names:
        test_file = name.partition("::")[0]
        if Path(test_file).name not in NOT_THE_ROOMS_OWN and (ROOT / test_file).exists() and fresh(ROOT / test_file):
            groups[test_file].append((kept["seconds"].get(name, 0.0), name))
    distance = distances(file)

    def cost(test_file: str) -> float:
        return (0.5 + sum(s for s, _ in groups[test_file])) * (1 + distance.get(Path(test_file).stem, 9)) ** 2

    ordered = [one for test_file in sorted(groups, key=cost) for one in sorted(groups[test_file])]
    out, total_s = [], 0.0
    for time_s, name in ordered:
        if not out or total_s + time_s <= limit_s:
            out.append(name)
            total_s += time_s
    return out


def seconds_of(test: str) -> float:
    """Return the seconds that a test or a file of tests takes; a guess where coverage was not measured."""
    if not COVERING.exists():
        return 20.0
    kept = covering()["seconds"]
    return sum(time_s for name, time_s in kept.items() if name == test or name.startswith(f"{test}::"))


def tests_to_run(
    file: str, line: int, first: tuple[str, ...] | list[str], limit_s: float
) -> list[tuple[list[str], float]]:
    """Return which tests look at a change, run by run, and the seconds that each run takes, together within a limit."""
    near = [f"tests/{name}" for name in tests_of(file)]
    running = tests_that_run(file, line, limit_s / 2)
    changed = [name for name in near[:MOST_FILES] if COVERING.exists() and not fresh(ROOT / name)]
    rest = dict.fromkeys([*changed, *near[: NEAREST_FILES if running else MOST_FILES]])
    named = [f"tests/{name}" for name in first]
    runs = [[name] for name in named]
    runs += [running] * bool(running) + [[name] for name in rest if name not in named]
    out, left_s = [], limit_s
    for tests in runs:
        time_s = sum(map(seconds_of, tests))
        if not out or time_s <= left_s:
            out.append((tests, time_s))
            left_s -= time_s
    return out


def load(folder: Path) -> None:
    """Import what the tests rest on, so that forks have it: libraries, then the package in a folder as tests see it."""
    sys.path[:0] = [str(folder / "src"), str(folder / "tests")]
    package = ("conftest", *sorted(name for name in graph() if name.startswith("duchenne.") and "__main__" not in name))
    for name in (*LIBRARIES, *package):
        with suppress(ImportError, SystemExit):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


def unload(names: frozenset[str]) -> None:
    """Forget modules of the package, so that they are imported again; all of it where the hook of the tests matters.

    The checker of types remembers classes by name, so its caches go, too.
    """
    if plain_modules() & names:
        names = frozenset(
            name for name in sys.modules if name.partition(".")[0] in ("duchenne", "conftest", "typechecker")
        )
        sys.meta_path[:] = [finder for finder in sys.meta_path if "Jaxtyping" not in type(finder).__name__]
    for name in names & set(sys.modules):
        above, _, last = name.rpartition(".")
        if above in sys.modules:
            vars(sys.modules[above]).pop(last, None)
        del sys.modules[name]
    clear_caches()


class Copy:
    """A copy of the checkout in which changes are made; data and pages are linked to.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.package = folder, folder / "src" / "duchenne"
        for path in ROOT.iterdir():
            if path.name in ("src", "tests"):
                shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
            elif not path.name.startswith(".") and path.name != "out":
                (folder / path.name).symlink_to(path)
        self.passing: dict[tuple[str, str], bool] = {}

    def try_change(
        self, file: str, line: int, text: str, first: tuple[str, ...] | list[str], limit_s: float = LIMIT_S
    ) -> tuple[str, str]:
        """Return "killed" or "survived" for a changed module, and by which test."""
        for tests, time_s in tests_to_run(file, line, first, limit_s):
            for _ in range(MOST_ATTEMPTS):
                failed = self.changed(file, text, tests, 10 + 4 * time_s)
                if failed is None:
                    break
                if self.passes(file, failed):
                    return "killed", failed
        return "survived", ""

    def changed(self, file: str, text: str, tests: list[str], limit_s: float) -> str | None:
        """Run tests with a module changed; compiled files go, as their time stamps are too coarse to tell."""
        path = self.package / file
        original = path.read_bytes()
        path.write_text(text, encoding="utf-8")
        try:
            self.forget(path)
            return self.failure(file, tests, limit_s)
        finally:
            path.write_bytes(original)
            self.forget(path)

    @staticmethod
    def forget(path: Path) -> None:
        """Delete the compiled files of a module."""
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()

    def passes(self, file: str, test: str) -> bool:
        """Return whether a test passes where a module is imported again without change, in the time given with one."""
        if (file, test) not in self.passing:
            self.passing[file, test] = self.failure(file, [test], 10 + 4 * seconds_of(test)) is None
        return self.passing[file, test]

    def failure(self, file: str, tests: list[str], limit_s: float) -> str | None:
        """Return the first test that fails, is not read or takes too long; None if all pass.

        Tests that fail without any change are left out.
        """
        words = [*tests, "-vv", "-x", "-p", "no:cacheprovider", "-W", "ignore"]
        words += [f"--deselect={test}" for (_, test), passes in self.passing.items() if not passes and "::" in test]
        said = self.folder / "said.txt"
        child = os.fork()
        if child == 0:
            self.run_in_child(file, [*words, f"--basetemp={self.folder / 'tmp'}"], said, limit_s)
        status = wait_for(child, WAIT_S)
        if status in (0, 5):
            return None
        text = said.read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^(?:FAILED|ERROR) (\S+(?:\[.*?\])?)(?: - |$)", text, re.M)
        last = re.findall(r"^(tests/\S+::\S+(?:\[.*?\])?) ?", text, re.M)
        return found[1] if found else last[-1] if last and status < 0 else tests[0].partition("::")[0]

    def run_in_child(self, file: str, words: list[str], said: Path, limit_s: float) -> None:
        """Run pytest in a process just forked, and end it."""
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (max(1, round(limit_s)),) * 2)
            out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number in (1, 2):
                os.dup2(out, number)
            os.chdir(self.folder)
            os.environ |= {"PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"}
            os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
            sys.dont_write_bytecode = False
            sys.argv, sys.modules["__main__"] = ["pytest"], types.ModuleType("__main__")
            sys.path[:] = [path for path in sys.path if Path(path).resolve() != Path(__file__).parent]
            unload(resting_on(file))
            code = int(pytest.main(words))
        finally:
            sys.stdout.flush()
            os._exit(code)


def wait_for(child: int, limit_s: float) -> int:
    """Return the exit code of a child, its signal negated; what takes longer than the limit by the clock is ended."""
    end_s = time.monotonic() + limit_s
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            break
        if time.monotonic() > end_s:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            break
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)
