"""The loaders against miniature copies of each layout, whole and damaged."""

import json

import numpy as np
import pytest

from duchenne.commands import run
from duchenne.datasets.audit import audit
from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import PrepareOptions, make_batches, prepare
from duchenne.datasets.recording import SkipReason
from duchenne.errors import DatasetError, UsageError
from duchenne.facs import AU_NAMES, PAPER_AUS
from miniature_releases import (
    grey_of,
    write_bp4d,
    write_ck_plus,
    write_disfa,
    write_disfa_plus,
    write_fera17,
    write_picture,
    write_rows,
    write_video,
)


def column(values, au):
    return values[:, AU_NAMES.index(au)].tolist()


def recordings(release):
    return {(r.sequence, r.pose_number): r for r in release.recordings}


def severe(release):
    return [f"{problem.where}: {problem.what}" for problem in release.problems if problem.severe]


def assert_pictures_match(recording):
    samples = list(recording.samples())
    assert [sample.frame for sample in samples] == recording.labels.frame.tolist()
    for sample in samples:
        assert abs(float(sample.pixels.mean()) - grey_of(sample.frame)) < 3, sample.frame


def test_bp4d_with_differing_padding_and_nines(tmp_path):
    write_bp4d(tmp_path, {"F001_T1": 2, "F001_T8": 4, "M018_T3": 3})
    (tmp_path / "plan.json").write_text("{}")  # so that 39 subjects are not missed
    release = load(tmp_path)
    assert (release.name, release.subjects, severe(release)) == ("bp4d", ("F001", "M018"), [])
    assert [r.sequence for r in release.recordings] == ["F001_T1", "F001_T8", "M018_T3"]
    for recording in release.recordings:
        labels = recording.labels
        assert labels.frame.tolist() == list(range(98, 104))
        assert column(labels.occurrence & labels.known, "AU12") == [False, True] * 3
        assert not any(column(labels.known, "AU01"))
        assert all(column(labels.known, "AU02"))
        assert not any(column(labels.known, "AU25"))  # BP4D does not code it
        assert column(labels.intensity_known, "AU12") == [False, *[True] * 5]
        assert column(labels.intensity, "AU12")[1:] == [[3, 3]] * 5
        assert not any(column(labels.intensity_known, "AU04"))
        assert not labels.sides_known.any()
        assert_pictures_match(recording)


def test_a_damaged_bp4d_is_named_and_the_rest_loaded(tmp_path):
    write_bp4d(tmp_path, {f"F001_T{task}": 3 for task in range(1, 8)})
    occurrence, graded = tmp_path / "AUCoding" / "AU_OCC", tmp_path / "AUCoding" / "AU_INT" / "AU12"
    (occurrence / "F001_T1.csv").unlink()
    lines = (occurrence / "F001_T2.csv").read_text().splitlines(True)
    (occurrence / "F001_T2.csv").write_text("".join(lines[:4]))
    (occurrence / "F001_T3.csv").write_text("".join([*lines[:2], "100,broken\n", *lines[4:]]))
    for path in (tmp_path / "F001" / "T4").iterdir():
        path.unlink()
    (tmp_path / "F001" / "T4").rmdir()
    (tmp_path / "F001" / "T5" / "101.jpg").unlink()
    (graded / "F001_T6_AU12.csv").unlink()
    (occurrence / "F001_T7.csv").write_text("")
    release = load(tmp_path)
    text = "\n".join(severe(release))
    assert "40 of 41 subjects of the release are missing: F002" in text
    assert "F001: no trace of T8" in text
    assert "F001_T1: no label file AUCoding/AU_OCC/F001_T1.csv" in text
    assert "F001_T2: F001_T2.csv (occurrence) lacks 3 frames that F001_T2_AU12.csv has" in text
    assert "F001_T3: F001_T3.csv: lines 3 are damaged" in text
    assert "F001_T3: 2 pictures among the coded ones have no label: 99, 100" in text
    assert "F001_T4: no folder of pictures F001/T4" in text
    assert "F001_T5: 1 labelled frames have no picture: 101" in text
    assert "F001_T6: no intensity file AU12/F001_T6_AU12.csv" in text
    assert "F001_T7: F001_T7.csv is empty" in text
    found = {r.sequence: len(r) for r in release.recordings}
    assert found == {"F001_T2": 3, "F001_T3": 4, "F001_T5": 6, "F001_T6": 6}
    notes = [problem for problem in release.problems if not problem.severe]
    assert [(note.where, note.what) for note in notes] == [
        ("F001_T2", "labels cover frames 98-100; 3 pictures outside have none")
    ]
    pictures = list(recordings(release)["F001_T5", 0].pictures.read(np.array([100, 101, 102])))
    assert [isinstance(picture, SkipReason) for picture in pictures] == [False, True, False]
    with pytest.raises(DatasetError, match="should hold F001"):
        load(tmp_path / "F001", "bp4d")


