"""HEIC files as phones write them: a picture cut into tiles, each coded by HEVC, and boxes that say how they lie.

Source: ISO/IEC 14496-12 (boxes) and 23008-12 (items, 6.6.2.3.2: grid).
"""

import struct
from fractions import Fraction

import av
import numpy as np

TILE_PX = 512


def box(kind: str, *parts: bytes, version: int | None = None, flags: int = 0) -> bytes:
    """Return a box; a version makes it a full box."""
    full = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = full + b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def coded_tiles(tiles: list[np.ndarray]) -> tuple[bytes, list[bytes]]:
    """Return the parameter sets of HEVC, one after another, and each tile's slices, both with lengths before units."""
    encoder = av.CodecContext.create("libx265", "w")
    encoder.width = encoder.height = TILE_PX
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = {"x265-params": "keyint=1:log-level=none:crf=8:info=0", "preset": "ultrafast"}
    frames = [av.VideoFrame.from_ndarray(tile, format="rgb24") for tile in tiles]
    packets = [p for frame in [*frames, None] for p in encoder.encode(frame)]
    units = [_units(bytes(packet)) for packet in packets]
    sets = [unit for unit in units[0] if _kind(unit) in (32, 33, 34)]
    slices = [[u for u in of_tile if _kind(u) < 32] for of_tile in units]
    return _configuration(sets), [b"".join(struct.pack(">I", len(u)) + u for u in s) for s in slices]


def _units(stream: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in stream.split(b"\0\0\1")[1:]]


def _kind(unit: bytes) -> int:
    return unit[0] >> 1 & 63


def _configuration(sets: list[bytes]) -> bytes:
    """Return the decoder configuration record of main profile, 4:2:0, 8 bits (ISO/IEC 14496-15, 8.3.3.1)."""
    general = bytes([1, 1]) + struct.pack(">I", 0x60000000) + bytes(6) + bytes([93])
    rest = struct.pack(">HBBBBHB", 0xF000, 0xFC, 0xFD, 0xF8, 0xF8, 0, 0x0F)
    arrays = b"".join(bytes([0x80 | _kind(u)]) + struct.pack(">HH", 1, len(u)) + u for u in sets)
    return general + rest + bytes([len(sets)]) + arrays


def tiled_heic(pixels: np.ndarray, quarter_turns: int = 0) -> bytes:
    """Return a picture as a grid of tiles of 512 px, of which a reader that knows no grids sees the first.

    Args:
        pixels: H x W x 3, RGB.
        quarter_turns: By which a reader turns it counter-clockwise.
    """
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    padded = np.pad(pixels, ((0, rows * TILE_PX - height), (0, columns * TILE_PX - width), (0, 0)), "edge")
    tiles = [np.ascontiguousarray(strip) for band in np.split(padded, rows) for strip in np.split(band, columns, 1)]
    configuration, coded = coded_tiles(tiles)
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    items = [*coded, grid]
    main = len(items)  # Items are counted from 1; the grid is the last.
    head = box("ftyp", b"heic", struct.pack(">I", 0), b"mif1heic")
    meta = _meta(items, [0] * len(items), main, configuration, (width, height), quarter_turns)
    start, offsets = len(head) + len(meta) + 8, []
    for item in items:
        offsets.append(start)
        start += len(item)
    return head + _meta(items, offsets, main, configuration, (width, height), quarter_turns) + box("mdat", *items)


def _meta(items, offsets, main, configuration, size, quarter_turns) -> bytes:
    kinds = ["hvc1"] * (main - 1) + ["grid"]
    entries = [box("infe", struct.pack(">HH4sB", k + 1, 0, kind.encode(), 0), version=2, flags=int(k + 1 != main))
               for k, kind in enumerate(kinds)]  # fmt: skip
    places = [struct.pack(">HHHII", k + 1, 0, 1, offset, len(item)) for k, (offset, item) in enumerate(zip(offsets, items, strict=True))]  # fmt: skip  # noqa: E501
    tiles = b"".join(struct.pack(">H", k) for k in range(1, main))
    properties = box(
        "ipco",
        box("hvcC", configuration),
        box("ispe", struct.pack(">II", TILE_PX, TILE_PX), version=0),
        box("ispe", struct.pack(">II", *size), version=0),
        box("irot", bytes([quarter_turns])),
    )
    of_tile = [struct.pack(">HBBB", k, 2, 0x81, 2) for k in range(1, main)]
    belong = box("ipma", struct.pack(">I", main), *of_tile, struct.pack(">HBBB", main, 2, 3, 0x84), version=0)
    return box(
        "meta",
        box("hdlr", struct.pack(">I4s12s", 0, b"pict", b""), b"\0", version=0),
        box("pitm", struct.pack(">H", main), version=0),
        box("iloc", struct.pack(">BBH", 0x44, 0, len(items)), *places, version=0),
        box("iinf", struct.pack(">H", len(items)), *entries, version=0),
        box("iref", box("dimg", struct.pack(">HH", main, main - 1), tiles), version=0),
        box("iprp", properties, belong),
        version=0,
    )
