"""From the labelled frames of a recording to aligned faces: the way of detection, as far as the alignment.

A recording whose frames follow one another is followed with the tracker of `tracking`. Of several faces in a frame the
one is kept whose track takes up the largest area over the whole recording; a face of less than half that track's
median side is none of the subject's. Of several faces in a single picture the largest is kept.
"""

import io
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from PIL import Image

from duchenne.alignment import CROP_SIDE_PX, eye_span_px
from duchenne.cropping import Picture, cut
from duchenne.datasets.recording import Notes, Recording, SkipReason
from duchenne.errors import UsageError
from duchenne.faces import FaceBox, box_from_landmarks, keypoints_from_landmarks
from duchenne.geometry import Transform, scale_of, shift, transform_points
from duchenne.landmarks import FaceLandmarks
from duchenne.location import FaceLocator, LocatedFace, Refusal, located
from duchenne.pose_normalisation import landmarks_3d
from duchenne.tracking import FaceTracker

MARGIN_PX = 20
"""Kept on each side of the face, in pixels of the 200 x 200 crop: training moves the crop as a landmarker errs."""
STORED_SIDE_PX = CROP_SIDE_PX + 2 * MARGIN_PX
JPEG_QUALITY = 95
"""Measured on rendered faces: 14 kB a face, 1.4 grey levels RMS of loss, .23 ms to encode; docs/datasets.md."""
FRAMES_PER_S = 25.0
"""How fast frames are taken to follow one another where a data set is pictures; only the tracker asks."""
LESSER_SHARE = 0.5
"""A face whose side is below this share of the main track's is another's."""
FARTHEST_EYE_SPANS = 0.35
"""A found face whose landmarks lie farther than this from a renderer's, in the mean, is something else."""
LANDMARK_SOURCES = ("detector", "exact")


@dataclass(frozen=True)
class PreparedFace:
    """A face as the store keeps it.

    Attributes:
        row: In the recording.
        jpeg: The crop of `STORED_SIDE_PX`, encoded.
        points: (49, 3), pixels of the 200 x 200 crop; z is depth in the same unit.
        pose_deg: (3,), yaw, pitch, roll: a renderer's where there is one, else measured.
        crop_from_image: The similarity of `alignment`.
    """

    row: int
    jpeg: bytes
    points: Float[np.ndarray, "49 3"]
    pose_deg: Float[np.ndarray, "3"]
    crop_from_image: Transform


@dataclass(frozen=True)
class _Candidate:
    face: PreparedFace
    side_px: float
    track: int


def prepare_recording(
    recording: Recording, landmarks: str = "detector", notes: Notes | None = None
) -> tuple[list[PreparedFace], dict[int, SkipReason]]:
    """Return the faces of a recording and, by row, why the others were skipped.

    Args:
        recording: Any number of labelled frames.
        landmarks: "detector" for what detection sees; "exact" for what the renderer knows.
        notes: Counts what there is to know of how pictures were read.

    Raises:
        UsageError: Exact landmarks are asked for and the recording has none.
    """
    if landmarks == "exact" and recording.truth is None:
        raise UsageError(
            f"Exact landmarks were asked for, but {recording.sequence} was not rendered. Use --landmarks detector."
        )
    tracker = FaceTracker()
    seen: dict[int, list[_Candidate]] = {}
    skipped: dict[int, SkipReason] = {}
    for row, pixels in enumerate(recording.pictures.read(recording.labels.frame, notes)):
        if isinstance(pixels, SkipReason):
            skipped[row] = pixels
            continue
        faces, reason = _faces(recording, row, pixels, landmarks)
        tracks = [0] * len(faces)
        if recording.moving:
            tracks = tracker.update([face.box for face in faces], float(recording.labels.frame[row]) / FRAMES_PER_S)
        if not faces:
            skipped[row] = reason
            continue
        seen[row] = [
            _Candidate(_prepared(recording, row, pixels, face), float(np.sqrt(face.area_px)), track)
            for face, track in zip(faces, tracks, strict=True)
        ]
    kept, lesser = _choose(seen)
    return kept, skipped | lesser


