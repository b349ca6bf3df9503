"""A small rasteriser in numba: depth, triangle and barycentric buffers; then one shading pass with a shadow map.

Works on plain arrays; `scene.py` fills them. Image rows run down, depth grows away from the camera.
"""

import numpy as np
from numba import njit

FAR = np.float32(1e9)


@njit(cache=True, fastmath=True)
def fill_buffers(screen, triangles, cull, depth, owner, bary):  # type: ignore[no-untyped-def]
    """Draw triangles into the buffers.

    Args:
        screen: (r, 3) float32, x px, y px and 1 / depth (perspective) of each render vertex.
        triangles: (t, 3) int32.
        cull: (t,) uint8, 1 where triangles that face away are left out.
        depth: (h, w) float32, filled with `FAR`; holds the depth afterwards.
        owner: (h, w) int32, filled with -1; the triangle.
        bary: (h, w, 2) float32, perspective-correct weights of the first two corners.
    """
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        i0, i1, i2 = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, w0 = screen[i0, 0], screen[i0, 1], screen[i0, 2]
        x1, y1, w1 = screen[i1, 0], screen[i1, 1], screen[i1, 2]
        x2, y2, w2 = screen[i2, 0], screen[i2, 1], screen[i2, 2]
        if w0 <= 0.0 or w1 <= 0.0 or w2 <= 0.0:
            continue
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0.0 or (cull[t] == 1 and area > 0.0):
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
                c0, c1, c2 = b0 * w0, b1 * w1, b2 * w2
                z = 1.0 / (c0 + c1 + c2)
                if z >= depth[row, column]:
                    continue
                c0, c1, c2 = c0 * z, c1 * z, c2 * z
                depth[row, column] = z
                owner[row, column] = t
                bary[row, column, 0] = c0
                bary[row, column, 1] = c1


