"""Pictures: files, bytes and arrays to frames of RGB."""

import io
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from duchenne.cropping import Picture
from duchenne.errors import MediaError
from duchenne.media.colour_profile import in_srgb
from duchenne.media.frame import Frame, check_readable
from duchenne.media.heif import head_of, is_heif, lacking
from duchenne.media.jpeg_damage import is_damaged_jpeg
from duchenne.media.limits import (
    MAX_FILE_BYTES,
    MAX_PIXELS,
    MAX_STDIN_BYTES,
    DecodingBudget,
    decoding_bytes,
    fault_of,
)
from duchenne.media.pixel_aspect import square_size, still_aspect
from duchenne.media.sample_range import emptiness, in_bytes

PICTURE_ENDINGS = frozenset(
    f".{name}"
    for name in (
        *("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "bmp"),
        *("gif", "tif", "tiff", "jp2", "j2k", "avif", "heic", "heif", "hif", "ppm", "pgm", "pnm"),
    )
)
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "BMP", "GIF", "TIFF", "JPEG2000", "AVIF", "HEIF", "PPM")
_ONE_OF_SEVERAL = (
    "it holds several pictures, of which the first alone was read; save the others as files, or an animation as a video"
)
_DAMAGED = "its code is damaged; a part of it may show something else"
_JPEG = ("JPEG", "MPO")
_END_AND_START = b"\xff\xd9\xff\xd8\xff"
_STDIN = "-"
_STRIPE_ROWS = 128
_BUDGET = DecodingBudget()


def read_picture(picture: str | Path | bytes, name: str = _STDIN) -> Frame:
    """Return a picture as a frame: upright by its EXIF orientation, alpha laid over white, the first of several.

    Colours are made sRGB by the profile that the file carries. `Frame.notes` says where a file holds several pictures,
    what was taken for white where samples are no bytes, where a profile could not be used, where nothing can be seen,
    and where a JPEG is damaged in part, as far as that can be told.

    Args:
        picture: A path, or the bytes of a file.
        name: Of bytes, as the frame's source; "-" for those of standard input.

    Raises:
        MediaError: It is missing, no picture, broken, beyond the limits of `limits`, or HEIC without the extra `heif`.
    """
    if isinstance(picture, bytes):
        if not picture and name == _STDIN:
            raise MediaError("-: standard input was empty; expected the bytes of one picture: cat face.jpg | ... -")
        if not picture:
            raise MediaError(f"{name}: there is nothing in it; expected the bytes of one picture.")
        return _decode(io.BytesIO(picture), name, len(picture))
    path = Path(picture)
    check_readable(path, "a picture")
    if (size := path.stat().st_size) > MAX_FILE_BYTES:
        raise MediaError(_too_many_bytes(str(picture), size, MAX_FILE_BYTES))
    return _decode(path, str(picture), size)


def read_standard_input() -> Frame:
    """Return the one picture whose bytes come on standard input.

    Raises:
        MediaError: Nothing came, more than `MAX_STDIN_BYTES` did, or it is no picture.
    """
    data = sys.stdin.buffer.read(MAX_STDIN_BYTES + 1)
    if len(data) > MAX_STDIN_BYTES:
        raise MediaError(_too_many_bytes(_STDIN, None, MAX_STDIN_BYTES))
    return read_picture(data)


def frame_from_image(image: Image.Image) -> Frame:
    """Return a Pillow image as a frame, made upright and opaque as `read_picture` does; its file's name is the source.

    Raises:
        MediaError: It cannot be decoded, is closed, or has more than `MAX_PIXELS`.
    """
    name = str(getattr(image, "filename", "") or "image")
    if image.width * image.height > MAX_PIXELS:
        raise MediaError(_too_large(name, f"{image.width} x {image.height}"))
    if not image.width * image.height:
        raise MediaError(f"{name}: the image has no pixels; expected at least one.")
    with _named_errors(name):
        pixels, notes = _decode_image(image, None, name)
        return Frame(name, 0, 0.0, pixels, notes=notes)


def is_picture(path: Path) -> bool:
    """Return whether the file's header is that of a picture format read here."""
    try:
        if is_heif(head_of(path)):
            return True
        with _quiet_open(path):
            return True
    except Image.DecompressionBombError:
        return True
    except Exception:
        return False


