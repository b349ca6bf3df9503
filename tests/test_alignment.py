import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from duchenne.alignment import CROP_SIDE_PX, EYE_CORNERS_IN_CROP, align, crop_transform, eye_span_px
from duchenne.cropping import cut
from duchenne.errors import LandmarkError, UsageError
from duchenne.facs import OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT, PATCH_LANDMARKS
from duchenne.geometry import scale_of, shift, similarity, transform_points
from duchenne.patches import PatchLayout, align_under_windows, cut_windows, reduce_crop, window_corners

RNG = np.random.default_rng(0)


def random_face() -> np.ndarray:
    """Return 49 points about (100, 100) with the eye corners 80 px apart."""
    points = RNG.uniform(60, 140, (49, 2))
    points[19], points[28] = (60, 80), (140, 80)
    return points


def smooth_picture(height: int = 240, width: int = 320) -> np.ndarray:
    noise = cv2.GaussianBlur(RNG.uniform(0, 255, (height, width, 3)), (0, 0), 6)
    return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@given(st.floats(-180, 180), st.floats(0.2, 5))
def test_eye_corners_land_in_their_places(turn_deg, scale):
    points = transform_points(similarity(scale, turn_deg, (30.0, 40.0)), random_face())
    aligned = transform_points(crop_transform(points), points)
    assert_allclose(aligned[[19, 28]], EYE_CORNERS_IN_CROP, atol=1e-6)
    assert eye_span_px(aligned) == pytest.approx(80)


def test_turning_the_picture_keeps_the_crop():
    picture, points = smooth_picture(), random_face()
    turn = similarity(1.0, 17.0, (40.0, -10.0))
    before = align(picture, points)
    size = (400, 400)
    centre_turn = shift(-0.5, -0.5) @ turn @ shift(0.5, 0.5)  # OpenCV counts from pixel centres
    turned = cv2.warpAffine(picture, centre_turn[:2], size, flags=cv2.INTER_CUBIC)
    after = align(turned, transform_points(turn, points))
    assert_allclose(after.landmarks, before.landmarks, atol=1e-6)
    difference = np.abs(after.pixels[40:160, 40:160].astype(int) - before.pixels[40:160, 40:160])
    assert difference.mean() < 1.0


@pytest.mark.parametrize("scale", [0.7, 1.0, 1.8])
def test_cut_agrees_with_opencv(scale):
    picture = smooth_picture()
    crop_from_image = similarity(scale, 12.0, (-40.0, -30.0))
    centres = shift(-0.5, -0.5) @ crop_from_image @ shift(0.5, 0.5)
    expected = cv2.warpAffine(picture, centres[:2], (100, 100), flags=cv2.INTER_LINEAR)
    difference = np.abs(cut(picture, crop_from_image, 100).astype(int) - expected)[5:-5, 5:-5]
    assert difference.mean() < 0.6
    assert difference.max() <= 6


