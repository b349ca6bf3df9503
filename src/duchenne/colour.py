"""What colours count in a grey value, and whether a picture has any."""

import numpy as np

from duchenne.cropping import Picture

LUMINANCE = (0.299, 0.587, 0.114)
"""What red, green and blue count in a grey value.

Source: ITU-R Recommendation BT.601.
"""
_COLOURLESS = 6
"""Channels of a grey picture that was a JPEG in colour differ by less than this."""


def is_grey(pixels: Picture) -> bool:
    """Return whether a picture is without colour: in no pixel the channels differ by `_COLOURLESS` or more."""
    return bool((np.ptp(pixels.astype(np.int16), axis=2) < _COLOURLESS).all())
