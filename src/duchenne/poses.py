"""The nine head poses of FERA 2017 by number, for rendering, data sets and evaluation.

Source: which number is which is inferred from public loaders; the paper keeps seven of the nine.
"""

import numpy as np
from jaxtyping import Float, Int

FERA17_POSES = {number: ((-40, -20, 0)[(number - 1) % 3], (-40, 0, 40)[(number - 1) // 3]) for number in range(1, 10)}
"""Pitch and yaw in degrees; 6 is frontal."""
KEPT_POSES = (2, 3, 4, 5, 6, 8, 9)
"""The seven that the paper keeps."""
POSE_SETS = {"seven": KEPT_POSES, "nine": tuple(FERA17_POSES)}
"""By name, as options of the command line have it."""
KEPT_POSES_DEG = tuple(FERA17_POSES[number][::-1] for number in KEPT_POSES)
"""Yaw and pitch of these, in degrees, for sets whose poses have angles and no numbers."""


def yaw_and_pitch_deg(number: int) -> tuple[int, int]:
    """Return the angles of a pose."""
    pitch, yaw = FERA17_POSES[number]
    return yaw, pitch


def pose_numbers(pose_deg: Float[np.ndarray, "n 3"]) -> Int[np.ndarray, " n"]:
    """Return the number of each exact pose (yaw, pitch, roll) that is one of the nine within half a degree, else 0."""
    found = np.zeros(len(pose_deg), int)
    for number in FERA17_POSES:
        found[np.abs(pose_deg[:, :2] - yaw_and_pitch_deg(number)).max(1) < 0.5] = number
    return found
