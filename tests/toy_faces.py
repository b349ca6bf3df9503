"""Faces that are no faces: a head of 49 points, blobs in place of features, and stills of them as a renderer writes."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from duchenne.facs import AU_NAMES, LANDMARK_GROUPS
from duchenne.geometry import HeadPose, rotation_from_pose


def head() -> np.ndarray:
    """Return 49 points (x, y, z), symmetric, eye span 80, x to the image's right, y down, z away from the camera."""

    def arc(start, end, height, count):
        t = np.linspace(0, 1, count)[:, None]
        return np.array(start) * (1 - t) + np.array(end) * t - np.array([0, height, 0]) * 4 * t * (1 - t)

    def ring(centre_x, y, half_width, half_height, z):
        turn = np.radians([180, 240, 300, 0, 60, 120])
        return np.column_stack(
            [centre_x + half_width * np.cos(turn), y + half_height * np.sin(turn), np.full(6, float(z))]
        )

    left_brow = arc((-45, -22, 4), (-10, -20, -6), 6, 5)
    turn = np.radians(np.arange(180, 180 + 360, 30))
    lips = np.column_stack([26 * np.cos(turn), 56 + 11 * np.sin(turn), -8 + 10 * np.abs(np.cos(turn))])
    inner = [[-9, 54, -7], [0, 53, -9], [9, 54, -7], [9, 58, -7], [0, 59, -9], [-9, 58, -7]]
    points = np.concatenate(
        [
            left_brow,
            left_brow[::-1] * [-1, 1, 1],
            arc((0, -4, -10), (0, 24, -28), 0, 4),
            arc((-14, 33, -8), (14, 33, -8), -3, 5),
            ring(-28, 0, 12, 5, 0),
            ring(28, 0, 12, 5, 0),
            lips,
            inner,
        ]
    )
    assert len(points) == sum(map(len, LANDMARK_GROUPS.values()))
    return points


def posed(points: np.ndarray, yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0, scale=1.0) -> np.ndarray:
    """Return the points turned by a head pose and scaled."""
    return points @ rotation_from_pose(HeadPose(yaw_deg, pitch_deg, roll_deg)).T * scale


def picture_of(points: np.ndarray, rng: np.random.Generator, side: int = 256) -> np.ndarray:
    """Return a smooth picture with a dark blob at each point."""
    y, x = np.mgrid[:side, :side] + 0.5
    ground = 120 + 40 * np.sin(x / rng.uniform(15, 40)) + 30 * np.cos(y / rng.uniform(15, 40))
    for px, py in points[:, :2]:
        ground -= 60 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 30)
    return np.clip(ground[..., None] + [10, 0, -10], 0, 255).astype(np.uint8)


def stills(count: int, seed: int, prefix: str, smile_px: float = 0.0) -> pd.DataFrame:
    """Return stills in the renderer's columns; each fourth keeps its subject; AU12 lifts the mouth by `smile_px`."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(count):
        intensity = rng.choice([0.0, 3.0], len(AU_NAMES)).astype(np.float32)
        landmarks_3d = head()
        if intensity[AU_NAMES.index("AU12")]:
            landmarks_3d[31:, 1] -= smile_px
        pose = rng.uniform([-30, -20, -10], [30, 20, 10])
        points = posed(landmarks_3d, *pose)
        flat = points[:, :2] + 128
        packed = io.BytesIO()
        Image.fromarray(picture_of(flat, rng)).save(packed, "JPEG", quality=90)
        rows.append(
            {
                "image": packed.getvalue(),
                "subject": f"{prefix}{k // 4}",
                **dict(zip(("yaw_deg", "pitch_deg", "roll_deg"), pose, strict=True)),
                "tone": 1,
                "sex": "f",
                "age": 30.0,
                "landmarks": flat.astype(np.float32).tobytes(),
                "landmarks_3d": (points / 100).astype(np.float32).tobytes(),
                "visibility": np.ones(49, np.uint8).tobytes(),
                "au_left": intensity.tobytes(),
                "au_right": np.zeros_like(intensity).tobytes(),
            }
        )
    return pd.DataFrame(rows)


def write_stills(table: pd.DataFrame, path) -> None:
    """Write stills as the renderer does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_parquet(path, engine="pyarrow", index=False)
