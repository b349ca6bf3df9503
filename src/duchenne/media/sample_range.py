"""What is black and what is white in a picture whose samples are no bytes, and whether anything is to be seen."""

import io
import math
from pathlib import Path

import av
import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from duchenne.media.container import MAX_VIDEO_PIXELS

_BITS = (8, 10, 12, 14, 16)
_LOOKED_AT = 8192
_LEAST_CONTRAST = 16
_DARK = 64
_WHITE_IS_ZERO = 0
_PHOTOMETRIC, _SAMPLE_FORMAT, _BITS_PER_SAMPLE, _UNSIGNED = 262, 339, 258, 1


def in_bytes(image: Image.Image, file: Path | io.BytesIO | None) -> tuple[Image.Image, str | None]:
    """Return a picture decoded, with a byte for each sample, and what was taken for black and white unless it is usual.

    Args:
        image: As `Image.open` returns it.
        file: What it was opened from; None where that is not known.
    """
    deep = _has_deep_colours(image)
    image.load()
    shown, note = None, None
    if image.mode == "F" or image.mode.startswith("I"):
        shown, note = shown_samples(_samples_of(image))
        if isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            shown = 255 - shown
    elif deep and file is not None and 0 < _highest(image) < _DARK:
        shown, note = _deep_colours(file, image)
    if shown is None:
        return image, None
    bytewise = Image.fromarray(shown)
    bytewise.info["exif"] = image.getexif().tobytes()  # It says what is up.
    return bytewise, note


def _samples_of(image: Image.Image) -> np.ndarray:
    """Return the grey samples of a picture of integers beyond a byte, or of floats, as they are stored."""
    samples = np.asarray(image)
    tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
    if image.mode == "I" and tags.get(_BITS_PER_SAMPLE) == (32,) and tags.get(_SAMPLE_FORMAT, (1,)) == (_UNSIGNED,):
        return samples.view(np.uint32)
    return samples


def shown_samples(samples: Num[np.ndarray, "h w *c"]) -> tuple[UInt8[np.ndarray, "h w *c"], str | None]:
    """Return samples as bytes, and what was taken for black and white unless it is the usual.

    Ours: integers of up to 16 bits have as many bits as their largest needs, of 8, 10, 12, 14 and 16, since cameras
    store 12 bits in 16; floats from 0 to 1, or to 255, have these for white. Others are spread from the smallest to the
    largest, as ImageJ shows them. Samples that are not finite are black.
    """
    finite = samples[np.isfinite(samples)]
    if not finite.size:
        return np.zeros(samples.shape, np.uint8), "none of its samples is a finite number"
    low, high = float(finite.min()), float(finite.max())
    black, white = _ends(low, high, samples.dtype)
    scale = 255.0 / (white - black) if white > black else 0.0
    with np.errstate(invalid="ignore"):
        levels = (samples.astype(np.float32) - np.float32(black)) * np.float32(scale)
    shown = np.rint(np.nan_to_num(levels, copy=False, nan=0.0, posinf=0.0, neginf=0.0)).astype(np.uint8)
    if samples.dtype.kind != "f" and white == 65535.0:
        return shown, None
    kind = "floats" if samples.dtype.kind == "f" else "integers"
    found = f"its samples are {kind} from {low:g} to {high:g}"
    return shown, f"{found}; {black:g} is taken for black and {white:g} for white"


def _ends(low: float, high: float, kind: np.dtype) -> tuple[float, float]:
    """Return what is black and what is white."""
    if kind.kind == "f":
        usual = [white for white in (1.0, 255.0) if low >= 0 and high <= white]
        return (0.0, usual[0]) if usual else (low, high)
    if low >= 0 and high <= 65535:
        return 0.0, 65535.0 if high == 0 else float(min(2**bits - 1 for bits in _BITS if high < 2**bits))
    return low, high


def _has_deep_colours(image: Image.Image) -> bool:
    """Return whether a picture that is not decoded yet has 16 bits a colour, of which Pillow keeps the upper 8."""
    arguments = [tile[3] for tile in getattr(image, "tile", ())]
    rawmodes = [one[0] if isinstance(one, tuple) else one for one in arguments]
    return image.format in ("PNG", "TIFF") and any(isinstance(mode, str) and "16" in mode for mode in rawmodes)


def _highest(image: Image.Image) -> int:
    return int(max(np.asarray(image.getextrema()).reshape(-1, 2)[:3, 1]))


def _deep_colours(file: Path | io.BytesIO, image: Image.Image) -> tuple[np.ndarray | None, str | None]:
    """Return the colours of a dark picture of 16 bits a colour by all their bits; None where they cannot be had."""
    data = file.read_bytes() if isinstance(file, Path) else file.getvalue()
    decoder = av.CodecContext.create(str(image.format).lower(), "r")
    decoder.options = {"max_pixels": str(MAX_VIDEO_PIXELS)}
    try:
        frame = decoder.decode(av.Packet(data))[0]  # type: ignore[attr-defined]
    except (av.FFmpegError, ValueError, IndexError):
        return None, None
    return shown_samples(frame.to_ndarray(format="rgb48le"))


def emptiness(pixels: UInt8[np.ndarray, "h w 3"]) -> str | None:
    """Return what to say of a picture in which nothing can be seen; None if something can."""
    step = max(1, math.isqrt(pixels.shape[0] * pixels.shape[1] // _LOOKED_AT))
    low, high = np.percentile(pixels[::step, ::step], (0.1, 99.9), axis=(0, 1))
    if (high - low).max() >= _LEAST_CONTRAST:
        return None
    return f"it looks empty: its values lie between {low.min():.0f} and {high.max():.0f} of 255"
