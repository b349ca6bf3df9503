"""Heads look as they did when networks were trained and measured on them: pictures and points of several scenes.

tests/data/heads_look.npz holds them as means of 8 x 8 pixels, drawn by version 0.2.0. Where drawing is changed on
purpose, `PYTHONPATH=src:tests python tests/test_synthesis_look.py` draws them again. Look at the pictures first, and
say so in the changelog, as rendered heads then differ from those of earlier versions.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from duchenne.geometry import HeadPose
from duchenne.synthesis.head.glasses import draw_glasses
from duchenne.synthesis.head.head import Gaze, Head, make_head, with_glasses
from duchenne.synthesis.head.occluders import Kind, Occluder
from duchenne.synthesis.scene.scene import Rendered, Scene, render
from duchenne.synthesis.sets.sampling import CoOccurrence
from duchenne.synthesis.sets.shots import draw_shots

KEPT = Path(__file__).parent / "data" / "heads_look.npz"
BLOCK_PX = 8


def both(*aus: str, at: float = 4.0) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(aus, (at, at))


SCENES = (
    Scene(both("AU06", "AU12", "AU25"), HeadPose(14.0, -2.0, 3.0), Gaze(5.0, -3.0)),
    Scene(both("AU27", "AU05"), HeadPose(-25.0, 12.0, 0.0)),
    Scene(both("AU43", "AU24", "AU14")),
    Scene(both("AU04", "AU09", "AU10", "AU16"), HeadPose(0.0, -20.0, -12.0)),
    Scene({"AU12": (4.0, 0.0), "AU02": (0.0, 5.0), "AU01": (0.0, 3.0)}),
    Scene(both("AU15", "AU17", "AU01", at=5.0), occluder=Occluder(Kind.HAIR, "brow", 1, 4)),
    Scene(both("AU20", "AU26", "AU07"), HeadPose(40.0, 0.0, 5.0), occluder=Occluder(Kind.HAIR, "cheek", -1, 8)),
    Scene(both("AU18", "AU22"), occluder=Occluder(Kind.HAND, "mouth", -1, 0)),
    Scene(both("AU23", "AU28"), HeadPose(-12.0, 8.0, 0.0), occluder=Occluder(Kind.MICROPHONE, "mouth", 1, 6)),
)


def drawn() -> Iterator[Rendered]:
    for subject in (55, 902, 62_001):
        head: Head = make_head(subject)
        for k, scene in enumerate(SCENES):
            if k % 3 == subject % 3:
                yield render(head, scene)
        yield render(with_glasses(head, draw_glasses(np.random.default_rng(subject), 1.0)), SCENES[subject % 4])
        for kind in (CoOccurrence.PEOPLE, CoOccurrence.PROTOTYPES):
            yield render(head, draw_shots(subject, 1, kind)[0].scene)


def described(rendered: Rendered) -> dict[str, np.ndarray]:
    height, width = (size // BLOCK_PX * BLOCK_PX for size in rendered.pixels.shape[:2])
    blocks = rendered.pixels[:height, :width].astype(float).reshape(height // BLOCK_PX, BLOCK_PX, -1, BLOCK_PX, 3)
    return {
        "blocks": np.round(blocks.mean((1, 3)) * 8).astype(np.uint16),
        "landmarks": rendered.landmarks_3d.astype(np.float32),
        "visible": rendered.visible,
    }


@pytest.fixture(scope="module")
def heads() -> list[dict[str, np.ndarray]]:
    return [described(one) for one in drawn()]


def test_heads_look_as_they_did(heads):
    """A block may be off by little more than half a grey level, since processors round otherwise."""
    with np.load(KEPT) as kept:
        for k, head in enumerate(heads):
            assert np.abs(head["blocks"].astype(float) - kept[f"blocks{k}"]).max() / 8 < 0.7, k


def test_their_points_lie_where_they_did(heads):
    with np.load(KEPT) as kept:
        for k, head in enumerate(heads):
            assert head["landmarks"] == pytest.approx(kept[f"landmarks{k}"], abs=1e-4), k
            assert (head["visible"] != kept[f"visible{k}"]).sum() <= 1, k


if __name__ == "__main__":
    found = [described(one) for one in drawn()]
    np.savez_compressed(KEPT, **{f"{name}{k}": values for k, one in enumerate(found) for name, values in one.items()})