def _quiet_open(file: Path | io.BytesIO) -> Image.Image:
    """Open lazily, only as the formats that are meant, without Pillow's warnings on the way."""
    Image.init()
    formats = [name for name in _FORMATS if name in Image.OPEN]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Image.open(file, formats=formats)


def _decode(file: Path | io.BytesIO, name: str, file_bytes: int) -> Frame:
    with _named_errors(name):
        if absent := lacking(head_of(file)):
            raise MediaError(f"{name}: {absent}")
        with _quiet_open(file) as image:
            if fault := fault_of(image, file_bytes):
                raise MediaError(f"{name}: {fault}")
            with _BUDGET.reserved(decoding_bytes(image, file_bytes)):
                pixels, notes = _decode_image(image, file, name)
                code = _bytes_of(file) if image.format in _JPEG else b""
                notes = (*notes, *_notes_of_jpeg(image, code))
    return Frame(name, 0, 0.0, pixels, _DAMAGED in notes, notes)


def _notes_of_jpeg(image: Image.Image, code: bytes) -> list[str]:
    """Return what only the code of a JPEG says: that it is damaged, or that further pictures follow, as in a stream."""
    several = image.format == "JPEG" and _END_AND_START in code
    return [*([_ONE_OF_SEVERAL] if several else []), *([_DAMAGED] if code and is_damaged_jpeg(code) else [])]


def _bytes_of(file: Path | io.BytesIO) -> bytes:
    return file.read_bytes() if isinstance(file, Path) else file.getvalue()


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    """Make a MediaError of whatever Pillow's decoders raise on broken pictures, which is of many types."""
    try:
        yield
    except MediaError:
        raise
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+", str(error))
        raise MediaError(_too_large(name, f"{found.group() if found else 'too many'}")) from None
    except UnidentifiedImageError:
        raise MediaError(
            f"{name}: the content is not that of a picture, whatever the name says. "
            f"Expected one of {', '.join(_FORMATS)}; open it in a viewer and save it as PNG or JPEG."
        ) from None
    except MemoryError:
        raise MediaError(f"{name}: too little memory to decode the picture. Make it smaller first.") from None
    except Exception as error:
        raise MediaError(
            f"{name}: the picture is broken or cut short ({error or type(error).__name__}). "
            "Copy it again from where it came."
        ) from None


def _too_many_bytes(name: str, found: int | None, most: int) -> str:
    size = "has no end" if found is None else f"has {found} bytes"
    return f"{name}: it {size}; a picture may have {most // 10**6} million. Name a picture, or a smaller one."


def _too_large(name: str, size: str) -> str:
    return f"{name}: {size} pixels; the limit is {MAX_PIXELS // 10**6} million. Scale the picture down first."


def _decode_image(image: Image.Image, file: Path | io.BytesIO | None, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        several, aspect = _holds_several(image), still_aspect(image)
        image, note = in_bytes(image, file)
        size = square_size(*image.size, aspect)
        if size[0] * size[1] > MAX_PIXELS:
            raise MediaError(_too_large(name, f"{size[0]} x {size[1]}"))
        if size != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        image, of_colours = in_srgb(_opaque(_upright(image)))
        pixels = _array_of(image if image.mode == "RGB" else image.convert("RGB"))
    notes = (_ONE_OF_SEVERAL if several else None, note, of_colours, emptiness(pixels))
    return pixels, tuple(note for note in notes if note)


def _upright(image: Image.Image) -> Image.Image:
    """Return an image as its EXIF orientation says; itself where that says nothing, for Pillow copies it even then."""
    image.load()
    if image.getexif().get(ExifTags.Base.Orientation, 1) == 1:
        return image
    return ImageOps.exif_transpose(image)


def _array_of(image: Image.Image) -> Picture:
    """Return the pixels of an RGB image; in stripes, which takes a third of the time that Pillow does at once."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _STRIPE_ROWS):
        bottom = min(image.height, top + _STRIPE_ROWS)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _holds_several(image: Image.Image) -> bool:
    """Return whether a file holds further pictures; those that cameras put beside a JPEG (MPO) are no others."""
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except Exception:  # What follows the first picture is broken.
        return True


def _opaque(image: Image.Image) -> Image.Image:
    """Return an image over white, as RGB; what is opaque grey or CMYK stays so, for its colour profile says more."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.info = image.info
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
