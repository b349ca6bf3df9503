"""`--help` of every verb: what its docstring teaches is there, and no option that nobody wrote."""

import pytest

from duchenne.commands import app, run

TAUGHT = {
    ("agree",): "What cannot be matched is named, and the rest is compared",
    ("cross-validate",): "One JSON file holds every measure over all tested faces",
    ("data", "check"): "Ends with 1 if anything is missing or damaged",
    ("detect",): "Without --output a photo's action units are printed as a table",
    ("doctor",): "the hash of each weights file against the one the package was built with",
    ("evaluate",): "a CSV or Parquet file with a column AU01_p",
    ("events",): "lasts until its probability falls below a share of what counts",
    ("explain",): "One patch at a time is silenced",
    ("export",): "It is compared with the network that was trained before it is kept",
    ("people",): "Nobody is recognised: you say who it is",
    ("prepare",): "Frames go the way that detection goes",
    ("render",): "the same seed gives the same bytes",
    ("report",): "The page is one HTML file that works offline",
    ("reproduce",): "What is done stays done",
    ("sample",): "nothing in them tells what the result says",
    ("train",): "A run that was stopped, or killed, goes on where it was",
    ("dev", "measure-movements"): "hundredths of the distance between the outer eye corners",
    ("dev", "draw-sample-face"): "Writes face.jpg and face.json",
}
"""Words of the docstring below its first line, by verb."""


@pytest.mark.parametrize(("verb", "words"), TAUGHT.items(), ids=" ".join)
def test_help_shows_the_whole_docstring(verb, words, capsys):
    assert run([*verb, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert words in shown
    assert "--empty-" not in shown


def test_every_verb_is_tried():
    assert {name for name in app if not name.startswith("-")} == {verb[0] for verb in TAUGHT}