def encode(pixels: Picture) -> bytes:
    """Return a crop as JPEG."""
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=JPEG_QUALITY)
    return packed.getvalue()


@lru_cache(maxsize=1)
def _locator() -> FaceLocator:
    return FaceLocator()


def _faces(recording: Recording, row: int, pixels: Picture, landmarks: str) -> tuple[list[LocatedFace], SkipReason]:
    """Return the faces of a picture, and why there are none if there are none."""
    truth = recording.truth
    if landmarks == "exact" and truth is not None:
        face = _known_face(truth.points[row])
        return ([], SkipReason.TOO_SMALL) if isinstance(face, Refusal) else ([face], SkipReason.NO_FACE)
    found = _locator().locate(pixels)
    faces, refused = found.faces, found.refused
    reason = SkipReason(refused.most_common(1)[0][0].value) if refused else SkipReason.NO_FACE
    if truth is None or not faces:
        return faces, reason
    return [face for face in faces if _is_near(face, truth.points[row])], SkipReason.ELSEWHERE


def _known_face(points: Float[np.ndarray, "49 3"]) -> LocatedFace | Refusal:
    flat = points[:, :2]
    box = FaceBox(box_from_landmarks(flat), 1.0, keypoints_from_landmarks(flat))
    return located(box, FaceLandmarks(flat, points[:, 2], np.ones(len(points)), 1.0))


def _is_near(face: LocatedFace, points: Float[np.ndarray, "49 3"]) -> bool:
    """Return whether a found face is the rendered one; in profile, the box tells its size better than the eyes."""
    error_px = float(np.linalg.norm(face.landmarks.points - points[:, :2], axis=1).mean())
    size_px = max(eye_span_px(points[:, :2]), 0.5 * float(box_from_landmarks(points[:, :2])[2]))
    return error_px <= FARTHEST_EYE_SPANS * size_px


def _prepared(recording: Recording, row: int, pixels: Picture, face: LocatedFace) -> PreparedFace:
    crop = cut(pixels, shift(MARGIN_PX, MARGIN_PX) @ face.crop_from_image, STORED_SIDE_PX)
    pose = np.array([face.pose.yaw_deg, face.pose.pitch_deg, face.pose.roll_deg])
    if recording.truth is not None:
        pose = recording.truth.pose_deg[row]
    points = into_crop(face.crop_from_image, landmarks_3d(face.landmarks.points, face.landmarks.depth))
    return PreparedFace(row, encode(crop), points, pose, face.crop_from_image)


def into_crop(crop_from_image: Transform, points: Float[np.ndarray, "49 3"]) -> Float[np.ndarray, "49 3"]:
    """Return points and depth in pixels of the 200 x 200 crop."""
    return np.column_stack([transform_points(crop_from_image, points[:, :2]), points[:, 2] * scale_of(crop_from_image)])


def _choose(seen: dict[int, list[_Candidate]]) -> tuple[list[PreparedFace], dict[int, SkipReason]]:
    """Return one face a frame, that of the main track where it is there, and the frames with others' faces alone."""
    sides: dict[int, list[float]] = defaultdict(list)
    for candidates in seen.values():
        for candidate in candidates:
            sides[candidate.track].append(candidate.side_px)
    weight = {track: float(np.square(values).sum()) for track, values in sides.items()}
    main_px = float(np.median(sides[max(weight, key=lambda k: weight[k])])) if weight else 0.0
    kept: list[PreparedFace] = []
    lesser: dict[int, SkipReason] = {}
    for row, candidates in seen.items():
        best = max(candidates, key=lambda found: (weight[found.track], found.side_px))
        if len(weight) > 1 and best.side_px < LESSER_SHARE * main_px:
            lesser[row] = SkipReason.LESSER
        else:
            kept.append(best.face)
    return kept, lesser
