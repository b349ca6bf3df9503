"""One picture: a moved head under a camera, lights and before a background, with exact labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from duchenne.cropping import Picture
from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES
from duchenne.geometry import HeadPose, rotation_from_pose
from duchenne.synthesis.head.foreground import cast_shadows, covered_share, foreground
from duchenne.synthesis.head.head import Gaze, Head, MovedHead, look_along, render_parts, sky_share
from duchenne.synthesis.head.occluders import Occluder
from duchenne.synthesis.person.expression import MAX_INTENSITY, Sides
from duchenne.synthesis.raster.blending import draw_solids
from duchenne.synthesis.raster.rasteriser import FAR, fill_buffers, shade
from duchenne.synthesis.raster.solids import Solid
from duchenne.synthesis.rig.landmark_vertices import landmark_vertices, landmarks_on
from duchenne.synthesis.rig.parts import Material
from duchenne.synthesis.skin.skin import with_wrinkles

SUPERSAMPLING = 2
SHADOW_SIDE = 320
INNER_LIPS = (44, 47)
"""The middle points of the inner lips, upper and lower."""
LIGHT_INTO_MOUTH = (0.35, 0.75)
"""How far behind the lips light fades, on teeth and on what is around them, decimetres."""
SKY_POWER = 1.4
"""How much darker than their share of the sky hollows are: light that skin returns to skin is lost to brow and nose."""
HIDDEN_BEYOND = 0.05
"""A landmark that lies this far (decimetres) behind what the depth buffer shows is hidden."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along z.

    Attributes:
        width: Pixels.
        height: Pixels.
        field_deg: Vertical field of view.
        face_px: Wanted size of one decimetre at the head's centre, in pixels; sets the distance.
        centre: Where the head's centre falls, in pixels; None for the middle.
    """

    width: int = 256
    height: int = 256
    field_deg: float = 20.0
    face_px: float = 80.0
    centre: tuple[float, float] | None = None

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return float(self.height / 2 / np.tan(np.radians(self.field_deg) / 2))

    @property
    def distance(self) -> float:
        """Distance of the head's centre from the camera, decimetres."""
        return self.focal_px / self.face_px

    def offset(self) -> Float[np.ndarray, "3"]:
        """Return the head's centre in camera axes."""
        x, y = self.centre or (self.width / 2, self.height / 2)
        at = self.distance / self.focal_px
        return np.array([(x - self.width / 2) * at, (y - self.height / 2) * at, self.distance])

    def project(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 2"]:
        """Return image points of points in camera axes."""
        middle = np.array([self.width / 2, self.height / 2])
        return self.focal_px * points[:, :2] / points[:, 2:] + middle


@dataclass(frozen=True)
class Light:
    """Key light with a shadow, fill light and ambient light; colours as factors, directions towards the light."""

    key: Float[np.ndarray, "3"] = field(default_factory=lambda: np.array([0.4, -0.5, -0.76]))
    key_colour: Float[np.ndarray, "3"] = field(default_factory=lambda: np.full(3, 0.95))
    fill: Float[np.ndarray, "3"] = field(default_factory=lambda: np.array([-0.7, -0.1, -0.7]))
    fill_colour: Float[np.ndarray, "3"] = field(default_factory=lambda: np.full(3, 0.25))
    sky: Float[np.ndarray, "3"] = field(default_factory=lambda: np.full(3, 0.30))
    ground: Float[np.ndarray, "3"] = field(default_factory=lambda: np.full(3, 0.15))

    def table(self) -> Float[np.ndarray, "6 3"]:
        """Return the array that the shader reads."""
        key, fill = self.key / np.linalg.norm(self.key), self.fill / np.linalg.norm(self.fill)
        return np.stack([key, self.key_colour, fill, self.fill_colour, self.sky, self.ground])


@dataclass(frozen=True)
class Scene:
    """What is to be drawn.

    Attributes:
        aus: Intensity 0-5 on the subject's left and right, by AU name; absent ones are 0.
        pose: Of the head.
        gaze: Of the eyes.
        camera: Which also says the size of the picture.
        light: Three lights.
        background: H x W x 3; None for mid grey.
        occluder: What comes between the face and the camera; None for nothing.
    """

    aus: Mapping[str, Sides] = field(default_factory=dict)
    pose: HeadPose = field(default_factory=lambda: HeadPose(0.0, 0.0, 0.0))
    gaze: Gaze = field(default_factory=Gaze)
    camera: Camera = field(default_factory=Camera)
    light: Light = field(default_factory=Light)
    background: Picture | None = None
    occluder: Occluder | None = None

    def __post_init__(self) -> None:
        angles = (self.pose.yaw_deg, self.pose.pitch_deg, self.pose.roll_deg)
        if not all(-180 <= angle <= 180 for angle in angles):
            raise UsageError(
                f"A head pose of yaw, pitch, roll {angles} degrees is asked for; they run from -180 to 180."
            )
        wrong = {name: sides for name, sides in self.aus.items() if not all(0 <= v <= MAX_INTENSITY for v in sides)}
        if wrong:
            raise UsageError(f"Intensities run from 0 to {MAX_INTENSITY:g} on either side; found {wrong}.")


@dataclass(frozen=True)
class Rendered:
    """A picture and its truth.

    Attributes:
        pixels: H x W x 3, RGB.
        landmarks: (49, 2), image pixels, projected exactly.
        landmarks_3d: (49, 3), camera axes, decimetres.
        depth_px: (49,), depth in the pixels of the image at the face, 0 at the mean, positive away from the camera.
        visible: (49,), inside the picture and not hidden.
        pose: Of the head.
        au_left: (23,), intensity 0-5 on the subject's left in the order of `facs.AU_NAMES`.
        au_right: (23,), likewise on the right.
        depth_map: (2h, 2w), what the depth buffer held, decimetres; far where nothing is.
        covered: (49,), hidden by glasses or by what comes between, and visible without.
        covered_share: Share of the face's pixels that these hide.
    """

    pixels: Picture
    landmarks: Float[np.ndarray, "49 2"]
    landmarks_3d: Float[np.ndarray, "49 3"]
    depth_px: Float[np.ndarray, "49"]
    visible: Bool[np.ndarray, "49"]
    pose: HeadPose
    au_left: Float[np.ndarray, " a"]
    au_right: Float[np.ndarray, " a"]
    depth_map: Float[np.ndarray, "_ _"]
    covered: Bool[np.ndarray, "49"]
    covered_share: float


def render(head: Head, scene: Scene) -> Rendered:
    """Return the picture of a head with exact labels; the same arguments give the same bytes."""
    moved = head.move(scene.aus, scene.gaze)
    rotation, camera = rotation_from_pose(scene.pose), scene.camera
    offset = camera.offset()
    turned = moved.positions @ rotation.T
    placed = turned + offset
    parts = render_parts()
    buffers = _Buffers(camera)
    screen = np.column_stack([camera.project(placed) * SUPERSAMPLING, 1 / (placed[:, 2] + parts.set_back)]).astype(
        np.float32
    )
    triangles = parts.triangles.astype(np.int32)
    uv = moved.uv.astype(np.float32)
    cull = np.isin(parts.material, [Material.SKIN, Material.BODY, Material.EYE, Material.HAIR]).astype(np.uint8)
    fill_buffers(screen, triangles, cull, buffers.depth, buffers.owner, buffers.bary)
    solids = foreground(head, moved, scene.occluder, rotation, 1 / (camera.face_px * SUPERSAMPLING))
    on_shadow, shadow = _shadow(turned, scene.light, triangles, parts.material, solids)
    atlas, table = _textures(head, scene.aus)
    canvas = _canvas(scene)
    light = scene.light.table().astype(np.float32)
    shade(
        buffers.owner, buffers.bary, triangles, parts.material.astype(np.int32), placed.astype(np.float32),
        (moved.normals @ rotation.T).astype(np.float32), uv, _occlusion(moved), on_shadow.astype(np.float32), shadow,
        atlas, table, _surfaces(head), light, canvas,
    )  # fmt: skip
    bare = buffers.depth.copy()
    ahead = [solid.placed(np.eye(3), offset) for solid in solids]
    draw_solids(ahead, camera.focal_px * SUPERSAMPLING, buffers.depth, light, canvas)
    small = cv2.resize(canvas, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    pixels = np.clip(small * 255 + 0.5, 0, 255).astype(np.uint8)
    points = (landmarks_on(moved.base) @ rotation.T) + offset
    flat = camera.project(points)
    left, right = (np.array([scene.aus.get(au, (0.0, 0.0))[side] for au in AU_NAMES]) for side in (0, 1))
    depth_px = (points[:, 2] - points[:, 2].mean()) * camera.focal_px / points[:, 2].mean()
    visible = _visible(flat, points[:, 2], buffers.depth)
    covered = _visible(flat, points[:, 2], bare) & ~visible
    share = covered_share(flat * SUPERSAMPLING, bare, buffers.depth)
    return Rendered(
        pixels, flat, points, depth_px, visible, scene.pose, left, right, buffers.depth, covered, share
    )  # fmt: skip


class _Buffers:
    def __init__(self, camera: Camera) -> None:
        size = (camera.height * SUPERSAMPLING, camera.width * SUPERSAMPLING)
        self.depth = np.full(size, FAR, np.float32)
        self.owner = np.full(size, -1, np.int32)
        self.bary = np.zeros((*size, 2), np.float32)


def _canvas(scene: Scene) -> Float[np.ndarray, "_ _ 3"]:
    size = (scene.camera.width * SUPERSAMPLING, scene.camera.height * SUPERSAMPLING)
    if scene.background is None:
        return np.full((size[1], size[0], 3), 0.5, np.float32)
    return cv2.resize(scene.background, size, interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255


def _shadow(
    turned: np.ndarray, light: Light, triangles: np.ndarray, material: np.ndarray, solids: Sequence[Solid]
) -> tuple[np.ndarray, np.ndarray]:
    towards = light.key / np.linalg.norm(light.key)
    seen = look_along(turned, towards, SHADOW_SIDE)
    shadow = np.full((SHADOW_SIDE, SHADOW_SIDE), FAR, np.float32)
    owner = np.full(shadow.shape, -1, np.int32)
    bary = np.zeros((*shadow.shape, 2), np.float32)
    casters = triangles[np.isin(material, [Material.SKIN, Material.HAIR])]
    none = np.zeros(len(casters), np.uint8)
    fill_buffers(seen.astype(np.float32), casters, none, shadow, owner, bary)
    cast_shadows(solids, towards, shadow)
    return np.column_stack([seen[:, :2], 1 / seen[:, 2]]), shadow


def _occlusion(moved: MovedHead) -> Float[np.ndarray, " r"]:
    """Return the share of light that reaches each vertex from all around; the inside of the mouth through the lips."""
    parts = render_parts()
    share = sky_share()[parts.vertex] ** SKY_POWER
    share = np.where(parts.material_of_vertex == Material.EYE, 0.6, share)
    share = np.where(parts.material_of_vertex == Material.HAIR, 0.9, share)
    upper, lower = (moved.base[landmark_vertices()[point], 1] for point in INNER_LIPS)
    opened = float(np.clip((lower - upper - 0.015) / 0.07, 0, 1))
    deep = moved.positions[:, 2] - moved.base[landmark_vertices()[list(INNER_LIPS)], 2].min()
    reached = [np.clip(1 - (deep - 0.15) / reach, 0.06, 1) for reach in LIGHT_INTO_MOUTH]
    share = np.where(parts.material_of_vertex == Material.TEETH, (0.06 + 0.74 * opened) * reached[0], share)
    mouth = (0.05 + 0.35 * opened) * reached[1]
    return np.where(parts.material_of_vertex == Material.TONGUE, mouth, share).astype(np.float32)


def _textures(head: Head, aus: Mapping[str, Sides]) -> tuple[np.ndarray, np.ndarray]:
    """Return all textures in one row of bytes, and where each material's begins."""
    skin = with_wrinkles(head.skin, aus)
    pictures = {
        Material.SKIN: skin,
        Material.BODY: _flat(head.clothes),
        Material.EYE: head.eye,
        Material.TEETH: head.teeth,
        Material.TONGUE: _flat(np.array([132.0, 62.0, 62.0])),
        Material.HAIR: head.hair,
    }
    sizes = [pictures[m].size for m in Material]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    table = np.array([[start, *pictures[m].shape[:2]] for start, m in zip(starts, Material, strict=True)], np.int64)
    return np.concatenate([pictures[m].ravel() for m in Material]), table


def _flat(colour: Float[np.ndarray, "3"]) -> UInt8[np.ndarray, "2 2 4"]:
    return np.broadcast_to(np.append(np.clip(colour, 0, 255), 128).astype(np.uint8), (2, 2, 4)).copy()


_SURFACES = np.array(
    [
        [0.020, 0.55, 0.48, 0.35],  # skin
        [0.0, 0.2, 0.6, 0.2],  # body
        [0.0, 1.4, 0.12, 0.1],  # eye
        [0.0, 0.6, 0.25, 0.1],  # teeth
        [0.0, 0.6, 0.35, 0.2],  # tongue
        [0.02, 0.5, 0.45, 0.1],  # hair
    ],
    np.float32,
)
"""Per material: height scale, gloss, roughness, red light that wraps around edges."""


def _surfaces(head: Head) -> Float[np.ndarray, "m 4"]:
    """Return the surfaces with this person's gloss of skin."""
    surfaces = _SURFACES.copy()
    surfaces[Material.SKIN, 1] = head.skin.gloss
    return surfaces


def _visible(flat: np.ndarray, depth: np.ndarray, buffer: np.ndarray) -> Bool[np.ndarray, "49"]:
    """Return which points the depth buffer shows; a point on a silhouette counts if any of its 3 x 3 pixels agrees."""
    rows, columns = buffer.shape
    at = np.floor(flat * SUPERSAMPLING).astype(int)
    inside = (at >= 0).all(1) & (at[:, 0] < columns) & (at[:, 1] < rows)
    nearest = np.full(len(flat), -np.inf)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            x, y = np.clip(at[:, 0] + dx, 0, columns - 1), np.clip(at[:, 1] + dy, 0, rows - 1)
            found = buffer[y, x]
            nearest = np.maximum(nearest, np.where(found < FAR / 2, found, -np.inf))
    return inside & (depth <= nearest + HIDDEN_BEYOND)
