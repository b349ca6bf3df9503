"""Miniature copies of each data set's layout, written by hand as docs/method.md describes them.

The grey level of a picture tells its frame: `grey_of(frame)`.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

BP4D_HEADER = (0, 1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 27, 28, 30, 32, 38, 39)
DISFA_AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)


def grey_of(frame: int) -> int:
    return 40 + 10 * (frame % 20)


def write_picture(path: Path, frame: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), (grey_of(frame),) * 3).save(path)


def write_video(path: Path, frames: int, first: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(25))
        stream.width = stream.height = 32
        stream.pix_fmt, stream.bit_rate = "yuv420p", 1_000_000
        for frame in range(first, first + frames):
            pixels = np.full((32, 32, 3), grey_of(frame), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def write_rows(path: Path, rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(str(cell) for cell in row) + "\n" for row in rows))


def write_bp4d(root: Path, digits: dict[str, int], first: int = 98, frames: int = 6) -> None:
    """Write sequences such as "F001_T1" with file names of so many digits; AU12 in odd frames, AU01 unknown in all."""
    for name, padding in digits.items():
        subject, task = name.split("_")
        numbers = range(first, first + frames)
        for frame in numbers:
            write_picture(root / subject / task / f"{frame:0{padding}d}.jpg", frame)
        columns = BP4D_HEADER[1:]
        rows = [[frame, *(9 if au == 1 else int(au == 12 and frame % 2) for au in columns)] for frame in numbers]
        write_rows(root / "AUCoding" / "AU_OCC" / f"{name}.csv", [BP4D_HEADER, *rows])
        for au in (6, 10, 12, 14, 17):
            graded = [[frame, 9 if frame == first else (3 if au == 12 else 0)] for frame in numbers]
            write_rows(root / "AUCoding" / "AU_INT" / f"AU{au:02d}" / f"{name}_AU{au:02d}.csv", graded)


def write_fera17(root: Path, subjects=("F001",), part: str = "Train", frames: int = 4, poses=range(1, 10)) -> None:
    """Write one task a subject; AU04 in frame 2, AU23 unknown in frame 3, intensity of AU17 the frame's number."""
    short = {"Train": "TR", "Valid": "VA"}[part]
    for subject in subjects:
        stem = f"FERA17_{short}_{subject}_T2"
        for pose in poses:
            write_video(root / f"FERA17_{part}_MV" / f"{stem}_{pose}.mp4", frames)
        header = (0, 1, 4, 6, 7, 10, 12, 14, 15, 17, 23)
        rows = [[f, 0, int(f == 2), 0, 0, 0, 0, 0, 0, 0, 9 if f == 3 else 0] for f in range(1, frames + 1)]
        write_rows(root / f"{part}_Occ" / f"{stem}.csv", [header, *rows])
        for au in (1, 4, 6, 10, 12, 14, 17):
            graded = [(0, au), *((f, f if au == 17 else 0) for f in range(1, frames + 1))]
            write_rows(root / f"{part}_Int" / f"{stem}_AU{au:02d}_Int.csv", graded)


def write_disfa(root: Path, subjects=("SN001",), frames: int = 5) -> None:
    """Write one video a subject; AU25 has the intensity frame - 1 (0-4), the others 0."""
    for subject in subjects:
        write_video(root / "Video_LeftCamera" / f"LeftVideo{subject}_comp.avi", frames)
        for au in DISFA_AUS:
            rows = [(f, f - 1 if au == 25 else 0) for f in range(1, frames + 1)]
            write_rows(root / "ActionUnit_Labels" / subject / f"{subject}_au{au}.txt", rows)


def write_disfa_plus(root: Path, subject: str = "SN001", trial: str = "A1_AU1_TrailNo_1", frames: int = 4) -> None:
    """Write a trial; AU12 has the intensity of the frame (0-3), the others 0."""
    folder = root / subject / trial
    for frame in range(frames):
        write_picture(folder / f"{frame:03d}.jpg", frame)
    for au in DISFA_AUS:
        lines = [f"{frame:03d}.jpg     {frame if au == 12 else 0}" for frame in range(frames)]
        (folder / f"AU{au}.txt").write_text("\n".join([f"Action unit {au}", "image     intensity", *lines]) + "\n")


def write_ck_plus(root: Path, subject: str = "S005", sequence: str = "001", frames: int = 3) -> None:
    """Write a sequence with the peak in its last frame: AU09 at 4, AU17 present with unknown strength."""
    for frame in range(1, frames + 1):
        name = f"{subject}_{sequence}_{frame:08d}"
        write_picture(root / "cohn-kanade-images" / subject / sequence / f"{name}.png", frame)
    facs = root / "FACS" / subject / sequence / f"{subject}_{sequence}_{frames:08d}_facs.txt"
    facs.parent.mkdir(parents=True)
    facs.write_text("   9.0000000e+00   4.0000000e+00\n   1.7000000e+01   0.0000000e+00\n")
