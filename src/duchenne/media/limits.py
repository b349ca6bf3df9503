"""What a picture may cost before it is decoded, and how much is decoded at the same time.

Few bytes can stand for millions of pixels: 34 bytes of WebP for 179 million, which took 3.9 GB. Size and format are
read from the header, so that a picture is refused before anything is unpacked.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from duchenne.media.pixel_aspect import square_size, still_aspect

MAX_PIXELS = 178_956_970
"""Larger pictures are refused: the limit beyond which Pillow, too, suspects an attack. The largest cameras have 151
million."""
MAX_DECODING_BYTES = 1_600_000_000
"""Memory that decoding one picture may take, and all pictures that are decoded at the same time together."""
MAX_FILE_BYTES = 700_000_000
"""Larger files are refused; some formats are read whole before they are decoded."""
MAX_STDIN_BYTES = 256_000_000
"""Standard input is cut here: it may have no end."""
MAX_PIXELS_PER_BYTE = 10_000
"""A file that says more shows no face: one colour as PNG has 340 pixels a byte, one bit a pixel 8,000."""
_SUSPICIOUS_PIXELS = 4_000_000
"""Smaller pictures may be as empty as they like."""
_DECODER_BYTES = {"WEBP": 16, "JPEG2000": 20, "AVIF": 10, "HEIF": 10, "JPEG": 7, "MPO": 7, "TIFF": 8}
"""By format, what a pixel takes at its peak until Pillow has it, measured on pictures of 16 million (16, 19.2, 9.5, 7
with progressive scans); 4 for others."""
_STRETCHED_BYTES = 7
"""What a pixel takes in a picture whose pixels were not square and that was scaled: 4 for Pillow's, 3 for an array."""
_WHOLE_IN_MEMORY = ("WEBP", "AVIF", "HEIF")


def fault_of(image: Image.Image, file_bytes: int) -> str | None:
    """Return why a picture is not decoded, with what to do; None if it may be.

    Args:
        image: As `Image.open` returns it, without pixels yet.
        file_bytes: Size of its file.
    """
    pixels = image.width * image.height
    size = f"{image.width} x {image.height} pixels"
    if pixels > MAX_PIXELS:
        return f"{size}; the limit is {MAX_PIXELS // 10**6} million. Scale the picture down first."
    if pixels > max(_SUSPICIOUS_PIXELS, MAX_PIXELS_PER_BYTE * file_bytes):
        return (
            f"{size} in a file of {file_bytes} bytes; more than {MAX_PIXELS_PER_BYTE} pixels a byte show no face and "
            "are meant to fill the memory. Save it again from its original."
        )
    if (cost := decoding_bytes(image, file_bytes)) > MAX_DECODING_BYTES:
        return (
            f"{size} as {image.format} {image.mode}, which take {cost / 1e9:.1f} GB to decode; the limit is "
            f"{MAX_DECODING_BYTES / 1e9:g} GB. Scale the picture down, or save it as JPEG."
        )
    return None


def decoding_bytes(image: Image.Image, file_bytes: int) -> int:
    """Return the memory that decoding takes at most: the decoder's, then the steps to square pixels and upright RGB."""
    pixel, stored = _DECODER_BYTES.get(image.format or "", 4) + _bytes_to_rgb(image), image.width * image.height
    width, height = square_size(image.width, image.height, still_aspect(image))
    stretched = 0 if (width, height) == image.size else width * height * _STRETCHED_BYTES
    return stored * pixel + stretched + (2 * file_bytes if image.format in _WHOLE_IN_MEMORY else 0)


def _bytes_to_rgb(image: Image.Image) -> int:
    """Return what a pixel takes from Pillow's picture to an array: 3 for the array, 4 for each picture between."""
    if image.mode == "F" or image.mode.startswith("I"):
        return 24
    if image.has_transparency_data:
        return 19
    return 3 if image.mode == "RGB" else 7


class DecodingBudget:
    """Lets pictures be decoded side by side as long as they fit into `MAX_DECODING_BYTES` together."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._used = 0

    @contextmanager
    def reserved(self, cost: int) -> Iterator[None]:
        """Wait until there is room for so many bytes, and hold it while the block runs."""
        with self._free:
            self._free.wait_for(lambda: not self._used or self._used + cost <= MAX_DECODING_BYTES)
            self._used += cost
        try:
            yield
        finally:
            with self._free:
                self._used -= cost
                self._free.notify_all()
