"""From files, folders, videos and cameras to frames."""

from dataclasses import dataclass

from duchenne.cropping import Picture


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        source: The path, "-" for standard input or "camera:0".
        index: Counted from 0 in the source; 0 for a picture.
        timestamp_s: Presentation time; 0 for a picture.
        pixels: H x W x 3, RGB.
    """

    source: str
    index: int
    timestamp_s: float
    pixels: Picture
