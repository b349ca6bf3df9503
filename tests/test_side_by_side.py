"""Frames in work are bounded in bytes, whatever the number of workers."""

import numpy as np
import pytest

from duchenne.media import Frame
from duchenne.side_by_side import side_by_side


@pytest.mark.parametrize(("side", "most"), [(100, 10), (300, 1), (1000, 1)])
def test_frames_in_flight_are_bounded_in_bytes(side, most):
    taken = 0

    def frames():
        nonlocal taken
        for k in range(30):
            taken += 1
            yield Frame("a", k, k / 25, np.zeros((side, side, 3), np.uint8))

    open_at_once, order = [], []
    for frame, index in side_by_side(frames(), lambda frame: frame.index, workers=64, most_bytes=310_000):
        open_at_once.append(taken - len(order))
        order.append((frame.index, index))
    assert order == [(k, k) for k in range(30)]
    assert max(open_at_once) <= most
