"""A smooth rise from 0 to 1, of which fields over the skin are made."""

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def smooth_steps(x, low, high, out):  # type: ignore[no-untyped-def]
    """Write 0 below low, 1 above high, a smooth rise between; x and out are flat float32."""
    scale = np.float32(1.0 / (high - low))
    start = np.float32(low)
    for k in range(x.size):
        t = min(max((x[k] - start) * scale, np.float32(0.0)), np.float32(1.0))
        out[k] = t * t * (np.float32(3.0) - np.float32(2.0) * t)


def smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below low, 1 above high, a smooth rise between."""
    flat, out = np.ascontiguousarray(x, np.float32).reshape(-1), np.empty(x.shape, np.float32)
    smooth_steps(flat, low, high, out.reshape(-1))
    return out
