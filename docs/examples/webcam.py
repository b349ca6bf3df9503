"""Faces before a camera and their most probable action units, until Ctrl+C: python webcam.py [NUMBER OF THE CAMERA]."""

import sys
import time

from duchenne import AUDetector
from duchenne.media import open_camera

MOST_LATE_S = 0.1


def main(camera: int = 0) -> None:
    stream = AUDetector(smooth=True).stream(f"camera:{camera}")
    with open_camera(camera) as video:
        began_s = None
        for frame in video:
            began_s = time.monotonic() if began_s is None else began_s
            if time.monotonic() - began_s > frame.timestamp_s + MOST_LATE_S:
                continue  # A slow computer leaves frames out and does not fall behind.
            for face in stream.push(frame.pixels, frame.timestamp_s):
                top = sorted(face, key=lambda au: -au.probability)[:3]
                words = ", ".join(f"{au.name} {au.probability:.2f}{' *' if au.occurs else ''}" for au in top)
                print(f"{frame.timestamp_s:7.2f} s  face {face.face_id}: {words}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
