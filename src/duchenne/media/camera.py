"""Cameras of this machine as videos without an end."""

import sys
from pathlib import Path

import av

from duchenne.errors import MediaError, UsageError
from duchenne.media.container import cause_of
from duchenne.media.video import Video, check_range

_CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "vfwcap"}


def open_camera(index: int = 0, step: int = 1, end_s: float | None = None) -> Video:
    """Open a camera of this machine; its frames have the source "camera:INDEX" and count on until it is closed.

    Raises:
        UsageError: `index`, `step` or `end_s` makes no sense.
        MediaError: There is no such camera, it is busy, or this platform has no way to it.
    """
    check_range(None, end_s, step, 0)
    if index < 0:
        raise UsageError(f"The camera number is {index}; cameras count from 0: camera:0.")
    name, format_name = f"camera:{index}", _CAMERA_FORMATS.get(sys.platform)
    if format_name is None or format_name not in _device_formats():
        raise MediaError(f"{name}: the video library here cannot read cameras on {sys.platform}. Record a video first.")
    device = _device(name, index)
    try:
        container = av.open(device, format=format_name)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError(
            f"{name}: the camera cannot be opened ({cause_of(error)}). "
            "Close other programs that use it; check permissions."
        ) from None
    if not container.streams.video:
        container.close()
        raise MediaError(f"{name}: the device gives no pictures. Name another by its number.")
    return Video(container, container.streams.video[0], name, end_s=end_s, step=step, live=True)


def _device(name: str, index: int) -> str:
    if sys.platform != "linux":
        return str(index)
    device = f"/dev/video{index}"
    present = sorted(str(found) for found in Path("/dev").glob("video*"))
    if device not in present:
        raise MediaError(
            f"{name}: there is no {device}; cameras found: {', '.join(present) or 'none'}. "
            "Plug one in, or name another by its number."
        )
    return device


def _device_formats() -> set[str]:
    return {part for name in av.formats_available for part in name.split(",")}
