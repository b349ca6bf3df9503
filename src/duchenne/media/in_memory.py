"""Pictures that Python holds already: arrays, tensors, Pillow images, bytes and open files to frames."""

import os
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from duchenne.errors import MediaError
from duchenne.media.frame import Frame
from duchenne.media.limits import MAX_FILE_BYTES
from duchenne.media.picture import frame_from_image, read_picture

_TAKEN = (
    "a path, an open binary file, bytes, a Pillow image, an array (height x width x 3) or a tensor (3 x height x width)"
)


@runtime_checkable
class Tensor(Protocol):
    """What is asked of a tensor of torch."""

    def detach(self) -> Any:
        """Return it without its gradient."""


PictureLike = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | np.ndarray | Tensor


def frame_of(image: object) -> Frame:
    """Return a picture, in whatever form Python holds it, as a frame.

    Example:
        >>> import numpy as np
        >>> frame_of(np.full((8, 12), 0.5)).pixels[0, 0]
        array([128, 128, 128], dtype=uint8)

    Args:
        image: A path, an open binary file, its bytes, a Pillow image, an array of H x W x 3 RGB or H x W grey, or a
            torch tensor of 3 x H x W or 1 x H x W; uint8 of 0-255, or floats of 0-1.

    Raises:
        MediaError: It cannot be read, or is none of these.
    """
    if isinstance(image, str | os.PathLike):
        return read_picture(image if isinstance(image, str) else Path(os.fsdecode(image)))
    if isinstance(image, np.ndarray):
        return frame_from_array(image)
    if isinstance(image, Image.Image):
        return frame_from_image(image)
    if isinstance(image, bytes | bytearray | memoryview):
        return read_picture(bytes(image), "bytes")
    if callable(getattr(image, "read", None)):
        return read_picture(*_bytes_and_name(image))
    if isinstance(image, Tensor):
        return frame_from_array(_array_of(image), "tensor")
    raise MediaError(f"{type(image).__name__}: this is not a picture; expected {_TAKEN}.")


def frame_from_array(array: np.ndarray, name: str = "array") -> Frame:
    """Return an array as a frame.

    Example:
        >>> import numpy as np
        >>> frame_from_array(np.zeros((8, 12), np.uint8)).pixels.shape
        (8, 12, 3)

    Args:
        array: H x W x 3 RGB or H x W grey; uint8 of 0-255, or floats of 0-1, which are rounded to the nearest 255th.
        name: The frame's source.

    Raises:
        MediaError: The array has another shape or type, no pixels, or floats beyond 0-1.
    """
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise MediaError(
            f"{name}: the picture has type {array.dtype}, expected uint8 with values 0-255 or floats with values 0-1. "
            "Scale and convert it first."
        )
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise MediaError(
            f"{name}: the picture has the shape {array.shape}, expected height x width x 3 (RGB) or height x width. "
            "Drop an alpha channel with image[:, :, :3]; give the frames of a batch one by one."
        )
    return Frame(name, 0, 0.0, np.ascontiguousarray(_in_255ths(array, name)))


def _in_255ths(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if not (array.min() >= 0 and array.max() <= 1):  # NaN is neither.
        raise MediaError(
            f"{name}: the picture has floats from {array.min():g} to {array.max():g}, expected 0-1. Divide values of "
            "0-255 by 255; undo a normalisation by mean and deviation."
        )
    return np.rint(array.astype(np.float64) * 255).astype(np.uint8)


def _array_of(tensor: Any) -> np.ndarray:
    """Return a tensor as an array whose channels come last."""
    try:
        found = tensor.detach().cpu()
        array = np.asarray((found.float() if found.is_floating_point() else found).numpy())
    except (AttributeError, TypeError, RuntimeError) as error:
        raise MediaError(f"tensor: it cannot be read ({error}). Give a dense tensor of 3 x height x width.") from None
    if array.ndim == 3 and array.shape[0] in (1, 3):
        array = np.moveaxis(array, 0, 2)
        array = array[:, :, 0] if array.shape[2] == 1 else array
    return array


def _bytes_and_name(file: Any) -> tuple[bytes, str]:
    """Return what is left to read of an open file, and its name."""
    name = getattr(file, "name", None)
    name = name if isinstance(name, str) else "file"
    try:
        data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError, TypeError) as error:
        raise MediaError(f"{name}: the open file cannot be read ({error}). Open it again, in binary mode.") from None
    if not isinstance(data, bytes | bytearray):
        raise MediaError(f"{name}: the file is open as text. Open it in binary mode: open({name!r}, 'rb').")
    if len(data) > MAX_FILE_BYTES:
        raise MediaError(
            f"{name}: it has more than {MAX_FILE_BYTES // 10**6} million bytes, the most for a picture. "
            "Name a smaller one."
        )
    return bytes(data), name
