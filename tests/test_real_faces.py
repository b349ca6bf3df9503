"""One split of persons: no reader hands out a person kept apart, and nobody is in two parts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2")

from duchenne.datasets.loaders import load
from duchenne.datasets.person_split import Part, part_of
from duchenne.errors import TrainingError
from duchenne.faces import FaceDetector
from duchenne.landmarks import mean_face
from duchenne.training.face_detector import sources as detector_sources
from duchenne.training.face_detector.pool import FacePool
from duchenne.training.landmarks import sources as landmark_sources
from duchenne.training.landmarks.pool import Pool
from duchenne.training.pictures.real_faces import RealPicture, real_faces, real_pictures
from duchenne.training.pictures.teacher_labels import PictureLabel, stack_labels

TEACH = {2, 3, 4, 6, 7, 8, 9, 12, 13, 14, 16, 17, 18, 19, 22, 23, 24}
CHOOSE, JUDGE, KEPT_APART = {1, 11, 21}, {0, 10, 20}, {5, 15}
PERSONS = range(25)
EXPECTED = {Part.TEACH: TEACH, Part.CHOOSE: CHOOSE, Part.JUDGE: JUDGE}
SHADE = 10
"""A person's pictures are filled with the grey level 10 times the number, so that pixels tell who it is."""


def label(person, index):
    """A small face in the middle of a picture; every person's second picture shows a second face."""
    points = 50.0 * mean_face() + [128.0, 128.0, 0.0]
    box = np.array([90.0, 90.0, 170.0, 170.0, 0.9])
    return PictureLabel(box, box, 1 + index, 1, 0.8, np.zeros((6, 2)), points, 5.0, 0.01, np.full(52, person / 100))


@pytest.fixture
def faces(tmp_path):
    """Two pictures of each person, and labels of all of them, as labels of earlier versions had."""
    folder = tmp_path / "faces"
    (folder / "portraits").mkdir(parents=True)
    rows, labels, names, persons = ["file,person,width_px,height_px,emotion"], [], [], []
    for person in PERSONS:
        for index in range(2):
            name = f"portraits/{person}-{index}.png"
            Image.new("RGB", (256, 256), (SHADE * person,) * 3).save(folder / name)
            rows.append(f"{name},{person},256,256,neutral")
            labels.append(label(person, index))
            names.append(name)
            persons.append(person)
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    stack_labels(names, persons, [(256, 256)] * len(names), labels).write(tmp_path / "labels.npz")
    return folder


@pytest.fixture
def labels(faces):
    return faces.parent / "labels.npz"


