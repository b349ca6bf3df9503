"""Light, background and what a camera does to a picture: exposure, blur, noise, few pixels, JPEG."""

from dataclasses import dataclass
from enum import StrEnum

import cv2
import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.synthesis.scene.scene import Light


class Look(StrEnum):
    """Where pictures are taken: anywhere, in a studio (soft light from in front, plain walls), or in hard light.

    In the last two nothing comes between face and camera, as in recordings of a laboratory.
    """

    ANY = "any"
    STUDIO = "studio"
    HARSH = "harsh"


@dataclass(frozen=True)
class _Setting:
    """Bounds: how far to a side the key light stands, how soft it is (0-1), how many things stand behind."""

    across_deg: float
    soft: tuple[float, float]
    things: tuple[int, int]


_SETTINGS = {
    Look.ANY: _Setting(75, (0.2, 1.0), (0, 14)),
    Look.STUDIO: _Setting(35, (0.7, 1.0), (0, 1)),
    Look.HARSH: _Setting(75, (0.0, 0.35), (6, 14)),
}


def draw_light(rng: np.random.Generator, look: Look = Look.ANY) -> Light:
    """Return a random studio or room: a key light from in front, a fill from the other side, ambient light."""
    setting = _SETTINGS[look]
    across = np.radians(rng.uniform(-setting.across_deg, setting.across_deg))
    up = np.radians(rng.uniform(-5, 60))
    key = np.array([np.sin(across) * np.cos(up), -np.sin(up), -np.cos(across) * np.cos(up)])
    warm = rng.uniform(0.88, 1.12, 3)
    soft = rng.uniform(*setting.soft)
    return Light(
        key=key,
        key_colour=warm * rng.uniform(0.7, 1.2) * (1 - 0.5 * soft),
        fill=np.array([-np.sign(across) * 0.7, -0.2, -0.65]),
        fill_colour=rng.uniform(0.9, 1.1, 3) * rng.uniform(0.1, 0.45),
        sky=rng.uniform(0.9, 1.1, 3) * (0.15 + 0.5 * soft),
        ground=rng.uniform(0.85, 1.1, 3) * (0.1 + 0.3 * soft),
    )


def draw_background(rng: np.random.Generator, width: int, height: int, look: Look = Look.ANY) -> Picture:
    """Return a blurred room of planes and blobs, a plain wall or a gradient."""
    vivid = rng.uniform(0.05, 0.6)

    def colour() -> np.ndarray:
        return rng.uniform(15, 240) * (1 - vivid) + rng.uniform(0, 255, 3) * vivid

    top, bottom = colour(), colour()
    ramp = np.linspace(0, 1, height)[:, None, None]
    picture = np.broadcast_to(top * (1 - ramp) + bottom * ramp, (height, width, 3)).astype(np.float32).copy()
    for _ in range(int(rng.integers(*_SETTINGS[look].things))):
        paint = [float(c) for c in colour()]
        (x0, x1), (y0, y1) = rng.integers(0, width, 2), rng.integers(0, height, 2)
        if rng.random() < 0.6:
            cv2.rectangle(picture, (int(x0), int(y0)), (int(x1), int(y1)), paint, -1)
        else:
            cv2.circle(picture, (int(x0), int(y0)), int(rng.integers(5, max(6, height // 3))), paint, -1)
    blurred = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 12)) * height / 256)
    grain = rng.normal(size=blurred.shape) * rng.uniform(0, 6)
    return np.clip(blurred + grain, 0, 255).astype(np.uint8)


def photograph(rng: np.random.Generator, pixels: Picture, landmarks: Float[np.ndarray, "49 2"]) -> Picture:
    """Return the picture as a camera would have it; geometry and labels stay true."""
    picture: np.ndarray = _expose(rng, pixels.astype(np.float32), landmarks)
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.3)))
    if rng.random() < 0.08:
        picture = _motion_blur(rng, picture)
    if rng.random() < 0.25:
        picture = _few_pixels(rng, picture)
    if rng.random() < 0.5:
        picture = picture + rng.normal(size=picture.shape) * rng.uniform(0.5, 7)
    if rng.random() < 0.08:
        picture = np.repeat(picture @ np.array([[0.3], [0.59], [0.11]]), 3, 2)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _expose(rng: np.random.Generator, picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return the picture brightened part of the way to what automatic exposure on the face would choose.

    An S-shaped curve of random strength follows, as cameras use it.
    """
    low = np.clip(landmarks.min(0), 0, np.array(picture.shape[1::-1]) - 2).astype(int)
    high = np.maximum(np.clip(landmarks.max(0), 0, np.array(picture.shape[1::-1])).astype(int), low + 1)
    face = float(picture[low[1] : high[1], low[0] : high[0]].mean())
    gain = (rng.uniform(95, 165) / max(face, 5.0)) ** rng.uniform(0.45, 0.9)
    gamma = float(np.exp(rng.normal() * 0.12))
    value = np.clip(picture * gain / 255, 0, 1) ** gamma
    contrast = rng.uniform(0.0, 0.7)
    return 255 * (value + contrast * (value * value * (3 - 2 * value) - value))


def _motion_blur(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    length, turn = int(rng.integers(3, 8)), float(rng.uniform(0, 180))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    spin = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), turn, 1)
    kernel = cv2.warpAffine(kernel, spin, (length, length))
    return cv2.filter2D(picture, -1, kernel / max(float(kernel.sum()), 1e-6))


def _few_pixels(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    share = float(rng.uniform(0.3, 0.85))
    small = cv2.resize(picture, (int(width * share), int(height * share)), interpolation=cv2.INTER_AREA)
    way = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return cv2.resize(small, (width, height), interpolation=way)


def encode_jpeg(pixels: Picture, quality: int) -> bytes:
    """Return the picture as JPEG."""
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:  # OpenCV gives no reason; a valid array always encodes.
        raise ValueError("The picture could not be encoded as JPEG.")
    return bytes(data)
