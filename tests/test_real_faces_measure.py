"""`duchenne dev real-faces`: figures against scikit-learn and scipy, calls and sides counted by hand, the command."""

import io
import json
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image, ImageOps
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score, roc_auc_score

import duchenne
from duchenne import AUDetector
from duchenne.commands import run
from duchenne.errors import EvaluationError, UsageError
from duchenne.evaluation.json_record import to_json
from duchenne.evaluation.pretrained.real_faces import coded_faces as seen
from duchenne.evaluation.pretrained.real_faces import real_faces_trial
from duchenne.evaluation.pretrained.real_faces.alarms_and_sides import false_alarms, side_accuracy
from duchenne.evaluation.pretrained.real_faces.au_figures import (
    MEAN_AUS,
    GradedScores,
    SampledFigures,
    always_negative,
    au_figures,
    graded_scores,
    means,
    sampled_figures,
)
from duchenne.evaluation.pretrained.real_faces.coded_faces import CodedFaces
from duchenne.evaluation.pretrained.real_faces.coded_pictures import CodedPictures, read_coded_pictures
from duchenne.evaluation.pretrained.real_faces.cross_fitted_sides import Fold, cross_fitted_sides, fold_from
from duchenne.evaluation.pretrained.real_faces.estimates import Resampling, resampling
from duchenne.evaluation.pretrained.real_faces.group_areas import (
    beside_blendshapes,
    group_areas,
    members,
    read_blendshape_scores,
)
from duchenne.evaluation.pretrained.real_faces.real_faces_result import RealFacesResult
from duchenne.evaluation.pretrained.result_json import read_result
from duchenne.facs import AU_NAMES
from duchenne.measures.intervals import Bootstrap
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPE_NAMES
from duchenne.training.pictures.teacher_labels import PictureLabel, stack_labels
from toy_faces import stills, write_stills

SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"
"""A rendered face."""
NAN = float("nan")
GRADES = np.array([0, 0, 0.34, 0.4, 0.5, 0.67, 0.8, 1, 1.4, 2, 2.2, 3.4, NAN])


def random_scores(seed, count=300):
    rng = np.random.default_rng(seed)
    grade = rng.choice(GRADES, count)
    probability = np.clip(rng.normal(0.3 + 0.1 * np.nan_to_num(grade), 0.2), 0, 1).round(2)
    return GradedScores(grade, probability, probability >= 0.45, 5 * probability + rng.normal(0, 0.5, count).round(1))


