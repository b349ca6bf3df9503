"""What each picture of a person shows: action units in their company, pose, gaze, camera, light, background.

A shot is what one picture shows. Pictures that belong together (a pair that differs in one action unit, one face under
fifteen poses) share everything else and follow each other.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from duchenne.geometry import HeadPose
from duchenne.poses import FERA17_POSES, yaw_and_pitch_deg
from duchenne.synthesis.head.head import Gaze
from duchenne.synthesis.head.occluders import Occluder, draw_occluder
from duchenne.synthesis.person.expression import Sides
from duchenne.synthesis.rig.au_map import OTHER_MOTION
from duchenne.synthesis.scene.scene import Camera, Scene
from duchenne.synthesis.scene.surroundings import Look, draw_background, draw_light
from duchenne.synthesis.sets.sampling import Company, draw_aus, draw_pair

SIDE_PX = 256
MIX = {
    Company.INDEPENDENT: 0.37,
    Company.PEOPLE: 0.28,
    Company.SINGLE: 0.12,
    Company.NEUTRAL: 0.08,
    Company.PAIRS: 0.15,
}
"""Shares of the pictures of a mixed set."""
GRID = tuple((yaw, pitch) for yaw in (-40, 0, 40) for pitch in (-40, -20, 0, 20, 40))
"""Yaw and pitch in degrees of the fifteen poses of a grid."""
NINE = tuple(yaw_and_pitch_deg(number) for number in FERA17_POSES)
"""Yaw and pitch of FERA 2017's nine poses, by number."""
_OTHER_MOTION_RATE = 0.12
_CONFLICTS = {
    "cheek-puff": ("AU25", "AU26", "AU27", "AU12", "AU22", "AU28"),
    "lid-droop": ("AU43", "AU05", "AU07", "AU06"),
    "mouth-left": ("AU27", "AU28"),
    "mouth-right": ("AU27", "AU28"),
}


class Poses(StrEnum):
    """Which head poses a set of pictures shows."""

    FREE = "free"
    FRONTAL = "frontal"
    TILTED = "tilted"
    GRID = "grid"
    NINE = "nine"
    ONE_OF_NINE = "one-of-nine"


GRIDS = {Poses.GRID: GRID, Poses.NINE: NINE}
"""Poses under which each face is shown in turn."""


@dataclass(frozen=True)
class Shot:
    """What one picture shows.

    Attributes:
        scene: All that is drawn.
        company: How its action units were drawn.
        group: Seed of what pictures of one group share: blur, noise, JPEG.
        differs: Of a pair: the action units in which its two pictures differ.
    """

    scene: Scene
    company: Company
    group: int
    differs: tuple[str, ...] = ()


def group_size(company: Company, poses: Poses) -> int:
    """Return how many consecutive pictures belong together at most."""
    paired = 2 if company is Company.PAIRS else 1
    return paired * len(GRIDS.get(poses, (0,)))


def draw_shots(
    subject: int, count: int, company: Company = Company.MIX, poses: Poses = Poses.FREE, look: Look = Look.ANY
) -> list[Shot]:
    """Return what the pictures of a person show.

    Args:
        subject: The number of the person.
        count: Pictures.
        company: How action units go together; a mix draws it for each group of pictures.
        poses: A grid shows each face under fifteen or nine poses; its mix has no pairs.
        look: Light and background.
    """
    shots: list[Shot] = []
    while len(shots) < count:
        rng = np.random.default_rng([subject, 6, len(shots)])
        room = count - len(shots)
        kind = _draw_company(rng, pairs=poses not in GRIDS and room > 1) if company is Company.MIX else company
        occluder = draw_occluder(np.random.default_rng([subject, 13, len(shots)])) if look is Look.ANY else None
        shots += _draw_group(rng, kind, (poses, look), len(shots), occluder)
    return shots[:count]


