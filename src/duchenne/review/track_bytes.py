"""One person's frames -> bytes for the page: little endian, arrays one after the other.

faces:  number of frames (uint32), frame length in s (float32), times in s (float64 each), boxes (float32: left, top,
        width, height in pixels; NaN where the result has no box)
scores: a row of uint8 for each action unit, in FACS order: probability x 250; 255 where nothing is known
"""

import numpy as np

from duchenne.study.results import BOX
from duchenne.study.tracks import FrameTrack

NOT_KNOWN = 255
MOST = 250
"""What stands for a probability of 1."""


def faces_bytes(track: FrameTrack) -> bytes:
    """Return times and boxes."""
    nothing = np.full(len(track), np.nan)
    boxes = np.stack([nothing if (one := track.column(name)) is None else one for name in BOX], 1)
    head = np.array([len(track)], "<u4").tobytes() + np.array([track.frame_s], "<f4").tobytes()
    return head + track.times_s.astype("<f8").tobytes() + boxes.astype("<f4").tobytes()


def scores_bytes(track: FrameTrack) -> bytes:
    """Return the scores of every action unit."""
    return b"".join(_row(track, au).tobytes() for au in track.aus)


def _row(track: FrameTrack, au: str) -> np.ndarray:
    said = track.frames(au)
    score = said.present.astype(float) if said.score is None else said.score
    return np.where(np.isfinite(score), np.round(np.nan_to_num(score) * MOST), NOT_KNOWN).astype(np.uint8)
