import numpy as np
import pytest
from numpy.testing import assert_array_equal

from duchenne.errors import UsageError
from duchenne.facs import (
    ACTION_UNITS,
    AU_NAMES,
    BROW_ENDS,
    LANDMARK_COUNT,
    LANDMARK_GROUPS,
    MIRROR_LANDMARKS,
    MOUTH_CORNERS,
    NOSE_TIP,
    PAPER_AUS,
    PATCH_LANDMARKS,
    au_columns,
    parse_aus,
)

# The usual mirror pairs of the iBUG 68-point mark-up (counted from 1; Sagonas et al., 300-W, 2013).
IBUG_68_PAIRS = (
    (18, 27), (19, 26), (20, 25), (21, 24), (22, 23), (32, 36), (33, 35), (37, 46), (38, 45), (39, 44), (40, 43),
    (41, 48), (42, 47), (49, 55), (50, 54), (51, 53), (56, 60), (57, 59), (62, 64), (66, 68),
)  # fmt: skip


def test_mirror_map_is_the_one_of_the_68_points():
    kept = [n for n in range(18, 69) if n not in (61, 65)]
    mirror_68 = {a: b for pair in IBUG_68_PAIRS for a, b in (pair, pair[::-1])}
    expected = [kept.index(mirror_68.get(n, n)) for n in kept]
    assert_array_equal(MIRROR_LANDMARKS, expected)


def test_landmark_groups_cover_all_points_once():
    assert sorted(i for group in LANDMARK_GROUPS.values() for i in group) == list(range(LANDMARK_COUNT))


def test_patches_are_symmetric():
    mirrored = {int(MIRROR_LANDMARKS[n - 1]) + 1 for n in PATCH_LANDMARKS}
    assert len(PATCH_LANDMARKS) == 22
    assert mirrored == set(PATCH_LANDMARKS)


def test_action_units_are_in_order_and_hold_the_papers():
    numbers = [au.number for au in ACTION_UNITS]
    assert numbers == sorted(set(numbers))
    assert set(PAPER_AUS) < set(AU_NAMES)


@pytest.mark.parametrize("text", ["12,6", "AU06 AU12", "au12, 6,6", "012 06"])
def test_parse_aus_orders_and_names(text):
    assert parse_aus(text) == ("AU06", "AU12")


@pytest.mark.parametrize("text", ["99", "AU3", "smile", "-1", "12;6", "١٢٣٤"])
def test_parse_aus_refuses_unknown(text):
    with pytest.raises(UsageError, match="no action unit"):
        parse_aus(text)


def test_parse_aus_refuses_nothing():
    with pytest.raises(UsageError, match="empty"):
        parse_aus(" , ")


def test_mirror_is_its_own_inverse():
    assert_array_equal(MIRROR_LANDMARKS[MIRROR_LANDMARKS], np.arange(LANDMARK_COUNT))


def test_columns_are_those_of_the_vocabulary():
    assert au_columns(["AU04", "AU01", "AU43"]) == [2, 0, len(AU_NAMES) - 1]
    with pytest.raises(UsageError, match="AU99"):
        au_columns(["AU01", "AU99"])


def test_named_landmarks_lie_where_method_md_puts_them():
    # docs/method.md counts from 1: brows 1-5 and 6-10, nose tip 14, corners of the mouth 32 and 38.
    assert [number + 1 for number in BROW_ENDS] == [1, 5, 6, 10]
    assert NOSE_TIP + 1 == 14
    assert [number + 1 for number in MOUTH_CORNERS] == [32, 38]
    assert MIRROR_LANDMARKS[list(MOUTH_CORNERS)].tolist() == list(reversed(MOUTH_CORNERS))
