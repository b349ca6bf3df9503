"""What holds of the rendered heads, measured; `duchenne dev measure-synthesis` writes it into results/synthesis.json.

Label statistics, direction and amount of every action unit in many people, what it moves elsewhere, which skin visibly
changes, projection against OpenCV and visibility against rays cast through the triangles. Takes about two minutes.
"""

from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float

from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.geometry import rotation_from_pose
from duchenne.synthesis.checks import directions
from duchenne.synthesis.checks.travel import direction_spread, travel_table
from duchenne.synthesis.head.foreground import foreground
from duchenne.synthesis.head.head import Head, make_head, render_parts
from duchenne.synthesis.rig.parts import Material
from duchenne.synthesis.scene.scene import HIDDEN_BEYOND, SUPERSAMPLING, Camera, Scene, render
from duchenne.synthesis.sets.sampling import (
    INDEPENDENT_RATES,
    CoOccurrence,
    draw_aus,
    draw_people,
    fig_5_matrix,
    intensity,
    table_1_rates,
)
from duchenne.synthesis.sets.shots import MIX, draw_shots

VECTORS = 20_000
_VISIBLE_CHANGE = 12
"""Levels of 255 by which a pixel must change to count as changed."""


def label_statistics() -> dict[str, Any]:
    """Return how far 20,000 label vectors are from what was asked for."""
    people = draw_people(np.random.default_rng(0), VECTORS)
    correlations = np.corrcoef(people.T.astype(float))
    drawn = [shot.cooccurrence for subject in range(300) for shot in draw_shots(subject, 10)]
    return {
        "vectors": VECTORS,
        "people_worst_rate_error": _rounded(np.abs(people.mean(0) - table_1_rates()).max()),
        "people_relation_distance": _rounded(np.linalg.norm(correlations - fig_5_matrix()) / len(PAPER_AUS) ** 2, 5),
        "independent": {str(rate): _independent(rate) for rate in INDEPENDENT_RATES},
        "mix": {kind.value: _rounded(drawn.count(kind) / len(drawn), 3) for kind in MIX},
    }


def _independent(rate: float) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    levels = np.stack([intensity(draw_aus(rng, CoOccurrence.INDEPENDENT, rate)) for _ in range(VECTORS)])
    rates = (levels > 0).mean(0)
    grades = np.bincount(np.floor(levels[levels > 0] + 0.5).astype(int), minlength=6)[1:6]
    return {
        "lowest_rate": _rounded(rates.min()),
        "highest_rate": _rounded(rates.max()),
        "grades_a_to_e": [_rounded(share, 3) for share in grades / grades.sum()],
    }


def movement(heads: list[directions.BareHead]) -> dict[str, Any]:
    """Return for each action unit at intensity E how far it moves in each expected direction, and elsewhere."""
    found: dict[str, Any] = {}
    for au in AU_NAMES:
        shifts = directions.motions(heads, au)
        ways = {}
        for expected in (e for e in directions.EXPECTED if e.au == au):
            moved = directions.along(expected, shifts)
            kind = "skin" if expected.skin else "landmark"
            ways[f"{expected.what} ({kind})"] = {
                "mean_mm": _rounded(100 * moved.mean(), 2),
                "lowest_mm": _rounded(100 * moved.min(), 2),
                "share_of_people": _rounded((moved > 0).mean(), 3),
            }
        elsewhere = directions.farthest_elsewhere(au, shifts)
        found[au] = {"expected": ways, "farthest_landmark_elsewhere_mm": _rounded(100 * elsewhere, 2)}
    return found


def visible_change(heads: list[Head]) -> dict[str, Any]:
    """Return how many pixels of a 256 x 256 picture each action unit changes at intensity C."""
    camera = Camera(face_px=120)
    resting = [render(head, Scene(camera=camera)).pixels.astype(int) for head in heads]
    found = {}
    for au in AU_NAMES:
        scene = Scene({au: (3.0, 3.0)}, camera=camera)
        changes = [np.abs(render(h, scene).pixels - rest).max(2) for h, rest in zip(heads, resting, strict=True)]
        counts = [int((change > _VISIBLE_CHANGE).sum()) for change in changes]
        found[au] = {"lowest": min(counts), "median": int(np.median(counts))}
    return found