def by_library(scores, rows):
    """Return what scikit-learn and scipy say of these rows."""
    grade, probability, called = scores.grade[rows], scores.probability[rows], scores.called[rows]
    known, clearly = (grade <= 0.5) | (grade >= 1), (grade <= 0.34) | (grade >= 2)
    truth, graded = grade[known] >= 1, ~np.isnan(grade)
    return {
        "area": roc_auc_score(truth, probability[known]),
        "area_clear": roc_auc_score(grade[clearly] >= 2, probability[clearly]),
        "recall": recall_score(truth, called[known]),
        "balanced_accuracy": balanced_accuracy_score(truth, called[known]),
        "accuracy": accuracy_score(truth, called[known]),
        "rank_correlation": spearmanr(grade[graded], scores.intensity[rows][graded]).statistic,
    }


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_other_libraries_on_the_faces_and_on_every_resampling(seed):
    scores = random_scores(seed)
    persons = resampling(np.arange(300) // 3, Bootstrap(draws=5, seed=seed))
    found = sampled_figures(scores, persons)
    for name, value in by_library(scores, np.arange(300)).items():
        assert getattr(found, name).value == pytest.approx(value), name
    for draw, times in enumerate(persons.weight):
        for name, value in by_library(scores, np.repeat(np.arange(300), times)).items():
            assert getattr(found, name).draws[draw] == pytest.approx(value), name


def test_whole_persons_are_drawn_as_many_as_there_are():
    persons = resampling(np.array([7, 7, 3, 3, 3]), Bootstrap(draws=200))
    assert (persons.weight[:, 0] == persons.weight[:, 1]).all()
    assert (persons.weight[:, 2] == persons.weight[:, 4]).all()
    assert set((persons.weight[:, 0] + persons.weight[:, 2]).tolist()) == {2}


def test_calibration_is_worked_by_hand():
    grade = np.array([0.0, 0, 0, 1, 1, 0.7, NAN])
    probability = np.array([0.1, 0.1, 0.1, 0.9, 0.7, 0.5, 0.5])  # gaps .3 in one bin, .1 and .3 in two others
    found = sampled_figures(GradedScores(grade, probability, probability > 0.5), once(7))
    assert found.calibration_error.value == pytest.approx((0.3 + 0.1 + 0.3) / 5)


@pytest.mark.parametrize("grades", [[0.0, 0.2, 0.5, NAN], [1.0, 1.2, 2.0, NAN], [0.6, 0.8, NAN, NAN], [NAN] * 4])
def test_a_missing_class_leaves_nothing_to_say(grades):
    scores = GradedScores(np.array(grades), np.array([0.1, 0.9, 0.6, 0.6]), np.array([False, True, True, True]))
    sampled = sampled_figures(scores, once(4))
    figures = au_figures(scores, sampled, 0.95, 0.5, None)
    for field in fields(SampledFigures):
        assert getattr(figures, field.name).value is None, field.name
        assert getattr(figures, field.name).interval is None, field.name
    assert figures.always_negative_accuracy is None
    assert figures.always_negative_calibration_error is None


def test_ten_clear_faces_are_needed():
    scores = random_scores(0)
    kept = np.flatnonzero(~(scores.grade >= 2))
    for clear in (9, 10):
        rows = np.concatenate([kept, np.flatnonzero(scores.grade >= 2)[:clear]])
        part = GradedScores(scores.grade[rows], scores.probability[rows], scores.called[rows])
        assert np.isnan(sampled_figures(part, once(len(rows))).area_clear.value) == (clear == 9)


def test_faces_are_counted_by_grade():
    scores = random_scores(1)
    figures = au_figures(scores, sampled_figures(scores, once(300)), 0.95, 0.45, 0.9)
    grade = scores.grade[~np.isnan(scores.grade)]
    assert (figures.present, figures.absent) == ((grade >= 1).sum(), (grade <= 0.5).sum())
    assert (figures.clear, figures.clearly_absent) == ((grade >= 2).sum(), (grade <= 0.34).sum())
    assert figures.unknown == 300 - figures.present - figures.absent
    share = figures.absent / (figures.present + figures.absent)
    assert figures.always_negative_accuracy == pytest.approx(share, abs=1e-4)
    assert figures.always_negative_calibration_error == pytest.approx(1 - share, abs=1e-4)


def once(count):
    """Return persons of one face each, drawn three times as they are."""
    return Resampling(np.ones((3, count), np.int64), 0.95)


def toy(count, seed=0, aus=AU_NAMES, digits=(0,)):
    """Return random faces of persons whose numbers end in these digits."""
    rng = np.random.default_rng(seed)
    person = 10 * rng.integers(0, 60, count) + rng.choice(digits, count)
    grade = rng.choice(GRADES, (count, len(AU_NAMES)))
    names = tuple(f"{k}.jpg" for k in range(count))
    pictures = CodedPictures(tuple(map(Path, names)), names, person, grade, np.zeros(grade.shape, int))
    probability = rng.random((count, len(aus))).round(2)
    pose = rng.uniform(-40, 40, (count, 2))
    return CodedFaces(
        pictures, aus, probability, probability > 0.5, 5 * probability, rng.random((count, len(aus), 2)), pose,
        rng.uniform(40, 150, count), rng.random(count) < 0.5,
    )  # fmt: skip


def test_means_are_over_the_named_aus_and_say_which_they_lack():
    faces = toy(200, aus=AU_NAMES[:-12])
    faces.pictures.grade[:, AU_NAMES.index("AU06")] = 0.0
    persons = resampling(faces.pictures.person, Bootstrap(draws=20))
    sampled = {au: sampled_figures(graded_scores(faces, au), persons) for au in faces.aus}
    found = means(sampled, 0.95)
    shared = [au for au in MEAN_AUS if au in faces.aus and au != "AU06"]
    expected = [by_library(graded_scores(faces, au), np.arange(200))["area"] for au in shared]
    assert found.area.value == pytest.approx(np.mean(expected), abs=1e-4)
    assert found.area.left_out == tuple(au for au in MEAN_AUS if au not in shared)
    assert (found.least_area, found.least_area_au) == (
        pytest.approx(min(expected), abs=1e-4),
        shared[int(np.argmin(expected))],
    )
    assert found.area.interval[0] < found.area.value < found.area.interval[1]
    figures = {au: au_figures(graded_scores(faces, au), one, 0.95, 0.5, None) for au, one in sampled.items()}
    assert always_negative(figures).accuracy == pytest.approx(
        np.mean([figures[au].always_negative_accuracy for au in shared]), abs=1e-4
    )


def test_nothing_is_claimed_on_fewer_than_a_hundred_faces():
    faces = replace(toy(220), pose_deg=np.repeat([[-20.0, 5.0], [50.0, 5.0], [15.0, 5.0]], [99, 20, 101], axis=0))
    faces.pictures.grade[99 + 20 :, AU_NAMES.index("AU12")] = [1.0] * 9 + [0.0] * 92
    persons = once(220)
    whole = {au: sampled_figures(graded_scores(faces, au), persons) for au in faces.aus}
    groups = group_areas(faces, persons, whole)["yaw, degrees"]
    assert {name: group.faces for name, group in groups.items()} == {
        "0-15": 0, "15-30": 200, "30-60": 20, "60 and more": 0
    }  # fmt: skip
    assert groups["30-60"].area.value is None
    assert groups["30-60"].aus == ()
    rows = np.flatnonzero(members(faces)["yaw, degrees"]["15-30"])
    expected = [by_library(graded_scores(faces, au), rows)["area"] for au in groups["15-30"].aus]
    assert groups["15-30"].area.value == pytest.approx(np.mean(expected), abs=1e-4)
    few = replace(faces, pose_deg=np.repeat([[0.0, 5.0], [20.0, 5.0]], [119, 101], axis=0))
    assert "AU12" not in group_areas(few, persons, whole)["yaw, degrees"]["15-30"].aus
    ninety_nine = replace(faces, pose_deg=np.repeat([[0.0, 5.0], [20.0, 5.0]], [121, 99], axis=0))
    assert group_areas(ninety_nine, persons, whole)["yaw, degrees"]["15-30"].area.value is None


def test_false_alarms_are_shares_of_faces():
    called = np.array([[True, False], [True, False], [False, False], [True, True]])
    found = false_alarms("some", ("AU01", "AU04"), called, np.array([1, 1, 2, 3]), 2, Bootstrap(draws=50))
    assert (found.aus["AU01"].value, found.aus["AU04"].value) == (0.75, 0.25)
    assert (found.most, found.most_au, found.mean) == (0.75, "AU01", 0.5)
    assert (found.faces, found.people, found.without_a_face) == (4, 3, 2)
    none = false_alarms("none", ("AU01", "AU04"), called[:0], np.array([], int), 0, Bootstrap(draws=5))
    assert (none.aus["AU01"].value, none.most, none.most_au, none.mean) == (None, None, None, None)


def test_sides_count_by_hand():
    faces = toy(6, aus=("AU01", "AU12"), digits=(0, 7))
    faces.pictures.person[:] = [10, 20, 30, 7, 40, 50]
    notes = {"AU12": [1, -1, 1, 1, 0, 1], "AU01": [1, 0, 0, 0, 0, 0]}  # AU01 has no sides in FACS
    for au, side in notes.items():
        faces.pictures.one_sided[:, AU_NAMES.index(au)] = side
    faces.pictures.grade[:, AU_NAMES.index("AU12")] = [1, 0.5, NAN, 2, 2, 3]
    left_right = np.zeros((6, 2, 2))
    left_right[:, 1] = [[2, 1], [2, 1], [1, 1], [2, 1], [2, 1], [3, 1]]
    found = side_accuracy(replace(faces, side_intensity=left_right), (0,), Bootstrap(draws=20))
    assert (found.notes, found.right, found.share.value) == (4, 2, 0.5)
    assert (found.present.notes, found.present.right, found.present.share) == (2, 2, None)
    assert (found.faces, found.people, found.last_digits) == (4, 4, (0,))
    assert list(found.aus) == ["AU12"]
    assert side_accuracy(replace(faces, side_intensity=None), (0,), Bootstrap()) is None
    assert side_accuracy(faces, (2,), Bootstrap(draws=5)).share.value is None


def test_a_result_of_earlier_sides_is_written_anew(tmp_path, monkeypatch, capsys):
    sides = SimpleNamespace(coded_by="Coded by us.", sides=None)
    module = "duchenne.evaluation.pretrained.real_faces."
    monkeypatch.setattr(module + "cross_fitted_sides.cross_fitted_sides", lambda *asked: sides)
    monkeypatch.setattr(module + "real_faces_tables.sides_table", lambda found: "as a table")
    monkeypatch.setattr(
        "duchenne.evaluation.pretrained.result_json.write_result", lambda result, path: path.write_text("new")
    )
    (tmp_path / "out.json").write_text("old")
    words = ["--fold", "23=a.onnx", "--out", str(tmp_path / "out.json")]
    assert run(["dev", "cross-fitted-sides", "codes.csv", *words]) == 0
    assert (tmp_path / "out.json").read_text() == "new"
    assert "as a table" in capsys.readouterr().out


def test_folds_are_named_in_words_and_share_no_digit(tmp_path):
    assert fold_from("970=a=b.onnx") == Fold((0, 7, 9), Path("a=b.onnx"))
    for words in ("23", "x=a.onnx", "=a.onnx", "2="):
        with pytest.raises(UsageError, match="DIGITS=WEIGHTS"):
            fold_from(words)
    folds = [Fold((2, 3), tmp_path), Fold((3,), tmp_path)]
    with pytest.raises(UsageError, match="digit 3 is in two folds"):
        cross_fitted_sides(tmp_path / "codes.csv", folds, Bootstrap(), "", lambda *_: None)


def test_faces_of_folds_are_counted_together_each_by_its_own_weights(tmp_path, monkeypatch):
    """Each fold's weights see exactly the noted faces of its digits; the counts are those of both."""
    seen = {}

    def faces_found(detector, pictures, on_progress):
        seen[detector] = pictures.person.tolist()
        faces = toy(len(pictures), aus=("AU12",))
        left = np.tile([2.0, 1.0], (len(pictures), 1, 1))  # both say left
        return replace(faces, pictures=pictures, side_intensity=left), np.ones(len(pictures), bool)

    module = "duchenne.evaluation.pretrained.real_faces.cross_fitted_sides."
    monkeypatch.setattr(module + "coded_faces", faces_found)
    monkeypatch.setattr(module + "detector_for", lambda weights: weights.name)
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(name.encode())
    rows = ["1.jpg,12,1,AU12:R", "2.jpg,22,1,", "3.jpg,13,2,AU12:R", "4.jpg,14,1,AU12:L", "5.jpg,15,1,AU12:R"]
    (tmp_path / "codes.csv").write_text("\n".join(["file,person,AU12,one_sided", *rows]))
    folds = [Fold((2, 3), tmp_path / "a.onnx"), Fold((4,), tmp_path / "b.onnx")]
    found = cross_fitted_sides(tmp_path / "codes.csv", folds, Bootstrap(draws=5), "", lambda *_: None)
    assert seen == {"a.onnx": [12, 13], "b.onnx": [14]}
    assert (found.sides.notes, found.sides.right, found.sides.last_digits) == (3, 2, (2, 3, 4))
    assert set(found.weights_sha256) == {"23", "4"}


def labels_file(path, names, smiles):
    """Write teachers' labels with one blendshape; NaN where the teachers see no face."""
    labels = []
    for smile in smiles:
        blendshapes = np.full(52, smile * 0.0)
        blendshapes[BLENDSHAPE_NAMES.index("mouthSmileLeft")] = smile
        rest = (np.zeros(5), np.zeros(5), 1, 1, 1.0, np.zeros((6, 2)), np.zeros((49, 3)), 9.0, 0.0)
        labels.append(PictureLabel(*rest, blendshapes))
    stack_labels(list(names), [0] * len(labels), [(1, 1)] * len(labels), labels).write(path)
    return path


def test_blendshapes_stand_beside_the_same_faces(tmp_path):
    faces = toy(120)
    smile = np.random.default_rng(5).random(119)
    smile[:20] = NAN
    path = labels_file(tmp_path / "labels.npz", faces.pictures.name[:119], smile)
    scores = read_blendshape_scores(path, faces.pictures.name)
    found = beside_blendshapes(faces, once(120), scores)
    assert found.faces == 99
    rows = np.arange(20, 119)
    graded = graded_scores(faces, "AU12")
    own = by_library(graded, rows)["area"]
    theirs = by_library(replace(graded, probability=np.append(smile, NAN).astype(np.float32).astype(float)), rows)[
        "area"
    ]
    pair = found.aus["AU12"]
    assert_allclose(
        [pair.network.value, pair.blendshapes.value, pair.difference.value], [own, theirs, own - theirs], atol=1e-4
    )
    assert found.mean_aus == ("AU01", "AU02", "AU04", "AU05", "AU07", "AU12", "AU17", "AU25")


HEADER = "file,person,part,AU01,AU12,AU25,one_sided"


def write_codes(folder, *lines):
    (folder / "codes.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return folder / "codes.csv"


def test_persons_who_are_kept_apart_are_never_read(tmp_path):
    codes = write_codes(tmp_path, "a.jpg,10,judge,0.34,?,3,", "b.jpg,15,judge,1,1,1,", "c.jpg,21,choose,0,0,0,AU12:L")
    found = read_coded_pictures(codes, range(5))
    assert found.name == ("a.jpg", "c.jpg")
    assert found.file[0] == tmp_path / "a.jpg"
    assert found.grade[0, AU_NAMES.index("AU01")] == 0.34
    assert np.isnan(found.grade[0, AU_NAMES.index("AU12")])
    assert found.without_any_au.tolist() == [False, True]
    assert found.one_sided[1, AU_NAMES.index("AU12")] == -1  # the picture's left is the subject's right
    with pytest.raises(UsageError, match="end in 5 cannot be measured"):
        read_coded_pictures(codes, (0, 5))
    with pytest.raises(EvaluationError, match="no picture of a person whose number ends in 3"):
        read_coded_pictures(codes, (3,))


def test_a_face_of_which_nothing_is_known_is_not_one_without_aus(tmp_path):
    lines = ("a.jpg,10,judge,?,?,?,", "b.jpg,20,judge,?,0.8,0,", "c.jpg,30,judge,1,?,?,")
    assert read_coded_pictures(write_codes(tmp_path, *lines), (0,)).without_any_au.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("file,AU01\nx,1\n", "expected file, person and grades"),
        ("file,person,AU01\nx,anna,1\n", "otherwise than by a number"),
        ("file,person,AU01\nx,10,much\n", "hold no grade of 0-5"),
    ],
)
def test_other_tables_are_refused(tmp_path, content, message):
    (tmp_path / "codes.csv").write_text(content)
    with pytest.raises(EvaluationError, match=message):
        read_coded_pictures(tmp_path / "codes.csv", (0,))


