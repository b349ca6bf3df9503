"""Action units move landmarks and skin as FACS says, in every person and map style, and leave other regions be."""

from dataclasses import replace

import numpy as np
import pytest

from duchenne.facs import AU_NAMES
from duchenne.synthesis.checks.directions import (
    EXPECTED,
    OTHER_REGION_BOUND_DM,
    BareHead,
    along,
    bare_heads,
    farthest_elsewhere,
    motions,
)
from duchenne.synthesis.person.apertures import fitted_gains
from duchenne.synthesis.person.identity import ANCESTRIES
from duchenne.synthesis.rig.au_map import MapStyle
from duchenne.synthesis.rig.blendshapes import blendshape
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices


@pytest.fixture(scope="module")
def heads() -> list[BareHead]:
    return bare_heads(range(70_000, 70_024))


@pytest.fixture(scope="module")
def shifts(heads) -> dict[str, np.ndarray]:
    return {au: motions(heads, au) for au in AU_NAMES}


def test_every_action_unit_is_expected_to_do_something():
    assert {expected.au for expected in EXPECTED} == set(AU_NAMES)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda e: f"{e.au} {e.what}")
def test_movements_go_where_facs_says(shifts, expected):
    moved = along(expected, shifts[expected.au])
    assert moved.mean() > 0.004, "less than half a millimetre"
    assert (moved > 0).mean() >= 0.95


@pytest.mark.parametrize("au", AU_NAMES)
def test_an_action_unit_stays_in_its_part_of_the_face(shifts, au):
    assert farthest_elsewhere(au, shifts[au]) < OTHER_REGION_BOUND_DM


@pytest.mark.parametrize("style", [MapStyle.ARKIT, MapStyle.MPFB])
def test_each_map_style_goes_where_facs_says(heads, style):
    people = [replace(head.identity, au_map=style) for head in heads[:8]]
    styled = [BareHead(person, fitted_gains(person)) for person in people]
    for expected in EXPECTED:
        assert along(expected, motions(styled, expected.au)).mean() > 0.003, f"{style}: {expected.au} {expected.what}"


def test_recipe_styles_differ(heads):
    one, other = (fitted_gains(replace(heads[0].identity, au_map=style)) for style in (MapStyle.ARKIT, MapStyle.MPFB))
    assert not any(name.startswith("mh:") for au_map in one.au_maps.values() for name in au_map)
    led = sum(any(name.startswith("mh:") for name in au_map) for au_map in other.au_maps.values())
    assert led >= 15
    ancestries = {n.split("/")[0][3:] for head in heads for r in head.gains.au_maps.values() for n in r if "mh:" in n}
    assert ancestries == set(ANCESTRIES)


@pytest.mark.parametrize("au", ["AU12", "AU15", "AU18", "AU20"])
def test_nobody_moves_much_less_than_others(shifts, au):
    corners = np.linalg.norm(shifts[au][:, landmark_vertices()[[31, 37]]], axis=2).mean(1)
    assert corners.min() > 0.5 * np.median(corners)


def test_resting_mouth_corners_are_level_on_average():
    points = np.stack([head.moved({})[landmark_vertices()] for head in bare_heads(range(71_000, 71_030))])
    over = points[:, [31, 37], 1].mean(1) - points[:, [44, 47], 1].mean(1)
    assert abs(over.mean()) < 0.004
    assert np.abs(over).max() < 0.02


def test_folds_over_the_lids_differ_but_leave_eyes_open(heads):
    hoods = [head.gains.rest["own:hood"] for head in heads]
    assert np.std(hoods) > 0.3
    fold, lids = blendshape("own:hood"), landmark_vertices()[[20, 21, 23, 24]]
    at_lids = fold.shift[np.isin(fold.index, lids)]
    assert np.abs(2 * at_lids).max(initial=0.0) < 0.004  # Less than half a millimetre at the deepest fold.


def test_tight_lids_leave_a_slit_and_wide_eyes_show_more(heads):
    def opening(aus) -> np.ndarray:
        points = np.stack([head.moved(aus)[landmark_vertices()] for head in heads])
        return points[:, 20, 1] - points[:, 24, 1]

    resting = opening({})
    assert 0.3 < (opening({"AU07": (5.0, 5.0)}) / resting).mean() < 0.65
    assert (opening({"AU05": (5.0, 5.0)}) - resting).min() > 0.015
    assert (opening({"AU43": (5.0, 5.0)}) / resting).max() < 0.25


def test_movements_that_pull_the_same_skin_do_not_add_up(heads):
    def corner(aus) -> float:
        return float(np.mean([head.moved(aus)[landmark_vertices()[31], 1] for head in heads]))

    rest, smile, frown = corner({}), corner({"AU12": (5.0, 5.0)}), corner({"AU15": (5.0, 5.0)})
    both = corner({"AU12": (5.0, 5.0), "AU15": (5.0, 5.0)})
    assert frown < rest < both < smile
    lips = [landmark_vertices()[i] for i in (44, 47)]

    def gap(aus) -> float:
        upper, lower = np.mean([head.moved(aus)[lips, 1] for head in heads], 0)
        return float(upper - lower)

    parted, dropped = gap({"AU25": (5.0, 5.0)}), gap({"AU26": (5.0, 5.0)})
    assert max(parted, dropped) < gap({"AU25": (5.0, 5.0), "AU26": (5.0, 5.0)}) < parted + dropped
