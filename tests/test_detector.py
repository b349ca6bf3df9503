"""The whole way on the pretrained weights: a known face, a real portrait, the same numbers alone and in a video."""

import json
import socket
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from duchenne import AUDetector, to_dataframe
from duchenne.alignment import CROP_SIDE_PX, AlignedFace, align, eye_span_px
from duchenne.detection import RunOptions, asked_of
from duchenne.diagnosis import SAMPLE
from duchenne.errors import MediaError, UsageError
from duchenne.facs import AU_NAMES, MIRROR_LANDMARKS
from duchenne.location import FaceLocator, LocatedFace, Refusal
from duchenne.media import frame_from_array
from duchenne.networks.region import PatchLayer, RegionConfig, RegionNetwork
from duchenne.patches import PatchLayout
from duchenne.recognition import AURecognizer, NeutralRule
from duchenne.results.columns import Columns
from duchenne.results.run_facts import facts_of
from duchenne.training.action_units.onnx_export import description, export_network

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def detector() -> AUDetector:
    return AUDetector(workers=2)


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return np.asarray(Image.open(SAMPLE).convert("RGB"))


@pytest.fixture(scope="module")
def truth() -> dict:
    return json.loads(SAMPLE.with_suffix(".json").read_text())


def lossless_video(path, pictures):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "bgr0"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def numbers(faces):
    table = to_dataframe(faces)
    return table.drop(columns=["source", "frame", "timestamp_s", "face_id"]).to_numpy(float)


def test_the_rendered_sample_is_found_as_it_was_drawn(detector, truth):
    (found,) = detector.detect(SAMPLE)
    points = np.array(truth["landmarks"])
    visible = np.array(truth["visible"])
    error = np.linalg.norm(found.landmarks.points - points, axis=1)[visible].mean() / eye_span_px(points)
    assert error < 0.06
    assert abs(found.pose.yaw_deg - truth["yaw_deg"]) < 8
    assert abs(found.pose.pitch_deg - truth["pitch_deg"]) < 10
    assert abs(found.pose.roll_deg - truth["roll_deg"]) < 6
    assert found.occurs("AU12")
    assert found.probability_of("AU12") > found.probability_of("AU15")


def test_a_picture_gives_the_same_numbers_alone_in_a_batch_and_as_the_first_frame_of_a_video(detector, face, tmp_path):
    pictures = [np.ascontiguousarray(np.roll(face, 12 * k, axis=1)) for k in range(5)]
    alone = [detector.detect(picture) for picture in pictures]
    batch = [faces for _, faces in detector.detect_pictures(frame_from_array(p) for p in pictures)]
    video = list(detector.detect_video(lossless_video(tmp_path / "v.mkv", pictures)))
    assert [len(faces) for faces in alone] == [1] * 5
    flat = [faces[0] for faces in alone]
    assert_allclose(numbers([faces[0] for faces in batch]), numbers(flat), atol=1e-4)
    assert_allclose(numbers(video[:1]), numbers(flat[:1]), atol=1e-4)
    assert {found.face_id for found in video} == {0}


def test_smoothing_steadies_videos_and_leaves_pictures_alone(detector, face, tmp_path):
    trembling = [np.ascontiguousarray(np.roll(face, k % 2, axis=1)) for k in range(12)]
    path = lossless_video(tmp_path / "v.mkv", trembling)
    smooth = AUDetector(smooth=True, workers=2)
    ways = [np.ptp([f.landmarks.points[:, 0] for f in d.detect_video(path)][6:], axis=0) for d in (detector, smooth)]
    assert ways[1].mean() < 0.8 * ways[0].mean()
    assert_allclose(numbers(smooth.detect(face)), numbers(detector.detect(face)), atol=1e-4)
    pictures = [faces[0] for _, faces in smooth.detect_pictures(frame_from_array(p) for p in trembling[:2])]
    assert_allclose(numbers(pictures[1:]), numbers(detector.detect(trembling[1])), atol=1e-4)


