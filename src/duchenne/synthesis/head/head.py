"""A person ready to be rendered: neutral head, expression gains, painted textures, hair."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from duchenne.synthesis.head.glasses import Glasses, draw_glasses, fit_glasses, glasses_solids
from duchenne.synthesis.head.pack_hair import draw_pack_hair
from duchenne.synthesis.person.apertures import clear_of_eyes, fitted_gains
from duchenne.synthesis.person.expression import ExpressionGains, Sides, blendshape_weights, express, gaze_blendshapes
from duchenne.synthesis.person.eyes import paint_eye
from duchenne.synthesis.person.identity import Identity, Person, draw_identity, iris_colour
from duchenne.synthesis.raster.rasteriser import FAR, fill_buffers, sum_normals
from duchenne.synthesis.raster.solids import Solid
from duchenne.synthesis.rig.mesh import Vertices, base_mesh, triangles_of
from duchenne.synthesis.rig.parts import HeadParts, Material, eye_vertices, head_parts
from duchenne.synthesis.rig.teeth import paint_teeth
from duchenne.synthesis.skin.skin import Skin, paint_skin
from duchenne.synthesis.skin.skin_maps import ROWS

CENTRE_VERTEX_GROUP = "joint-head"
_SUNK = -0.05
"""Where the shell of short hair lies when other hair is worn, decimetres above the scalp."""


@dataclass(frozen=True)
class Gaze:
    """Where the eyes look, degrees from straight ahead of the head; right and up as seen in the image."""

    right_deg: float = 0.0
    up_deg: float = 0.0


@dataclass(frozen=True)
class MovedHead:
    """A head with an expression, in head axes: x to the image's right, y down, z away; the origin between the ears.

    Attributes:
        positions: (r, 3) render vertices, decimetres.
        normals: (r, 3), length 1.
        uv: (r, 2).
        base: (19158, 3), the base vertices in the same axes.
    """

    positions: Float[np.ndarray, "r 3"]
    normals: Float[np.ndarray, "r 3"]
    uv: Float[np.ndarray, "r 2"]
    base: Vertices


@dataclass(frozen=True)
class Head:
    """Everything of one person that stays the same over pictures.

    `worn` are surfaces that ride on the skull, in head axes: glasses, and the hair of `hair_style`, of the pack.
    """

    identity: Identity
    gains: ExpressionGains
    skin: Skin
    eye: np.ndarray
    teeth: np.ndarray
    hair: np.ndarray
    hair_shell: Float[np.ndarray, " s"]
    centre: Float[np.ndarray, "3"]
    clothes: Float[np.ndarray, "3"]
    glasses: Glasses | None = None
    worn: tuple[Solid, ...] = ()
    hair_style: str | None = None
    hair_solid: Solid | None = None

    def move(self, aus: Mapping[str, Sides], gaze: Gaze) -> MovedHead:
        """Return the head with AU intensities 0-5 per side and a gaze."""
        weights = blendshape_weights(aus, self.gains)
        for name, value in gaze_blendshapes(gaze.right_deg, gaze.up_deg).items():
            weights[name] = weights.get(name, 0.0) + value
        moved = clear_of_eyes(express(self.identity.vertices, weights))
        base = (moved - self.centre) * [1.0, -1.0, -1.0]
        return self._with_normals(base, gaze)

    def _with_normals(self, base: Vertices, gaze: Gaze) -> MovedHead:
        parts = render_parts()
        normals = np.zeros_like(base, dtype=np.float32)
        sum_normals(base.astype(np.float32), _all_triangles(), normals)
        positions, directions = base[parts.vertex], normals[parts.vertex].astype(float)
        shell = parts.material_of_vertex == Material.HAIR
        positions = positions + directions * (shell * self.hair_shell)[:, None]
        uv = parts.uv.copy()
        for eye in eye_vertices():
            rows = np.flatnonzero(np.isin(parts.vertex, eye))
            uv[rows] = _eye_uv(base[parts.vertex[rows]], base[eye], gaze)
        return MovedHead(positions, directions, uv, base)


def make_head(subject: int, person: Person | None = None) -> Head:
    """Return the person of a number, painted; takes a few tenths of a second."""
    identity = draw_identity(subject, person)
    rng = np.random.default_rng([subject, 4])
    skin = paint_skin(identity)
    eye = paint_eye(iris_colour(identity, rng), rng)
    bare = skin.texture[..., :3].reshape(-1, 3).mean(0)
    clothes = bare if rng.random() < 0.35 else rng.uniform(20, 220) * 0.7 + rng.uniform(0, 255, 3) * 0.3
    gains = fitted_gains(identity)
    centre = _centre(identity.vertices)
    head = Head(
        identity, gains, skin, eye, paint_teeth(np.random.default_rng([subject, 7])), _strands(skin, subject),
        _shell(skin, rng), centre, clothes,
    )  # fmt: skip
    found = draw_pack_hair(identity, skin, centre, person.pack if person else None)
    if found is not None:
        style, hair = found
        head = replace(head, hair_style=style, hair_solid=hair, hair_shell=np.full_like(head.hair_shell, _SUNK))
    return with_glasses(head, draw_glasses(np.random.default_rng([subject, 12])))


def with_glasses(head: Head, glasses: Glasses | None) -> Head:
    """Return the person with other glasses, or with none."""
    neutral = (head.identity.vertices - head.centre) * [1.0, -1.0, -1.0]
    frame = [] if glasses is None else glasses_solids(glasses, fit_glasses(glasses, neutral))
    hair = [] if head.hair_solid is None else [head.hair_solid]
    return replace(head, glasses=glasses, worn=(*hair, *frame))


def _strands(skin: Skin, subject: int) -> UInt8[np.ndarray, "_ _ 4"]:
    """Return the hair's texture: streaks along the strands."""
    rng = np.random.default_rng([subject, 5])
    grain = cv2.GaussianBlur(rng.normal(size=(480, 256)).astype(np.float32), (0, 0), sigmaX=3.0, sigmaY=0.5)
    grain /= grain.std()
    colour = skin.hair_colour * (1 + 0.22 * grain[..., None])
    return np.clip(np.dstack([colour, 128 + 22 * grain]), 0, 255).astype(np.uint8)