def _draw_company(rng: np.random.Generator, pairs: bool) -> Company:
    kinds = [kind for kind in MIX if pairs or kind is not Company.PAIRS]
    # A pair makes two pictures, and the last picture of a person is none; the factor makes up for both.
    odds = np.array([MIX[kind] * (0.55 if kind is Company.PAIRS else 1.0) for kind in kinds])
    return kinds[rng.choice(len(kinds), p=odds / odds.sum())]


def _draw_group(
    rng: np.random.Generator, company: Company, asked: tuple[Poses, Look], group: int, occluder: Occluder | None
) -> list[Shot]:
    poses, look = asked
    faces, differs = _draw_faces(rng, company)
    scene = replace(_draw_scene(rng, look), occluder=occluder)
    return [
        Shot(replace(scene, aus=aus, pose=pose), company, group, differs)
        for pose in _poses(rng, poses, scene.pose)
        for aus in faces
    ]


def _poses(rng: np.random.Generator, poses: Poses, free: HeadPose) -> list[HeadPose]:
    if poses in GRIDS:
        return [HeadPose(float(yaw), float(pitch), 0.0) for yaw, pitch in GRIDS[poses]]
    if poses is Poses.ONE_OF_NINE:
        yaw, pitch = NINE[rng.integers(len(NINE))]
        return [HeadPose(float(yaw), float(pitch), 0.0)]
    if poses is Poses.TILTED:
        return [_tilted(rng)]
    return [_frontal(rng) if poses is Poses.FRONTAL else free]


def _draw_faces(rng: np.random.Generator, company: Company) -> tuple[list[dict[str, Sides]], tuple[str, ...]]:
    """Return one face, or the two of a pair and the action units in which they differ."""
    if company is Company.PAIRS:
        faces = list(draw_pair(rng))
        differs = tuple(au for au in {**faces[0], **faces[1]} if faces[0].get(au) != faces[1].get(au))
    else:
        faces, differs = [draw_aus(rng, company)], ()
    if rng.random() < _OTHER_MOTION_RATE:
        name = str(rng.choice(list(OTHER_MOTION)))
        strong = float(rng.uniform(0.5, 4.0))
        shown = {au for face in faces for au in face}
        possible = not shown & set(_CONFLICTS.get(name, ()))
        if possible and (name != "tongue-out" or all({"AU25", "AU26", "AU27"} & set(face) for face in faces)):
            faces = [{**face, name: (strong, strong)} for face in faces]
    return faces, differs


def _frontal(rng: np.random.Generator) -> HeadPose:
    return HeadPose(*(float(v) for v in rng.uniform(-10, 10, 3)))


def _tilted(rng: np.random.Generator) -> HeadPose:
    """Return a head that looks down (three in five) or up, every other one straight ahead otherwise."""
    yaw = float(rng.normal() * 12) if rng.random() < 0.5 else float(rng.uniform(-60, 60))
    pitch = float(rng.uniform(18, 48)) * (-1 if rng.random() < 0.6 else 1)
    return HeadPose(yaw, pitch, float(rng.uniform(-15, 15)))


def _draw_scene(rng: np.random.Generator, look: Look) -> Scene:
    """Return pose, gaze, camera, light and background."""
    if rng.random() < 0.4:
        pose = HeadPose(*(float(v) for v in rng.normal(size=3) * [9, 7, 5]))
    else:
        pose = HeadPose(float(rng.uniform(-60, 60)), float(rng.uniform(-45, 35)), float(rng.uniform(-22, 22)))
    gaze = Gaze(*(float(v) for v in np.clip(rng.normal(size=2) * [9, 6], -28, 28))) if rng.random() < 0.7 else Gaze()
    face_px = float(np.exp(rng.uniform(np.log(50), np.log(123))))
    room = max(0.0, 128 - 0.85 * face_px)
    centre = tuple(float(128 + rng.uniform(-1, 1) * 0.8 * room) for _ in range(2))
    camera = Camera(SIDE_PX, SIDE_PX, float(rng.uniform(10, 34)), face_px, (centre[0], centre[1]))
    return Scene({}, pose, gaze, camera, draw_light(rng, look), draw_background(rng, SIDE_PX, SIDE_PX, look))
