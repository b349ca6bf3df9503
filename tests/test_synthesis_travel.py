"""How far action units go, against real neutral faces and another rig, whose figures nobody here has made.

Real lids: .098 of the outer-eye distance apart, neutral portraits seen by a landmark model. The other rig: shapes of
ICT-FaceKit light (MIT) at full strength, the same quantities at its own 68 landmarks (docs/synthesis.md).
"""

import re
from dataclasses import fields

import numpy as np
import pytest

from duchenne.facs import AU_NAMES
from duchenne.synthesis.checks.directions import BareHead, bare_heads
from duchenne.synthesis.checks.travel import (
    Travel,
    direction_spread,
    landmarks_of,
    lid_gap,
    travel,
    travel_lines,
    travel_table,
)
from duchenne.synthesis.person.expression import strength
from duchenne.synthesis.rig.au_map import ARKIT, VARIED

AMOUNTS = (
    ("AU01", "brow_gap", 0.0, 2.0),
    ("AU04", "brow_gap", -9.5, -6.0),
    ("AU04", "brow_head", -7.0, -3.5),
    ("AU05", "lid_gap", 3.4, 5.2),
    ("AU07", "lid_gap", -6.0, -3.4),
    ("AU09", "brow_gap", -2.0, 0.5),
    ("AU09", "upper_lip", 3.4, 6.0),
    ("AU12", "corner_up", 10.5, 13.5),
    ("AU12", "corner_out", 7.5, 9.5),
    ("AU14", "corner_out", 0.9, 2.0),
    ("AU15", "corner_up", -5.8, -4.0),
    ("AU20", "upper_lip", -1.2, 0.3),
    ("AU23", "corner_out", -1.5, -0.3),
    ("AU24", "upper_lip", -2.2, -0.5),
    ("AU24", "corner_out", -0.5, 0.5),
    ("AU25", "lip_gap", 7.0, 10.0),
    ("AU28", "lower_lip", 9.0, 13.0),
)
"""Bounds of the mean over people at intensity E, hundredths of the outer-eye distance."""


@pytest.fixture(scope="module")
def heads() -> list[BareHead]:
    return bare_heads(range(72_000, 72_040))


@pytest.fixture(scope="module")
def table(heads) -> dict:
    return travel_table(heads)


def _face() -> np.ndarray:
    """Return a face by hand: outer eye corners 2 apart, all else at the origin."""
    points = np.zeros((1, 49, 3))
    points[0, 19, 0], points[0, 28, 0] = -1.0, 1.0
    return points


def test_travel_of_a_face_drawn_by_hand():
    resting, moved = _face(), _face()
    moved[0, [4, 5], 1] += 0.1
    moved[0, 5, 0] += 0.04
    moved[0, [31, 37]] += [[-0.2, 0.06, 0.0], [0.1, 0.02, 0.0]]
    moved[0, 44, 1], moved[0, 47, 1] = 0.02, -0.06
    found = travel(resting, moved)
    expected = {
        "brow_head": 5.0,
        "brow_gap": 2.0,
        "corner_out": 7.5,
        "corner_up": 2.0,
        "lip_gap": 4.0,
        "inner_lip": 1.0,
    }
    for field in fields(Travel):
        assert getattr(found, field.name) == pytest.approx([expected.get(field.name, 0.0)]), field.name


def test_lids_of_a_face_drawn_by_hand():
    points = _face()
    points[0, [20, 21, 26, 27], 1] = 0.3
    points[0, [23, 24, 29, 30], 1] = 0.1
    assert lid_gap(points) == pytest.approx([10.0])


def test_resting_eyes_are_as_wide_and_as_varied_as_those_of_real_people(heads):
    gaps = lid_gap(landmarks_of(heads))
    assert gaps.mean() == pytest.approx(9.6, abs=0.5)
    assert 0.8 < gaps.std() < 1.7
    assert gaps.min() > 5


@pytest.mark.parametrize(("au", "quantity", "low", "high"), AMOUNTS, ids=str)
def test_action_units_go_as_far_as_those_of_another_rig(table, au, quantity, low, high):
    assert low < table[au][quantity][0] < high


def test_the_lower_lip_opens_the_mouth(heads):
    way = travel(landmarks_of(heads), landmarks_of(heads, "AU25"))
    assert 0.12 < way.inner_lip.mean() / way.lip_gap.mean() < 0.25


def test_a_faint_frown_is_faint(heads):
    way = travel(landmarks_of(heads), landmarks_of(heads, "AU04", 1.0))
    assert -2.0 < way.brow_gap.mean() < -1.0


def test_everybody_moves_in_a_direction_of_their_own(heads):
    """Of a rig whose people differ in strength alone the spread would be 0."""
    assert min(direction_spread(heads).values()) > 5


def test_everybody_has_a_strength_of_their_own(heads):
    moved = np.stack([landmarks_of(heads, au) - landmarks_of(heads) for au in ("AU01", "AU12", "AU15", "AU18")])
    amount = np.linalg.norm(moved, axis=3).mean(2)
    spread = amount.std(1) / amount.mean(1)
    assert (spread > 0.1).all()
    assert (spread < 0.35).all()


def test_what_people_add_to_an_action_unit_stays_smaller_than_it():
    assert set(VARIED) <= set(AU_NAMES)
    for au, extra in VARIED.items():
        assert strength(extra) < 0.6 * strength(ARKIT[au]), au


def test_the_printed_table_has_a_row_for_each_action_unit_and_the_lids_at_rest(monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.checks.travel.AU_NAMES", ("AU12",))
    first, _, smile = travel_lines(people=2)
    assert 5 < float(re.fullmatch(r"resting lid gap ([\d.]+) \([\d.]+\)", first)[1]) < 15
    assert smile.startswith("AU12 ")
    assert smile.count("(") == len(fields(Travel))
