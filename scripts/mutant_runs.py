"""Whether tests pass with a change: each run is a fork of a process that has libraries and package loaded."""

import gc
import importlib
import os
import re
import resource
import shutil
import signal
import sys
import time
import types
from contextlib import suppress
from pathlib import Path

import pytest
from beartype._cache.cacheclear import clear_caches
from mutant_tests import LIMIT_S, ROOT, graph, plain_modules, resting_on, seconds_of, tests_to_run

MOST_ATTEMPTS, WAIT_S = 4, 900.0
"""Attempts, each without the tests that were found to fail without any change; and seconds that a run may take by the
clock, where it waits."""
LIBRARIES = ("torch", "onnx", "scipy.stats", "sklearn", "pandas", "pyarrow", "hypothesis", "beartype", "cv2", "av")
LIBRARIES += ("PIL.Image", "jaxtyping", "cyclopts", "rich", "matplotlib", "numba", "skimage", "starlette", "uvicorn")


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