def test_fera17_has_nine_views_and_one_label_file(tmp_path):
    write_fera17(tmp_path, ("F001", "M003"))
    write_fera17(tmp_path, ("F001",), "Valid", poses=(6, 9))
    release = load(tmp_path)
    assert release.name == "fera17"
    assert release.subjects == ("F001", "M003", "VA_F001")
    assert severe(release) == [
        "fera17 Train: 2 of 41 subjects of the release were found",
        "fera17 Train: 2 of 328 sequences of the release were found",
        "fera17 Valid: 1 of 20 subjects of the release were found",
        "fera17 Valid: 1 of 159 sequences of the release were found",
        "VA_F001_T2: no video of pose 1, 2, 3, 4, 5, 7, 8",
    ]
    views = recordings(release)
    assert len(views) == 20
    assert views["TR_M003_T2", 9].subject == "M003"
    for recording in views.values():
        labels = recording.labels
        assert labels.frame.tolist() == [1, 2, 3, 4]
        assert column(labels.occurrence, "AU04") == [False, True, False, False]
        assert column(labels.known, "AU23") == [True, True, False, True]
        assert column(labels.intensity, "AU17") == [[f, f] for f in (1, 2, 3, 4)]
        assert not any(column(labels.intensity_known, "AU15"))
        assert not any(column(labels.known, "AU02"))
    assert_pictures_match(views["TR_M003_T2", 7])


def test_a_damaged_fera17_is_named_and_the_rest_loaded(tmp_path):
    write_fera17(tmp_path, ("F001", "F002", "F003", "F004"))
    videos, labels = tmp_path / "FERA17_Train_MV", tmp_path / "Train_Occ"
    broken = videos / "FERA17_TR_F001_T2_3.mp4"
    broken.write_bytes(b"no video at all")
    (labels / "FERA17_TR_F002_T2.csv").unlink()
    rows = (labels / "FERA17_TR_F003_T2.csv").read_text().splitlines(True)
    (labels / "FERA17_TR_F003_T2.csv").write_text("".join(rows[:3]))
    (tmp_path / "Train_Int" / "FERA17_TR_F004_T2_AU06_Int.csv").write_text("0,6\n1,0\n")
    write_video(videos / "FERA17_TR_F004_T2_6.mp4", 2)
    release = load(tmp_path)
    text = "\n".join(severe(release))
    assert "TR_F001_T2: pose 3 cannot be read: " in text
    assert "TR_F002_T2: no label file Train_Occ/FERA17_TR_F002_T2.csv; its 9 videos" in text
    assert "TR_F003_T2: pose 1, 2, 3, 4, 5, 6, 7, 8, 9 has 4 frames, its labels 2" in text
    assert "TR_F004_T2: FERA17_TR_F004_T2_AU06_Int.csv lacks 3 of 4 frames" in text
    assert "TR_F004_T2: pose 6 has 2 frames, its labels 4" in text
    views = recordings(release)
    assert len(views) == 27
    frames = np.arange(1, 5)
    assert list(views["TR_F001_T2", 3].pictures.read(frames)) == [SkipReason.BREAKS_OFF] * 4
    short = list(views["TR_F004_T2", 6].pictures.read(frames))
    assert short[2:] == [SkipReason.BEYOND] * 2
    assert not any(isinstance(picture, SkipReason) for picture in short[:2])
    assert column(views["TR_F004_T2", 1].labels.intensity_known, "AU06") == [True, False, False, False]
    with pytest.raises(DatasetError, match="Train_Occ or Valid_Occ"):
        load(videos, "fera17")