def test_frames_before_a_break_are_given(face):
    def breaking():
        for _ in range(3):
            yield frame_from_array(face)
        raise MediaError("the video breaks off")

    seen = []
    with pytest.raises(MediaError, match="breaks off"):
        seen.extend(faces for _, faces in AUDetector(workers=4).detect_frames(breaking()))
    assert [len(faces) for faces in seen] == [1, 1, 1]


def test_two_faces_do_not_disturb_each_other(detector, face):
    small = np.asarray(Image.fromarray(face).resize((300, 300)))
    wall = np.full((300, 300, 3), 120, np.uint8)
    (left,) = detector.detect(np.hstack([small, wall, wall]))
    pair = detector.detect(np.hstack([small, wall, small]))
    assert len(pair) == 2
    pair.sort(key=lambda found: found.box.box[0])
    assert_allclose(pair[0].probability, left.probability, atol=0.15)
    assert pair[1].landmarks.points[:, 0].min() > 600


def test_the_largest_face_alone(face):
    big, small = Image.fromarray(face).resize((420, 420)), Image.fromarray(face).resize((200, 200))
    canvas = Image.new("RGB", (700, 420), (120, 120, 120))
    canvas.paste(small, (0, 100))
    canvas.paste(big, (260, 0))
    found = AUDetector(largest_face=True).detect(np.asarray(canvas))
    assert len(found) == 1
    assert found[0].landmarks.points[:, 0].mean() > 260


def test_grey_and_turned_pictures_work(detector, face):
    (upright,) = detector.detect(face)
    (grey,) = detector.detect(face.mean(2).astype(np.uint8))
    (turned,) = detector.detect(np.asarray(Image.fromarray(face).rotate(-20, Image.Resampling.BICUBIC)))
    assert_allclose(grey.landmarks.points, upright.landmarks.points, atol=0.08 * eye_span_px(upright.landmarks.points))
    assert turned.pose.roll_deg - upright.pose.roll_deg == pytest.approx(20, abs=6)


def test_chosen_aus_and_thresholds(face):
    (found,) = AUDetector(aus=("AU06", "AU12"), thresholds={"AU12": 1.0, "AU06": 0.0}).detect(face)
    assert found.aus == ("AU06", "AU12")
    assert list(found.occurrence) == [True, False]
    with pytest.raises(UsageError, match="AU25"):
        found.probability_of("AU25")


def test_thresholds_are_chosen_by_name_and_belong_to_the_run(tmp_path):
    sets = {"thresholds": [0.6, 0.7], "threshold_sets": {"balanced": [0.6, 0.7], "f1": [0.2, 0.3]}}
    path = occurrence_weights(tmp_path / "sets.onnx", more=sets)
    found = {
        chosen if isinstance(chosen, str) else str(chosen): AUDetector(weights=path, thresholds=chosen)
        for chosen in (None, "balanced", "f1", {"AU12": 0.5})
    }
    assert found["None"].thresholds == found["balanced"].thresholds == {"AU06": 0.6, "AU12": 0.7}
    assert found["f1"].thresholds == {"AU06": 0.2, "AU12": 0.3}
    assert found["{'AU12': 0.5}"].thresholds == {"AU06": 0.6, "AU12": 0.5}
    runs = {name: facts_of(asked_of(detector), RunOptions().reading, "").digest for name, detector in found.items()}
    assert runs["None"] == runs["balanced"]
    assert len(set(runs.values())) == 3


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("options", "largest_face", True), ("options", "min_face_px", 20.0), ("options", "smooth", True),
        ("options", "unreliable", "blank"), ("thresholds", "AU12", 0.123), ("columns", "aus", ("AU12",)),
        ("columns", "sides", True), ("columns", "groups", ("aus",)), ("reading", "start_s", 1.0),
        ("reading", "end_s", 9.0), ("reading", "step", 2), ("columns", "every_frame", True),
    ],
)  # fmt: skip
def test_every_choice_that_numbers_depend_on_makes_another_run(detector, kind, name, value):
    asked, reading = asked_of(detector), RunOptions().reading
    if kind == "reading":
        other = facts_of(asked, {**reading, name: value}, "")
    elif kind == "columns":
        other = facts_of(replace(asked, columns=replace(asked.columns, **{name: value})), reading, "")
    else:
        assert name in getattr(asked, kind)
        other = facts_of(replace(asked, **{kind: {**getattr(asked, kind), name: value}}), reading, "")
    assert other.digest != facts_of(asked, reading, "").digest


