"""From a decoded picture to the pixels that a viewer sees: upright, of square pixels, of one size throughout."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from duchenne.cropping import Picture
from duchenne.media.pixel_aspect import square_size

_UNSPECIFIED = 2
"""Of a picture that does not say how its colours are coded. Source: ITU-T H.273, table 4."""
_HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics of high dynamic range. Source: ITU-T H.273, table 3."""


@dataclass(frozen=True)
class Turn:
    """How a picture is brought upright.

    Attributes:
        quarters: Turns counter-clockwise, after it was mirrored.
        mirrored: Whether left and right are exchanged first.
    """

    quarters: int
    mirrored: bool


class UprightPictures:
    """Turns the pictures of one stream into RGB arrays of the size of the first.

    Attributes:
        width: Of all, in pixels.
        height: Likewise.
        stretched: Whether the pixels of the file are not square.
        resized: Whether a picture came in another size and was fitted into that of the first.
        interlaced: Whether a picture holds two moments, line by line.
        hdr: The curve of a high dynamic range by which brightness is coded, PQ or HLG; None for ordinary pictures.

    Args:
        stream: Of the pictures; its container's word on the shape of pixels goes before the codec's.
        first: Its first picture, decoded.
    """

    def __init__(self, stream: VideoStream, first: VideoFrame) -> None:
        self._stream = stream
        self._codec_aspect = stream.codec_context.sample_aspect_ratio
        self._aspect = stream.sample_aspect_ratio or self._codec_aspect
        self.resized = self.interlaced = False
        self.hdr = _HDR.get(int(stream.codec_context.color_trc))
        self._converter = _RGBConverter()
        stored, square = (first.width, first.height), self._square_size(first)
        self.stretched = square != stored
        self.width, self.height = _turned(square, turn_of(first))

    def see(self, picture: VideoFrame) -> None:
        """Take note of a picture that is left out."""
        size = _turned(self._square_size(picture), turn_of(picture))
        self.resized = self.resized or size != (self.width, self.height)
        self.interlaced = self.interlaced or bool(picture.interlaced_frame)

    def pixels_of(self, picture: VideoFrame) -> Picture:
        """Return a picture as H x W x 3 RGB."""
        self.see(picture)
        turn, (width, height) = turn_of(picture), self._square_size(picture)
        wide, high = _turned((width, height), turn)
        other = (wide, high) != (self.width, self.height)
        if other:
            scale = min(self.width / wide, self.height / high)
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = self._converter.pixels_of(picture, width, height)
        pixels = np.ascontiguousarray(np.rot90(pixels[:, ::-1] if turn.mirrored else pixels, turn.quarters))
        return self._framed(pixels) if other else pixels

    def _square_size(self, picture: VideoFrame) -> tuple[int, int]:
        told = self._stream.codec_context.sample_aspect_ratio
        if told is not None and told != self._codec_aspect:  # The stream changed its mind on the way.
            self._codec_aspect = self._aspect = told
        return square_size(picture.width, picture.height, self._aspect)

    def _framed(self, pixels: Picture) -> Picture:
        """Return a picture in the middle of a black one of the size of the first."""
        high, wide = min(pixels.shape[0], self.height), min(pixels.shape[1], self.width)
        top, left = (self.height - high) // 2, (self.width - wide) // 2
        framed = np.zeros((self.height, self.width, 3), np.uint8)
        framed[top : top + high, left : left + wide] = pixels[:high, :wide]
        return framed


class _RGBConverter:
    """Turns pictures into RGB; those of one form with one converter of FFmpeg, since each new one starts threads."""

    def __init__(self) -> None:
        self._form: tuple[object, ...] = ()
        self._reformatter = VideoReformatter()

    def pixels_of(self, picture: VideoFrame, width: int, height: int) -> Picture:
        """Return a picture in the given size as H x W x 3 RGB."""
        stored, size = (picture.width, picture.height), (width, height)
        form = (picture.format.name, stored, size, picture.colorspace, picture.color_range)
        if form != self._form:
            self._form, self._reformatter = form, VideoReformatter()
        colours = Colorspace.ITU709 if _is_untold_hd(picture) else None
        way = None if size == stored else Interpolation.BICUBIC
        rgb = self._reformatter.reformat(picture, *size, "rgb24", src_colorspace=colours, interpolation=way)
        return rgb.to_ndarray()


def _is_untold_hd(picture: VideoFrame) -> bool:
    """Return whether players take the colours for those of BT.709 although the file does not say so.

    Source: mpv, `mp_csp_guess_colorspace`: from 1280 pixels of width or 577 of height on; FFmpeg itself takes BT.601.
    """
    large = picture.width >= 1280 or picture.height > 576
    return large and int(picture.colorspace) == _UNSPECIFIED and not picture.format.is_rgb


def turn_of(picture: VideoFrame) -> Turn:
    """Return how a picture is brought upright, by the display matrix of its file.

    Source: ISO/IEC 14496-12, 6.2.2: (x, y) is shown at (a x + c y, b x + d y).
    """
    # `picture.side_data` would keep the picture, which keeps it: both would stay until Python looks for such rings.
    matrix = SideDataContainer(picture).get("DISPLAYMATRIX")  # type: ignore[call-arg]
    if matrix is None:
        return Turn(0, False)
    a, b, _, c, d = np.frombuffer(cast(bytes, matrix), np.int32, 5).astype(float)
    mirrored = a * d - b * c < 0
    angle_deg = np.degrees(np.arctan2(-b, -a) if mirrored else np.arctan2(b, a))
    return Turn(round(-float(angle_deg) / 90) % 4, bool(mirrored))


def _turned(size: tuple[int, int], turn: Turn) -> tuple[int, int]:
    return size[::-1] if turn.quarters % 2 else size
