"""Compiled loops for what is drawn over a head: blending triangles against a depth buffer; a hand's distance field.

Works on plain arrays, like `rasteriser.py`; `blending.py` and `hand.py` fill them.
"""

import numpy as np
from numba import njit

from duchenne.synthesis.raster.rasteriser import displayed, gloss, mixed, texel


@njit(cache=True, fastmath=True)
def _reflected(albedo, c, facing, filled, up, softness, light):  # type: ignore[no-untyped-def]
    """Return the light of channel c that a matt surface gives back, without shadow."""
    wrap = softness * (1.0 if c == 0 else 0.45 if c == 1 else 0.3)
    return albedo * (
        light[1, c] * max((facing + wrap) / (1.0 + wrap), 0.0)
        + light[3, c] * max((filled + wrap) / (1.0 + wrap), 0.0)
        + 0.9 * (light[4, c] * up + light[5, c] * (1.0 - up))
    )


@njit(cache=True, fastmath=True)
def blend(  # type: ignore[no-untyped-def]  # noqa: PLR0915
    screen, triangles, position, normal, colour, uv, texture, rows, columns, surface, light, hides, depth, out
):
    """Draw triangles in their order, shaded as `raster.shade` does, but without shadow.

    Args:
        screen: (r, 3) float32, x px, y px and 1 / depth of each vertex; at most 0 where it lies behind the camera.
        triangles: (t, 3) int32.
        position: (r, 3) float32, camera axes, the camera at the origin.
        normal: (r, 3) float32, camera axes; turned towards the camera where needed.
        colour: (r, 4) float32, red, green, blue and opacity, 0-1.
        uv: (r, 2) float32, 0-1.
        texture: Bytes of rows x columns x 4 that multiply colour and opacity.
        rows: Of the texture.
        columns: Of the texture.
        surface: (3,) float32, gloss, roughness, softness of the shadow edge's red light.
        light: (6, 3) float32, as in `raster.shade`.
        hides: Whether to write the depth where the opacity is above one half.
        depth: (h, w) float32; what lies behind is not drawn.
        out: (h, w, 3) float32, 0-1; highlights add to the opacity.
    """
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        i0, i1, i2 = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, w0 = screen[i0, 0], screen[i0, 1], screen[i0, 2]
        x1, y1, w1 = screen[i1, 0], screen[i1, 1], screen[i1, 2]
        x2, y2, w2 = screen[i2, 0], screen[i2, 1], screen[i2, 2]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if w0 <= 0.0 or w1 <= 0.0 or w2 <= 0.0 or area == 0.0:
            continue
        left = max(0, int(np.ceil(min(x0, x1, x2) - 0.5)))
        right = min(width - 1, int(np.floor(max(x0, x1, x2) - 0.5)))
        top = max(0, int(np.ceil(min(y0, y1, y2) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2) - 0.5)))
        inverse = 1.0 / area
        for row in range(top, bottom + 1):
            py = row + 0.5
            for column in range(left, right + 1):
                px = column + 0.5
                b1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) * inverse
                b2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) * inverse
                b0 = 1.0 - b1 - b2
                if b0 < 0.0 or b1 < 0.0 or b2 < 0.0:
                    continue
                z = 1.0 / (b0 * w0 + b1 * w1 + b2 * w2)
                if z >= depth[row, column]:
                    continue
                c0, c1, c2 = b0 * w0 * z, b1 * w1 * z, b2 * w2 * z
                share = c0 * colour[i0, 3] + c1 * colour[i1, 3] + c2 * colour[i2, 3]
                u = c0 * uv[i0, 0] + c1 * uv[i1, 0] + c2 * uv[i2, 0]
                v = c0 * uv[i0, 1] + c1 * uv[i1, 1] + c2 * uv[i2, 1]
                share *= texel(texture, 0, rows, columns, u, v, 3) / 255.0
                if share < 0.004 and surface[0] <= 0.0:
                    continue
                nx, ny, nz = mixed(normal, i0, i1, i2, c0, c1, c2)
                length = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
                nx, ny, nz = nx * length, ny * length, nz * length
                qx, qy, _ = mixed(position, i0, i1, i2, c0, c1, c2)
                reach = -1.0 / np.sqrt(qx * qx + qy * qy + z * z)
                vx, vy, vz = qx * reach, qy * reach, z * reach
                if nx * vx + ny * vy + nz * vz < 0.0:
                    nx, ny, nz = -nx, -ny, -nz
                facing = nx * light[0, 0] + ny * light[0, 1] + nz * light[0, 2]
                filled = nx * light[2, 0] + ny * light[2, 1] + nz * light[2, 2]
                shine = surface[0] * gloss(nx, ny, nz, vx, vy, vz, light[0, 0], light[0, 1], light[0, 2], surface[1])
                soft = surface[0] * gloss(nx, ny, nz, vx, vy, vz, light[2, 0], light[2, 1], light[2, 2], surface[1])
                dense = share
                share = min(1.0, share + shine * light[1, 1] + soft * light[3, 1])
                up = 0.5 - 0.5 * ny
                for c in range(3):
                    albedo = c0 * colour[i0, c] + c1 * colour[i1, c] + c2 * colour[i2, c]
                    albedo = (albedo * texel(texture, 0, rows, columns, u, v, c) / 255.0) ** 2
                    value = _reflected(albedo, c, facing, filled, up, surface[2], light)
                    value = displayed(value + light[1, c] * shine + light[3, c] * soft)
                    out[row, column, c] += (value - out[row, column, c]) * share
                if hides and dense > 0.5:
                    depth[row, column] = z


@njit(cache=True)
def _union(a, b, blend):  # type: ignore[no-untyped-def]
    h = max(blend - abs(a - b), 0.0) / blend
    return min(a, b) - 0.25 * h * h * blend


@njit(cache=True)
def hand_distance(points, bones, radii, finger, out):  # type: ignore[no-untyped-def]
    """Write the distance of each point from the hand's surface, negative inside."""
    single = np.empty(6)
    for n in range(points.shape[0]):
        single[:] = 9.0
        for k in range(bones.shape[0]):
            ax, ay, az = bones[k, 0, 0], bones[k, 0, 1], bones[k, 0, 2]
            dx, dy, dz = bones[k, 1, 0] - ax, bones[k, 1, 1] - ay, bones[k, 1, 2] - az
            px, py, pz = points[n, 0] - ax, points[n, 1] - ay, points[n, 2] - az
            t = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz)
            t = min(max(t, 0.0), 1.0)
            qx, qy, qz = px - t * dx, py - t * dy, pz - t * dz
            far = np.sqrt(qx * qx + qy * qy + qz * qz) - radii[k, 0] - t * (radii[k, 1] - radii[k, 0])
            f = finger[k] + 1
            single[f] = _union(single[f], far, 0.10 if f == 0 else 0.03)
        total = single[0]
        for f in range(1, 6):
            total = min(total, _union(single[f], single[0], 0.13 if f == 5 else 0.07))
        out[n] = total
