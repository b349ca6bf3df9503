"""When an action unit is not judged: hidden regions, poses beyond what was tested, and how tables say so."""

import dataclasses

import numpy as np
import pytest

from duchenne.faces import FaceBox
from duchenne.facs import AU_NAMES, MIRROR_LANDMARKS
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks
from duchenne.reliability import UNKNOWN, reliable
from duchenne.results import FaceAUs, to_dataframe

AUS = ("AU01", "AU07", "AU09", "AU12", "AU17")


def landmarks(hidden=()):
    visibility = np.full(49, 0.9)
    visibility[list(hidden)] = 0.1
    return FaceLandmarks(np.zeros((49, 2)), np.zeros(49), visibility, 0.9)


def named(mask):
    return {name for name, metadata in zip(AUS, mask, strict=True) if not metadata}


@pytest.mark.parametrize(
    ("hidden", "expected"),
    [
        ((), set()),
        (range(10), {"AU01"}),
        (range(5), set()),  # One brow is enough.
        (range(31, 49), {"AU12", "AU17"}),
        (range(10, 19), {"AU09"}),
        (range(19, 31), {"AU07"}),
    ],
)
def test_a_hidden_region_is_not_judged(hidden, expected):
    assert named(reliable(AUS, landmarks(hidden), HeadPose(0, 0, 0))) == expected


def test_the_far_side_may_be_hidden_on_either_side():
    far = [*range(5), *range(19, 25), 14, 15, 31, 32, 33, 42]
    assert reliable(AU_NAMES, landmarks(far), HeadPose(50, 0, 0)).all()
    assert reliable(AU_NAMES, landmarks(MIRROR_LANDMARKS[far]), HeadPose(-50, 0, 0)).all()


@pytest.mark.parametrize("pose", [(61, 0, 0), (-61, 0, 0), (0, 46, 0), (0, -46, 0)])
def test_a_pose_beyond_the_tested_ones_is_not_judged(pose):
    assert not reliable(AUS, landmarks(), HeadPose(*pose)).any()
    assert reliable(AUS, landmarks(), HeadPose(0, 0, 90)).all()


def test_tables_say_unknown_only_where_asked():
    ones = np.ones(len(AUS))
    box = FaceBox(np.arange(4.0), 0.9, np.zeros((5, 2)))
    face = FaceAUs("x", 0, 0.0, 0, box, landmarks(range(10)), HeadPose(0, 0, 0), AUS, ones, ones > 0)
    assert to_dataframe([face])["AU01_c"].tolist() == [1]
    table = to_dataframe([dataclasses.replace(face, abstains=True)])
    assert table["AU01_c"].tolist() == [UNKNOWN]
    assert table["AU12_c"].tolist() == [1]
    assert table["AU01_p"].tolist() == [1.0]
