"""Pictures as phones, scanners and cameras of science store them are seen as their viewers show them, or it is said."""

import io
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ExifTags, Image

import duchenne
from duchenne import AUDetector
from duchenne.commands import run
from duchenne.detection import RunOptions, run_detection
from duchenne.errors import MediaError, PictureWarning
from duchenne.media import SourceKind, expand_sources, heif, kind_of, read_picture
from duchenne.media.jpeg_damage import is_damaged_jpeg
from duchenne.media.picture import frame_from_image
from heic import TILE_PX, tiled_heic

SAMPLE = Path(duchenne.__file__).parent / "samples" / "face.jpg"


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return np.asarray(Image.open(SAMPLE).convert("RGB"))


@pytest.fixture(scope="module")
def detector() -> AUDetector:
    return AUDetector(workers=1)


@pytest.fixture(scope="module")
def photo(face) -> np.ndarray:
    """A picture of six tiles, whose face lies on the corner of four."""
    canvas = np.full((2 * TILE_PX, 2 * TILE_PX + 88, 3), 110, np.uint8)
    canvas[300:812, 250:762] = face
    return canvas


class Silent:
    """Takes the notes of a run."""

    def __init__(self):
        self.notes = []

    def begin(self, *_):
        pass

    frame = problem = begin

    def note(self, source, note):
        self.notes.append(note)


class TestHeic:
    @pytest.mark.parametrize("turns", [0, 1])
    def test_all_tiles_are_read_upright(self, tmp_path, photo, turns):
        (tmp_path / "IMG_1.HEIC").write_bytes(tiled_heic(photo, turns))
        found = read_picture(tmp_path / "IMG_1.HEIC")
        assert found.pixels.shape == np.rot90(photo, turns).shape
        assert np.abs(found.pixels.astype(int) - np.rot90(photo, turns)).mean() < 2
        assert not found.notes

    def test_folders_and_the_detector_take_it_as_a_picture(self, tmp_path, photo, detector):
        (tmp_path / "IMG_1.HEIC").write_bytes(tiled_heic(photo))
        (tmp_path / "b.heif").write_bytes(tiled_heic(photo))
        Image.fromarray(photo).save(tmp_path / "c.AVIF", "AVIF", speed=10)
        sources, problems = expand_sources([tmp_path])
        assert [Path(s.name).name for s in sources] == ["b.heif", "c.AVIF", "IMG_1.HEIC"]
        assert {s.kind for s in sources} == {SourceKind.PICTURE}
        assert not problems
        expected = detector.detect(photo)
        for source in sources:
            faces = detector.detect(source.name)
            assert len(faces) == len(expected) == 1
            np.testing.assert_allclose(faces[0].landmarks.points, expected[0].landmarks.points, atol=2)

    def test_the_header_decides(self, tmp_path, photo):
        (tmp_path / "nameless").write_bytes(tiled_heic(photo))
        assert kind_of(tmp_path / "nameless") is SourceKind.PICTURE

    def test_the_extra_that_is_needed_is_named(self, tmp_path, photo, monkeypatch):
        (tmp_path / "a.heic").write_bytes(tiled_heic(photo))
        monkeypatch.setitem(sys.modules, "pi_heif", None)
        monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
        with pytest.raises(MediaError, match=r"a\.heic: .*pi_heif is not installed.*pip install 'duchenne\[heif\]'"):
            read_picture(tmp_path / "a.heic")
        assert kind_of(tmp_path / "a.heic") is SourceKind.PICTURE

    def test_old_libraries_are_named_for_avif(self, monkeypatch):
        monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
        assert "Pillow 11.3" in heif.lacking(b"\0\0\0\x1cftypavif")

    def test_ordinary_pictures_need_no_extra(self):
        code = (
            "import sys; sys.modules['pi_heif'] = None\n"
            f"from duchenne.media import read_picture; print(read_picture({str(SAMPLE)!r}).pixels.shape)"
        )
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert told.stdout.strip() == "(512, 512, 3)"