def test_a_video_that_breaks_off_gives_what_came_before(tmp_path):
    write_fera17(tmp_path, frames=60, poses=(6,))
    path = tmp_path / "FERA17_Train_MV" / "FERA17_TR_F001_T2_6.mp4"
    whole = path.read_bytes()
    start = whole.index(b"mdat") + 4
    length = whole.index(b"moov") - 4 - start
    path.write_bytes(whole[: start + length // 2] + bytes(length - length // 2) + whole[start + length :])
    (recording,) = load(tmp_path).recordings
    read = [isinstance(picture, SkipReason) for picture in recording.pictures.read(recording.labels.frame)]
    assert 5 < read.index(True) < 60
    assert all(read[read.index(True) :])


def test_disfa_lines_have_no_header(tmp_path):
    write_disfa(tmp_path, ("SN001", "SN032"))
    release = load(tmp_path)
    assert (release.name, release.subjects) == ("disfa", ("SN001", "SN032"))
    assert severe(release) == ["disfa: 2 of 27 subjects of the release were found"]
    for recording in release.recordings:
        labels = recording.labels
        assert labels.frame.tolist() == [1, 2, 3, 4, 5]
        assert column(labels.occurrence, "AU25") == [False, False, True, True, True]  # intensity 2 and above
        assert column(labels.intensity, "AU25") == [[k, k] for k in range(5)]
        assert all(column(labels.known, "AU01"))
        assert not any(column(labels.known, "AU10"))
        assert_pictures_match(recording)


def test_a_damaged_disfa_is_named_and_the_rest_loaded(tmp_path):
    write_disfa(tmp_path, ("SN001", "SN002", "SN003", "SN004"))
    labels = tmp_path / "ActionUnit_Labels"
    (labels / "SN001" / "SN001_au12.txt").unlink()
    write_rows(labels / "SN002" / "SN002_au4.txt", [(1, 0), (2, 5)])
    for path in (labels / "SN003").iterdir():
        path.unlink()
    (labels / "SN003").rmdir()
    (tmp_path / "Video_LeftCamera" / "LeftVideoSN004_comp.avi").write_bytes(b"RIFF nothing")
    release = load(tmp_path)
    text = "\n".join(severe(release))
    assert "SN001: no label file SN001_au12.txt; AU12 is unknown" in text
    assert "SN002: AU04 has labels for 2 of 5 frames" in text
    assert "SN003: no folder ActionUnit_Labels/SN003" in text
    assert "SN004: the video cannot be read" in text
    found = {r.subject: r.labels for r in release.recordings}
    assert list(found) == ["SN001", "SN002", "SN004"]
    assert not any(column(found["SN001"].known, "AU12"))
    assert column(found["SN002"].known, "AU04") == [True, True, False, False, False]
    assert column(found["SN002"].occurrence, "AU04") == [False, True, False, False, False]


@pytest.mark.parametrize("apart", [False, True])
def test_disfa_plus_has_two_header_lines(tmp_path, apart):
    write_disfa_plus(tmp_path / "made")
    made, root = tmp_path / "made", tmp_path / "root"
    if apart:
        for kind, ending in (("Labels", "txt"), ("Images", "jpg")):
            for path in made.rglob(f"*.{ending}"):
                target = root / kind / path.relative_to(made)
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
    release = load(root if apart else made)
    assert (release.name, release.subjects, severe(release)) == ("disfa+", ("SN001",), [])
    (recording,) = release.recordings
    assert recording.labels.frame.tolist() == [0, 1, 2, 3]
    assert column(recording.labels.occurrence, "AU12") == [False, False, True, True]
    assert column(recording.labels.intensity, "AU12") == [[k, k] for k in range(4)]
    assert_pictures_match(recording)


def test_a_damaged_disfa_plus_is_named_and_the_rest_loaded(tmp_path):
    write_disfa_plus(tmp_path)
    write_disfa_plus(tmp_path, "SN003", "B")
    (tmp_path / "SN003" / "B" / "AU1.txt").write_text("a\nb\n000.jpg   0\nnonsense\n")
    (tmp_path / "SN003" / "B" / "002.jpg").unlink()
    write_picture(tmp_path / "SN004" / "C" / "000.jpg", 0)
    release = load(tmp_path, "disfa+")
    text = "\n".join(severe(release))
    assert "SN003/B: AU1.txt: lines 4 are damaged" in text
    assert "SN003/B: AU01 has labels for 1 of 4 frames" in text
    assert "SN003/B: 1 labelled frames have no picture: 2" in text
    assert "SN004/C: no label file AU*.txt" in text
    assert [r.subject for r in release.recordings] == ["SN001", "SN003"]


def test_ck_plus_gives_the_peak_frame(tmp_path):
    write_ck_plus(tmp_path)
    write_ck_plus(tmp_path, "S010", "002", frames=1)
    (tmp_path / "cohn-kanade-images" / "S011" / "001").mkdir(parents=True)
    facs = next((tmp_path / "FACS" / "S010").rglob("*_facs.txt"))
    facs.write_text("  4.5e+01  0.0\n  1.2e+01  3.0\nsmudge\n")
    release = load(tmp_path)
    assert (release.name, release.subjects) == ("ck+", ("S005", "S010"))
    assert severe(release) == [
        "S010/002: S010_002_00000001_facs.txt: lines 3 are damaged; AUs that it does not name are unknown",
        "S011/001: no label file *_facs.txt; its pictures were left out",
    ]
    first, second = release.recordings
    labels = first.labels
    assert labels.frame.tolist() == [3]
    assert_pictures_match(first)
    assert [AU_NAMES[k] for k in np.flatnonzero(labels.occurrence[0])] == ["AU09", "AU17"]
    assert labels.known.all()
    assert column(labels.intensity, "AU09") == [[4, 4]]
    assert column(labels.intensity_known, "AU17") == [False]
    assert column(labels.intensity_known, "AU12") == [True]
    assert [AU_NAMES[k] for k in np.flatnonzero(second.labels.known[0])] == ["AU12"]


def test_your_own_csv(tmp_path):
    for frame in (0, 1, 2):
        write_picture(tmp_path / "anna" / f"{frame}.png", frame)
    write_video(tmp_path / "ben.mp4", 4, first=0)
    path = tmp_path / "faces.csv"
    path.write_text(
        "path,subject,sequence,frame,pose,AU6,AU12,AU12_intensity\n"
        "anna/2.png,anna,talk,2,6,1,9,\n"
        "anna/0.png,anna,talk,0,6,0,1,4\n"
        "anna/1.png,anna,talk,1,6,,0,x\n"
        "ben.mp4,ben,,3,,1,1,5\n"
        "ben.mp4,ben,,1,,0,0,0\n"
        "ben.mp4,ben,,,,0,0,0\n"
        "carl.png,carl,,,,0,0,0\n"
    )
    release = load(path)
    assert release.name == "generic"
    assert severe(release) == [
        "AU12_intensity: lines 4 hold no label; unknown there",
        "faces.csv: lines 7: no frame number; left out",
        "faces.csv: lines 8: no such file; left out",
    ]
    anna, ben = release.recordings
    assert (anna.sequence, anna.pose_number, anna.moving, anna.labels.frame.tolist()) == ("talk", 6, True, [0, 1, 2])
    assert column(anna.labels.known, "AU06") == [True, False, True]
    assert column(anna.labels.known, "AU12") == [True, True, False]
    assert column(anna.labels.intensity_known, "AU12") == [True, False, False]
    assert (ben.sequence, ben.pose_number, ben.labels.frame.tolist()) == ("ben.mp4", 0, [1, 3])
    assert column(ben.labels.occurrence, "AU12") == [False, True]
    assert_pictures_match(anna)
    assert_pictures_match(ben)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("path,AU12", "lacks the columns subject"),
        ("path,subject,smile", "'smile' that names no AU"),
        ("path,subject", "no column of AU"),
    ],
)
def test_a_csv_with_other_columns_is_refused(tmp_path, header, match):
    (tmp_path / "x.csv").write_text(header + "\n")
    with pytest.raises(DatasetError, match=match):
        load(tmp_path / "x.csv")


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="not a data set known here"):
        load(tmp_path)
    with pytest.raises(DatasetError, match="no such file or folder"):
        load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="no data set 'cohn'"):
        load(tmp_path, "cohn")


