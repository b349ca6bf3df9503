"""What is drawn over a head: hands, microphones, strands of hair, glasses; labels say what they hide."""

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from duchenne.facs import LANDMARK_GROUPS
from duchenne.geometry import HeadPose
from duchenne.synthesis.checks.measure import visibility_agreement
from duchenne.synthesis.head.front import front_of
from duchenne.synthesis.head.glasses import DARK_SHARE, draw_glasses
from duchenne.synthesis.head.glasses import SHARE as GLASSES_SHARE
from duchenne.synthesis.head.head import Gaze, Head, make_head, with_glasses
from duchenne.synthesis.head.occluders import SHARE, Kind, Occluder, _fringe, draw_occluder, suited
from duchenne.synthesis.scene.scene import HIDDEN_BEYOND, SUPERSAMPLING, Camera, Scene, render
from duchenne.synthesis.sets.shots import draw_shots
from duchenne.synthesis.sets.stills import draw_row

EYES = [*LANDMARK_GROUPS["eye_image_left"], *LANDMARK_GROUPS["eye_image_right"]]
LIPS = [*LANDMARK_GROUPS["lip_outer"], *LANDMARK_GROUPS["lip_inner"]]
SMILE = {"AU12": (3.0, 3.0)}
OVER_MOUTH = Occluder(Kind.HAND, "mouth", -1, 0)
OCCLUDERS = (OVER_MOUTH, Occluder(Kind.MICROPHONE, "mouth", 1, 6), Occluder(Kind.HAIR, "cheek", 1, 8))


@pytest.fixture(scope="module")
def head() -> Head:
    return with_glasses(make_head(900), None)


@pytest.mark.parametrize("occluder", OCCLUDERS, ids=lambda occluder: occluder.kind.value)
def test_what_hides_a_landmark_is_drawn_over_it_and_in_the_depth_buffer(head, occluder):
    free = render(head, Scene(SMILE))
    behind = render(head, Scene(SMILE, occluder=occluder))
    assert behind.covered.sum() >= 2
    assert behind.covered_share > 0.02
    assert_array_equal(behind.visible, free.visible & ~behind.covered)
    assert_array_equal(behind.landmarks, free.landmarks)
    assert_array_equal(behind.au_left, free.au_left)
    for point in np.flatnonzero(behind.covered):
        x, y = np.floor(behind.landmarks[point]).astype(int)
        assert (behind.pixels[y, x] != free.pixels[y, x]).any()
        x, y = np.floor(behind.landmarks[point] * SUPERSAMPLING).astype(int)
        assert behind.depth_map[y, x] < behind.landmarks_3d[point, 2] - HIDDEN_BEYOND


def test_rays_through_the_triangles_confirm_what_is_hidden(head):
    scenes = [
        Scene(SMILE, HeadPose(yaw, -10.0, 0.0), occluder=occluder)
        for yaw, occluder in zip((0.0, 30.0, -40.0), OCCLUDERS, strict=True)
    ]
    # The rest lies on edges of lips and nose, where the depth buffer looks at nine pixels; without occluders: .77.
    assert visibility_agreement(head, scenes) > 0.92


def test_a_hand_lies_on_the_face_and_over_the_lips(head):
    drawn = render(head, Scene(occluder=OVER_MOUTH))
    assert drawn.covered[LIPS].sum() > drawn.covered[EYES].sum()
    before = render(head, Scene())
    gap = (before.depth_map - drawn.depth_map)[(drawn.depth_map < before.depth_map) & (before.depth_map < 1e8)]
    assert 0 < np.percentile(gap, 1) < 0.15  # Some of it touches.
    assert gap.max() < 3.0


def test_somebody_elses_hand_has_their_tone(head):
    light, dark = (
        render(head, Scene(occluder=replace(OVER_MOUTH, tone=tone))).pixels[150:, :128].mean() for tone in (1, 10)
    )
    assert light > dark + 10


