"""One detector in several threads at once gives the numbers that it gives alone."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from duchenne import AUDetector
from test_batch import PICTURES, assert_same
from test_stream import moving


def test_two_threads_share_a_detector():
    detector, frames = AUDetector(smooth=True, sides=True, workers=2), moving(6)

    def pushed(stream):
        return [stream.push(frame, k / 25) for k, frame in enumerate(frames)]

    work = (
        lambda: [detector.detect(picture) for picture in PICTURES],
        lambda: detector.detect_batch(PICTURES),
        lambda: pushed(detector.stream("array")),
    )
    alone, start = [one() for one in work], Barrier(2 * len(work))

    def at_once(one):
        start.wait()
        return one()

    with ThreadPoolExecutor(2 * len(work)) as pool:
        together = list(pool.map(at_once, work * 2))
    for found, expected in zip(together, alone * 2, strict=True):
        assert_same(found, expected)
