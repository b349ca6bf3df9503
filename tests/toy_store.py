"""A face store in memory: toy faces whose mouth corners tell AU12, one lifted on each side."""

import dataclasses

import numpy as np

from duchenne.alignment import crop_transform
from duchenne.facs import AU_NAMES
from duchenne.geometry import scale_of, shift, transform_points
from toy_faces import head, picture_of, posed

MARGIN_PX, REDUCTION = 20, 2
SMILE, FROWN = AU_NAMES.index("AU12"), AU_NAMES.index("AU04")


@dataclasses.dataclass
class ToyStore:
    """Faces with labels, as `duchenne.datasets.face_store.FaceStore` describes them."""

    pixels: np.ndarray
    points: np.ndarray
    intensity: np.ndarray
    subject: np.ndarray
    pose_deg: np.ndarray
    known: np.ndarray
    fingerprint: str = "toy"

    def __post_init__(self):
        self.occurrence = self.intensity.max(2) >= 1.5
        self.intensity_known = self.known.copy()
        self.sides_known = np.ones(len(self.pixels), bool)
        self.sequence, self.frame = self.subject, np.arange(len(self.pixels))
        self.pose_number = np.zeros(len(self.pixels), int)
        self.in_time = np.ones(len(self.pixels), bool)
        self.crop_from_stored = shift(-MARGIN_PX, -MARGIN_PX) @ np.diag([REDUCTION, REDUCTION, 1.0])

    def __len__(self):
        return len(self.pixels)

    def crops(self, rows):
        return self.pixels[rows]

    def subset(self, rows):
        kept = (self.pixels, self.points, self.intensity, self.subject, self.pose_deg, self.known)
        return ToyStore(*(values[rows] for values in kept), self.fingerprint + "part")


def toy_store(count, seed=0, prefix="a", lift_px=9.0):
    """Return faces; AU12 lifts the subject's left or right mouth corner, AU04 lowers the brows; the rest is noise."""
    rng = np.random.default_rng(seed)
    pixels, points, poses = [], [], []
    intensity = rng.choice([0.0, 3.0], (count, len(AU_NAMES), 1)).astype(np.float32).repeat(2, 2)
    intensity[:, SMILE] = rng.choice([0.0, 1.0, 3.0, 5.0], (count, 2), p=[0.5, 0.1, 0.2, 0.2])
    for shown in intensity:
        landmarks_3d = head()
        landmarks_3d[[37, 36, 38], 1] -= lift_px * shown[SMILE, 0] / 3  # the image's right is the subject's left
        landmarks_3d[[31, 32, 42], 1] -= lift_px * shown[SMILE, 1] / 3
        landmarks_3d[:10, 1] += lift_px * (shown[FROWN, 0] > 0)
        pose = rng.uniform([-15, -10, -10], [15, 10, 10])
        turned = posed(landmarks_3d, *pose)
        flat = turned[:, :2] * 0.6 + 64
        crop_from_image = crop_transform(flat)
        stored = np.linalg.inv(shift(-MARGIN_PX, -MARGIN_PX) @ np.diag([REDUCTION, REDUCTION, 1.0])) @ crop_from_image
        pixels.append(picture_of(transform_points(stored, flat), rng, 120))
        depth = turned[:, 2:] * 0.6 * scale_of(crop_from_image)
        points.append(np.hstack([transform_points(crop_from_image, flat), depth - depth.mean()]))
        poses.append(pose)
    subject = np.array([f"{prefix}{k // 4}" for k in range(count)])
    known = np.ones((count, len(AU_NAMES)), bool)
    arrays = np.array(pixels), np.array(points, np.float32), intensity, subject, np.array(poses, np.float32), known
    return ToyStore(*arrays, f"toy{count}-{seed}")