def projection_error_px(head: Head, scenes: list[Scene]) -> float:
    """Return the largest distance between landmarks and OpenCV's projection of the 3D points."""
    worst = 0.0
    for scene in scenes:
        drawn, camera = render(head, scene), scene.camera
        matrix = np.array(
            [[camera.focal_px, 0, camera.width / 2], [0, camera.focal_px, camera.height / 2], [0, 0, 1.0]]
        )
        expected, _ = cv2.projectPoints(drawn.landmarks_3d, np.zeros(3), np.zeros(3), matrix, None)
        worst = max(worst, float(np.abs(drawn.landmarks - expected[:, 0]).max()))
    return worst


def visibility_agreement(head: Head, scenes: list[Scene]) -> float:
    """Return the share of landmarks inside the picture whose visibility rays through the triangles confirm.

    What is drawn over the head counts where it is opaque.
    """
    agree = []
    for scene in scenes:
        drawn, camera, rotation = render(head, scene), scene.camera, rotation_from_pose(scene.pose)
        moved, parts = head.move(scene.aus, scene.gaze), render_parts()
        placed = moved.positions @ rotation.T + camera.offset()
        triangles = [placed[parts.triangles[parts.material != Material.HAIR]]]
        for solid in foreground(head, moved, scene.occluder, rotation, 1 / (camera.face_px * SUPERSAMPLING)):
            dense = solid.triangles[solid.colour[solid.triangles, 3].mean(1) > 0.5]
            triangles += [(solid.points + camera.offset())[dense]] if solid.hides else []
        inside = ((drawn.landmarks >= 0) & (drawn.landmarks < [camera.width, camera.height])).all(1)
        free = ~_hidden(np.concatenate(triangles), drawn.landmarks_3d)
        agree.append((free == drawn.visible)[inside])
    return float(np.concatenate(agree).mean())


def _hidden(triangles: Float[np.ndarray, "t 3 3"], points: Float[np.ndarray, "k 3"]) -> Bool[np.ndarray, " k"]:
    """Return which points lie more than 5 mm behind a triangle, seen from the camera at the origin.

    Source: Moeller and Trumbore, Journal of Graphics Tools 1997.
    """
    a, b, c = (triangles[:, k] for k in range(3))
    edge_1, edge_2 = b - a, c - a
    hidden = []
    for point in points:
        p = np.cross(point, edge_2)
        scale = (edge_1 * p).sum(1)
        safe = np.where(np.abs(scale) < 1e-12, 1.0, scale)
        u = (-a * p).sum(1) / safe
        q = np.cross(-a, edge_1)
        v, along = (q @ point) / safe, (edge_2 * q).sum(1) / safe
        hit = (np.abs(scale) > 1e-12) & (u >= 0) & (v >= 0) & (u + v <= 1) & (along > 0)
        hidden.append(bool((hit & (along < 1 - HIDDEN_BEYOND / np.linalg.norm(point))).any()))
    return np.array(hidden)


def _rounded(value: float | np.floating[Any], digits: int = 4) -> float:
    return round(float(value), digits)


def measure(people: int = 40, painted: int = 20) -> dict[str, Any]:
    """Return all figures for so many people without and with paint."""
    heads = [make_head(62_000 + k) for k in range(painted)]
    scenes = [shot.scene for shot in draw_shots(62_000, 40)]
    bare = directions.bare_heads(range(62_000, 62_000 + people))
    return {
        "labels": label_statistics(),
        "people": people,
        "movement_at_e": movement(bare),
        "travel_at_e_hundredths_of_eye_span_mean_and_spread": travel_table(bare),
        "direction_spread_deg": direction_spread(bare),
        "bound_elsewhere_mm": 100 * directions.OTHER_REGION_BOUND_DM,
        "painted_people": painted,
        "changed_pixels_at_c": visible_change(heads),
        "opencv_worst_px": _rounded(projection_error_px(heads[0], scenes), 6),
        "visibility_confirmed_by_rays": _rounded(visibility_agreement(heads[0], scenes)),
    }
