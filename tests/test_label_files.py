"""Label files with cells that no label file should have: named by file and line, unknown, and the rest loaded."""

import numpy as np
import pytest

from duchenne.datasets.loaders import load
from duchenne.facs import AU_NAMES
from miniature_releases import (
    write_bp4d,
    write_ck_plus,
    write_disfa,
    write_disfa_plus,
    write_fera17,
    write_picture,
    write_rows,
)

NO_LABELS = ["nan", "inf", "-inf", "1e20", "100000000000000000000", "7" * 5000, "1.5", "7", "x", "-5"]


def replaced(path, line, old, new):
    """Replace a piece of one line, counted from 1."""
    lines = path.read_text().splitlines(True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("".join(lines))


def column(values, au):
    return values[:, AU_NAMES.index(au)].tolist()


def text_of(release):
    return "\n".join(f"{problem.where}: {problem.what}" for problem in release.problems)


@pytest.mark.parametrize("cell", NO_LABELS)
def test_bp4d(cell, tmp_path):
    write_bp4d(tmp_path, {"F001_T1": 3})
    occurrence, intensity = tmp_path / "AUCoding" / "AU_OCC", tmp_path / "AUCoding" / "AU_INT" / "AU12"
    replaced(occurrence / "F001_T1.csv", 3, "99,9,0", f"99,9,{cell}")
    replaced(intensity / "F001_T1_AU12.csv", 4, "101,3", f"101,{cell}")
    release = load(tmp_path)
    (recording,) = release.recordings
    assert recording.labels.frame.tolist() == [98, 99, 100, 101, 102, 103]
    assert column(recording.labels.known, "AU02") == [True, False, True, True, True, True]
    assert column(recording.labels.occurrence, "AU12") == [False, True] * 3
    assert column(recording.labels.intensity_known, "AU12") == [False, True, True, False, True, True]
    assert "F001_T1.csv: lines 3 hold something that is not a label; counted as unknown" in text_of(release)
    assert "F001_T1_AU12.csv: lines 4 hold something that is not a label; counted as unknown" in text_of(release)


def test_a_table_whose_columns_name_no_aus_is_said(tmp_path):
    write_bp4d(tmp_path, {"F001_T1": 3})
    path = tmp_path / "AUCoding" / "AU_OCC" / "F001_T1.csv"
    _, *lines = path.read_text().splitlines()
    path.write_text("\n".join(["frame,brow,smile", *lines]))
    assert "F001_T1.csv has no header of AU numbers" in text_of(load(tmp_path))


@pytest.mark.parametrize("cell", NO_LABELS)
def test_fera17(cell, tmp_path):
    write_fera17(tmp_path, poses=(6,))
    replaced(tmp_path / "Train_Occ" / "FERA17_TR_F001_T2.csv", 3, "2,0,1", f"2,{cell},1")
    replaced(tmp_path / "Train_Int" / "FERA17_TR_F001_T2_AU17_Int.csv", 5, "4,4", f"4,{cell}")
    release = load(tmp_path)
    (recording,) = release.recordings
    assert column(recording.labels.known, "AU01") == [True, False, True, True]
    assert column(recording.labels.occurrence, "AU04") == [False, True, False, False]
    assert column(recording.labels.intensity_known, "AU17") == [True, True, True, False]
    assert "FERA17_TR_F001_T2.csv: lines 3 hold" in text_of(release)
    assert "FERA17_TR_F001_T2_AU17_Int.csv: lines 5 hold" in text_of(release)


@pytest.mark.parametrize("cell", NO_LABELS)
def test_disfa(cell, tmp_path):
    write_disfa(tmp_path)
    replaced(tmp_path / "ActionUnit_Labels" / "SN001" / "SN001_au25.txt", 4, "4,3", f"4,{cell}")
    release = load(tmp_path)
    (recording,) = release.recordings
    assert column(recording.labels.known, "AU25") == [True, True, True, False, True]
    assert column(recording.labels.occurrence, "AU25") == [False, False, True, False, True]
    assert "SN001_au25.txt: lines 4 hold" in text_of(release)


@pytest.mark.parametrize("frame", ["nan", "inf", "1e20", "3" * 5000])
def test_a_frame_that_is_none_is_left_out(frame, tmp_path):
    write_disfa(tmp_path)
    for au in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
        replaced(tmp_path / "ActionUnit_Labels" / "SN001" / f"SN001_au{au}.txt", 3, "3,", f"{frame},")
    release = load(tmp_path)
    assert release.recordings[0].labels.frame.tolist() == [1, 2, 4, 5]
    assert "SN001_au9.txt: lines 3 are damaged" in text_of(release)


@pytest.mark.parametrize("line", ["003.jpg   " + "1" * 5000, "9" * 5000 + ".jpg   1", "003.jpg   7", "003.jpg   nan"])
def test_disfa_plus(line, tmp_path):
    write_disfa_plus(tmp_path)
    (path,) = tmp_path.rglob("AU12.txt")
    replaced(path, 6, "003.jpg     3", line)
    release = load(tmp_path, "disfa+")
    assert column(release.recordings[0].labels.known, "AU12") == [True, True, True, False]
    assert column(release.recordings[0].labels.occurrence, "AU12")[:3] == [False, False, True]
    assert "AU12.txt: lines 6 are damaged" in text_of(release)


@pytest.mark.parametrize(
    "line", ["nan 1", "9 inf", "1e20 1", "12 1e20", "4" * 5000 + " 1", "12 " + "1" * 5000, "12 3 4"]
)
def test_ck_plus(line, tmp_path):
    write_ck_plus(tmp_path)
    (path,) = tmp_path.rglob("*_facs.txt")
    path.write_text(path.read_text() + line + "\n")
    release = load(tmp_path)
    (recording,) = release.recordings
    assert [AU_NAMES[k] for k in np.flatnonzero(recording.labels.known[0])] == ["AU09", "AU17"]
    assert "_facs.txt: lines 3 are damaged; AUs that it does not name are unknown" in text_of(release)


@pytest.mark.parametrize("cell", NO_LABELS)
def test_your_own_csv(cell, tmp_path):
    write_picture(tmp_path / "a.png", 0)
    path = tmp_path / "faces.csv"
    path.write_text(
        "path,subject,frame,AU06,AU12,AU12_intensity\n"
        f"a.png,anna,0,{cell},1,4\n"
        "\n"
        f"a.png,anna,1,1,0,{cell}\n"
        f"a.png,anna,{'6' * 5000},1,0,0\n"
        f"{'b' * 5000}.png,anna,3,1,0,0\n"
    )
    release = load(path)
    (recording,) = release.recordings
    assert recording.labels.frame.tolist() == [0, 1]
    assert column(recording.labels.known, "AU06") == [False, True]
    assert column(recording.labels.occurrence, "AU12") == [True, False]
    assert column(recording.labels.intensity_known, "AU12") == [True, cell == "1.5"]
    assert "AU06: lines 2 hold no label; unknown there" in text_of(release)
    assert ("AU12_intensity: lines 4 hold no label" in text_of(release)) == (cell != "1.5")
    assert "faces.csv: lines 5: no frame number; left out" in text_of(release)
    assert "faces.csv: lines 6: no such file; left out" in text_of(release)


def test_surplus_and_missing_cells_of_your_own_csv(tmp_path):
    write_picture(tmp_path / "a.png", 0)
    path = tmp_path / "faces.csv"
    rows = [
        "path,subject,frame,AU06,AU12",
        "a.png,anna,0,1,1,0",
        "a.png,anna,1,1",
        "a.png,anna,2,0,1,,",
        "a.png,anna,3,1,1",
    ]
    path.write_text("\n".join(rows))
    release = load(path)
    (recording,) = release.recordings
    assert recording.labels.frame.tolist() == [1, 2, 3]
    assert column(recording.labels.known, "AU12") == [False, True, True]
    assert column(recording.labels.occurrence, "AU06") == [True, False, True]
    assert text_of(release).splitlines() == [
        "faces.csv: lines 2 have cells beyond the header's; left out",
        "faces.csv: lines 3 have fewer cells than the header; unknown there",
    ]


def test_grades_of_your_own_csv(tmp_path):
    write_picture(tmp_path / "a.png", 0)
    path = tmp_path / "faces.csv"
    persons = ["7", "8" * 5000, "17"]
    path.write_text("file,person,AU06\n" + "".join(f"a.png,{p},{g}\n" for p, g in zip(persons, "12x", strict=True)))
    release = load(path)
    assert [recording.subject for recording in release.recordings] == ["7", "17"]
    assert "lines 3: the person is not a whole number" in text_of(release)
    path.write_text("file,person,AU06,AU12\n" + "".join(f"a.png,7,{cell},2\n" for cell in NO_LABELS if cell != "1.5"))
    release = load(path)
    (recording,) = release.recordings
    assert not any(column(recording.labels.known, "AU06"))
    assert all(column(recording.labels.occurrence, "AU12"))
    assert "AU06: lines 2, 3, 4, 5, 6 and 4 more hold no grade" in text_of(release)


@pytest.mark.parametrize("au", [1, 2, 4, 5])
def test_an_intensity_file_without_header_keeps_its_first_frame(au, tmp_path):
    """A first line such as `1,1` in a file of AU01 is a frame, not a header."""
    write_disfa(tmp_path)
    name = f"SN001_au{au}.txt"
    write_rows(tmp_path / "ActionUnit_Labels" / "SN001" / name, [(1, au), *((frame, 0) for frame in range(2, 6))])
    labels = load(tmp_path).recordings[0].labels
    assert column(labels.known, f"AU{au:02d}") == [True] * 5
    assert column(labels.intensity, f"AU{au:02d}")[0] == [au, au]


@pytest.mark.parametrize(("first", "frames"), [(0, [0, 1, 2, 3, 4]), (7, [0, 7, 8, 9, 10])])
def test_frame_0_is_a_frame_where_frame_1_follows(first, frames, tmp_path):
    write_disfa(tmp_path)
    for au in (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26):
        rows = [(0, au), *((frame, 0) for frame in frames[1:])]
        write_rows(tmp_path / "ActionUnit_Labels" / "SN001" / f"SN001_au{au}.txt", rows)
    labels = load(tmp_path).recordings[0].labels
    assert labels.frame.tolist() == (frames if first == 0 else frames[1:])
    assert column(labels.intensity_known, "AU05")[0]
    if first == 0:
        assert column(labels.intensity, "AU05")[0] == [5, 5]
