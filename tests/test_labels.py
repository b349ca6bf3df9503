"""The rules from intensity to occurrence, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from duchenne.datasets.face_store import labels_of
from duchenne.datasets.labels import labels_from_intensity, with_parted_lips
from duchenne.errors import DatasetError, UsageError
from duchenne.facs import AU_NAMES


def test_a_trace_is_unknown_and_b_occurs():
    intensity = np.array([[0.0, 0.49, 0.5, 1.0, 1.49, 1.5, 2.0, 5.0]])
    occurrence, known = labels_from_intensity(intensity)
    assert known.tolist() == [[True, True, False, False, False, True, True, True]]
    assert occurrence.tolist() == [[False] * 5 + [True] * 3]


@pytest.mark.parametrize("value", [-0.1, 5.1, np.nan, 9.0])
def test_an_intensity_outside_the_scale_is_refused(value):
    with pytest.raises(DatasetError, match="between 0 and 5"):
        labels_from_intensity(np.array([[value]]))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({}, (False, True)),
        ({"AU25": 3}, (True, True)),
        ({"AU25": 1}, (False, False)),
        ({"AU26": 3}, (True, True)),
        ({"AU27": 2}, (True, True)),
        ({"AU26": 1}, (False, False)),
        ({"AU22": 3}, (False, False)),
        ({"AU22": 3, "AU25": 4}, (True, True)),
        ({"AU25": 1, "AU27": 5}, (True, True)),
        ({"AU12": 5}, (False, True)),
    ],
)
def test_lips_that_a_jaw_parts_are_au25(shown, expected):
    intensity = np.array([[float(shown.get(name, 0)) for name in AU_NAMES]])
    plain = labels_from_intensity(intensity)
    occurrence, known = with_parted_lips(*plain)
    column = AU_NAMES.index("AU25")
    assert (occurrence[0, column], known[0, column]) == expected
    others = np.arange(len(AU_NAMES)) != column
    assert (occurrence[:, others] == plain[0][:, others]).all()
    assert (known[:, others] == plain[1][:, others]).all()


def test_labels_of_an_au_leave_unknown_faces_out():
    occurrence, known = np.zeros((5, 23), bool), np.zeros((5, 23), bool)
    known[[0, 1, 3], 8], occurrence[[1, 2], 8] = True, True  # The ninth column is AU12.
    labels = SimpleNamespace(occurrence=occurrence, known=known)
    found = labels_of(labels, "AU12")
    assert found.known.tolist() == [True, True, False, True, False]
    assert found.truth.tolist() == [False, True, False]
    among = labels_of(labels, "AU12", among=np.arange(5) > 0)
    assert among.known.tolist() == [False, True, False, True, False]
    assert among.truth.tolist() == [True, False]
    assert known[:, 8].tolist() == [True, True, False, True, False]
    with pytest.raises(UsageError, match="AU99"):
        labels_of(labels, "AU99")
