"""Colour profiles (ICC) that pictures carry: their colours as sRGB, as viewers show them."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_LEVELS = (0, 36, 73, 109, 146, 182, 219, 255)
_ALIKE = 2
"""Levels by which sRGB as different programs write it differs from sRGB."""
_KEPT = 16
"""Profiles that are kept: pictures of one camera carry the same."""
_UNREADABLE = "its colour profile cannot be read; its colours were taken for sRGB"
_OTHER_PIXELS = "its colour profile is made for pixels of another kind and was left out, as viewers do"


def in_srgb(image: Image.Image) -> tuple[Image.Image, str | None]:
    """Return an image in sRGB and a note where its profile could not be used; itself where it has none or has sRGB.

    Args:
        image: Opaque, of mode RGB, L or CMYK, with its profile in `info["icc_profile"]`.

    Example:
        >>> in_srgb(Image.new("RGB", (2, 2), "red"))[0].getpixel((0, 0))
        (255, 0, 0)
    """
    data = image.info.get("icc_profile")
    if not data:
        return image, None
    transform = _transform(data, image.mode)
    if transform is None or isinstance(transform, str):
        return image, transform
    return ImageCms.applyTransform(image, transform) or image, None


@lru_cache(_KEPT)
def _transform(data: bytes, mode: str) -> ImageCms.ImageCmsTransform | str | None:
    """Return what makes colours sRGB, None where they are, or why a profile cannot be used."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        if _MODES.get(profile.profile.xcolor_space.strip()) != mode:
            return _OTHER_PIXELS
        found = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
        return None if _changes_nothing(found, mode) else found
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return _UNREADABLE


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether colours spread over the cube stay as they are: sRGB is told by what it does, not by its name."""
    if mode == "CMYK":
        return False
    bands = len(mode)
    colours = np.stack(np.meshgrid(*[_LEVELS] * bands), -1).reshape(1, -1, bands).astype(np.uint8)
    swatch = Image.fromarray(colours if bands > 1 else colours[..., 0])
    found = np.asarray(ImageCms.applyTransform(swatch, transform), np.int16)
    return int(np.abs(found - colours).max()) <= _ALIKE
