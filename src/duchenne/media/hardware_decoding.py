"""Videos decoded by a graphics card or another device: what FFmpeg offers here, and which of it is taken."""

import warnings
from functools import cache

import av
from av.codec.hwaccel import HWAccel, HWDeviceType, hwdevices_available

from duchenne.errors import DeviceError, DeviceWarning, UsageError
from duchenne.media.container import cause_of

OFF, AUTO = "off", "auto"
_CODECS = ("h264", "hevc", "av1", "vp9", "vp8", "mpeg2video", "mpeg4", "vc1", "mjpeg")
"""Of which a device is asked whether it decodes any; the most common first."""


def check_hardware_decoding(name: str) -> None:
    """Raise UsageError unless hardware decoding may be asked for by this name."""
    if name not in (known := (OFF, AUTO, *(kind for kind in HWDeviceType.__members__ if kind != "none"))):
        raise UsageError(f"There is no hardware decoding {name!r}. Choose one of {', '.join(known)}.")


def hardware_for(asked: str) -> str:
    """Return the name of the device that decodes videos: "off" for none.

    Example:
        >>> hardware_for("off")
        'off'

    Args:
        asked: "off"; FFmpeg's name of a kind of device, such as "cuda"; or "auto" for the first of them that starts.

    Raises:
        UsageError: FFmpeg knows no device of this name.
        DeviceError: It is asked for by name and cannot be used here.

    Warns:
        DeviceWarning: "auto" found none.
    """
    check_hardware_decoding(asked)
    if asked == OFF:
        return OFF
    if asked != AUTO:
        if fault := hardware_fault(asked):
            raise DeviceError(f"{fault} Use --hardware-decoding off or auto to go on without it.")
        return asked
    faults = [(name, hardware_fault(name)) for name in offered_hardware()]
    found = next((name for name, fault in faults if fault is None), OFF)
    if found == OFF:
        said = " ".join(fault for _, fault in faults if fault) or _lacking("any device")
        warnings.warn(f"{said} Videos are decoded in software.", DeviceWarning, stacklevel=2)
    return found


def offered_hardware() -> tuple[str, ...]:
    """Return the kinds of devices for which this FFmpeg has decoders, in its order; whether one is here is not said."""
    return tuple(name for name in hwdevices_available() if _codec_on(name) is not None)


@cache
def hardware_fault(name: str) -> str | None:
    """Return why videos cannot be decoded by a kind of device here; None if they can: one was opened.

    Example:
        >>> hardware_fault("drm").startswith("The FFmpeg of PyAV")
        True
    """
    codec = _codec_on(name) if name in hwdevices_available() else None
    if codec is None:
        return _lacking(name)
    try:
        accelerator(name).create(codec)
    except (av.FFmpegError, OSError, RuntimeError) as error:
        cause = cause_of(error)
        return f"The device {name} for decoding does not start ({cause}). Check that it is there, and its driver."
    return None


def accelerator(name: str) -> HWAccel:
    """Return the setting with which FFmpeg decodes on a device, and nowhere else if it fails."""
    return HWAccel(name, allow_software_fallback=False)


def _lacking(name: str) -> str:
    return f"The FFmpeg of PyAV {av.__version__} has no decoder on {name} (it has {_listed(offered_hardware())})."


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "none"


def _codec_on(name: str) -> av.Codec | None:
    for codec in (av.Codec(known, "r") for known in _CODECS if known in av.codecs_available):
        if any(config.is_supported and config.device_type.name == name for config in codec.hardware_configs or ()):
            return codec
    return None