@njit(cache=True, fastmath=True)
def sum_normals(vertices, triangles, normals):  # type: ignore[no-untyped-def]
    """Add each triangle's area-weighted normal to its corners, then scale all to length 1."""
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (
            vertices[b, 0] - vertices[a, 0],
            vertices[b, 1] - vertices[a, 1],
            vertices[b, 2] - vertices[a, 2],
        )
        vx, vy, vz = (
            vertices[c, 0] - vertices[a, 0],
            vertices[c, 1] - vertices[a, 1],
            vertices[c, 2] - vertices[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            normals[k, 0] += nx
            normals[k, 1] += ny
            normals[k, 2] += nz
    for k in range(normals.shape[0]):
        length = np.sqrt(normals[k, 0] ** 2 + normals[k, 1] ** 2 + normals[k, 2] ** 2)
        if length > 0.0:
            normals[k, 0] /= length
            normals[k, 1] /= length
            normals[k, 2] /= length


@njit(cache=True, fastmath=True)
def texel(atlas, start, rows, columns, u, v, channel):  # type: ignore[no-untyped-def]
    """Return a texture bilinearly; textures lie one after the other in `atlas` as rows x columns x 4 bytes."""
    x = min(max(u * columns - 0.5, 0.0), columns - 1.001)
    y = min(max(v * rows - 0.5, 0.0), rows - 1.001)
    xi, yi = int(x), int(y)
    fx, fy = x - xi, y - yi
    at = start + 4 * (yi * columns + xi) + channel
    upper = atlas[at] * (1 - fx) + atlas[at + 4] * fx
    lower = atlas[at + 4 * columns] * (1 - fx) + atlas[at + 4 * columns + 4] * fx
    return upper * (1 - fy) + lower * fy


@njit(cache=True, fastmath=True)
def gloss(nx, ny, nz, vx, vy, vz, lx, ly, lz, roughness):  # type: ignore[no-untyped-def]
    """Return a GGX highlight (Walter et al., EGSR 2007) with Schlick's Fresnel at 2.8%."""
    hx, hy, hz = vx + lx, vy + ly, vz + lz
    scale = 1.0 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
    hx, hy, hz = hx * scale, hy * scale, hz * scale
    nh = max(nx * hx + ny * hy + nz * hz, 0.0)
    nl = max(nx * lx + ny * ly + nz * lz, 0.0)
    nv = max(nx * vx + ny * vy + nz * vz, 0.05)
    a2 = roughness**4
    d = a2 / (np.pi * (nh * nh * (a2 - 1.0) + 1.0) ** 2)
    k = 0.5 * roughness * roughness
    g = 1.0 / ((nl * (1 - k) + k) * (nv * (1 - k) + k))
    f = 0.028 + 0.972 * (1.0 - max(hx * vx + hy * vy + hz * vz, 0.0)) ** 5
    return 0.25 * d * g * f * nl


@njit(cache=True, fastmath=True)
def _lit(shadow, sx, sy, sz, bias):  # type: ignore[no-untyped-def]
    """Return the share of light that reaches a point: 2 x 2 taps, weighted, of the shadow map."""
    side = shadow.shape[0]
    x, y = sx - 0.5, sy - 0.5
    if x < 0.0 or y < 0.0 or x >= side - 1 or y >= side - 1:
        return 1.0
    xi, yi = int(x), int(y)
    fx, fy = x - xi, y - yi
    total = 0.0
    for dy in range(2):
        for dx in range(2):
            if sz - bias <= shadow[yi + dy, xi + dx]:
                total += (fx if dx else 1 - fx) * (fy if dy else 1 - fy)
    return total


@njit(cache=True, fastmath=True)
def mixed(values, i0, i1, i2, b0, b1, b2):  # type: ignore[no-untyped-def]
    """Return the three values of a triangle's vertices, weighted."""
    return (
        b0 * values[i0, 0] + b1 * values[i1, 0] + b2 * values[i2, 0],
        b0 * values[i0, 1] + b1 * values[i1, 1] + b2 * values[i2, 1],
        b0 * values[i0, 2] + b1 * values[i1, 2] + b2 * values[i2, 2],
    )


@njit(cache=True, fastmath=True)
def displayed(value):  # type: ignore[no-untyped-def]
    """Return light as a screen shows it, 0-1: bright light is compressed, then the square root taken."""
    value = 1.2 * value / (1.0 + 0.3 * value)
    return np.sqrt(min(max(value, 0.0), 1.0))


@njit(cache=True, fastmath=True)
def _tilt(position, uv, i0, i1, i2, su, sv):  # type: ignore[no-untyped-def]
    """Return what a height that rises by su and sv a texel takes from the normal of a triangle.

    Source: Blinn, SIGGRAPH 1978; the tangents follow from the triangle's edges.
    """
    ax, ay, az = position[i1, 0] - position[i0, 0], position[i1, 1] - position[i0, 1], position[i1, 2] - position[i0, 2]
    cx, cy, cz = position[i2, 0] - position[i0, 0], position[i2, 1] - position[i0, 1], position[i2, 2] - position[i0, 2]
    u1, v1 = uv[i1, 0] - uv[i0, 0], uv[i1, 1] - uv[i0, 1]
    u2, v2 = uv[i2, 0] - uv[i0, 0], uv[i2, 1] - uv[i0, 1]
    det = u1 * v2 - u2 * v1
    sign = 1.0 if det >= 0.0 else -1.0
    tx, ty, tz = (ax * v2 - cx * v1) * sign, (ay * v2 - cy * v1) * sign, (az * v2 - cz * v1) * sign
    ex, ey, ez = (cx * u1 - ax * u2) * sign, (cy * u1 - ay * u2) * sign, (cz * u1 - az * u2) * sign
    tl = 1.0 / np.sqrt(tx * tx + ty * ty + tz * tz + 1e-20)
    el = 1.0 / np.sqrt(ex * ex + ey * ey + ez * ez + 1e-20)
    return su * tx * tl + sv * ex * el, su * ty * tl + sv * ey * el, su * tz * tl + sv * ez * el


@njit(cache=True, fastmath=True)
def shade(  # type: ignore[no-untyped-def]
    owner, bary, triangles, material, position, normal, uv, occlusion, on_shadow, shadow, atlas, table, bump, light, out
):
    """Colour every pixel that a triangle owns.

    Args:
        owner: (h, w) int32 from `fill_buffers`.
        bary: (h, w, 2) float32 likewise.
        triangles: (t, 3) int32.
        material: (t,) int32.
        position: (r, 3) float32, camera axes, the camera at the origin.
        normal: (r, 3) float32, camera axes.
        uv: (r, 2) float32.
        occlusion: (r,) float32, share of the sky that a vertex sees.
        on_shadow: (r, 3) float32, place in the shadow map and depth from the light.
        shadow: (s, s) float32.
        atlas: Bytes of all textures: red, green, blue, height.
        table: (m, 3) int64, start, rows and columns of each material's texture.
        bump: (m, 4) float32, per material: height scale, gloss, roughness, softness of the shadow edge's red light.
        light: (6, 3) float32: key direction, key colour, fill direction, fill colour, sky colour, ground colour.
        out: (h, w, 3) float32, 0-1, holds the background; overwritten where a triangle is seen.
    """
    height, width = owner.shape
    albedo = np.empty(3, np.float32)
    for row in range(height):
        for column in range(width):
            t = owner[row, column]
            if t < 0:
                continue
            m = material[t]
            i0, i1, i2 = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            b0, b1 = bary[row, column, 0], bary[row, column, 1]
            b2 = 1.0 - b0 - b1
            u = b0 * uv[i0, 0] + b1 * uv[i1, 0] + b2 * uv[i2, 0]
            v = b0 * uv[i0, 1] + b1 * uv[i1, 1] + b2 * uv[i2, 1]
            start, rows, columns = table[m, 0], table[m, 1], table[m, 2]
            for c in range(3):
                albedo[c] = (texel(atlas, start, rows, columns, u, v, c) / 255.0) ** 2
            nx, ny, nz = mixed(normal, i0, i1, i2, b0, b1, b2)
            px, py, pz = mixed(position, i0, i1, i2, b0, b1, b2)
            if bump[m, 0] > 0.0:
                here = texel(atlas, start, rows, columns, u, v, 3)
                su = bump[m, 0] * (texel(atlas, start, rows, columns, u + 1.0 / columns, v, 3) - here)
                sv = bump[m, 0] * (texel(atlas, start, rows, columns, u, v + 1.0 / rows, 3) - here)
                dx, dy, dz = _tilt(position, uv, i0, i1, i2, su, sv)
                nx, ny, nz = nx - dx, ny - dy, nz - dz
            length = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
            nx, ny, nz = nx * length, ny * length, nz * length
            reach = 1.0 / np.sqrt(px * px + py * py + pz * pz)
            vx, vy, vz = -px * reach, -py * reach, -pz * reach
            if nx * vx + ny * vy + nz * vz < 0.0 and m == 5:
                nx, ny, nz = -nx, -ny, -nz
            sky = b0 * occlusion[i0] + b1 * occlusion[i1] + b2 * occlusion[i2]
            facing = nx * light[0, 0] + ny * light[0, 1] + nz * light[0, 2]
            filled = nx * light[2, 0] + ny * light[2, 1] + nz * light[2, 2]
            sx, sy, sz = mixed(on_shadow, i0, i1, i2, b0, b1, b2)
            key = _lit(shadow, sx, sy, sz, 0.02 + 0.05 * (1.0 - max(facing, 0.0))) if facing > -0.4 else 0.0
            if m in (3, 4):  # Light reaches teeth and tongue through the lips; the shadow map is too coarse there.
                key = min(1.0, 1.25 * sky) if m == 3 else 0.5 * sky
            shine, soft_shine = 0.0, 0.0
            if facing > 0.0 and key > 0.0:
                shine = (
                    bump[m, 1] * key * gloss(nx, ny, nz, vx, vy, vz, light[0, 0], light[0, 1], light[0, 2], bump[m, 2])
                )
            if filled > 0.0:
                soft_shine = (
                    bump[m, 1] * sky * gloss(nx, ny, nz, vx, vy, vz, light[2, 0], light[2, 1], light[2, 2], 0.6)
                )
            up = 0.5 - 0.5 * ny
            for c in range(3):
                wrap = bump[m, 3] * (1.0 if c == 0 else 0.45 if c == 1 else 0.3)
                direct = max((facing + wrap) / (1.0 + wrap), 0.0) * key
                fill = max((filled + wrap) / (1.0 + wrap), 0.0) * sky
                ambient = (light[4, c] * up + light[5, c] * (1.0 - up)) * sky
                value = albedo[c] * (light[1, c] * direct + light[3, c] * fill + ambient)
                value += light[1, c] * shine + light[3, c] * soft_shine
                out[row, column, c] = displayed(value)
