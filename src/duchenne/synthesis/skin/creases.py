"""The crease of the upper lids: where the skin folds when the eye is open, deeper under AU5 and AU7."""

from collections.abc import Mapping

import numpy as np

from duchenne.synthesis.person.identity import Identity
from duchenne.synthesis.skin.skin_maps import Map, furrow

_PATH = ((0.435, 7.318), (0.40, 7.352), (0.355, 7.380), (0.31, 7.388), (0.26, 7.382), (0.215, 7.355), (0.185, 7.322))
_DEEPER = {"AU05": 0.9, "AU07": 0.4}
"""How much an action unit at intensity E deepens the crease."""


def creased(
    wrinkles: Mapping[str, Map], identity: Identity, ax: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[dict[str, Map], Map]:
    """Return what action units fold with the lids' creases, and the creases of the resting face.

    They lie higher or lower, and are faint where the fold of the lid hides them.
    """
    rng = np.random.default_rng([identity.subject, 17])
    raised, width = rng.normal() * 0.008, rng.uniform(0.007, 0.011)
    path = [(x, height + raised) for x, height in _PATH]
    crease = (furrow(ax, y, path, width) * (z > 0.6)).astype(np.float32)
    hidden = 0.75 * identity.ancestry["asian"] * rng.uniform(0.5, 1.0)
    deeper = {
        au: np.clip(wrinkles.get(au, np.float32(0)) + share * (1 - hidden) * crease, 0, 1.2).astype(np.float32)
        for au, share in _DEEPER.items()
    }
    return {**wrinkles, **deeper}, crease * np.float32(rng.uniform(0.25, 0.75) * (1 - hidden))
