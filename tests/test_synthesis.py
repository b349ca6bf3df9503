"""Heads whose truth is known: exact landmarks, AUs that move as FACS says, the same bytes from the same seed."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from duchenne.errors import SynthesisError, UsageError
from duchenne.facs import AU_NAMES, LANDMARK_GROUPS, MIRROR_LANDMARKS
from duchenne.geometry import HeadPose, rotation_from_pose
from duchenne.synthesis import rig
from duchenne.synthesis.expression import recipe_aus
from duchenne.synthesis.face_points import landmark_vertices
from duchenne.synthesis.head import Gaze, Head, make_head
from duchenne.synthesis.identity import Person
from duchenne.synthesis.recipes import OTHER_MOTION
from duchenne.synthesis.sampling import PAPER_AUS, Company, draw_aus, draw_people, fig_5_matrix, table_1_rates
from duchenne.synthesis.scene import SUPERSAMPLING, Camera, Scene, render
from duchenne.synthesis.shots import GRID, MIX, Poses, draw_shots
from duchenne.synthesis.stills import PER_FILE, StillsPlan, draw_row, file_name, read_stills, write_stills

HEADS = 20


@pytest.fixture(scope="module")
def heads() -> list[Head]:
    return [make_head(70_000 + k) for k in range(HEADS)]


def moved_points(head: Head, aus) -> np.ndarray:
    """Return the 49 points in head axes (x right, y down, z away), decimetres."""
    return head.move(aus, Gaze()).base[landmark_vertices()]


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


def test_every_action_unit_has_a_recipe():
    assert recipe_aus() == AU_NAMES


# Where FACS (2002) says that a movement goes; landmarks from 0, direction (right, down) in the image on the named side.
INNER_BROW, OUTER_BROW, LIP_UP, LIP_LOW, CORNER = 4, 0, 34, 40, 31
FACS_DIRECTIONS = [
    ("AU01", INNER_BROW, (0, -1)),
    ("AU02", OUTER_BROW, (0, -1)),
    ("AU04", INNER_BROW, (0, 1)),
    ("AU04", INNER_BROW, (1, 0)),  # the brow on the image's left moves to the midline
    ("AU10", LIP_UP, (0, -1)),
    ("AU12", CORNER, (0, -1)),
    ("AU12", CORNER, (-1, 0)),
    ("AU14", CORNER, (-1, 0)),
    ("AU15", CORNER, (0, 1)),
    ("AU17", LIP_LOW, (0, -1)),
    ("AU23", CORNER, (1, 0)),
]


@pytest.mark.parametrize(("au", "landmark", "direction"), FACS_DIRECTIONS)
def test_movements_go_where_facs_says(heads, au, landmark, direction):
    shifts = [(moved_points(h, {au: (5.0, 5.0)}) - moved_points(h, {}))[landmark, :2] for h in heads]
    along = np.mean(shifts, 0) @ np.array(direction)
    assert along > 0.006, f"{au} moves landmark {landmark + 1} by {along:.4f} dm along {direction}"


def gap(points: np.ndarray, upper: int, lower: int) -> float:
    return float(points[lower, 1] - points[upper, 1])


@pytest.mark.parametrize(
    ("au", "upper", "lower"),
    [("AU06", 20, 24), ("AU07", 20, 24), ("AU23", 34, 40), ("AU24", 34, 40), ("AU43", 20, 24)],
)
def test_openings_and_lips_narrow(heads, au, upper, lower):
    before = np.mean([gap(moved_points(h, {}), upper, lower) for h in heads])
    after = np.mean([gap(moved_points(h, {au: (5.0, 5.0)}), upper, lower) for h in heads])
    assert after < before - 0.01


@pytest.mark.parametrize("au", PAPER_AUS)
def test_an_action_unit_stays_in_its_part_of_the_face(heads, au):
    upper_face = [i for name in ("brow_image_left", "brow_image_right") for i in LANDMARK_GROUPS[name]]
    lower_face = [i for name in ("lip_outer", "lip_inner") for i in LANDMARK_GROUPS[name]]
    far = lower_face if au in ("AU01", "AU02", "AU04", "AU06", "AU07") else upper_face
    worst = max(
        np.linalg.norm((moved_points(h, {au: (5.0, 5.0)}) - moved_points(h, {}))[far], axis=1).max() for h in heads
    )
    assert worst < 0.02, f"{au} at intensity E moves the other half of the face by {worst:.3f} dm"


def test_sides_move_apart(heads):
    left, right = (moved_points(heads[0], {"AU12": side}) - moved_points(heads[0], {}) for side in ((5, 0), (0, 5)))
    assert np.abs(left[37]).max() > 5 * np.abs(left[31]).max()  # the subject's left is the image's right
    assert np.abs(right[31]).max() > 5 * np.abs(right[37]).max()


def test_landmarks_are_symmetric_on_the_base_mesh():
    points = rig.base_mesh().vertices[landmark_vertices()]
    assert_allclose(points[MIRROR_LANDMARKS] * [-1, 1, 1], points, atol=0.01)


def test_visible_skin_changes_with_every_paper_au(heads):
    for au in PAPER_AUS:
        neutral = render(heads[3], Scene(camera=Camera(face_px=140))).pixels.astype(int)
        shown = render(heads[3], Scene({au: (4.0, 4.0)}, camera=Camera(face_px=140))).pixels.astype(int)
        assert (np.abs(shown - neutral).max(2) > 12).sum() > 40, au


def test_people_have_the_rates_and_the_company_of_the_paper():
    labels = draw_people(np.random.default_rng(0), 20_000)
    assert_allclose(labels.mean(0), table_1_rates(), atol=0.01)
    distance = np.linalg.norm(np.corrcoef(labels.T.astype(float)) - fig_5_matrix()) / 144
    assert distance <= 0.003


def test_independent_faces_have_no_company():
    rng = np.random.default_rng(0)
    faces = [draw_aus(rng, Company.INDEPENDENT) for _ in range(4000)]
    labels = np.array([["AU06" in f, "AU12" in f, "AU01" in f, "AU02" in f] for f in faces], float)
    correlations = np.corrcoef(labels.T)
    assert np.abs(correlations - np.eye(4)).max() < 0.06


def test_independent_action_units_are_equally_frequent_after_conflicts_and_grades_uniform():
    rng = np.random.default_rng(1)
    faces = [draw_aus(rng, Company.INDEPENDENT, 0.14) for _ in range(8000)]
    labels = np.array([[au in face for au in AU_NAMES] for face in faces])
    assert_allclose(labels.mean(0), 0.14, atol=0.015)  # 3.9 standard errors
    grades = np.floor([max(sides) + 0.5 for face in faces for sides in face.values()])
    assert_allclose(np.bincount(grades.astype(int), minlength=6)[:6] / len(grades), [0, *[0.2] * 5], atol=0.01)


def test_a_mixed_set_has_its_shares():
    drawn = [shot.company for subject in range(150) for shot in draw_shots(subject, 10)]
    shares = {company: drawn.count(company) / len(drawn) for company in set(drawn)}
    assert shares == pytest.approx(MIX, abs=0.04)


def test_pairs_share_everything_but_one_action_unit():
    shots = draw_shots(4, 10, Company.PAIRS)
    for one, other in zip(shots[::2], shots[1::2], strict=True):
        assert (one.scene.pose, one.scene.gaze, one.scene.camera) == (
            other.scene.pose,
            other.scene.gaze,
            other.scene.camera,
        )
        assert one.scene.light is other.scene.light
        assert one.scene.background is other.scene.background
        changed = {a for a in {**one.scene.aus, **other.scene.aus} if one.scene.aus.get(a) != other.scene.aus.get(a)}
        assert changed == set(one.differs) == set(other.differs)
        assert one.group == other.group


def test_a_grid_shows_each_face_under_fifteen_poses():
    shots = draw_shots(5, 15, poses=Poses.GRID)
    assert [(s.scene.pose.yaw_deg, s.scene.pose.pitch_deg) for s in shots] == list(GRID)
    assert len({str(sorted(s.scene.aus.items())) for s in shots}) == 1
    assert StillsPlan(count=240, poses=Poses.GRID).files == 1
    paired = StillsPlan(company=Company.PAIRS, poses=Poses.GRID)
    assert (paired.per_person, paired.per_file) == (30, 240)


def test_frontal_faces_look_at_the_camera():
    poses = [shot.scene.pose for shot in draw_shots(6, 30, poses=Poses.FRONTAL)]
    assert max(abs(v) for p in poses for v in (p.yaw_deg, p.pitch_deg, p.roll_deg)) <= 10


def test_other_motion_is_rare_and_no_action_unit():
    shots = [shot for subject in range(60) for shot in draw_shots(subject, 10)]
    others = [name for shot in shots for name in shot.scene.aus if name not in AU_NAMES]
    assert 0.03 < len(others) / len(shots) < 0.15
    assert set(others) <= set(OTHER_MOTION)


def test_unknown_movements_are_refused(heads):
    with pytest.raises(UsageError, match="no action unit 'AU99'"):
        heads[0].move({"AU99": (1.0, 1.0)}, Gaze())


def test_single_and_neutral_faces():
    rng = np.random.default_rng(0)
    assert {len(draw_aus(rng, Company.SINGLE)) for _ in range(50)} == {1}
    assert draw_aus(rng, Company.NEUTRAL) == {}


def test_a_person_can_be_asked_for():
    identity = make_head(1, Person(tone=9, sex="female", age=70)).identity
    assert (identity.tone, identity.sex, identity.age) == (9, "female", 70)


@pytest.mark.parametrize("asked", [{"tone": 11}, {"sex": "other"}, {"age": 5}])
def test_unknown_people_are_refused(asked):
    with pytest.raises(UsageError):
        Person(**asked)


def test_the_same_seed_gives_the_same_bytes(heads):
    subject = heads[0].identity.subject
    again = draw_row(make_head(subject), draw_shots(subject, 4)[3], 3)
    assert again == draw_row(heads[0], draw_shots(subject, 4)[3], 3)


def test_stills_continue_and_do_not_mix(tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.stills.PER_FILE", 4)
    monkeypatch.setattr("duchenne.synthesis.stills.PER_PERSON", 2)
    plan = StillsPlan(count=6, seed=7)
    write_stills(plan, tmp_path)
    first = {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")}
    assert sorted(first) == [file_name(0), file_name(1)]
    (tmp_path / file_name(1)).unlink()
    assert write_stills(plan, tmp_path) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")} == first
    table = next(read_stills(tmp_path))
    assert np.frombuffer(table["landmarks"][0], np.float32).reshape(49, 2).shape == (49, 2)
    assert len(np.frombuffer(table["au_left"][0], np.float32)) == len(AU_NAMES)
    with pytest.raises(SynthesisError, match="another plan"):
        write_stills(StillsPlan(count=6, seed=8), tmp_path)


def test_a_full_disk_leaves_nothing_that_reads_as_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.stills.PER_FILE", 2)
    monkeypatch.setattr("duchenne.synthesis.stills.PER_PERSON", 2)

    def full(path, *_, **__):
        open(path, "wb").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("duchenne.synthesis.stills.fastparquet.write", full)
    with pytest.raises(SynthesisError, match="No space left"):
        write_stills(StillsPlan(count=2), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_missing_rig_is_explained(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SynthesisError, match="pip install"):
        rig.data_folder()


def test_impossible_plans_are_refused():
    with pytest.raises(UsageError, match="can be drawn"):
        StillsPlan(count=0)
    with pytest.raises(UsageError, match="seed"):
        StillsPlan(seed=-1)
    assert StillsPlan(count=1).files == 1
    assert PER_FILE == 250


def test_gaze_moves_the_iris(heads):
    camera = Camera(face_px=140)
    left, right = (render(heads[4], Scene(gaze=Gaze(a, 0.0), camera=camera)).pixels for a in (-20.0, 20.0))
    assert (np.abs(left.astype(int) - right).max(2) > 25).sum() > 60


def test_a_black_background_stays_where_nobody_is(heads):
    drawn = render(heads[5], Scene(background=np.zeros((256, 256, 3), np.uint8)))
    assert_array_equal(drawn.pixels[:5, :5], 0)
