"""Whether landmarks make a face, and which of its action units are reliable: region seen, pose tested."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from duchenne.facs import AU_BY_NAME, Region
from duchenne.geometry import HeadPose
from duchenne.landmarks import FaceLandmarks

MAX_YAW_DEG, MAX_PITCH_DEG = 60.0, 45.0
"""Beyond these angles no figure of ours holds: heads were drawn and measured up to here (docs/cards/au_real.md)."""
Unreliable = Literal["keep", "blank"]
"""What tables do with the occurrence of an unreliable action unit: keep it, or write `facs.UNKNOWN`."""
LEAST_PLAUSIBLE = 0.5
"""Points that are less sure make no face."""
LEAST_CERTAIN = 0.98
"""Where they are less sure, a face is not followed through a video. A head that is turned further than was tested must
be as sure."""
LEAST_UNTRIED = 0.997
"""Where they are less sure, the face is looked for in the turned picture, too. Ours: in 80 pictures of other people
that is one face in 25; of 308 found as if they were upright none reached 0.94, one in 5,760 pictures did 0.989."""
LEAST_RELIABLE = 0.9
"""Where they are less sure, no action unit is reliable."""
_EVEN = 13.0
_MOST = 1.0 - 1e-7
_SEEN = 0.5
_HALVES: dict[Region, tuple[tuple[int, ...], tuple[int, ...]]] = {
    Region.BROW: ((0, 1, 2, 3, 4), (5, 6, 7, 8, 9)),
    Region.EYE: ((19, 20, 21, 22, 23, 24), (25, 26, 27, 28, 29, 30)),
    Region.NOSE: ((10, 11, 12, 14, 15, 16), (10, 11, 12, 16, 17, 18)),
    Region.CHEEK: ((19, 22, 23, 24, 31), (25, 28, 29, 30, 37)),
    Region.MOUTH: ((31, 32, 33, 34, 40, 41, 42), (34, 35, 36, 37, 38, 39, 40)),
    Region.CHIN: ((31, 40, 41, 42), (37, 38, 39, 40)),
}
"""Landmarks, from 0, by which each half of a region is seen; the image's left half first."""


def plausibility(box_confidence: float, landmarks: FaceLandmarks) -> float:
    """Return how sure it is that landmarks make a face which is the right way up, 0-1.

    Ours: log-odds of a face in the crop to the landmarker, less the gap between what it finds in the crop and in its
    mirror image (a face has a left and a right, which change places), more where its points are seen and the face
    detector is sure. The weights are set by hand on 370 rendered and real faces, each turned by every 15 degrees: of
    3,330 faces found as if they were upright none reached `LEAST_CERTAIN`, of those within 30 degrees 98% did.

    Args:
        box_confidence: Of the face detector, 0-1.
        landmarks: As the landmarker gives them.
    """
    presence = min(landmarks.confidence, _MOST)
    evidence = np.log(max(presence, 1e-9) / (1.0 - presence)) - 90.0 * landmarks.mirror_gap
    evidence += 6.0 * (float(landmarks.visibility.mean()) + box_confidence)
    return float(1.0 / (1.0 + np.exp(_EVEN - evidence)))


def reliable(aus: Sequence[str], landmarks: FaceLandmarks, pose: HeadPose) -> Bool[np.ndarray, " a"]:
    """Return for each AU whether the pose was tested and at least half of the points of one half of its region is seen.

    One half is enough: a turned head hides the other, and most action units show on both. Nothing is reliable where it
    is not sure that the points make a face (`plausibility`).
    """
    if landmarks.confidence < LEAST_RELIABLE:
        return np.zeros(len(aus), bool)
    tested = pose_tested(np.array([pose.yaw_deg], float), np.array([pose.pitch_deg], float))
    return (region_seen(aus, landmarks.visibility[None].astype(float)) & tested[:, None])[0]


def pose_tested(yaw_deg: Float[np.ndarray, " n"], pitch_deg: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Return for each face whether its head is turned no further than was tested."""
    return (np.abs(yaw_deg) <= MAX_YAW_DEG) & (np.abs(pitch_deg) <= MAX_PITCH_DEG)


def region_seen(aus: Sequence[str], visibility: Float[np.ndarray, "n 49"]) -> Bool[np.ndarray, "n a"]:
    """Return for each face and AU whether at least half of the points of one half of its region is seen."""
    seen = visibility >= _SEEN
    open_regions = {
        region: np.any([seen[:, list(half)].mean(1) >= 0.5 for half in halves], axis=0)
        for region, halves in _HALVES.items()
    }
    return np.stack([open_regions[AU_BY_NAME[name].region] for name in aus], 1)
