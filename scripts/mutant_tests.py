"""Which tests look at a change of a module.

The suite runs once with coverage, which keeps in out/mutants-covering.json which test runs which line and how long each
takes. A change is then looked at by the tests that run its line, then by the test files nearest to its module.
"""

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

from coverage import CoverageData

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "src" / "duchenne", ROOT / "tests"
COVERING = ROOT / "out" / "mutants-covering.json"
MOST_FILES, LIMIT_S = 6, 120.0
"""Test files that look at a change where no test is known to run its line; seconds that all tests of a change take at
most (those that run its line half of that)."""
NEAREST_FILES = 2
"""Test files that look at a change besides the tests that run its line."""
NOT_THE_ROOMS_OWN = {"test_structure.py", "test_fuzz.py", "test_commands_help.py"}
"""Test files that look at the text of modules, or at all of them."""


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


def stale_files() -> list[str]:
    """Return the test files that changed since coverage was measured; all of them where the package did."""
    files = sorted(f"tests/{path.name}" for path in TESTS.glob("test_*.py"))
    if not COVERING.exists() or not all(fresh(path) for path in PACKAGE.rglob("*.py")):
        return files
    return [name for name in files if not fresh(ROOT / name)]


def measure() -> None:
    """Run the tests that changed, and keep which test runs which line, its seconds of the processor, and the files."""
    COVERING.parent.mkdir(exist_ok=True)
    data, rc = COVERING.with_suffix(".coverage"), COVERING.with_suffix(".rc")
    rc.write_text(f"[run]\nsource = duchenne\ndata_file = {data}\n", encoding="utf-8")
    stale = stale_files()
    words = ["--cov=duchenne", f"--cov-config={rc}", "--cov-context=test", "--cov-report=", "-p", "mutant_seconds"]
    words += ["-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", *stale]
    seconds = COVERING.with_suffix(".seconds")
    seconds.unlink(missing_ok=True)
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT / 'scripts'}", "OMP_NUM_THREADS": "1"}
    env["MUTANT_SECONDS"] = str(seconds)
    subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=env, check=False)
    keep_covering(data, seconds, set(stale))


def keep_covering(data: Path, measured: Path, stale: set[str]) -> None:
    """Write what a run of some test files with coverage found, beside what is known of the others."""
    kept = covering() if COVERING.exists() else {"contexts": [], "seconds": {}, "lines": {}}
    seconds = {test: time_s for test, time_s in kept["seconds"].items() if test.partition("::")[0] not in stale}
    seconds |= dict(map(json.loads, measured.read_text(encoding="utf-8").splitlines()))
    lines: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for file, rows in kept["lines"].items():
        for row, numbers in rows.items():
            old = {kept["contexts"][k] for k in numbers}
            lines[file][row] |= {one for one in old if one.partition("::")[0] not in stale}
    found = CoverageData(str(data))
    found.read()
    for name in found.measured_files():
        for row, names in found.contexts_by_lineno(name).items():
            lines[name.rpartition("src/duchenne/")[2]][str(row)] |= {one for one in names if one}
    contexts = sorted({one for rows in lines.values() for names in rows.values() for one in names})
    number = {one: k for k, one in enumerate(contexts)}
    coded = {f: {row: sorted(number[one] for one in names) for row, names in rows.items()} for f, rows in lines.items()}
    files = {f"{path.relative_to(ROOT)}": digest_of(path) for top in (PACKAGE, TESTS) for path in top.rglob("*.py")}
    kept = {"files": files, "seconds": seconds, "contexts": contexts, "lines": coded}
    COVERING.write_text(json.dumps(kept), encoding="utf-8")
    covering.cache_clear()


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