def test_an_audit_counts_labels_and_compares_them(tmp_path, capsys):
    write_bp4d(tmp_path, {"F001_T1": 3, "M002_T2": 4})
    found = audit(load(tmp_path), tmp_path)
    assert (found.subjects, found.sequences, found.frames, found.published_frames) == (2, 2, 12, 146847)
    counts = {count.au: count for count in found.aus}
    smile = counts["AU12"]
    assert (smile.positives, smile.negatives, smile.unknown, smile.graded) == (6, 6, 0, 10)
    assert (smile.skew, smile.published) == (1.0, 82530)
    assert "AU01" not in counts
    assert "AU25" not in counts
    assert run(["data", "check", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert "12 labelled frames of 146847" in out
    assert "39 of 41 subjects of the release are missing" in err
    run(["data", "check", str(tmp_path), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["aus"][0]["au"] == "AU02"


def test_published_counts_give_the_published_skew(tmp_path):
    write_bp4d(tmp_path, {"F001_T1": 3})
    for path in (tmp_path / "AUCoding" / "AU_OCC").iterdir():
        path.write_text(path.read_text().replace(",9,", ",0,"))
    found = audit(load(tmp_path), tmp_path)
    printed = dict(
        zip(PAPER_AUS, (3.73, 4.85, 3.93, 1.17, 0.82, 0.68, 0.78, 1.15, 4.91, 1.91, 5.05, 5.61), strict=True)
    )
    assert found.published_skew == pytest.approx(printed, abs=0.01)


def test_views_of_a_sequence_count_once_in_an_audit(tmp_path):
    write_fera17(tmp_path)
    found = audit(load(tmp_path), tmp_path)
    assert (found.subjects, found.sequences, found.recordings, found.frames) == (1, 1, 9, 4)
    assert next(count for count in found.aus if count.au == "AU04").positives == 1


def test_pictures_that_cannot_be_read_are_named_in_the_report_of_prepare(tmp_path):
    write_fera17(tmp_path / "data", poses=(6,))
    (tmp_path / "data" / "FERA17_Train_MV" / "FERA17_TR_F001_T2_6.mp4").write_bytes(b"no video")
    with pytest.raises(DatasetError, match=r"Not one face was found in 4 frames \(.*video unreadable"):
        prepare([load(tmp_path / "data")], tmp_path / "store")


def test_nine_views_keep_the_same_frames(tmp_path):
    write_fera17(tmp_path, frames=40)
    batches = make_batches([load(tmp_path)], PrepareOptions(sampling="paper"))
    views = [tuple(r.labels.frame.tolist()) for batch in batches for r in batch.recordings]
    assert len(views) == 9
    (frames,) = set(views)
    assert 1 < len(frames) < 20
