"""From a decoded picture to the pixels that a viewer sees: upright, of square pixels, of one size throughout."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from duchenne.cropping import Picture
from duchenne.media.pixel_aspect import square_size


class UprightPictures:
    """Turns the pictures of one stream into RGB arrays of the size of the first.

    Attributes:
        width: Of all, in pixels.
        height: Likewise.
        stretched: Whether the pixels of the file are not square.
        resized: Whether a picture came in another size and was fitted into that of the first.

    Args:
        stream: Of the pictures; its container's word on the shape of pixels goes before the codec's.
        first: Its first picture, decoded.
    """

    def __init__(self, stream: VideoStream, first: VideoFrame) -> None:
        self._stream = stream
        self._codec_aspect = stream.codec_context.sample_aspect_ratio
        self._aspect = stream.sample_aspect_ratio or self._codec_aspect
        self.resized = False
        stored, square = (first.width, first.height), self._square_size(first)
        self.stretched = square != stored
        self.width, self.height = _turned(square, _quarter_turns(first))

    def see(self, picture: VideoFrame) -> None:
        """Take note of a picture that is left out."""
        size = _turned(self._square_size(picture), _quarter_turns(picture))
        self.resized = self.resized or size != (self.width, self.height)

    def pixels_of(self, picture: VideoFrame) -> Picture:
        """Return a picture as H x W x 3 RGB."""
        self.see(picture)
        turns, (width, height) = _quarter_turns(picture), self._square_size(picture)
        wide, high = _turned((width, height), turns)
        other = (wide, high) != (self.width, self.height)
        if other:
            scale = min(self.width / wide, self.height / high)
            width, height = max(1, round(width * scale)), max(1, round(height * scale))
        pixels = _rgb(picture, width, height)
        pixels = np.ascontiguousarray(np.rot90(pixels, turns) if turns else pixels)
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


def _rgb(picture: VideoFrame, width: int, height: int) -> Picture:
    if (width, height) == (picture.width, picture.height):
        return picture.to_ndarray(format="rgb24")
    return picture.to_ndarray(format="rgb24", width=width, height=height, interpolation=Interpolation.BICUBIC)


def _quarter_turns(picture: VideoFrame) -> int:
    """Return how many quarter turns counter-clockwise bring the picture upright."""
    return round(picture.rotation / 90) % 4


def _turned(size: tuple[int, int], turns: int) -> tuple[int, int]:
    return size[::-1] if turns % 2 else size
