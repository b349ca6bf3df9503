"""500 cases of the campaign of damaged files, and that the campaign itself notices what it is for."""

import re
import sys
import textwrap

import numpy as np
import pytest

from fuzz.campaign import Child, plan, run_cases
from fuzz.kinds import KINDS
from fuzz.mutation import mutated

SEED, CASES = 1, 500


@pytest.mark.slow
def test_damaged_files_are_read_or_refused_in_plain_words(tmp_path):
    """The first 500 cases of `make fuzz`, which runs 20,000."""
    outcomes = list(run_cases(SEED, range(CASES), tmp_path, tmp_path / "kept"))
    assert [(case, entry["kind"], entry["failure"]) for case, entry in outcomes if entry["failure"]] == []
    assert {entry["kind"] for _, entry in outcomes} == {kind.name for kind in KINDS}
    refused = sum(entry["outcome"] != "read" for _, entry in outcomes)
    assert CASES / 4 < refused < CASES  # The damage is neither too much nor too little.


def test_every_kind_takes_its_turn_evenly():
    order = plan(KINDS)
    assert sorted(order) == sorted(number for number, kind in enumerate(KINDS) for _ in range(kind.share))
    assert len(set(order[:60])) == len(KINDS) or len(set(order)) == len(KINDS)


def test_damage_is_drawn_from_the_seed_and_is_damage():
    data = bytes(range(256)) * 4
    first, second, other = (mutated(data, [data], np.random.default_rng([seed, 3])) for seed in (1, 1, 2))
    assert first == second != other
    damaged = [mutated(data, [data], np.random.default_rng([1, case])) for case in range(200)]
    assert sum(found != data for found in damaged) > 190
    for empty in (mutated(b"", [], np.random.default_rng([1, case])) for case in range(50)):
        assert isinstance(empty, bytes)


READERS = {
    "raises": ("raise KeyError('inner')", "KeyError: 'inner'"),
    "crashes": ("os.kill(os.getpid(), 11)", "the process ended with -11"),
    "hangs": ("time.sleep(60)", "waited for more than 2 s"),
    "burns": ("return [None for _ in iter(lambda: time.process_time() < start + 2, False)] and 'whole'", "took 2 s"),
    "eats": ("return 'whole' if bytearray(b'x') * 700_000_000 else ''", "took 0.[0-9] GB|more and more memory"),
    "changes": ("return 'something else'", "read without a word"),
    "reads": ("return 'whole'", None),
    "refuses": ("raise DatasetError('no')", None),
}


@pytest.mark.parametrize("name", READERS)
def test_what_a_reader_must_not_do_is_noticed(name, tmp_path, monkeypatch):
    """Readers that do what readers must not, in a child of the same campaign."""
    body, expected = READERS[name]
    package = tmp_path / "path" / "wrong"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "campaign.py").write_text(
        textwrap.dedent(
            f"""
            import os, sys, time
            sys.path[:0] = {sys.path!r}
            from fuzz import campaign, kinds
            from duchenne.errors import DatasetError
            def read(folder):
                start = time.process_time()
                {body}
            def make(folder):
                (folder / "a.txt").write_text("whole")
            kinds.KINDS = (kinds.FileKind("wrong", make, ("*.txt",), read, 1, sealed=True),)
            kinds.warm_up = lambda: None
            campaign.MOST_SECONDS, campaign.MOST_BYTES = 1, 600_000_000
            child = campaign.child
            """
        )
    )
    monkeypatch.setattr("fuzz.campaign._FOLDER", tmp_path / "path")
    monkeypatch.setattr("fuzz.campaign.MOST_WAIT_SECONDS", 2 if name == "hangs" else 60)
    samples = tmp_path / "samples"
    (samples / "0").mkdir(parents=True)
    (samples / "0" / "a.txt").write_text("whole")
    (samples / "whole.json").write_text('{"0": {"0": "whole"}}')
    reader = Child(SEED, samples, "wrong")
    entry = reader.run(0)
    reader.end()
    if expected is None:
        assert entry["failure"] is None
    else:
        assert re.search(expected, entry["failure"])