def test_a_share_of_the_pictures_has_something_in_front_and_groups_share_it(monkeypatch):
    drawn = [draw_occluder(np.random.default_rng(k)) for k in range(3000)]
    assert np.mean([o is not None for o in drawn]) == pytest.approx(SHARE, abs=0.018)  # 3 standard errors
    assert {o.kind for o in drawn if o} == set(Kind)
    monkeypatch.setattr("duchenne.synthesis.sets.shots.draw_background", lambda *_: None)
    by_group: dict[tuple[int, int], set] = {}
    for subject in range(15):
        for shot in draw_shots(subject, 10):
            by_group.setdefault((subject, shot.group), set()).add(shot.scene.occluder)
    assert all(len(found) == 1 for found in by_group.values())


def test_no_hair_falls_over_the_brow_of_the_bald(head):
    bald = replace(head, skin=replace(head.skin, scalp=np.zeros_like(head.skin.scalp)))
    assert suited(OCCLUDERS[2], bald).kind is Kind.MICROPHONE
    assert suited(OCCLUDERS[2], head) is OCCLUDERS[2]


@pytest.mark.parametrize("side", [-1, 1])
def test_a_fringe_hangs_down_where_it_grows(side):
    """Ends of strands follow their roots across the forehead, with a small sweep to the side of the fringe."""
    strands = np.concatenate([_fringe(np.random.default_rng(seed), side) for seed in range(30)])
    root, tip = strands[:, 0], strands[:, -1]
    assert np.corrcoef(root[:, 0], tip[:, 0])[0, 1] > 0.8
    assert 0 < side * (tip - root)[:, 0].mean() < 0.4
    assert (tip - root)[:, 1].min() > 0


def test_rows_say_what_is_in_front(head):
    shot = next(s for s in draw_shots(3, 1))
    shot = replace(shot, scene=replace(shot.scene, occluder=OVER_MOUTH, pose=HeadPose(0.0, 0.0, 0.0), camera=Camera()))
    glasses = draw_glasses(np.random.default_rng(0), 1.0)
    params = json.loads(draw_row(with_glasses(head, glasses), shot, 0)["params"])
    assert params["occluder"] == {"kind": "hand", "target": "mouth", "side": -1, "seed": 0, "tone": None}
    assert params["glasses"]["shape"] == glasses.shape
    assert params["hair"] == head.hair_style
    assert set(params["covered"]) & set(LIPS)
    assert params["covered_share"] > 0.05
    bare = json.loads(draw_row(head, replace(shot, scene=replace(shot.scene, occluder=None)), 0)["params"])
    assert (bare["occluder"], bare["glasses"], bare["covered"], bare["covered_share"]) == (None, None, [], 0.0)


def test_one_person_in_seven_wears_glasses_and_few_dark_ones():
    drawn = [draw_glasses(np.random.default_rng([k, 12])) for k in range(4000)]
    worn = [glasses for glasses in drawn if glasses]
    assert len(worn) / len(drawn) == pytest.approx(GLASSES_SHARE, abs=0.017)  # 3 standard errors
    assert np.mean([glasses.dark for glasses in worn]) == pytest.approx(DARK_SHARE, abs=0.034)
    assert {glasses.rim for glasses in worn} == {"full", "half", "none"}


def test_eyes_are_seen_through_clear_lenses_and_not_through_dark_ones(head):
    clear = next(g for g in (draw_glasses(np.random.default_rng(k), 1.0) for k in range(50)) if not g.dark)
    seen = render(with_glasses(head, clear), Scene())
    assert seen.visible[EYES].all()
    assert (seen.pixels != render(head, Scene()).pixels).any(2).sum() > 100
    hidden = render(with_glasses(head, replace(clear, opacity=0.9)), Scene())
    assert hidden.covered[EYES].sum() >= 10


@pytest.mark.parametrize("subject", [900, 904])
def test_frames_stand_in_front_of_the_skin(subject):
    person = make_head(subject)
    front = front_of(person.move({}, Gaze()))
    for seed in range(4):
        glasses = replace(draw_glasses(np.random.default_rng(seed), 1.0), rim="full")
        worn = with_glasses(person, glasses).worn
        for rim in worn[2:4]:
            sunk = rim.points[:, 2] > front.at(rim.points[:, :2]) + 0.02
            assert sunk.mean() < 0.05
