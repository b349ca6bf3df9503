"""Lashes turn with the lids; what lines mouth and lids has their colour, never that of the clothes."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from duchenne.facs import LANDMARK_GROUPS
from duchenne.synthesis.head.head import Gaze, Head, make_head, with_glasses
from duchenne.synthesis.head.lashes import lash_solids
from duchenne.synthesis.person.apertures import _lid_vertices
from duchenne.synthesis.rig.mesh import base_mesh
from duchenne.synthesis.rig.parts import eye_vertices
from duchenne.synthesis.scene.scene import SUPERSAMPLING, Camera, Scene, render
from duchenne.synthesis.skin.skin import with_wrinkles
from duchenne.synthesis.skin.skin_maps import position_map

CAMERA = Camera(face_px=120)
GREEN = np.array([0.0, 255.0, 0.0])


@pytest.fixture(scope="module")
def head() -> Head:
    return replace(with_glasses(make_head(3004), None), clothes=GREEN)


def test_lashes_turn_down_with_the_lid(head):
    def rise(aus):
        upper = lash_solids(head, head.move(aus, Gaze()), 0.001)[0].points.reshape(-1, 10, 3)
        return (upper[:, 0, 1] - upper[:, -1, 1]).mean()  # Root less tip, y down.

    assert rise({}) > 0.01
    assert rise({"AU43": (5.0, 5.0)}) < -0.005


def test_lashes_are_seen_and_hide_no_landmark(head, monkeypatch):
    lashed = render(head, Scene(camera=CAMERA))
    monkeypatch.setattr("duchenne.synthesis.head.foreground.lash_solids", lambda *_: [])
    bare = render(head, Scene(camera=CAMERA))
    changed = (np.abs(lashed.pixels.astype(int) - bare.pixels).max(2) > 12).nonzero()
    assert len(changed[0]) > 40
    eyes = bare.landmarks[[*LANDMARK_GROUPS["eye_image_left"], *LANDMARK_GROUPS["eye_image_right"]]]
    assert changed[0].min() > eyes[:, 1].min() - 15
    assert changed[0].max() < eyes[:, 1].max() + 15
    assert_array_equal(lashed.depth_map, bare.depth_map)
    assert_array_equal(lashed.visible, bare.visible)


@pytest.mark.parametrize(
    "aus", [{"AU27": (5.0, 5.0)}, {"AU07": (5.0, 5.0)}, {"AU43": (5.0, 5.0)}], ids=lambda aus: next(iter(aus))
)
def test_no_clothes_inside_the_face(head, aus):
    drawn = render(head, Scene(aus, camera=CAMERA))
    for group in ("lip_outer", "eye_image_left", "eye_image_right"):
        points = drawn.landmarks[list(LANDMARK_GROUPS[group])]
        (left, top), (right, bottom) = points.min(0).astype(int) - 4, points.max(0).astype(int) + 4
        part = drawn.pixels[top:bottom, left:right].astype(int)
        assert (part[..., 1] > part[..., 0] + 30).sum() == 0


def test_the_back_of_an_open_mouth_is_dark_and_its_lower_teeth_are_seen(head):
    drawn = render(head, Scene({"AU27": (5.0, 5.0), "AU25": (4.0, 4.0)}, camera=CAMERA))
    upper, lower = drawn.landmarks[44], drawn.landmarks[47]
    column = drawn.pixels[int(upper[1]) + 2 : int(lower[1]) - 1, int(upper[0])].mean(1)
    third = len(column) // 3
    dark = column[third : 2 * third].min()
    assert dark < 40
    assert column[2 * third :].max() > 2 * dark


def test_raised_lids_deepen_their_crease(head):
    above = (np.abs(position_map()[..., :2] - [0.31, 7.388]) < 0.02).all(2)
    rest, raised = (with_wrinkles(head.skin, aus).astype(int)[above] for aus in ({}, {"AU05": (5.0, 5.0)}))
    assert (raised <= rest).all()
    assert (rest - raised)[:, 3].max() > 8  # A furrow: lower ground,
    assert (rest - raised)[:, 0].max() > 4  # and darker.


def test_a_fold_over_the_lid_does_not_hide_the_roots_of_the_lashes():
    hooded = with_glasses(make_head(3011), None)
    drawn, moved = render(hooded, Scene({"AU05": (5.0, 5.0)})), hooded.move({"AU05": (5.0, 5.0)}, Gaze())
    lashes = lash_solids(hooded, moved, 0.001)[0].points.reshape(-1, 10, 3)
    middle = lashes[len(lashes) // 3 : 2 * len(lashes) // 3, 2].copy() + Camera().offset()
    x, y = np.floor(Camera().project(middle) * SUPERSAMPLING).astype(int).T
    assert (drawn.depth_map[y, x] > middle[:, 2] - 0.03).mean() > 0.8


def test_skin_of_the_lids_lies_around_its_own_eye_and_before_its_centre():
    vertices = base_mesh().vertices
    for skin, ball in zip(_lid_vertices(), eye_vertices(), strict=True):
        low, high = vertices[ball].min(0), vertices[ball].max(0)
        away = vertices[skin] - (low + high) / 2
        assert len(skin) > 20
        assert np.linalg.norm(away, axis=1).max() < 2 * (high - low)[0]
        assert (away[:, 2] > 0).all()
