"""The list of changes that tests must notice still fits the code, and each change finds the tests of its room."""

import csv
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


@pytest.fixture
def mutants(monkeypatch):
    pytest.importorskip("mutmut")
    monkeypatch.syspath_prepend(str(TESTS.parent / "scripts"))
    yield pytest.importorskip("mutants")
    sys.modules.pop("mutants", None)


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("tracking/tracker.py", "test_tracking.py"),
        ("facs.py", "test_facs.py"),
        ("training/run/trainer.py", "test_trainer.py"),
        ("study/au_events.py", "test_study_agree.py"),
    ],
)
def test_a_change_is_tried_by_the_tests_of_its_room(mutants, file, test):
    assert test in mutants.tests_of(file)[: mutants.MOST_FILES]


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
