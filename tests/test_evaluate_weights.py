"""The package's network against coders: a data set as it was released, by one command."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from duchenne.alignment import AlignedFace
from duchenne.commands import run
from duchenne.datasets.preparing.preparation import MARGIN_PX, _known_face
from duchenne.datasets.store import PreparedStore
from duchenne.evaluation.run_files import read_run
from duchenne.facs import AU_NAMES
from duchenne.location import Location
from duchenne.location.small_faces import SmallFaces
from duchenne.recognition import AURecognizer
from miniature_releases import DISFA_AUS, write_bp4d, write_ck_plus, write_disfa_plus
from toy_faces import head, picture_of


class _Locator:
    """Finds the same head in every picture."""

    def locate(self, pixels):
        return Location([_known_face(head() + np.array([128, 128, 0]))], Counter(), SmallFaces(0, 24.0))


@pytest.fixture(autouse=True)
def locator(monkeypatch):
    monkeypatch.setattr("duchenne.datasets.preparing.preparation._locator", _Locator)


def redraw(folder, suffix):
    """Replace the pictures by others, each with features elsewhere."""
    for seed, path in enumerate(sorted(folder.rglob(f"*.{suffix}"))):
        rng = np.random.default_rng(seed)
        points = head()[:, :2] + 128 + rng.normal(scale=4, size=(49, 2))
        Image.fromarray(picture_of(points, rng)).save(path)


def detected(store):
    """Return what the network says of the stored faces, by the way of detection."""
    faces = [
        AlignedFace(crop[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX], points[:, :2].astype(float), np.eye(3))
        for crop, points in zip(store.crops(np.arange(len(store))), store.points, strict=True)
    ]
    recognizer = AURecognizer("real")
    return recognizer, recognizer.recognize_fully(faces, [points[:, 2].astype(float) for points in store.points])


def test_disfa_plus_gives_a_table_of_agreement_by_one_command(tmp_path, capsys):
    for subject in ("SN001", "SN002"):
        write_disfa_plus(tmp_path / "release", subject, frames=6)
    redraw(tmp_path / "release", "jpg")
    words = ["evaluate", "real", "--data", str(tmp_path / "release"), "--out", str(tmp_path / "run.json")]
    assert run([*words, "--draws", "0"]) == 0
    said = capsys.readouterr()
    found = read_run(tmp_path / "run.json")
    assert list(found.aus) == [f"AU{au:02d}" for au in sorted(DISFA_AUS) if f"AU{au:02d}" in AURecognizer("real").aus]
    store = PreparedStore(tmp_path / "run.release.store")
    recognizer, predicted = detected(store)
    place, column = recognizer.aus.index("AU12"), AU_NAMES.index("AU12")
    x, y = predicted.intensity[:, place], store.intensity[:, column].max(1)
    expected = 2 * np.cov(x, y)[0, 1] / (x.var(ddof=1) + y.var(ddof=1))
    assert found.aus["AU12"].icc == pytest.approx(expected, abs=0.05)  # The store gives crops at half scale.
    at = found.aus["AU12"].at.validation
    assert at.threshold == pytest.approx(recognizer.thresholds[place])
    called, shown = predicted.probability[:, place] >= recognizer.thresholds[place], y >= 2
    assert abs(at.true_positive + at.false_positive - called.sum()) <= 1
    assert abs(at.true_positive - (called & shown).sum()) <= 1
    row = next(line.split() for line in said.out.splitlines() if line.startswith("AU12"))
    assert row[1:3] == ["12", str(shown.sum())]
    assert float(row[-1]) == pytest.approx(found.aus["AU12"].icc, abs=6e-4)
    assert "Prepared 12 faces of 12 frames" in " ".join(said.err.split())
    assert run([*words, "--draws", "0"]) == 0  # The store is there now.


def test_ck_plus_gives_one_too_and_names_aus_of_one_kind(tmp_path, capsys):
    write_ck_plus(tmp_path / "ck")
    write_ck_plus(tmp_path / "ck", "S010", "002")
    facs = next((tmp_path / "ck" / "FACS" / "S010").rglob("*.txt"))
    facs.write_text("   1.2000000e+01   3.0000000e+00\n")
    redraw(tmp_path / "ck", "png")
    words = ["evaluate", "real", "--data", str(tmp_path / "ck"), "--out", str(tmp_path / "run.json"), "--draws", "0"]
    assert run(words) == 0
    said = capsys.readouterr()
    found = read_run(tmp_path / "run.json")
    assert (found.faces, found.aus["AU12"].positives, found.aus["AU09"].positives) == (2, 1, 1)
    assert "AU06 is not in the means: no positive face" in " ".join(said.err.split())


def test_problems_of_a_release_are_said_and_other_words_are_what_they_were(tmp_path, capsys):
    write_bp4d(tmp_path / "bp4d", {"F001_T1": 3}, frames=6)
    words = ["--data", str(tmp_path / "bp4d"), "--out", str(tmp_path / "run.json"), "--draws", "0"]
    run(["evaluate", "real", *words])
    assert "duchenne: " in capsys.readouterr().err  # Other people of the release are missing.
    assert run(["evaluate", "real", *words, "--valid", str(tmp_path / "run.bp4d.store")]) == 1
    assert "thresholds of its own" in capsys.readouterr().err
    assert run(["evaluate", "unreal", *words]) == 1
    assert "neither a trained system" in " ".join(capsys.readouterr().err.split())
