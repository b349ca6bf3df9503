"""Stand-ins of BP4D, FERA 2017 and DISFA, written by hand, from `data check` to the report by one command.

Their files have what real ones have: frame numbers padded in several ways, 9s, CRLF line ends, frames without a picture
or beyond a video's end, intensity files of one row. Counts are kept while labels are written.
"""

import json
from collections import Counter

import numpy as np
import pytest

from duchenne.commands import run
from duchenne.datasets.preparing.preparation import _known_face
from duchenne.evaluation.run_files import read_runs
from duchenne.location import Location
from duchenne.location.small_faces import SmallFaces
from miniature_releases import BP4D_HEADER, DISFA_AUS, write_picture, write_video
from toy_faces import head

FERA17_AUS = (1, 4, 6, 7, 10, 12, 14, 15, 17, 23)


class _Locator:
    """Finds the same head in every picture."""

    def locate(self, pixels):
        return Location([_known_face(head() + np.array([128, 128, 0]))], Counter(), SmallFaces(0, 24.0))


@pytest.fixture(autouse=True)
def _same_head(monkeypatch):
    monkeypatch.setattr("duchenne.datasets.preparing.preparation._locator", _Locator)


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode())


def write_bp4d(root):
    """Five people, frames 5-24. Return how many faces have which label, by subject and AU."""
    rng, counts = np.random.default_rng(5), Counter()
    for digits, subject in enumerate(("F001", "F002", "M001", "M002", "M003"), 1):
        shown = [frame for frame in range(5, 25) if (subject, frame) not in {("F001", 11), ("M002", 24)}]
        for frame in shown:
            write_picture(root / subject / "T1" / f"{frame:0{digits}d}.jpg", frame)
        lines = [",".join(f"{au:02d}" for au in BP4D_HEADER)]
        for frame in range(5, 25):
            values = [9 if au == 24 and frame < 8 else int(rng.integers(2)) for au in BP4D_HEADER[1:]]
            lines.append(",".join(map(str, (f"{frame:04d}", *values))))
            if frame in shown:
                counts.update((subject, au, value) for au, value in zip(BP4D_HEADER[1:], values, strict=True))
        write_lines(root / "AUCoding" / "AU_OCC" / f"{subject}_T1.csv", lines)
        graded = [f"{frame},{9 if frame == 5 else 2}" for frame in range(5, 25)]
        one_row = graded[3:4] if subject == "M001" else graded
        write_lines(root / "AUCoding" / "AU_INT" / "AU12" / f"{subject}_T1_AU12.csv", one_row)
    return counts


def write_fera17(root):
    """Four people train and two test, six frames each; one video of those who test ends after four."""
    rng, counts = np.random.default_rng(6), Counter()
    everybody = [("Train", "TR", f"F00{k}") for k in range(1, 5)] + [("Valid", "VA", f"F00{k}") for k in (7, 8)]
    for part, short, subject in everybody:
        stem = f"FERA17_{short}_{subject}_T1"
        for pose in range(1, 10):
            frames = 4 if (short, subject, pose) == ("VA", "F007", 3) else 6
            write_video(root / f"FERA17_{part}_MV" / f"{stem}_{pose}.mp4", frames)
        lines = [",".join(map(str, (0, *FERA17_AUS)))]
        for frame in range(1, 7):
            values = [9 if au == 23 and frame == 2 else int(rng.integers(2)) for au in FERA17_AUS]
            lines.append(",".join(map(str, (f"{frame:03d}", *values))))
            if short == "VA":
                views = 8 if subject == "F007" and frame > 4 else 9
                for au, value in zip(FERA17_AUS, values, strict=True):
                    counts[f"VA_{subject}", au, value] += views
        write_lines(root / f"{part}_Occ" / f"{stem}.csv", lines)
        for au in (1, 4, 6, 10, 12, 14, 17):
            rows = ["3,2"] if (subject, au) == ("F002", 17) else [f"0,{au}", *(f"{frame},2" for frame in range(1, 7))]
            write_lines(root / f"{part}_Int" / f"{stem}_AU{au:02d}_Int.csv", rows)
    return counts


def write_disfa(root):
    """Six people, twelve labelled frames; one video ends after ten, one file of AU25 has one row."""
    rng, counts = np.random.default_rng(7), Counter()
    for number in range(1, 7):
        subject, frames = f"SN{number:03d}", 10 if number == 4 else 12
        write_video(root / "Video_LeftCamera" / f"LeftVideo{subject}_comp.avi", frames)
        for au in DISFA_AUS:
            values = [9 if au == 26 and frame == 5 else int(rng.integers(6)) for frame in range(1, 13)]
            rows = list(enumerate(values, 1))[:1] if (number, au) == (2, 25) else list(enumerate(values, 1))
            occurs = {frame: 9 if value == 9 else int(value >= 2) for frame, value in rows if frame <= frames}
            counts.update((subject, au, value) for value in occurs.values())
            write_lines(
                root / "ActionUnit_Labels" / subject / f"{subject}_au{au}.txt", [f"{f:02d},{v}" for f, v in rows]
            )
    return counts


CHECKED = {
    "bp4d": ["F001_T1: 1 labelled frames have no picture: 11", "M001_T1: M001_T1_AU12.csv lacks 19 of 20 frames"],
    "fera17": ["VA_F007_T1: pose 3 has 4 frames, its labels 6", "FERA17_TR_F002_T1_AU17_Int.csv lacks 5 of 6 frames"],
    "disfa": ["SN004: the video has 10 frames, its labels 12", "SN002: AU25 has labels for 1 of 12 frames"],
}
FRAMES = {
    "bp4d": "BP4D 98 faces of 100 frames",
    "fera17": f"FERA 2017 {6 * (4 * 7 + 2 * 9) - 2} faces of {6 * (4 * 7 + 2 * 9)} frames",
    "disfa": "DISFA 70 faces of 72 frames",
}


@pytest.mark.parametrize(("kind", "write", "aus"), [
    ("bp4d", write_bp4d, (1, 4, 12, 24)), ("fera17", write_fera17, (1, 4, 12, 23)), ("disfa", write_disfa, (4, 25, 26)),
])  # fmt: skip
def test_one_command_goes_from_the_check_to_the_report(kind, write, aus, tmp_path, capsys):
    counts = write(tmp_path / "data")
    assert run(["data", "check", str(tmp_path / "data"), "--json"]) == 1
    (checked,) = json.loads(capsys.readouterr().out)
    out = tmp_path / "out"
    words = ["--data", "releases", f"--{kind}", str(tmp_path / "data"), "--sampling", "all", "--quick"]
    assert run(["reproduce", *words, "--systems", "svm", "--workers", "1", "--out", str(out)]) == 0
    assert json.loads((out / "sets" / f"{kind}.check.json").read_text()) == checked
    said = "\n".join(f"{problem['where']}: {problem['what']}" for problem in checked["problems"])
    report = (out / "report" / "report.md").read_text(encoding="utf-8")
    assert all(words in said for words in CHECKED[kind])
    assert "Missing or damaged: " in report
    assert FRAMES[kind] in report
    (found,) = read_runs(out / "runs")
    for au in aus:
        scores = found.aus[f"AU{au:02d}"]
        present, absent = (sum(counts[subject, au, value] for subject in found.by_subject) for value in (1, 0))
        assert (scores.positives, scores.skew) == (present, pytest.approx(absent / present, abs=1e-6))