@pytest.fixture
def pictures(tmp_path):
    """A folder of codes: rendered faces, one picture without a face, a person kept apart whose picture is not there."""
    with Image.open(SAMPLE) as opened:
        face = opened.convert("RGB")
    two = Image.new("RGB", (face.width * 2, face.height), (127, 127, 127))
    two.paste(face.resize((face.width // 2, face.height // 2)), (0, 0))
    two.paste(ImageOps.mirror(face), (face.width, 0))
    face.save(tmp_path / "face.png")
    ImageOps.grayscale(face).save(tmp_path / "grey.png")
    two.save(tmp_path / "two.png")
    Image.new("RGB", (200, 200), (90, 90, 90)).save(tmp_path / "nobody.png")
    write_codes(
        tmp_path, "face.png,10,judge,0,2,1,AU12:L", "grey.png,20,judge,1,0,0.2,", "two.png,30,judge,0,0,0.4,",
        "nobody.png,10,judge,1,1,0.8,", "grey.png,11,choose,0,0,0,", "nobody.png,21,choose,0,?,0,",
        "missing.png,31,choose,1,2,0,", "missing.png,25,judge,0,0,0,", "missing.png,2,teach,0,0,0,",
    )  # fmt: skip
    return tmp_path


def test_the_whole_command(pictures, capsys, monkeypatch):
    out = pictures / "out.json"
    captured = []
    measure = real_faces_trial.coded_faces
    monkeypatch.setattr(real_faces_trial, "coded_faces", lambda *args: captured.append(measure(*args)) or captured[0])
    assert run(["dev", "real-faces", str(pictures / "codes.csv"), "--out", str(out), "--draws", "20"]) == 0
    result = read_result(RealFacesResult, out)
    assert (result.pictures, result.faces, result.without_a_face, result.people) == (4, 3, 1, 3)
    assert result.present_labels_without_a_face == 2
    assert (result.false_alarms.faces, result.false_alarms.without_a_face) == (2, 1)
    assert (result.sides.notes, result.sides.faces) == (1, 1)
    groups = {name: group.faces for name, group in result.groups["colour"].items()}
    assert groups == {"grey": 1, "colour": 2}
    assert (result.aus["AU12"].present, result.aus["AU12"].absent, result.aus["AU04"].unknown) == (1, 2, 3)
    assert result.aus["AU12"].kappa == 0.83
    detector = AUDetector()
    alone = {name: detector.detect(pictures / name) for name in ("face.png", "grey.png", "two.png")}
    assert len(alone["two.png"]) == 2
    largest = max(alone["two.png"], key=lambda face: face.box.box[2] * face.box.box[3])
    expected = [alone["face.png"][0], alone["grey.png"][0], largest, alone["grey.png"][0]]
    ((faces, found),) = captured
    assert faces.pictures.name == ("face.png", "grey.png", "two.png", "grey.png")
    assert found.tolist() == [True, True, True, False, True, False]
    assert_allclose(faces.probability, [face.probability for face in expected], atol=1e-9)
    assert (faces.called == [face.occurrence for face in expected]).all()
    shares = [float(np.mean([one.occurs(au) for one in (largest, alone["grey.png"][0])])) for au in faces.aus]
    assert [result.false_alarms.aus[au].value for au in faces.aus] == shares
    content = json.loads(out.read_text())
    assert content == json.loads(json.dumps(to_json(result)))
    assert "vision-language model" in content["coded_by"]
    assert "no certified FACS coder" in content["coded_by"]
    assert str(pictures) not in content["made_by"]
    printed = capsys.readouterr().out
    assert printed.count("### ") == printed.count(content["coded_by"]) == 5
    assert "no face found in 1 (with 2 present AUs)" in printed


def test_other_coders_are_named_and_have_no_kappa(pictures, capsys):
    words = ["--out", str(pictures / "out.json"), "--draws", "0", "--part", "choose", "--coded-by", "Coded by us."]
    words += ["--labels", str(labels_file(pictures / "labels.npz", ["missing.png", "face.png"], [0.7, 0.1]))]
    (pictures / "missing.png").write_bytes((pictures / "grey.png").read_bytes())
    assert run(["dev", "real-faces", str(pictures / "codes.csv"), *words]) == 0
    result = read_result(RealFacesResult, pictures / "out.json")
    assert (result.coded_by, result.aus["AU12"].kappa, result.part, result.faces) == ("Coded by us.", None, "choose", 2)
    assert result.blendshapes.faces == 1  # the labels name one of the two, and a picture of another part
    assert "vision-language" not in capsys.readouterr().out
    assert result.means.area.interval is None


def test_a_result_that_cannot_be_written_is_told_before_any_work(pictures, capfd):
    codes = str(pictures / "codes.csv")
    assert run(["dev", "real-faces", codes, "--out", str(pictures / "nowhere" / "out.json")]) == 1
    assert "there is no folder" in capfd.readouterr().err


def test_neutral_heads_are_those_that_show_nothing(tmp_path):
    table = stills(3, 1, "p")
    packed = io.BytesIO()
    with Image.open(SAMPLE) as face:
        face.convert("RGB").save(packed, "PNG")
    nobody = io.BytesIO()
    Image.new("RGB", (128, 128)).save(nobody, "PNG")
    table["image"] = [packed.getvalue(), packed.getvalue(), nobody.getvalue()]
    nothing, trace = np.zeros(len(AU_NAMES), np.float32), np.zeros(len(AU_NAMES), np.float32)
    trace[3] = 0.4
    table["au_right"] = nothing.tobytes()
    table["au_left"] = [nothing.tobytes(), trace.tobytes(), nothing.tobytes()]
    write_stills(table, tmp_path / "stills-00000.parquet")
    detector, calls = seen.detector_for(None), []
    heads = seen.neutral_heads(detector, tmp_path, lambda *progress: calls.append(progress))
    assert (heads.pictures, heads.others, heads.person.tolist()) == (2, 1, ["p0"])
    assert (heads.called[0] == detector.detect(SAMPLE)[0].occurrence).mean() > 0.9
    assert calls == [("neutral heads", 1, 2), ("neutral heads", 2, 2)]
    table["au_left"] = trace.tobytes()
    write_stills(table, tmp_path / "stills-00000.parquet")
    with pytest.raises(EvaluationError, match="no neutral head"):
        seen.neutral_heads(detector, tmp_path, lambda *_: None)


def test_the_sentence_about_the_codes_is_true_of_their_kappas():
    kappas = {au: real_faces_trial.KAPPA[au] for au in MEAN_AUS}
    least, most = min(kappas, key=kappas.get), max(kappas, key=kappas.get)
    words = f"from {kappas[least]:.2f} ({least}) to {kappas[most]:.2f} ({most}), {np.mean(list(kappas.values())):.2f}"
    assert words.replace("0.", ".") in real_faces_trial.CODED_BY
    assert f"the {len(MEAN_AUS)} AUs" in real_faces_trial.CODED_BY


def test_learnt_faces_are_not_measured(tmp_path):
    with pytest.raises(UsageError, match="Measure judge or choose"):
        real_faces_trial.RealFacesTrial(tmp_path, part=real_faces_trial.Part.TEACH)
