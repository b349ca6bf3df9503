"""The gallery: action units x people, the nine poses of FERA 2017, and intensities A to E, as labelled sheets.

`duchenne render --protocol gallery docs/gallery` draws the sheets that the documentation shows.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from duchenne.cropping import Picture
from duchenne.errors import SynthesisError
from duchenne.files.whole_files import write_whole
from duchenne.geometry import HeadPose
from duchenne.poses import FERA17_POSES
from duchenne.synthesis.head.glasses import draw_glasses
from duchenne.synthesis.head.head import Gaze, Head, make_head, with_glasses
from duchenne.synthesis.head.occluders import Kind, Occluder, suited
from duchenne.synthesis.person.expression import Sides
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.scene.scene import Camera, Light, Scene, render
from duchenne.synthesis.scene.surroundings import encode_jpeg

SIDE_PX = 216
QUALITY = 80
PEOPLE = tuple(
    (seed, Person(tone, sex, age))
    for seed, tone, sex, age in (
        (901, 2, "female", 24.0),
        (902, 4, "male", 38.0),
        (903, 5, "female", 62.0),
        (904, 6, "male", 29.0),
        (905, 8, "female", 45.0),
        (906, 10, "male", 70.0),
    )
)
SHEETS = {
    "upper_face": ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU43"),
    "mouth": ("AU10", "AU12", "AU14", "AU15", "AU16", "AU17", "AU18", "AU20"),
    "lips_and_jaw": ("AU22", "AU23", "AU24", "AU25", "AU26", "AU27", "AU28"),
}
"""Which action units share a sheet."""
SHOWN = ("AU01", "AU04", "AU06", "AU09", "AU12", "AU15", "AU17", "AU25")
"""Action units whose five intensities are shown."""
TOGETHER = tuple(
    tuple(f"AU{number:02d}" for number in numbers)
    for numbers in (
        (6, 12),
        (6, 12, 25),
        (1, 2, 5, 26),
        (1, 4, 15, 17),
        (4, 7, 23),
        (9, 10, 17),
        (12, 15),
        (10, 12, 14),
    )
)
"""Action units shown together."""
IN_FRONT = (
    (Kind.HAND, "mouth"), (Kind.HAND, "cheek"), (Kind.HAND, "eye"), (Kind.MICROPHONE, "mouth"), (Kind.HAIR, "brow"),
    (Kind.HAIR, "cheek"),
)  # fmt: skip
"""What is shown before faces, and where."""
_GREY = 0.62


def draw_gallery(seed: int = 0, pack: Path | None = None) -> dict[str, Picture]:
    """Return the sheets by name; other seeds draw other people of the same tones, sexes and ages."""
    heads = [make_head(number + 1000 * seed, replace(person, pack=pack)) for number, person in PEOPLE]
    return {
        **{name: _action_units(heads, shown) for name, shown in SHEETS.items()},
        "intensities": _intensities(heads[1]),
        "poses": _poses(heads[3]),
        "together": _together(heads[:4]),
        "in_front": _in_front(heads),
    }


def write_gallery(folder: Path, seed: int = 0, pack: Path | None = None) -> list[Path]:
    """Write the sheets as JPEG and return their paths.

    Raises:
        SynthesisError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, sheet in draw_gallery(seed, pack).items():
            paths.append(folder / f"{name}.jpg")
            write_whole(paths[-1], encode_jpeg(sheet, QUALITY))
        return paths
    except OSError as error:
        raise SynthesisError(f"{folder} cannot be written: {error.strerror}. Name a folder with room.") from error


def _picture(
    head: Head, aus: dict[str, Sides], text: str, pose: HeadPose | None = None, occluder: Occluder | None = None
) -> Picture:
    background = np.full((SIDE_PX, SIDE_PX, 3), int(255 * _GREY), np.uint8)
    camera = Camera(SIDE_PX, SIDE_PX, 14.0, 0.56 * SIDE_PX, (SIDE_PX / 2, 0.43 * SIDE_PX))
    more = 1 + 0.25 * max(0, head.identity.tone - 5)  # As a camera would: longer exposure for darker skin.
    bright = Light(
        key_colour=np.full(3, 0.8 * more), fill_colour=np.full(3, 0.25 * more), sky=np.full(3, 0.4 * more),
        ground=np.full(3, 0.25 * more),
    )  # fmt: skip
    scene = Scene(aus, pose or HeadPose(0.0, 0.0, 0.0), Gaze(), camera, bright, background, occluder)
    picture = render(head, scene).pixels.copy()
    for colour, width in ((0, 3), (255, 1)):
        cv2.putText(picture, text, (5, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (colour,) * 3, width, cv2.LINE_AA)
    return picture


def _sheet(rows: Sequence[Sequence[Picture]]) -> Picture:
    return np.vstack([np.hstack(list(row)) for row in rows])


def _action_units(heads: Sequence[Head], shown: Sequence[str]) -> Picture:
    """Return the neutral face and action units at intensity C, a row per person."""
    faces: list[tuple[str, dict[str, Sides]]] = [("neutral", {}), *((f"{au} C", {au: (3.0, 3.0)}) for au in shown)]
    return _sheet([[_picture(head, aus, text) for text, aus in faces] for head in heads])


def _together(heads: Sequence[Head]) -> Picture:
    """Return faces that show several action units at intensity D, a row per person."""
    return _sheet([[_picture(h, {au: (4.0, 4.0) for au in aus}, _text(aus)) for aus in TOGETHER] for h in heads])


def _in_front(heads: Sequence[Head]) -> Picture:
    """Return people with glasses, hands, a microphone and strands of hair before their faces, a row per person."""
    rows = []
    for number, head in enumerate(heads):
        bare = with_glasses(head, None)
        glasses = [draw_glasses(np.random.default_rng([number, k]), 1.0) for k in range(3)]
        row = [_picture(with_glasses(head, pair), {}, pair.shape if pair else "") for pair in glasses]
        for k, (kind, target) in enumerate(IN_FRONT):
            occluder = suited(Occluder(kind, target, (-1) ** (number + k), 10 * number + k), bare)
            row.append(_picture(bare, {}, kind.value, occluder=occluder))
        rows.append(row)
    return _sheet(rows)


def _text(aus: Sequence[str]) -> str:
    return " ".join(str(int(au[2:])) for au in aus)


def _intensities(head: Head) -> Picture:
    grades = enumerate("ABCDE", 1)
    steps = [(float(value), letter) for value, letter in grades]
    return _sheet([[_picture(head, {au: (v, v)}, f"{au} {letter}") for v, letter in steps] for au in SHOWN])


def _poses(head: Head) -> Picture:
    smile: dict[str, Sides] = {"AU06": (3.5, 3.5), "AU12": (4.0, 4.0), "AU25": (3.0, 3.0)}
    drawn = {
        number: _picture(head, smile, f"pitch {pitch} yaw {yaw}", HeadPose(float(yaw), float(pitch), 0.0))
        for number, (pitch, yaw) in FERA17_POSES.items()
    }
    return _sheet([[drawn[first + 3 * column] for column in range(3)] for first in (1, 2, 3)])
