"""Compiled loops over the texels of the head's texture, one pass each; `skin_maps.py` calls them."""

import numpy as np
from numba import njit


@njit(cache=True, fastmath=True)
def ridges(x, width, out):  # type: ignore[no-untyped-def]
    """Write a Gaussian bump of a given half width; x and out are flat float32."""
    scale = np.float32(1.0 / width)
    for k in range(x.size):
        t = x[k] * scale
        t = t * t
        out[k] = np.exp(-t) if t < np.float32(30.0) else np.float32(0.0)


@njit(cache=True, fastmath=True)
def lay_over(colour, paint, opacity):  # type: ignore[no-untyped-def]
    """Lay paint, (n, 3) or (1, 3), over a colour, (n, 3), where the opacity, (n,), is not 0; all float32, in place."""
    same = paint.shape[0] == 1
    for k in range(opacity.size):
        share = opacity[k]
        if share != 0.0:
            row = 0 if same else k
            for c in range(3):
                colour[k, c] += (paint[row, c] - colour[k, c]) * share


@njit(cache=True, fastmath=True)
def cut_in(colour, height, furrow, depth, loss, drop):  # type: ignore[no-untyped-def]
    """Darken colour, (n, 3), by its loss, (3,), and lower height, (n,), where a furrow, (n,), is; float32, in place."""
    for k in range(furrow.size):
        shade = min(max(furrow[k] * depth, np.float32(0.0)), np.float32(1.1))
        if shade > 0.0:
            for c in range(3):
                colour[k, c] *= np.float32(1.0) - shade * loss[c]
            height[k] -= drop * shade


@njit(cache=True, fastmath=True)
def furrows(ax, y, path, width, out):  # type: ignore[no-untyped-def]
    """Write a furrow of a half width along a polyline, (m, 2), of places (ax, y); all flat float32."""
    reach = np.float32(4.0) * width
    low_x, high_x, low_y, high_y = path[0, 0], path[0, 0], path[0, 1], path[0, 1]
    for m in range(path.shape[0]):
        low_x, high_x = min(low_x, path[m, 0]), max(high_x, path[m, 0])
        low_y, high_y = min(low_y, path[m, 1]), max(high_y, path[m, 1])
    for k in range(ax.size):
        px, py = ax[k], y[k]
        out[k] = np.float32(0.0)
        if px < low_x - reach or px > high_x + reach or py < low_y - reach or py > high_y + reach:
            continue  # Farther away the furrow is below 1e-6.
        nearest = np.float32(81.0)
        for m in range(path.shape[0] - 1):
            x0, y0 = path[m, 0], path[m, 1]
            dx, dy = path[m + 1, 0] - x0, path[m + 1, 1] - y0
            t = ((px - x0) * dx + (py - y0) * dy) / (dx * dx + dy * dy)
            t = min(max(t, np.float32(0.0)), np.float32(1.0))
            ex, ey = px - x0 - t * dx, py - y0 - t * dy
            nearest = min(nearest, ex * ex + ey * ey)
        out[k] = np.exp(-nearest / (width * width))


@njit(cache=True, fastmath=True)
def add_folds(total, folds, left, on_left, on_right):  # type: ignore[no-untyped-def]
    """Add folds times a strength that changes from the right to the left (share 0-1); flat float32, in place."""
    for k in range(total.size):
        if folds[k] != 0.0:
            total[k] += folds[k] * (on_right + (on_left - on_right) * left[k])


@njit(cache=True, fastmath=True)
def fold_texture(texture, folds, most, depth, loss, drop):  # type: ignore[no-untyped-def]
    """Darken a texture, (n, 4) bytes, and lower it where folds, (n,) float32, are; in place."""
    for k in range(folds.size):
        if folds[k] > 0.01:
            shade = min(min(folds[k], most) * depth, np.float32(1.1))
            for c in range(3):
                texture[k, c] = np.uint8(texture[k, c] * (np.float32(1.0) - shade * loss[c]))
            texture[k, 3] = np.uint8(max(texture[k, 3] - drop * shade, np.float32(0.0)))
