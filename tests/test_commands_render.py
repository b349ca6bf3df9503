"""`duchenne render`: the options of co-occurrence, old spellings, messages about wrong shares."""

import json

import pytest

from duchenne.commands import run


@pytest.fixture
def drawn(monkeypatch):
    """Return the plans that the command line would draw."""
    plans = []
    monkeypatch.setattr("duchenne.synthesis.sets.stills.write_stills", lambda plan, *_: plans.append(plan) or 0)
    return plans


def test_old_spellings_give_the_plan_of_the_new_ones_and_warn_once(tmp_path, drawn, capsys):
    old = ["--company", "people", "--look=studio", "--recipe", "arkit"]
    new = ["--cooccurrence", "people", "--lighting=studio", "--au-map", "arkit"]
    assert run(["render", str(tmp_path), *new]) == 0
    assert "is now" not in capsys.readouterr().err
    assert run(["render", str(tmp_path), *old]) == 0
    said = capsys.readouterr().err
    assert drawn[0] == drawn[1]
    assert drawn[0].cooccurrence.value == "people"
    assert [said.count(f"{word} is now") for word in ("--company", "--look", "--recipe")] == [1, 1, 1]


def test_old_spellings_are_not_in_the_help(capsys):
    run(["render", "--help"])
    said = capsys.readouterr().out
    assert "--cooccurrence" in said
    assert not {"--company", "--look ", "--recipe"} & set(said.split())


def test_shares_and_grades_reach_the_plan(tmp_path, drawn):
    words = ["--cooccurrence", "training", "--shares", "prototypes=.7,prototype-pairs=0", "--grades", "faint"]
    assert run(["render", str(tmp_path), *words]) == 0
    assert (drawn[0].grades.value, drawn[0].shares.prototypes) == ("faint", 0.7)
    assert drawn[0].shares.prototype_pairs == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cooccurrence", "training", "--shares", "joy=.4"], "no kind 'joy'"),
        (["--cooccurrence", "training", "--shares", "prototypes=.9,people=.3"], "add up to 1.2"),
        (["--cooccurrence", "training", "--shares", "prototypes=much"], "'much'; it must be a number"),
        (["--cooccurrence", "training", "--shares", "people=.1,people=.2"], "given twice"),
        (["--cooccurrence", "training", "--shares", "people=-.1"], "share of people is -0.1"),
        (["--cooccurrence", "training", "--shares", "pairs=1"], "contain only pairs"),
        (["--shares", "prototypes=.4"], "co-occurrence mix; only training has any"),
        (["--protocol", "bp4d", "--grades", "faint"], "go with --protocol stills"),
    ],
)
def test_what_cannot_be_drawn_is_explained(tmp_path, drawn, capsys, words, said):
    assert run(["render", str(tmp_path / "out"), *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not drawn


def test_the_plan_on_disk_keeps_its_keys(tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.sets.stills._draw_file", lambda *_: None)
    assert run(["render", str(tmp_path / "old"), "--count", "1", "--cooccurrence", "neutral"]) == 0
    plan = json.loads((tmp_path / "old" / "plan.json").read_text())
    assert (plan["company"], plan["look"], plan["recipe"]) == ("neutral", "any", "mixed")
    assert not {"grades", "shares"} & set(plan)
