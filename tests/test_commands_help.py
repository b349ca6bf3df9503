"""`--help` of every verb: what its docstring teaches is there, and no option that nobody wrote."""

import pytest

from duchenne.commands import app, run

TAUGHT = {
    ("agree",): "Whatever cannot be matched is named, and the rest is compared",
    ("cross-validate",): "One JSON file holds every measure over all tested faces",
    ("data", "check"): "The exit code is 1 if anything is missing or damaged",
    ("detect",): "Without --output prints a table: for a picture the action units of each face",
    ("doctor",): "compares the hash of each weights file with that of the package",
    ("evaluate",): "a CSV or Parquet file with a column AU01_p",
    ("events",): "ends when its probability falls below a share",
    ("explain",): "Each patch in turn is set to zero",
    ("export",): "its output is compared with that of the trained network",
    ("merge",): "those of one run over all sources, byte for byte",
    ("people",): "The program recognises nobody",
    ("prepare",): "Frames are processed as in detection",
    ("render",): "the same seed gives the same files, byte for byte",
    ("report",): "The page is one HTML file that works offline",
    ("review",): "on the disk before the page says so",
    ("reproduce",): "seeds, systems and experiments can be added later",
    ("sample",): "without anything of the result",
    ("train",): "The same command continues an interrupted run",
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