class TestSeveralPictures:
    @pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp", "a.png"])
    def test_that_the_first_alone_was_read_is_said(self, tmp_path, face, name):
        first, second = Image.fromarray(face), Image.fromarray(face[::-1].copy())
        first.save(tmp_path / name, save_all=True, append_images=[second])
        found = read_picture(tmp_path / name)
        assert "several pictures, of which the first alone was read" in " ".join(found.notes)
        assert np.abs(found.pixels.astype(int) - face).mean() < 8

    @pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp", "a.png"])
    def test_of_one_picture_nothing_is_said(self, tmp_path, face, name):
        Image.fromarray(face).save(tmp_path / name)
        assert not read_picture(tmp_path / name).notes

    def test_notes_reach_the_run_its_record_and_python(self, tmp_path, face, detector):
        Image.fromarray(face).save(tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(face)])
        told = Silent()
        state = run_detection(detector, expand_sources([tmp_path])[0], RunOptions(tmp_path / "a.csv"), told)
        assert len(told.notes) == 1
        assert state.notes == ((str(tmp_path / "a.tif"), told.notes[0]),)
        assert told.notes[0] in (tmp_path / "a.csv.json").read_text()
        with pytest.warns(PictureWarning, match="several pictures"):
            detector.detect(tmp_path / "a.tif")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            detector.detect(SAMPLE)


class TestDamagedJpeg:
    @pytest.mark.parametrize("size", [(512, 512), (17, 9), (1, 1)])
    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    @pytest.mark.parametrize(
        "options",
        [
            {}, {"quality": 100, "subsampling": 0}, {"quality": 1}, {"progressive": True}, {"optimize": True},
            {"subsampling": 1}, {"restart_marker_blocks": 4}, {"comment": b"x" * 9999},
        ],
        ids=str,
    )  # fmt: skip
    def test_of_a_whole_one_nothing_is_said(self, face, size, mode, options):
        packed = io.BytesIO()
        Image.fromarray(face).resize(size).convert(mode).save(packed, "JPEG", **options)
        for data in (packed.getvalue(), packed.getvalue() + bytes(999), packed.getvalue() + packed.getvalue()):
            assert not is_damaged_jpeg(data)

    def test_of_two_in_one_file_nothing_is_said(self, tmp_path, face):
        photo = Image.fromarray(face)
        photo.save(tmp_path / "a.mpo", save_all=True, append_images=[photo.rotate(90)])
        assert not read_picture(tmp_path / "a.mpo").notes

    def test_half_of_the_damage_that_is_seen_is_told(self, face):
        """Pillow decodes these with stripes and wrong colours, without a word."""
        packed, seen, told = io.BytesIO(), 0, 0
        Image.fromarray(face).resize((320, 320)).save(packed, "JPEG", quality=85)
        whole, rng = packed.getvalue(), np.random.default_rng(0)
        right = read_picture(whole).pixels.astype(int)
        for _ in range(30):
            place = int(rng.integers(whole.find(b"\xff\xda") + 14, len(whole) - 70))
            found = read_picture(whole[:place] + bytes(64) + whole[place + 64 :])
            if (np.abs(found.pixels - right).max(2) > 40).mean() > 0.001:
                seen += 1
                told += found.damaged and "its code is damaged" in found.notes[-1]
        assert seen > 20
        assert told >= seen / 2

    def test_the_note_reaches_python(self, tmp_path, detector):
        whole = SAMPLE.read_bytes()
        (tmp_path / "a.jpg").write_bytes(whole[:9000] + bytes(2000) + whole[11000:])
        with pytest.warns(PictureWarning, match="its code is damaged"):
            detector.detect(tmp_path / "a.jpg")
        neutral = tmp_path / "neutral.gif"
        Image.open(SAMPLE).save(neutral, save_all=True, append_images=[Image.open(SAMPLE).rotate(90)])
        with pytest.warns(PictureWarning, match="neutral.gif: it holds several pictures"):
            detector.with_neutral(neutral)

    def test_the_command_tells_of_a_neutral_picture(self, tmp_path, capfd):
        neutral = tmp_path / "neutral.tif"
        Image.open(SAMPLE).save(neutral, save_all=True, append_images=[Image.open(SAMPLE).rotate(90)])
        assert run(["detect", str(SAMPLE), "--aus", "12", "--neutral", str(neutral)]) == 0
        assert "neutral.tif: it holds several pictures" in capfd.readouterr().err