def test_cut_down_does_not_alias():
    stripes = np.zeros((800, 800, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the crop can show: must come out grey
    assert cut(stripes, similarity(0.1, 0.0), 60).std() < 3


@pytest.mark.parametrize("factor", [2, 5, 10])
def test_a_crop_of_a_whole_fraction_of_the_scale_holds_the_means_of_blocks(factor):
    picture = np.random.default_rng(1).integers(0, 256, (40 * factor, 40 * factor, 3), dtype=np.uint8)
    means = picture.reshape(40, factor, 40, factor, 3).mean((1, 3))
    assert np.abs(cut(picture, similarity(1 / factor, 0.0), 40) - means).max() <= 1


@settings(max_examples=30)
@given(st.floats(-2000, 2000), st.floats(-2000, 2000), st.floats(0.01, 30), st.floats(-180, 180))
def test_cut_is_black_outside_and_never_fails(dx, dy, scale, turn_deg):
    picture = np.full((40, 60, 3), 200, np.uint8)
    crop = cut(picture, similarity(scale, turn_deg, (dx, dy)), 32)
    assert crop.shape == (32, 32, 3)
    assert crop.max() <= 200


def test_cut_reads_a_single_pixel():
    assert cut(np.full((1, 1, 3), 9, np.uint8), similarity(8.0, 0.0), 8).max() == 9


def test_align_refuses_a_face_without_scale():
    with pytest.raises(LandmarkError, match="at least 8 px"):
        align(smooth_picture(), np.ones((49, 2)))


def test_windows_are_plain_slices_inside():
    pixels = RNG.integers(0, 255, (200, 200, 3), np.uint8)
    points = RNG.uniform(40, 160, (49, 2))
    layout = PatchLayout(side_px=58)
    windows = cut_windows(pixels, points, layout)
    assert windows.shape == (22, 58, 58, 3)
    for number, window in zip(PATCH_LANDMARKS, windows, strict=True):
        x, y = np.round(points[number - 1]).astype(int)
        assert_array_equal(window, pixels[y - 29 : y + 29, x - 29 : x + 29])


def test_windows_beyond_the_crop_are_black():
    pixels = np.full((200, 200, 3), 255, np.uint8)
    windows = cut_windows(pixels, np.full((49, 2), -500.0), PatchLayout(side_px=20))
    assert_array_equal(windows[0, 10:, 10:], np.full((10, 10, 3), 255))
    assert windows[0, :10].max() == 0


def test_windows_read_the_margin_and_black_only_beyond_it():
    pixels = np.full((240, 240, 3), 9, np.uint8)
    pixels[20:220, 20:220] = 255
    layout = PatchLayout(side_px=60, margin_px=20)
    window = cut_windows(pixels, np.zeros((49, 2)), layout)[0]  # centred on the crop's corner
    assert_array_equal(window[30:, 30:], 255)
    assert_array_equal(window[10:30, 10:], 9)
    assert_array_equal(window[:10], 0)
    with pytest.raises(UsageError, match="margin of 20 px need a crop of 240 px; got 200"):
        cut_windows(pixels[20:220, 20:220], np.zeros((49, 2)), layout)


def test_a_face_is_aligned_with_what_lies_around_it():
    points = np.random.default_rng(1).uniform(60, 190, (49, 2))
    points[[19, 28]] = [[90.0, 100.0], [170.0, 100.0]]
    picture = smooth_picture()
    narrow, wide = align(picture, points), align(picture, points, 20)
    assert narrow.with_margin is None
    assert_array_equal(wide.pixels, narrow.pixels)
    assert np.abs(wide.with_margin[20:220, 20:220].astype(int) - narrow.pixels).max() <= 1
    assert wide.with_margin.shape == (240, 240, 3)


def test_reduced_windows_agree_with_opencv_area_average():
    pixels = RNG.integers(0, 255, (200, 200, 3), np.uint8)
    expected = cv2.resize(pixels, (100, 100), interpolation=cv2.INTER_AREA)
    assert np.abs(reduce_crop(pixels, 2).astype(int) - expected).max() <= 1
    corners = window_corners(np.full((49, 2), 100.0), PatchLayout(side_px=28, reduction=2))
    assert_array_equal(corners[0], [36, 36])
    assert CROP_SIDE_PX == 200


@pytest.mark.parametrize("layout", [PatchLayout(side_px=28, reduction=2), PatchLayout(), PatchLayout((14,), 20)])
@pytest.mark.parametrize("size_px", [30.0, 180.0, 700.0])
def test_a_face_aligned_under_the_windows_alone_gives_the_same_windows(layout, size_px):
    pixels = RNG.integers(0, 256, (500, 600, 3), np.uint8)
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (49, 2)) * size_px + (310.0, 240.0)
    points[[OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT]] = [
        [309.77 - size_px / np.e, 240.13],
        [309.77 + size_px / np.e, 250.41],
    ]
    whole, part = align(pixels, points), align_under_windows(pixels, points, layout)
    windows = [cut_windows(face.pixels, face.landmarks, layout) for face in (whole, part)]
    assert_array_equal(*windows)
    assert part.pixels.any(2).sum() <= whole.pixels.any(2).sum()


@pytest.mark.parametrize("settings", [{"landmarks": (0,)}, {"side_px": 7}, {"reduction": 3}, {"landmarks": ()}])
def test_patch_layout_refuses_nonsense(settings):
    with pytest.raises(UsageError):
        PatchLayout(**settings)


def test_scale_of_the_crop_transform():
    points = random_face()
    assert scale_of(crop_transform(points * 2)) == pytest.approx(0.5 * scale_of(crop_transform(points)))
