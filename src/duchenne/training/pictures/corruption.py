"""How a camera may spoil a picture: colour, light, blur, noise, low resolution, JPEG. Used on the face detector's canvases."""

import cv2
import numpy as np

from duchenne.cropping import Picture

_RAMP = np.arange(256, dtype=np.float32) / 255


def corrupt(pixels: Picture, rng: np.random.Generator) -> Picture:
    """Return the picture as a worse camera, a worse lamp or a worse file would show it."""
    if rng.random() < 0.15:
        pixels = _low_resolution(pixels, rng)
    if rng.random() < 0.15:
        pixels = _blur(pixels, rng)
    pixels = recolour(pixels, rng, strength=1.0)
    if rng.random() < 0.12:
        pixels = greyed(pixels)
    if rng.random() < 0.3:
        pixels = _noise(pixels, rng)
    if rng.random() < 0.25:
        pixels = _jpeg(pixels, rng)
    return pixels


def greyed(pixels: Picture) -> Picture:
    """Return the picture without colour, still three channels."""
    return cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def recolour(pixels: Picture, rng: np.random.Generator, strength: float) -> Picture:
    """Return the picture under another exposure, contrast, gamma and colour of light."""
    gamma = np.exp(rng.normal(0, 0.3 * strength))
    gain = np.exp(rng.normal(0, 0.15 * strength) + rng.normal(0, 0.06 * strength, 3))
    lift = rng.normal(0, 0.05 * strength)
    table = np.clip((_RAMP[:, None] ** gamma * gain + lift) * 255, 0, 255).astype(np.uint8)
    return cv2.LUT(pixels, np.ascontiguousarray(table[None]))


def tinted(pixels: Picture, rng: np.random.Generator) -> Picture:
    """Return a grey picture coloured from a dark to a light tone, most often those of skin.

    Two thirds of the real faces are grey; without this the network would take colour for a sign of something else.
    """
    dark = np.array([0.16, 0.07, 0.05]) * rng.uniform(0.2, 1.8)
    light = np.array([1.0, rng.uniform(0.72, 1.0), rng.uniform(0.6, 1.0)])
    middle = (dark + light) / 2 + np.array([0.12, 0.0, -0.08]) * rng.uniform(0, 1)
    ramp = np.stack([np.interp(_RAMP, [0, 0.5, 1], [dark[c], middle[c], light[c]]) for c in range(3)], -1)
    table = np.clip(ramp * 255, 0, 255).astype(np.uint8)
    return cv2.LUT(pixels, np.ascontiguousarray(table[None]))


def _low_resolution(pixels: Picture, rng: np.random.Generator) -> Picture:
    height, width = pixels.shape[:2]
    factor = rng.uniform(0.35, 0.9)
    small = cv2.resize(
        pixels, (max(1, int(width * factor)), max(1, int(height * factor))), interpolation=cv2.INTER_AREA
    )
    back = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
    return cv2.resize(small, (width, height), interpolation=back)


def _blur(pixels: Picture, rng: np.random.Generator) -> Picture:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.4))
    length = int(rng.integers(2, 6))
    return cv2.blur(pixels, (length, 1) if rng.random() < 0.5 else (1, length))


def _noise(pixels: Picture, rng: np.random.Generator) -> Picture:
    channels = 3 if rng.random() < 0.5 else 1
    noise = np.empty((*pixels.shape[:2], channels), np.int16)
    cv2.setRNGSeed(int(rng.integers(2**31)))
    cv2.randn(noise, (0,) * channels, (float(rng.uniform(2, 18)),) * channels)
    if channels == 1:
        noise = cv2.merge([noise[..., 0]] * 3)
    return cv2.add(pixels, noise, dtype=cv2.CV_8U)


def _jpeg(pixels: Picture, rng: np.random.Generator) -> Picture:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