def _centre(vertices: Vertices) -> Float[np.ndarray, "3"]:
    joint = np.unique(base_mesh().quads[base_mesh().groups[CENTRE_VERTEX_GROUP]])
    return vertices[joint].mean(0) + np.array([0.0, 0.35, 0.35])


@dataclass(frozen=True)
class RenderParts:
    """`HeadParts` with the hair's shell appended: a second, lifted copy of the scalp's triangles."""

    vertex: Int[np.ndarray, " r"]
    uv: Float[np.ndarray, "r 2"]
    triangles: Int[np.ndarray, "t 3"]
    material: Int[np.ndarray, " t"]
    material_of_vertex: Int[np.ndarray, " r"]
    set_back: Float[np.ndarray, " r"]


@cache
def render_parts() -> RenderParts:
    """Return all triangles that are drawn, the hair's shell last."""
    parts: HeadParts = head_parts()
    middle = base_mesh().vertices[parts.vertex][parts.triangles].mean(1)
    scalp = (middle[:, 1] > 7.72) | ((middle[:, 1] > 6.2) & (middle[:, 2] < 0.3))
    scalp &= parts.material == Material.SKIN
    used, shell = np.unique(parts.triangles[scalp], return_inverse=True)
    count = len(parts.vertex)
    material_of_vertex = np.zeros(count, np.int64)
    material_of_vertex[parts.triangles] = parts.material[:, None]
    return RenderParts(
        np.concatenate([parts.vertex, parts.vertex[used]]),
        np.concatenate([parts.uv, parts.uv[used]]),
        np.concatenate([parts.triangles, shell.reshape(-1, 3) + count]),
        np.concatenate([parts.material, np.full(int(scalp.sum()), int(Material.HAIR))]),
        np.concatenate([material_of_vertex, np.full(len(used), int(Material.HAIR))]),
        np.concatenate([parts.set_back, np.zeros(len(used))]),
    )


