"""Many pictures at once give what each gives alone, and the errors of each."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from duchenne import AUDetector
from duchenne.diagnosis import SAMPLE
from duchenne.errors import MediaError, PictureWarning


def on_a_wall(*places: tuple[int, int, int], size: tuple[int, int] = (480, 360), turned: int = 0) -> np.ndarray:
    """Return a picture of the sample head at some places: left, top, side in pixels."""
    head, wall = Image.open(SAMPLE).convert("RGB"), Image.new("RGB", size, (120, 110, 100))
    for left, top, side in places:
        wall.paste(head.resize((side, side)), (left, top))
    return np.ascontiguousarray(np.rot90(np.asarray(wall), turned))


PICTURES = [
    on_a_wall((60, 20, 320)),
    on_a_wall(),
    on_a_wall((20, 40, 200), (250, 60, 220)),
    on_a_wall((0, 0, 256), size=(256, 256)),
    on_a_wall((100, 30, 300), turned=1),
    on_a_wall((30, 30, 420), (850, 500, 60), size=(1000, 640)),
]
"""One face, none, two, another size, one that lies on its side, a large one and one that only a second look finds."""


def assert_same(found, alone):
    assert [len(faces) for faces in found] == [len(faces) for faces in alone]
    for face, other in zip((f for faces in found for f in faces), (f for faces in alone for f in faces), strict=True):
        assert (face.source, face.face_id, face.aus) == (other.source, other.face_id, other.aus)
        assert_allclose(face.probability, other.probability, atol=1e-5)
        assert_allclose(face.intensity, other.intensity, atol=1e-5)
        if other.side_probability is not None:
            assert_allclose(face.side_probability, other.side_probability, atol=1e-5)
        assert_allclose(face.landmarks.points, other.landmarks.points, atol=1e-3)
        assert face.box.confidence == pytest.approx(other.box.confidence, abs=1e-5)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_batch_gives_each_picture_its_own_numbers(workers):
    detector = AUDetector(workers=workers, sides=True)
    alone = [detector.detect(picture) for picture in PICTURES]
    assert [len(faces) for faces in alone] == [1, 0, 2, 1, 1, 2]
    assert_same(detector.detect_batch(PICTURES), alone)
    assert_same(detector.detect_batch(iter(PICTURES[::-1])), alone[::-1])
    assert detector.detect_batch([]) == []


def test_more_pictures_than_go_through_at_once():
    detector = AUDetector(workers=1)
    pictures = [PICTURES[3]] * 33 + [PICTURES[1], PICTURES[0]]
    (face,), (other,) = detector.detect(PICTURES[3]), detector.detect(PICTURES[0])
    assert_same(detector.detect_batch(pictures), [[face]] * 33 + [[], [other]])


@pytest.mark.filterwarnings("ignore::duchenne.errors.PictureWarning")
def test_options_hold_in_a_batch():
    detector = AUDetector(aus=12, largest_face=True, min_face_px=100).with_neutral(SAMPLE)
    alone = [detector.detect(picture) for picture in PICTURES]
    assert [len(faces) for faces in alone] == [1, 0, 1, 1, 1, 1]
    assert_same(detector.detect_batch(PICTURES), alone)


def test_a_bad_picture_is_named_and_nothing_is_given():
    detector, bad = AUDetector(), np.zeros((8, 8), np.int32)
    with pytest.raises(MediaError) as single:
        detector.detect(bad)
    with pytest.raises(MediaError) as many:
        detector.detect_batch([PICTURES[0], bad, PICTURES[1]])
    assert str(many.value) == f"Picture 1 of the batch: {single.value}"


def test_remarks_name_the_picture():
    detector = AUDetector()
    many_small = on_a_wall(*((20 + 40 * k, 20 + 60 * row, 36) for k in range(11) for row in range(5)))
    with pytest.warns(PictureWarning) as single:
        detector.detect(many_small)
    with pytest.warns(PictureWarning) as many:
        detector.detect_batch([PICTURES[1], many_small])
    assert [str(w.message).replace("Picture 1 (array)", "array") for w in many] == [str(w.message) for w in single]
