"""The list of changes that tests must notice still fits the code, and each change finds the tests of its room."""

import csv
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import duchenne

PACKAGE, TESTS = Path(duchenne.__file__).parent, Path(__file__).parent
NAMED = tomllib.loads((TESTS / "mutants" / "named.toml").read_text(encoding="utf-8"))["change"]


@pytest.mark.parametrize("change", NAMED, ids=lambda change: change["name"])
def test_a_named_change_stands_once_in_its_module(change):
    assert (PACKAGE / change["file"]).read_text(encoding="utf-8").count(change["find"]) == 1
    assert change["find"] != change["put"]
    assert all((TESTS / name).exists() for name in change["tests"])


def test_every_survivor_that_is_excused_has_its_reason():
    with open(TESTS / "mutants" / "survivors.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(len(row["reason"]) > 10 and (PACKAGE / row["file"]).exists() for row in rows)
    assert len({row["key"] for row in rows}) == len(rows)


@pytest.fixture(scope="module")
def mutants():
    pytest.importorskip("mutmut")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TESTS.parent / "scripts"))
        yield pytest.importorskip("mutants")


@pytest.fixture
def chosen(mutants):
    return sys.modules["mutant_tests"]


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("tracking/tracker.py", "test_tracking.py"),
        ("facs.py", "test_facs.py"),
        ("training/run/trainer.py", "test_trainer.py"),
        ("study/au_events.py", "test_study_agree.py"),
    ],
)
def test_a_change_is_tried_by_the_tests_of_its_room(chosen, file, test):
    assert test in chosen.tests_of(file)[: chosen.MOST_FILES]


TEXT = """MOST = 3


def shortest(
    words,
    limit=MOST,
):
    if (
        words
        and limit
    ):
        return min(
            words,
        )
    return None
"""


@pytest.mark.parametrize(
    ("line", "lines"),
    [(1, range(1, 17)), (6, range(8, 16)), (10, range(8, 12)), (13, range(12, 15)), (15, range(15, 16))],
)
def test_a_change_shows_where_its_statement_runs_or_what_rests_on_it(chosen, line, lines):
    assert chosen.lines_that_run(TEXT, line) == lines


def test_tests_that_run_the_line_look_first_and_those_that_share_a_fixture_with_them(chosen, monkeypatch):
    contexts = ["tests/test_facs.py::a|run", "tests/test_geometry.py::b|setup", "tests/test_facs.py::d|run"]
    seconds = {"tests/test_facs.py::a": 0.1, "tests/test_geometry.py::b": 1.0, "tests/test_geometry.py::c": 2.0}
    line = next(k for k, text in enumerate((PACKAGE / "facs.py").open(encoding="utf-8"), 1) if "return" in text)
    kept = {"contexts": contexts, "seconds": seconds, "lines": {"facs.py": {str(line): [0, 1], str(line + 99): [2]}}}
    monkeypatch.setattr(chosen, "covering", lambda: kept)
    monkeypatch.setattr(chosen, "fresh", lambda path: True)
    monkeypatch.setattr(chosen, "lines_that_run", lambda text, line: range(line, line + 1))
    monkeypatch.setattr(chosen, "COVERING", Path(__file__))
    found = chosen.tests_that_run("facs.py", line, 60)
    assert found == ["tests/test_facs.py::a", "tests/test_geometry.py::b", "tests/test_geometry.py::c"]
    assert chosen.tests_that_run("facs.py", line, 1.5) == found[:2]


TRIAL = """
import sys
from pathlib import Path
import mutant_runs
import mutant_tests
mutant_runs.ROOT, copy, mutant_runs.LIBRARIES = Path(sys.argv[1]), Path(sys.argv[2]), ()
mutant_runs.tests_to_run = lambda *asked: [(["tests/test_sums.py"], -1.75)]
copy = mutant_runs.Copy(copy)
mutant_runs.graph = mutant_tests.graph = lambda at_once=False: {'duchenne.sums': frozenset()}
mutant_runs.load(copy.folder)
for body in ("return 3 * x", "return x + x", "while True: pass"):
    print(*copy.try_change("sums.py", 2, f"def double(x):\\n    {body}\\n", ()))
"""


def test_a_killed_change_is_told_from_one_that_survives(mutants, tmp_path):
    checkout, copy = tmp_path / "checkout", tmp_path / "copy"
    for folder in (checkout / "src/duchenne", checkout / "tests", copy):
        folder.mkdir(parents=True)
    (checkout / "src/duchenne/__init__.py").write_text("")
    (checkout / "src/duchenne/sums.py").write_text("def double(x):\n    return 2 * x\n")
    test = "from duchenne.sums import double\n\n\ndef test_fails_anyway():\n    assert False\n\n\n"
    (checkout / "tests/test_sums.py").write_text(f"{test}def test_two():\n    assert double(2) == 4\n")
    words = [sys.executable, "-c", TRIAL, str(checkout), str(copy)]
    env = os.environ | {"PYTHONPATH": str(TESTS.parent / "scripts")}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    two = "killed tests/test_sums.py::test_two"
    assert [line.strip() for line in done.stdout.splitlines()] == [two, "survived", two]


def test_places_to_change_are_neither_types_nor_words(mutants, tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "PACKAGE", tmp_path)
    text = (
        'Points = Float[np.ndarray, "n 2"]\n\n\n@property\ndef half(x: int) -> int:\n'
        '    """Return 1."""\n    if x < 0:\n        raise ValueError("negative", x)\n    return x / 2\n'
    )
    (tmp_path / "m.py").write_text(text)
    module, found = mutants.possible(tmp_path / "m.py")
    changed = {mutants.change_of("0", "m.py", module, *one).text for one in found} - {None}
    lines = {
        k for new in changed for k, (a, b) in enumerate(zip(text.splitlines(), new.splitlines(), strict=True)) if a != b
    }
    assert {text.splitlines()[k].strip() for k in lines} >= {"if x < 0:", "return x / 2"}
    assert not any("raise" in text.splitlines()[k] or "@" in text.splitlines()[k] for k in lines)
    assert mutants.shares({"a": 60, "b": 30, "c": 10}, 8) == {"a": 5, "b": 2, "c": 1}