def _shell(skin: Skin, rng: np.random.Generator) -> Float[np.ndarray, " s"]:
    """Return how far each render vertex of the shell stands off the scalp; below the skin where no hair grows."""
    parts = render_parts()
    columns = np.clip((parts.uv[:, 0] * skin.scalp.shape[1]).astype(int), 0, skin.scalp.shape[1] - 1)
    rows = np.clip((parts.uv[:, 1] * ROWS).astype(int), 0, ROWS - 1)
    grown = skin.scalp[rows, columns]
    thick = rng.uniform(0.03, 0.22) * rng.uniform(0.8, 1.2)
    rough = 1 + 0.08 * rng.normal(size=len(grown))
    # The shell leaves the skin where hair begins to grow, so that its edge follows the painted line and not the mesh.
    return thick * grown * rough - 0.05 * (1 - grown) ** 2


@cache
def _all_triangles() -> np.ndarray:
    mesh = base_mesh()
    names = [name for name in mesh.groups if name == "body" or name.startswith("helper-")]
    return triangles_of(mesh.quads[np.concatenate([mesh.groups[name] for name in names])]).astype(np.int32)


def _eye_uv(points: Float[np.ndarray, "k 3"], ball: Float[np.ndarray, "b 3"], gaze: Gaze) -> Float[np.ndarray, "k 2"]:
    """Return texture places of eyeball points: their direction from the centre, seen along the gaze."""
    centre = (ball.min(0) + ball.max(0)) / 2
    out = points - centre
    out = out / np.linalg.norm(out, axis=1, keepdims=True)
    right, up = np.radians([gaze.right_deg, gaze.up_deg])
    ahead = np.array([np.sin(right) * np.cos(up), -np.sin(up), -np.cos(right) * np.cos(up)])
    across = np.array([np.cos(right), 0.0, np.sin(right)])
    down = np.cross(across, -ahead) * -1
    flat = np.column_stack([out @ across, out @ down])
    behind = out @ ahead < 0
    flat[behind] /= np.maximum(np.linalg.norm(flat[behind], axis=1, keepdims=True), 1e-6)
    return 0.5 + 0.49 * flat


@cache
def sky_share() -> Float[np.ndarray, " v"]:
    """Return for each base vertex the share of directions from which it is seen, measured once on the base mesh."""
    vertices = (base_mesh().vertices - _centre(base_mesh().vertices)) * [1.0, -1.0, -1.0]
    normals = np.zeros(vertices.shape, np.float32)
    triangles = _all_triangles()
    sum_normals(vertices.astype(np.float32), triangles, normals)
    skin = triangles[np.isin(triangles, head_parts().skin_normals).all(1)]
    seen, weight = np.zeros(len(vertices)), np.full(len(vertices), 1e-6)
    rng = np.random.default_rng(0)
    side, none = 192, np.zeros(len(skin), np.uint8)
    for direction in rng.normal(size=(48, 3)):
        direction = direction / np.linalg.norm(direction)
        screen = look_along(vertices, direction, side)
        depth = np.full((side, side), FAR, np.float32)
        owner, bary = np.full((side, side), -1, np.int32), np.zeros((side, side, 2), np.float32)
        fill_buffers(
            screen.astype(np.float32), skin.astype(np.int32), none, depth, owner, bary
        )  # fmt: skip
        column = np.clip(screen[:, 0].astype(int), 0, side - 1)
        row = np.clip(screen[:, 1].astype(int), 0, side - 1)
        facing = np.maximum(normals @ direction, 0)
        seen += facing * (1 / screen[:, 2] <= depth[row, column] + 0.06)
        weight += facing
    return 0.12 + 0.88 * seen / weight


LIGHT_DISTANCE = 25.0
_LIGHT_REACH = 2.4


def look_along(points: Float[np.ndarray, "n 3"], towards: Float[np.ndarray, "3"], side_px: int) -> np.ndarray:
    """Return x px, y px and 1 / depth of points seen from a far place in a direction."""
    helper = np.array([0.0, 1.0, 0.0]) if abs(towards[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, towards)
    right = right / np.linalg.norm(right)
    down = np.cross(towards, right)
    depth = LIGHT_DISTANCE - points @ towards
    scale = side_px / (2 * _LIGHT_REACH) * LIGHT_DISTANCE / depth
    return np.column_stack([points @ right * scale + side_px / 2, points @ down * scale + side_px / 2, 1 / depth])