@pytest.fixture
def photos(tmp_path):
    """Photographs of one colour noise, some of which are held back."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in "abcdefgh":
        noise = rng.integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(noise).resize((120, 120)).save(folder / f"{name}.png")
    return folder


def persons_of(shades):
    """Return who is in pictures, by the commonest grey level of each."""
    return {round(float(shade) / SHADE) for shade in shades}


class TestPart:
    @pytest.mark.parametrize("part", Part)
    def test_the_last_digit_decides(self, part):
        assert {person for person in PERSONS if part_of(person) is part} == EXPECTED[part]
        assert part_of(12340) is Part.JUDGE

    def test_who_is_kept_apart_has_no_part(self):
        assert {person for person in PERSONS if part_of(person) is None} == KEPT_APART
        with pytest.raises(TrainingError, match="person 15, who is kept apart"):
            _ = RealPicture(Path("a.png"), 15).part


class TestReader:
    @pytest.mark.parametrize("part", Part)
    def test_pictures_are_those_of_the_part(self, faces, part):
        assert {picture.person for picture in real_pictures(faces, part)} == EXPECTED[part]
        assert {picture.part for picture in real_pictures(faces, part)} == {part}

    @pytest.mark.parametrize("part", Part)
    def test_faces_are_those_of_the_part(self, faces, labels, part):
        assert {face.person for face in real_faces(faces, labels, part)} == EXPECTED[part]

    def test_all_parts_together_are_everybody_but_those_kept_apart(self, faces, labels):
        assert {face.person for face in real_faces(faces, labels, *Part)} == set(PERSONS) - KEPT_APART

    def test_nobody_is_handed_out_unasked(self, faces):
        with pytest.raises(TrainingError, match="parts asked for"):
            real_pictures(faces)

    def test_labels_and_codes_belong_to_their_pictures(self, faces, labels):
        (faces / "codes.csv").write_text(
            "file,person,part,AU06,AU12,one_sided\nportraits/7-1.png,7,teach,?,2.75,AU12:L\n"
        )
        picked = {face.picture.name: face for face in real_faces(faces, labels, Part.TEACH)}
        assert picked["portraits/7-1.png"].picture.grade[[4, 8]] == pytest.approx([np.nan, 2.75], nan_ok=True)
        assert picked["portraits/7-1.png"].picture.one_sided.tolist() == [0] * 8 + [-1] + [0] * 14
        assert picked["portraits/7-0.png"].picture.grade is None
        assert picked["portraits/7-0.png"].blendshapes == pytest.approx(np.full(52, 0.07))
        assert (picked["portraits/7-0.png"].alone, picked["portraits/7-1.png"].alone) == (True, False)
        assert picked["portraits/7-0.png"].landmarks[13] == pytest.approx(50 * mean_face()[13, :2] + 128.5, abs=1e-3)

    def test_a_face_on_which_the_detectors_disagree_is_left_out(self, faces, labels):
        columns = dict(np.load(labels))
        columns["iou"][0], columns["points"][1] = 0.49, np.nan
        np.savez(labels, **columns)
        assert {face.person for face in real_faces(faces, labels, Part.JUDGE)} == {10, 20}

    @pytest.mark.parametrize(("column", "value", "trusted"), [("presence", 1.0, False), ("consistency", 0.05, False)])
    def test_a_doubtful_face_stands_alone_but_is_not_trusted(self, faces, labels, column, value, trusted):
        columns = dict(np.load(labels))
        columns[column][:] = value
        np.savez(labels, **columns)
        first = real_faces(faces, labels, Part.JUDGE)[0]
        assert (first.alone, first.trusted) == (True, trusted)

    def test_labels_of_another_folder_are_refused(self, faces, labels):
        index = (faces / "index.csv").read_text()
        (faces / "index.csv").write_text(index.replace("portraits/3-0.png,3,", "portraits/3-0.png,13,"))
        with pytest.raises(TrainingError, match=r"index\.csv does not list"):
            real_faces(faces, labels, Part.TEACH)

    def test_an_index_without_persons_is_refused(self, faces):
        (faces / "index.csv").write_text("file,person\na.png,anna\n")
        with pytest.raises(TrainingError, match="line 2 lacks a file or a person's number"):
            real_pictures(faces, Part.TEACH)


class TestFaceDetectorSources:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr(detector_sources, "BACKGROUND_COUNT", 12)

    def test_it_trains_on_the_teaching_persons_alone(self, faces, labels, photos, tmp_path):
        prepared = detector_sources.prepare(tmp_path / "work", faces, labels, [], [photos])
        pool = FacePool(prepared.parts, prepared.shares)
        assert persons_of(pool.picture(row).mean() for row in range(len(pool))) == TEACH
        assert len(pool) == len(TEACH)  # The second picture of each shows a second face.

    def test_its_backgrounds_are_of_them_and_of_photographs_that_do_not_choose(self, faces, labels, photos, tmp_path):
        prepared = detector_sources.prepare(tmp_path / "work", faces, labels, [], [photos])
        covered = np.load(prepared.backgrounds)[[2, 3, 4, 8, 9, 10]]
        assert persons_of(np.median(covered, axis=(1, 2, 3))) <= TEACH

    def test_its_threshold_is_chosen_on_the_choosing_persons_alone(self, faces, labels, photos):
        class Blind(FaceDetector):
            """Keeps what it is shown and finds nothing."""

            def __init__(self):
                self.shown = []

            def find(self, pixels, min_face_px=None, confidence=None):
                self.shown.append(pixels)
                return []

        blind = Blind()
        found, _ = detector_sources.validation_confidences(blind, faces, labels, [photos])
        assert len(found) == 2 * len(CHOOSE)
        assert persons_of(picture.mean() for picture in blind.shown[: len(found)]) == CHOOSE
        roomy = [picture for picture in blind.shown[len(found) :] if picture.shape == (256, 256, 3)]
        assert persons_of(np.median(picture) for picture in roomy) == CHOOSE


class TestLandmarkSources:
    def shades(self, parts):
        pool = Pool()
        for part in parts:
            pool.add(part)
        return [np.median(pool[row].crop) for row in range(len(pool))]

    def test_it_trains_on_those_who_teach_and_is_watched_on_those_who_choose(self, faces, labels, tmp_path):
        training, watched = landmark_sources.prepare_real(tmp_path, faces, labels, mean_face())
        assert persons_of(self.shades(training)) == TEACH
        assert persons_of(self.shades(watched)) == CHOOSE

    def test_places_without_a_face_are_beside_those_who_teach(self, faces, labels, photos, tmp_path, monkeypatch):
        monkeypatch.setattr(landmark_sources, "EMPTY_PER_FACE_SOURCE", 200)
        monkeypatch.setattr(landmark_sources, "EMPTY_FROM_PHOTOGRAPHS", 0)
        parts = landmark_sources.prepare_empty(tmp_path, faces, labels, [photos])
        assert persons_of(self.shades(parts)) == TEACH


class TestGrades:
    @pytest.fixture
    def codes(self, faces):
        rows = [f"portraits/{person}-0.png,{person},1.5" for person in PERSONS]
        (faces / "codes.csv").write_text("\n".join(["file,person,AU12", *rows]) + "\n")
        return faces / "codes.csv"

    @pytest.mark.parametrize("part", Part)
    def test_a_part_holds_its_persons(self, codes, part):
        assert {int(name) for name in load(codes, part=part).subjects} == EXPECTED[part]

    def test_all_parts_leave_out_those_kept_apart_and_say_so(self, codes):
        release = load(codes)
        assert {int(name) for name in release.subjects} == set(PERSONS) - KEPT_APART
        (note,) = release.problems
        assert not note.severe
        assert "2 lines of persons whose number ends in 5" in note.what
