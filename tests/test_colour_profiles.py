"""Pictures with colour profiles are seen as viewers show them."""

import io
import struct

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageCms

from duchenne import AUDetector
from duchenne.diagnosis import SAMPLE
from duchenne.media.picture import frame_from_image, read_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
"""Says that the first channel is blue and the last one red."""
CYAN_AS_RED = b"\x88\xd0\xc3"
"""Red in 8-bit Lab: L 53, a 80, b 67."""


def encoded(image, profile, kind="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, icc_profile=profile, **options)
    return file.getvalue()


def cmyk_profile() -> bytes:
    """Return a profile of a printer whose cyan is red, by a table of its sixteen corners (ICC.1, lut8Type)."""
    corners = b"".join(
        (b"\0" if k else b"\xff" if not c else CYAN_AS_RED[:1]) + (CYAN_AS_RED[1:] if c and not k else b"\x80\x80")
        for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)
    )  # fmt: skip
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0\x04\x03\x02\0" + identity + bytes(range(256)) * 4 + corners + bytes(range(256)) * 3
    head = struct.pack(">I4sI4s4s4s12s4s", 0, b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ", bytes(12), b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061)
    body = head.ljust(128, b"\0") + struct.pack(">I4sII", 1, b"A2B0", 144, len(table)) + table
    return struct.pack(">I", len(body)) + body[4:]


@pytest.fixture(scope="module")
def face() -> Image.Image:
    return Image.open(SAMPLE).convert("RGB")


@pytest.mark.parametrize(("kind", "options", "off"), [
    ("PNG", {}, 2), ("TIFF", {}, 2), ("WEBP", {"lossless": True}, 2), ("JPEG", {"quality": 100, "subsampling": 0}, 8),
])  # fmt: skip
def test_the_profile_of_a_file_says_what_its_numbers_mean(face, kind, options, off):
    swapped = Image.merge("RGB", face.split()[::-1])
    frame = read_picture(encoded(swapped, SWAPPED, kind, **options))
    assert_allclose(frame.pixels.astype(int), np.asarray(face).astype(int), atol=off)
    assert not frame.notes


def test_action_units_are_those_of_the_picture_as_it_is_shown(face):
    swapped = encoded(Image.merge("RGB", face.split()[::-1]), SWAPPED)
    detector = AUDetector()
    shown, plain = detector.detect(io.BytesIO(swapped))[0], detector.detect(np.asarray(face))[0]
    assert all(abs(shown.probability_of(au) - plain.probability_of(au)) < 0.01 for au in detector.aus)


def test_alpha_and_palette_are_seen_in_their_colours():
    red = Image.new("RGBA", (4, 2), (0, 0, 255, 255))
    red.putpixel((0, 0), (0, 0, 255, 0))
    seen = read_picture(encoded(red, SWAPPED)).pixels
    assert_allclose(seen[0, 0], 255, atol=2)
    assert_allclose(seen[1, 1], (255, 0, 0), atol=2)
    palette = Image.new("RGB", (4, 2), (0, 0, 255)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert_allclose(read_picture(encoded(palette, SWAPPED)).pixels[0, 0], (255, 0, 0), atol=2)


def test_inks_are_those_of_the_profile():
    ink = Image.new("CMYK", (4, 2), (255, 0, 0, 0))
    assert_allclose(read_picture(encoded(ink, cmyk_profile(), "TIFF")).pixels[0, 0], (255, 0, 0), atol=12)
    assert_array_equal(read_picture(encoded(ink, None, "TIFF")).pixels[0, 0], (0, 255, 255))


def test_srgb_by_whatever_name_changes_nothing(face):
    named = SRGB.replace(b"sRGB", b"mine")
    assert_array_equal(read_picture(encoded(face, named)).pixels, np.asarray(face))


@pytest.mark.parametrize(("profile", "said"), [
    (SWAPPED[:200], "its colour profile cannot be read"),
    (b"nothing", "its colour profile cannot be read"),
    (SRGB[:16] + b"GRAY" + SRGB[20:], "its colour profile is made for pixels of another kind"),
])  # fmt: skip
def test_a_profile_that_cannot_be_used_is_said(face, profile, said):
    frame = read_picture(encoded(face, profile))
    assert any(said in note for note in frame.notes)
    assert_array_equal(frame.pixels, np.asarray(face))


def test_an_image_of_the_caller_is_read_alike_and_stays():
    image = Image.new("RGB", (3, 2), (0, 0, 255))
    image.info["icc_profile"] = SWAPPED
    assert_allclose(frame_from_image(image).pixels[0, 0], (255, 0, 0), atol=2)
    assert image.getpixel((0, 0)) == (0, 0, 255)