@pytest.mark.parametrize(
    "wrong",
    [{"thresholds": {"AU12": 2.0}}, {"thresholds": {"AU99": 0.5}}, {"min_face_px": 0.0}],
)
def test_senseless_options_are_refused(wrong):
    with pytest.raises(UsageError):
        AUDetector(**wrong)


@pytest.mark.parametrize(("confidence", "kept"), [(0.49, False), (0.51, True)])
def test_a_box_that_is_no_face_to_the_landmarker_is_dropped(face, monkeypatch, confidence, kept):
    locator = FaceLocator()
    box = locator.locate(face).faces[0].box
    find = locator.landmarker.locate
    monkeypatch.setattr(
        locator.landmarker, "locate", lambda pixels, box: replace(find(pixels, box), confidence=confidence)
    )
    found = locator.locate_in(face, box)
    assert isinstance(found, LocatedFace) if kept else found == Refusal.DOUBTFUL


def test_no_face_gives_headers(detector):
    found = detector.detect(np.full((200, 300, 3), 128, np.uint8))
    assert found == []
    table = to_dataframe(found, detector.columns)
    assert len(table) == 0
    assert {f"{au}_{kind}" for au in AU_NAMES for kind in "pci"} <= set(table.columns)


def test_sides_and_intensity_come_from_the_scale_of_the_probability(detector, face):
    (plain,) = detector.detect(face)
    (sided,) = AUDetector(aus=("AU17", "AU12"), sides=True).detect(face)
    assert plain.side_probability is None
    assert sided.aus == ("AU12", "AU17")
    for k, name in enumerate(sided.aus):
        assert sided.probability[k] == pytest.approx(plain.probability_of(name), abs=1e-6)
        assert sided.side_probability[k].max() == pytest.approx(sided.probability[k], abs=1e-6)
        assert sided.side_intensity[k].max() == pytest.approx(plain.intensity_of(name), abs=1e-5)
    assert sided.side_probability[1, 0] == sided.side_probability[1, 1]  # AU17 has no sides
    assert 0 < plain.intensity_of("AU12") < 5


def test_weights_of_occurrence_alone_work_and_refuse_sides(tmp_path, face):
    path = occurrence_weights(tmp_path / "plain.onnx")
    detector = AUDetector(weights=path)
    (found,) = detector.detect(face)
    assert (found.aus, found.intensity, detector.columns) == (("AU06", "AU12"), None, Columns(detector.aus, False))
    assert list(to_dataframe([found]).filter(like="AU").columns) == ["AU06_p", "AU06_c", "AU12_p", "AU12_c"]
    assert detector.weights[-1] == path
    with pytest.raises(UsageError, match=r"plain\.onnx does not tell left from right"):
        AUDetector(weights=path, sides=True)


def test_mirroring_a_face_swaps_the_outputs_of_its_sides(detector, face):
    """The network is not symmetric by construction; docs/columns.md says by how much it differs over 476 faces."""
    (found,) = detector.detect(face)
    aligned, depth = align(face, found.landmarks.points), found.landmarks.depth
    points = aligned.landmarks[MIRROR_LANDMARKS] * [-1, 1] + [CROP_SIDE_PX, 0]
    mirrored = AlignedFace(np.ascontiguousarray(aligned.pixels[:, ::-1]), points, aligned.crop_from_image)
    recognizer = AURecognizer()
    before = recognizer.recognize_fully([aligned], [depth])
    after = recognizer.recognize_fully([mirrored], [depth[MIRROR_LANDMARKS]])
    assert_allclose(after.probability, before.probability, atol=0.35)
    for kind, tolerance in (("side_probability", 0.1), ("side_intensity", 0.4)):
        one, other = getattr(before, kind)[0], getattr(after, kind)[0][:, ::-1]
        assert np.abs(one - other).mean() < tolerance
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9