def grey_of(face: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(face).convert("L"))


class TestRangesOfValues:
    @pytest.mark.parametrize("bits", [8, 10, 12, 14])
    def test_fewer_bits_in_sixteen(self, tmp_path, face, bits):
        samples = np.rint(grey_of(face) / 255 * (2**bits - 1)).astype(np.uint16)
        for name in ("a.tif", "a.png"):
            Image.fromarray(samples).save(tmp_path / name)
            found = read_picture(tmp_path / name)
            np.testing.assert_allclose(found.pixels[..., 0].astype(int), grey_of(face), atol=1)
            assert f"{2**bits - 1} for white" in found.notes[0]

    def test_sixteen_bits_need_no_word(self, tmp_path, face):
        Image.fromarray(grey_of(face).astype(np.uint16) * 257).save(tmp_path / "a.tif")
        assert not read_picture(tmp_path / "a.tif").notes

    @pytest.mark.parametrize("white", [1.0, 255.0])
    def test_floats_of_the_usual_ranges(self, tmp_path, face, white):
        Image.fromarray((grey_of(face) / 255 * white).astype(np.float32)).save(tmp_path / "a.tif")
        found = read_picture(tmp_path / "a.tif")
        np.testing.assert_allclose(found.pixels[..., 0].astype(int), grey_of(face), atol=1)
        assert f"{white:g} for white" in found.notes[0]

    @pytest.mark.parametrize("kind", [np.float32, np.int32])
    def test_other_ranges_are_spread_as_viewers_do(self, tmp_path, face, kind):
        grey = grey_of(face).astype(float)
        expected = np.rint((grey - grey.min()) / np.ptp(grey) * 255)
        Image.fromarray((grey * 1000 - 90_000).astype(kind)).save(tmp_path / "a.tif")
        found = read_picture(tmp_path / "a.tif")
        np.testing.assert_allclose(found.pixels[..., 0].astype(int), expected, atol=1)
        assert "black" in found.notes[0]

    def test_samples_that_are_no_numbers_are_black(self, tmp_path, face):
        samples = (grey_of(face) / 255).astype(np.float32)
        samples[0, :3] = np.nan, np.inf, -np.inf
        Image.fromarray(samples).save(tmp_path / "a.tif")
        found = read_picture(tmp_path / "a.tif").pixels[..., 0]
        assert not found[0, :3].any()
        np.testing.assert_allclose(found[1:].astype(int), grey_of(face)[1:], atol=1)

    def test_negatives(self, tmp_path, face):
        samples = 65535 - grey_of(face).astype(np.uint16) * 257
        Image.fromarray(samples).save(tmp_path / "a.tif", tiffinfo={262: 0})
        np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels[..., 0].astype(int), grey_of(face), atol=1)

    @pytest.mark.parametrize(("codec", "kind"), [("tiff", "rgb48le"), ("png", "rgb48be")])
    def test_twelve_bits_a_colour_in_sixteen(self, tmp_path, face, codec, kind):
        path = tmp_path / f"a.{codec}"
        path.write_bytes(_encoded(face.astype(np.uint16) * 16, codec, kind))
        found = read_picture(path)
        np.testing.assert_allclose(found.pixels.astype(int), face, atol=1)
        assert "4095 for white" in found.notes[0]

    @pytest.mark.parametrize(("codec", "kind"), [("tiff", "rgb48le"), ("png", "rgb48be")])
    def test_sixteen_bits_a_colour(self, tmp_path, face, codec, kind):
        path = tmp_path / f"a.{codec}"
        path.write_bytes(_encoded(face.astype(np.uint16) * 257, codec, kind))
        found = read_picture(path)
        np.testing.assert_allclose(found.pixels.astype(int), face, atol=1)
        assert not found.notes

    def test_twelve_bits_a_colour_with_opaque_alpha(self, tmp_path, face):
        deep = np.dstack([face.astype(np.uint16) * 16, np.full(face.shape[:2], 65535, np.uint16)])
        (tmp_path / "a.png").write_bytes(_encoded(deep, "png", "rgba64be"))
        found = read_picture(tmp_path / "a.png")
        np.testing.assert_allclose(found.pixels.astype(int), face, atol=1)
        assert "4095 for white" in found.notes[0]

    def test_twelve_bits_keep_the_orientation(self, tmp_path, face):
        exif = Image.Exif()
        exif[0x0112] = 6
        samples = grey_of(face).astype(np.uint16) * 16
        Image.fromarray(samples).save(tmp_path / "a.tif", exif=exif)
        expected = np.rot90(grey_of(face), 3)
        np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels[..., 0].astype(int), expected, atol=1)

    def test_what_looks_empty_is_said(self, tmp_path, face):
        for samples in (face // 32, np.zeros_like(face), face // 32 + 240):
            Image.fromarray(samples).save(tmp_path / "a.png")
            assert "looks empty" in read_picture(tmp_path / "a.png").notes[-1]
        canvas = np.full((2000, 3000, 3), 128, np.uint8)
        canvas[500:1012, 500:1012] = face
        Image.fromarray(canvas).save(tmp_path / "a.png")
        assert not read_picture(tmp_path / "a.png").notes

    def test_lab_colours(self, tmp_path, face):
        from PIL import ImageCms

        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        ImageCms.profileToProfile(Image.fromarray(face), srgb, lab, outputMode="LAB").save(tmp_path / "a.tif")
        assert np.abs(read_picture(tmp_path / "a.tif").pixels.astype(int) - face).mean() < 3


def _encoded(samples: np.ndarray, codec: str, kind: str) -> bytes:
    """Return a file of 16 bits a colour, as FFmpeg writes it."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.height, encoder.width = samples.shape[:2]
    encoder.pix_fmt, encoder.time_base = kind, Fraction(1, 25)
    packets = encoder.encode(av.VideoFrame.from_ndarray(samples, format=kind))
    return b"".join(bytes(p) for p in [*packets, *encoder.encode()])


@pytest.mark.parametrize("orientation", [None, 1, 3, 6, 9])
@pytest.mark.parametrize("height", [1, 128, 300])
def test_all_rows_are_read_whatever_their_number_and_orientation(height, orientation, tmp_path):
    pixels = np.random.default_rng(height).integers(0, 256, (height, 37, 3), dtype=np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    turns = {3: 2, 6: 3}.get(orientation or 1, 0)  # EXIF 2.3: 3 is upside down, 6 has its top on the right.
    assert np.array_equal(read_picture(tmp_path / "a.png").pixels, np.rot90(pixels, turns))


def test_an_image_of_the_caller_stays_as_it_is():
    image = Image.new("RGB", (40, 30), (10, 20, 30))
    image.getexif()[ExifTags.Base.Orientation] = 6
    assert frame_from_image(image).pixels.shape == (40, 30, 3)
    assert image.size == (40, 30)


def test_a_stream_of_jpegs_is_no_picture_alone(face, tmp_path):
    one = io.BytesIO()
    Image.fromarray(face).save(one, "JPEG")
    (tmp_path / "one.jpg").write_bytes(one.getvalue())
    (tmp_path / "stream.mjpeg").write_bytes(3 * one.getvalue())
    assert read_picture(tmp_path / "one.jpg").notes == ()
    (note,) = read_picture(tmp_path / "stream.mjpeg").notes
    assert "the first alone was read" in note
