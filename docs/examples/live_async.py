"""Several live sources in one asyncio program: each has its stream, all share one detector."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from duchenne import AUDetector, FaceAUs, FaceStream
from duchenne.diagnosis import SAMPLE
from duchenne.media import read_picture


async def camera(pixels: np.ndarray, frames: int) -> AsyncIterator[tuple[np.ndarray, float]]:
    """Yield frames with their times; put your own source in its place."""
    for k in range(frames):
        await asyncio.sleep(0.01)
        yield pixels, k / 25


async def watch(stream: FaceStream, frames: AsyncIterator[tuple[np.ndarray, float]]) -> list[FaceAUs]:
    """Return the faces of all frames; while a frame is worked on, the program does other things."""
    found: list[FaceAUs] = []
    async for pixels, time_s in frames:
        found += await asyncio.to_thread(stream.push, pixels, time_s)
    return found


async def main() -> None:
    detector, pixels = AUDetector(aus=[6, 12]), read_picture(SAMPLE).pixels
    left, right = (watch(detector.stream(name), camera(pixels, 3)) for name in ("left", "right"))
    for faces in await asyncio.gather(left, right):
        print([(face.source, face.frame, round(face["AU12"].probability, 2)) for face in faces])


if __name__ == "__main__":
    asyncio.run(main())
