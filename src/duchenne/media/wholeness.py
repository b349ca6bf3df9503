"""Whether a file of video ends where its own structure says, so that a cut copy is told from a whole one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_PACKETS = (188, 192, 204)
"""Lengths of packets of transport streams: plain, with time codes (Blu-ray, AVCHD), with error correction."""
_SYNC = 0x47
_FLV_TAGS = (8, 9, 18)
"""Sound, pictures, data."""
_OGG_PAGE = 65_307
"""Bytes of the longest page."""
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def is_whole(path: Path, format_name: str) -> bool | None:
    """Return whether a file holds all that its structure announces; None where the format announces nothing.

    Args:
        path: The file.
        format_name: FFmpeg's name of the container.
    """
    check = next((check for name, check in _CHECKS.items() if name in format_name.split(",")), None)
    if check is None:
        return None
    try:
        with path.open("rb") as stream:
            return check(stream, os.fstat(stream.fileno()).st_size)
    except OSError:
        return None


def later_recordings(path: Path, format_name: str) -> int:
    """Return how many further recordings were joined to the first of a file although players never show them."""
    heads = next((heads for name, heads in _HEADS.items() if name in format_name.split(",")), None)
    if heads is None:
        return 0
    try:
        with path.open("rb") as stream:
            return max(0, heads(stream, os.fstat(stream.fileno()).st_size) - 1)
    except OSError:
        return 0


def _mp4(stream: BinaryIO, size: int) -> bool:
    """Return whether the last box ends within the file. Source: ISO/IEC 14496-12, 4.2."""
    return all(end <= size for _, end in _boxes(stream, size))


def _boxes(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and end of each box at the top of an MP4 file."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(16)
        length, start = int.from_bytes(head[:4]), 8
        if length == 1:
            length, start = int.from_bytes(head[8:16]), 16
        elif length == 0:
            length = size - at
        if length < start or not head[4:8].isascii():
            return  # What follows are no boxes; FFmpeg does not read it either.
        yield head[4:8], at + length
        at += length
    if at < size:
        yield b"rest", at + 8


def _avi(stream: BinaryIO, size: int) -> bool | None:
    """Return whether all RIFF chunks end within the file; None for a recording that was never closed.

    Files above 1 GB have several. Source: OpenDML AVI 1.02.
    """
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] != b"RIFF" or length == 0:
            break
        at += 8 + length + length % 2
    return at <= size + 1 if at else None


def _matroska(stream: BinaryIO, size: int) -> bool:
    """Return whether the last element ends within the file. Source: RFC 8794, sections 5 and 6; RFC 9559."""
    at = 0
    while at < size:
        stream.seek(at)
        head = stream.read(12)
        kind, kind_length = _vint(head, keep_marker=True)
        length, size_length = _vint(head[kind_length:], keep_marker=False)
        if kind is None or length is None:
            return False
        at += kind_length + size_length
        unknown = length == (1 << 7 * size_length) - 1
        if not unknown and at + length > size:
            return False
        at += 0 if unknown else length  # Of unknown length: go on with what is inside.
    return True


def _vint(data: bytes, keep_marker: bool) -> tuple[int | None, int]:
    """Return a number of variable length and how many bytes it takes; None where the file ends within it."""
    length = 9 - data[0].bit_length() if data and data[0] else 9
    if length > 8 or len(data) < length:
        return None, 0
    value = int.from_bytes(data[:length])
    return value if keep_marker else value & ((1 << 7 * length) - 1), length


def _transport(stream: BinaryIO, size: int) -> bool | None:
    """Return whether the file ends with a whole packet; None where no packets of one length are found."""
    stream.seek(0)
    head = stream.read(4 * max(_PACKETS))
    for length in _PACKETS:
        start = 4 if length == 192 else 0
        if all(head[at : at + 1] == bytes([_SYNC]) for at in range(start, min(len(head), 3 * length), length)):
            return size % length == 0
    return None


def _asf(stream: BinaryIO, size: int) -> bool:
    """Return whether the objects of the file end within it."""
    return all(end <= size for _, end in _asf_objects(stream, size))


def _asf_objects(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield kind and end of each object at the top. Source: ASF specification 1.20, section 2.1."""
    at = 0
    while at + 24 <= size:
        stream.seek(at)
        head = stream.read(24)
        length = int.from_bytes(head[16:24], "little")
        if length < 24:
            return
        yield head[:16], at + length
        at += length


def _flv(stream: BinaryIO, size: int) -> bool:
    """Return whether the last tag ends within the file."""
    return all(end <= size for _, end in _flv_tags(stream, size))


def _flv_tags(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield what each tag, or header, begins with, and its end. Source: Video File Format Specification 10, annex E."""
    at = 0
    while at < size:
        stream.seek(at)
        head = stream.read(11)
        if head[:3] != b"FLV" and head[0] & 0x1F not in _FLV_TAGS:
            return  # Damaged; FFmpeg looks for the next tag.
        length = 13 if head[:3] == b"FLV" else 15 + int.from_bytes(head[1:4])
        yield head[:3], at + length
        at += length


def _ogg(stream: BinaryIO, size: int) -> bool | None:
    """Return whether the last page ends with the file. Source: RFC 3533, section 6."""
    stream.seek(max(0, size - 2 * _OGG_PAGE))
    tail = stream.read()
    at = tail.rfind(b"OggS")
    if at < 0 or len(tail) < at + 27:
        return None if at < 0 else False
    segments = tail[at + 27 : at + 27 + tail[at + 26]]
    return at + 27 + len(segments) + sum(segments) <= len(tail) and len(segments) == tail[at + 26]


_CHECKS = {
    "mp4": _mp4,
    "matroska": _matroska,
    "avi": _avi,
    "mpegts": _transport,
    "asf": _asf,
    "flv": _flv,
    "ogg": _ogg,
}
_HEADS = {
    "mp4": lambda stream, size: sum(kind == b"moov" for kind, _ in _boxes(stream, size)),
    "flv": lambda stream, size: sum(kind == b"FLV" for kind, _ in _flv_tags(stream, size)),
    "asf": lambda stream, size: sum(kind == _ASF_HEADER for kind, _ in _asf_objects(stream, size)),
}
