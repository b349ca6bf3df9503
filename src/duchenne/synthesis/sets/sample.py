"""The rendered face that is part of the package; `duchenne dev draw-sample-face` draws it again."""

import json
from pathlib import Path

import numpy as np

from duchenne.geometry import HeadPose
from duchenne.synthesis.head.head import Gaze, make_head, with_glasses
from duchenne.synthesis.scene.scene import Camera, Scene, render
from duchenne.synthesis.scene.surroundings import draw_background, encode_jpeg

FOLDER = Path(__file__).parents[2] / "samples"
SUBJECT = 55
SIDE_PX = 512
AUS = {"AU06": (4.0, 4.0), "AU12": (4.5, 4.5), "AU25": (4.0, 4.0)}


def draw_sample() -> tuple[bytes, dict[str, object]]:
    """Return the sample as JPEG and its truth."""
    camera = Camera(SIDE_PX, SIDE_PX, field_deg=18, face_px=185, centre=(256, 236))
    background = draw_background(np.random.default_rng(8), SIDE_PX, SIDE_PX)
    scene = Scene(AUS, HeadPose(14.0, -2.0, 3.0), Gaze(-10.0, 0.0), camera, background=background)
    drawn = render(with_glasses(make_head(SUBJECT), None), scene)
    truth: dict[str, object] = {
        "made_by": "duchenne dev draw-sample-face",
        "aus": {au: list(sides) for au, sides in AUS.items()},
        "yaw_deg": drawn.pose.yaw_deg,
        "pitch_deg": drawn.pose.pitch_deg,
        "roll_deg": drawn.pose.roll_deg,
        "landmarks": drawn.landmarks.round(2).tolist(),
        "visible": drawn.visible.tolist(),
    }
    return encode_jpeg(drawn.pixels, 92), truth


def write_sample(folder: Path) -> None:
    """Write face.jpg and face.json (action units, landmarks, pose) into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    jpeg, truth = draw_sample()
    (folder / "face.jpg").write_bytes(jpeg)
    (folder / "face.json").write_text(json.dumps(truth) + "\n", encoding="utf-8")