def occurrence_weights(path, head="occurrence", rule=None, more=None):
    """Write an untrained network that knows occurrence alone, unless told otherwise."""
    layout = PatchLayout((20, 29), side_px=12, reduction=2)
    config = RegionConfig(("AU06", "AU12"), layout, True, 4, 3, (PatchLayer(4, 3, 2),), (8,), head=head)
    network = RegionNetwork(config).eval()
    export_network(network, description(network, np.array([0.5, 0.5]), None, {}, rule) | (more or {}), path)
    return path


def test_the_neutral_face_takes_off_what_it_scores_beyond_the_usual(tmp_path, face):
    """With a share of 1 the neutral picture itself scores as the usual neutral face does."""
    rule = NeutralRule(np.array([1.0, 0.0]), np.array([-2.0, 0.0]), np.tile(np.arange(-1.0, 4.0), (2, 1)))
    weights = occurrence_weights(tmp_path / "rule.onnx", "ordinal", rule)
    picture = tmp_path / "neutral.png"
    Image.fromarray(face).save(picture)
    (plain,) = AUDetector(weights=weights).detect(face)
    (shifted,) = AUDetector(weights=weights, sides=True).with_neutral(picture).detect(face)
    assert shifted.probability[0] == pytest.approx(1 / (1 + np.exp(2)), abs=1e-4)
    assert shifted.probability[1] == pytest.approx(plain.probability[1], abs=1e-6)
    assert shifted.side_probability.max(1) == pytest.approx(shifted.probability, abs=1e-6)
    video = lossless_video(tmp_path / "neutral.mkv", [face, face])
    (again,) = AUDetector(weights=weights).with_neutral(video).detect(face)
    assert_allclose(again.probability, shifted.probability, atol=1e-6)


def test_a_neutral_face_that_cannot_be_used_is_refused(tmp_path, face):
    picture = tmp_path / "wall.png"
    Image.fromarray(np.full((200, 200, 3), 90, np.uint8)).save(picture)
    rule = NeutralRule(np.ones(2), np.zeros(2), np.tile(np.arange(-1.0, 4.0), (2, 1)))
    with pytest.raises(UsageError, match=r"no face in .*wall"):
        AUDetector(weights=occurrence_weights(tmp_path / "a.onnx", "ordinal", rule)).with_neutral(picture)
    with pytest.raises(UsageError, match=r"b\.onnx has no rule for neutral faces"):
        AUDetector(weights=occurrence_weights(tmp_path / "b.onnx")).with_neutral(picture)
    with pytest.raises(MediaError, match="nowhere"):
        AUDetector(weights=occurrence_weights(tmp_path / "c.onnx", "ordinal", rule)).with_neutral("nowhere.png")


def test_strange_sizes_do_not_break(detector, face):
    for shape in [(1, 1), (3, 500), (500, 3)]:
        assert detector.detect(np.zeros((*shape, 3), np.uint8)) == []
    assert len(detector.detect(np.asarray(Image.fromarray(face).resize((3000, 3000))))) == 1


def test_wrong_arrays_are_explained(detector):
    with pytest.raises(MediaError):
        detector.detect(np.full((4, 4, 3), 255.0))


def test_nothing_is_sent(monkeypatch, face):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert len(AUDetector().detect(face)) == 1


def test_a_real_portrait_has_one_face_where_the_reference_has_it(detector):
    """The whole way, face detector and landmarker; the reference is the teachers' (tests/data)."""
    pixels = pytest.importorskip("skimage.data").astronaut()
    reference = np.array(json.loads((DATA / "astronaut_landmarks.json").read_text(encoding="utf-8"))["points"])
    (found,) = detector.detect(pixels)
    error_px = np.linalg.norm(found.landmarks.points - reference, axis=1).mean()
    assert error_px < 0.06 * eye_span_px(reference)
