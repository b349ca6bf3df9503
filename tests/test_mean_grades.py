"""Graded pictures: from a CSV of mean grades to labels, and to a store that keeps the grades."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import duchenne
from duchenne.commands import run
from duchenne.datasets.loaders import load
from duchenne.datasets.person_split import Part
from duchenne.datasets.preparing.prepare import prepare
from duchenne.datasets.store import PreparedStore
from duchenne.errors import DatasetError, UsageError
from duchenne.facs import AU_NAMES

SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"
"""A rendered face."""
NAN = float("nan")


def write_codes(folder, *lines, header="file,person,part,AU01,AU12,AU26,one_sided"):
    """Write codes.csv with one small picture a line."""
    for line in lines:
        path = folder / line.split(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(path)
    (folder / "codes.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder / "codes.csv"


def column(values, au):
    return values[:, AU_NAMES.index(au)].tolist()


def severe(release):
    return [f"{problem.where}: {problem.what}" for problem in release.problems if problem.severe]


def test_grades_become_labels_and_doubtful_ones_are_unknown(tmp_path):
    codes = write_codes(
        tmp_path,
        "a/1.png,7,teach,0,0.5,?,",
        "a/2.png,7,teach,0.75,1,,",
        "a/3.png,7,teach,4,2.25,0.51,",
    )
    (found,) = load(codes, part=Part.TEACH).recordings
    labels = found.labels
    assert column(labels.known, "AU01") == [True, False, True]
    assert column(labels.occurrence, "AU01")[2] is True
    assert column(labels.known, "AU12") == [True, True, True]
    assert column(labels.occurrence, "AU12") == [False, True, True]
    assert column(labels.known, "AU26") == [False, False, False]
    assert column(labels.intensity_known, "AU26") == [False, False, True]
    assert column(labels.intensity, "AU12") == [[0.5, 0.5], [1, 1], [2.25, 2.25]]
    assert column(labels.intensity_known, "AU01") == [True, True, True]
    assert not labels.known[:, AU_NAMES.index("AU04")].any()
    assert column(found.extra["grade"], "AU26") == pytest.approx([NAN, NAN, 0.51], nan_ok=True)
    assert np.isnan(found.extra["grade"][:, AU_NAMES.index("AU04")]).all()
    assert not labels.sides_known.any()
    assert (found.moving, found.subject) == (False, "7")
    assert found.extra["file"].tolist() == ["a/1.png", "a/2.png", "a/3.png"]


def test_the_left_of_the_picture_is_the_right_of_the_subject(tmp_path):
    codes = write_codes(
        tmp_path, "1.png,7,teach,0,2,0,AU12:L", "2.png,7,teach,0,2,2,AU12:R AU26:L", "3.png,7,teach,,,,"
    )
    (found,) = load(codes).recordings
    assert column(found.extra["one_sided"], "AU12") == [-1, 1, 0]
    assert column(found.extra["one_sided"], "AU26") == [0, -1, 0]
    assert np.abs(found.extra["one_sided"]).sum() == 3


def test_lines_that_make_no_sense_are_named(tmp_path):
    codes = write_codes(
        tmp_path,
        "1.png,7,teach,6,yes,-1,AU12",
        "2.png,8,choose,0,0,0,AU99:L",
        "3.png,anna,teach,0,0,0,",
        "4.png,9,teach,0,0,0,",
    )
    (tmp_path / "4.png").unlink()
    release = load(codes)
    assert severe(release) == [
        "AU01: lines 2 hold no grade of 0-5 nor ?; unknown there",
        "AU12: lines 2 hold no grade of 0-5 nor ?; unknown there",
        "AU26: lines 2 hold no grade of 0-5 nor ?; unknown there",
        "one_sided: lines 2, 3 name no AU and side, such as AU12:L; not read",
        "codes.csv: lines 4: the person is not a whole number; left out",
        "codes.csv: lines 3: the part is not that of the person's number; left out",
        "codes.csv: lines 5: no such file; left out",
    ]
    assert release.subjects == ("7",)
    assert not release.recordings[0].labels.intensity_known.any()


def test_persons_kept_apart_are_left_out_whatever_their_part_says(tmp_path):
    codes = write_codes(tmp_path, "1.png,5,teach,0,0,0,", "2.png,25,judge,0,0,0,", "3.png,30,judge,0,0,0,")
    assert load(codes).subjects == ("30",)
    assert load(codes, part=Part.TEACH).recordings == ()


def test_a_csv_of_named_subjects_may_have_parts_too(tmp_path):
    codes = write_codes(
        tmp_path, "1.png,anna,teach,1", "2.png,ben,judge,0", "3.png,carl,later,0", header="path,subject,part,AU12"
    )
    assert load(codes, part=Part.JUDGE).subjects == ("ben",)
    release = load(codes)
    assert release.subjects == ("anna", "ben")
    assert severe(release) == ["codes.csv: lines 4: the part is not teach, choose or judge; left out"]
    assert release.recordings[0].extra["part"].tolist() == ["teach"]


def test_nobody_is_in_two_parts(tmp_path):
    codes = write_codes(tmp_path, "1.png,anna,teach,1", "2.png,anna,judge,0", header="path,subject,part,AU12")
    for part in (None, *Part):
        with pytest.raises(DatasetError, match="anna are in two parts"):
            load(codes, part=part)


def test_parts_are_refused_where_there_are_none(tmp_path):
    codes = write_codes(tmp_path, "1.png,anna,1", header="path,subject,AU12")
    with pytest.raises(DatasetError, match="has no column part"):
        load(codes, part=Part.TEACH)
    (tmp_path / "disfa").mkdir()
    with pytest.raises(UsageError, match="read as disfa, which has no parts"):
        load(tmp_path / "disfa", "disfa", Part.TEACH)


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("file,person,AU12_intensity", "'AU12_intensity' that names no AU"),
        ("file,path,person,AU12", "the columns path twice"),
        ("file,AU12", "lacks the columns subject"),
    ],
)
def test_columns_that_grades_cannot_have_are_refused(tmp_path, header, match):
    (tmp_path / "codes.csv").write_text(header + "\n")
    with pytest.raises(DatasetError, match=match):
        load(tmp_path / "codes.csv")


@pytest.fixture
def coded_samples(tmp_path):
    """Codes of the rendered face as four persons, one of whom is kept apart."""
    for name in "abcd":
        shutil.copy(SAMPLE, tmp_path / f"{name}.jpg")
    lines = [
        "a.jpg,12,teach,0.8,2.5,?,AU12:R",
        "b.jpg,31,choose,0,0,1,",
        "c.jpg,15,teach,0,0,0,",
        "d.jpg,4,teach,3,,0,",
    ]
    header = "file,person,part,AU01,AU12,AU26,one_sided"
    (tmp_path / "codes.csv").write_text("\n".join([header, *lines]) + "\n")
    return tmp_path


def test_the_store_of_a_part_keeps_grades_sides_part_and_file(coded_samples, capsys):
    out = coded_samples / "teach.store"
    words = ["prepare", str(coded_samples / "codes.csv"), "--data", "generic", "--part", "teach", "--out", str(out)]
    assert run(words) == 0
    store = PreparedStore(out)
    assert store.subject.tolist() == ["12", "4"]
    assert store.extra_names == ("file", "grade", "one_sided", "part")
    assert store.extra("part").tolist() == ["teach", "teach"]
    assert store.extra("file").tolist() == ["a.jpg", "d.jpg"]
    grade, one_sided = store.extra("grade"), store.extra("one_sided")
    assert (grade.shape, grade.dtype, one_sided.dtype) == ((2, 23), np.float32, np.int8)
    assert column(grade, "AU01") == pytest.approx([0.8, 3])
    assert column(grade, "AU12") == pytest.approx([2.5, NAN], nan_ok=True)
    assert column(one_sided, "AU12") == [1, 0]
    assert column(store.known, "AU01") == [False, True]
    assert column(store.intensity_known, "AU12") == [True, False]
    assert store.subset(np.array([1])).extra("grade").shape == (1, 23)


def test_other_grades_are_another_preparation(coded_samples):
    codes = coded_samples / "codes.csv"
    prepare([load(codes)], coded_samples / "all.store")
    codes.write_text(codes.read_text().replace("AU12:R", "AU12:L"))
    with pytest.raises(UsageError, match="another preparation"):
        prepare([load(codes)], coded_samples / "all.store")
    assert json.loads((coded_samples / "all.store" / "report.json").read_text())["kept"] == 3
