"""Faces in successive frames of a video: found by the face detector at times, followed by their landmarks in between.

The landmarks of one frame give the crop of the landmarker in the next, which saves the face detector and a pass. A
video is cut into stretches of `STRETCH_FRAMES` by the indices of its frames. Each begins with the face detector and
knows nothing of those before; so stretches can be worked on side by side, and a run can begin at any of them, with the
same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from duchenne.cropping import Picture
from duchenne.errors import LandmarkError
from duchenne.faces import FaceBox, box_from_landmarks, keypoints_from_landmarks, overlap
from duchenne.geometry import Transform, inverse_of, scale_of, transform_points
from duchenne.landmarks import FaceLandmarks
from duchenne.location import FaceLocator, LocatedFace, is_certain, located
from duchenne.location.motion import Motion, best_similarity
from duchenne.location.small_faces import SmallFaces
from duchenne.media import Frame
from duchenne.pose_normalisation import landmarks_3d
from duchenne.reliability import plausibility
from duchenne.smoothing import LandmarkSmoother

STRETCH_FRAMES = 16
"""The face detector reads at least the first frame that is looked at of so many. Ours: half a second of usual video,
and a sixteenth of the face detector's time."""
LONGEST_STEP_S = 0.07
"""Faces are not followed over longer steps, in which a head may turn: two frames at 30 frames/s."""
LEAST_CONFIDENCE = 0.9
"""A face is followed while the landmarker is this sure of it; below, the face detector decides, as in a picture."""
LONGEST_WAY_SIDES, MOST_GROWTH = 0.5, 1.35
"""A face that moves further in one step, in sides of its box, or changes its size more, is looked for anew."""
NEAR_SIDES = 0.0035
"""A face whose edge is further from where it was expected, in sides of its box, is read again, in a crop at its new
landmarks. Ours: landmarks move a little with their crop, and action units with them."""
FACES_AT_ONCE = 8
"""Faces that go through the landmarker together; more are no faster and take more memory."""
MOST_OVERLAP = 0.3
"""Of two followed boxes, intersection over union; beyond, both may have come to follow one face."""
_SAMPLES, _BLOCKS = 32, 8
SCENE_CHANGE, SAMPLE_CHANGE, MOST_CHANGED = 12.0, 20.0, 0.7
"""Mean change of the picture from frame to frame, of 255; change of a sample that counts; share of such samples in the
block that has most of them. Beyond the first or the last something else is seen - a cut, a new tile in a video call -
and faces are looked for anew."""


def stretch_of(index: int) -> int:
    """Return the number of the stretch in which a frame lies.

    Example:
        >>> stretch_of(15), stretch_of(16)
        (0, 1)
    """
    return index // STRETCH_FRAMES


@dataclass(frozen=True)
class _Anchor:
    """A face as the face detector gave it: its landmarks, and the crop from which they were read.

    Later crops are this one, moved along with the face. A crop drawn anew about its landmarks would lie a little
    elsewhere each time, and landmarks move with their crop. They are read from the crop alone, without its mirror
    image; what that changed in the first frame is added to each.

    Attributes:
        landmarks: In the first frame, of the crop and its mirror image.
        crop_from_image: In the first frame.
        by_mirror: (49, 3), x, y, depth in crop pixels: what the mirror image added.
        seen_by_mirror: (49,), what it added to the visibility.
    """

    landmarks: FaceLandmarks
    crop_from_image: Transform
    by_mirror: Float[np.ndarray, "49 3"]
    seen_by_mirror: Float[np.ndarray, "49"]

    @classmethod
    def of(cls, both: FaceLandmarks, alone: FaceLandmarks, crop_from_image: Transform) -> "_Anchor":
        """Return the anchor of landmarks; `alone` are those of the same crop without its mirror image."""
        by_mirror = _in_crop(both, crop_from_image) - _in_crop(alone, crop_from_image)
        return cls(both, crop_from_image, by_mirror, both.visibility - alone.visibility)

    def crop_at(self, points: Float[np.ndarray, "49 2"]) -> Transform:
        """Return the crop for the landmarks of another frame."""
        return self.crop_from_image @ best_similarity(points, self.landmarks.points)

    def corrected(self, alone: FaceLandmarks, crop_from_image: Transform) -> FaceLandmarks:
        """Return the landmarks of another frame as its mirror image, too, would have given them."""
        image_from_crop = inverse_of(crop_from_image)
        shift = self.by_mirror[:, :2] @ image_from_crop[:2, :2].T
        depth = alone.depth + self.by_mirror[:, 2] / scale_of(crop_from_image)
        seen = np.clip(alone.visibility + self.seen_by_mirror, 0.0, 1.0)
        gap = self.landmarks.mirror_gap
        return replace(alone, points=alone.points + shift, depth=depth, visibility=seen, mirror_gap=gap)


def _in_crop(landmarks: FaceLandmarks, crop_from_image: Transform) -> Float[np.ndarray, "49 3"]:
    depth = landmarks.depth * scale_of(crop_from_image)
    return landmarks_3d(transform_points(crop_from_image, landmarks.points), depth)


@dataclass(frozen=True)
class _Before:
    """What is known of the frame before: its time, samples of its pixels, its faces, where they are expected next."""

    timestamp_s: float
    samples: Float[np.ndarray, "n n"]
    faces: list[LocatedFace]
    motions: list[Motion]
    expected: list[Float[np.ndarray, "49 2"]]
    anchors: list[_Anchor]


class FaceFollower:
    """Locates the faces of one stretch of a video, frame after frame.

    The face detector reads a frame where nothing is known of one just before; where that showed no face, or a box that
    was refused; and where a face can no longer be followed without doubt. Then all faces are as in a single picture.

    Attributes:
        followed: Whether the faces of the last frame are those of the frame before it, in the same order.
        small: Whether smaller faces are likely in the last frame; None where the face detector did not read it.

    Args:
        locator: Used for each frame.
        min_face_px: Smallest face to look for; None for the face detector's rule.
    """

    def __init__(self, locator: FaceLocator, min_face_px: float | None = None) -> None:
        self._locator, self._min_face_px = locator, min_face_px
        self._before: _Before | None = None
        self.followed = False
        self.small: SmallFaces | None = None

    def locate(self, frame: Frame) -> list[LocatedFace]:
        """Return the faces of the next frame, those first of which the face detector was most certain."""
        samples, self.small = _samples(frame.pixels), None
        faces = self._followed(frame, samples)
        self.followed = faces is not None
        sure, before = self.followed, None if faces is None else self._before
        if faces is None:
            there = self._locator.locate(frame.pixels, self._min_face_px)
            self.small = there.small
            faces, sure = there.faces, not there.refused and all(map(is_certain, there.faces))
        if not sure or not faces:
            self._before = None
            return faces
        anchors = self._anchors(frame.pixels, faces) if before is None else before.anchors
        motions = _motions(faces, before)
        expected = [motion.ahead(face.landmarks.points) for motion, face in zip(motions, faces, strict=True)]
        self._before = _Before(frame.timestamp_s, samples, faces, motions, expected, anchors)
        return faces

    def _anchors(self, pixels: Picture, faces: list[LocatedFace]) -> list[_Anchor]:
        crops = [face.landmarks.crop_from_image for face in faces]
        known = [crop_from_image for crop_from_image in crops if crop_from_image is not None]
        alone = self._read_at_once(pixels, known)
        found = zip(faces, alone, known, strict=True)
        return [_Anchor.of(face.landmarks, one, crop_from_image) for face, one, crop_from_image in found]

    def _followed(self, frame: Frame, samples: Float[np.ndarray, "n n"]) -> list[LocatedFace] | None:
        """Return the faces of the frame before where they are now; None if one of them is doubtful."""
        before = self._before
        if before is None or frame.damaged or not 0 <= frame.timestamp_s - before.timestamp_s <= LONGEST_STEP_S:
            return None
        if _is_another_scene(before.samples, samples):
            return None
        try:
            landmarks = self._read(frame.pixels, before)
        except LandmarkError:
            return None
        if landmarks is None:
            return None
        faces = [_moved(face, found) for face, found in zip(before.faces, landmarks, strict=True)]
        kept = [face for face in faces if face is not None]
        return kept if len(kept) == len(faces) and not _collide([face.box for face in kept]) else None

    def _read(self, pixels: Picture, before: _Before) -> list[FaceLandmarks] | None:
        """Return the landmarks of all faces, read twice where they are not as expected; None if one is not sure."""
        found = self._refined(pixels, before.anchors, before.expected)
        if not all(face.confidence >= LEAST_CONFIDENCE for face in found):
            return None
        far = [k for k, face in enumerate(found) if not _is_near(before.expected[k], face.points)]
        again = self._refined(pixels, [before.anchors[k] for k in far], [found[k].points for k in far])
        for k, face in zip(far, again, strict=True):
            found[k] = face
        return found

    def _refined(
        self, pixels: Picture, anchors: list[_Anchor], known: list[Float[np.ndarray, "49 2"]]
    ) -> list[FaceLandmarks]:
        """Return what the landmarker finds where landmarks are roughly known, for some faces at once."""
        crops = [anchor.crop_at(points) for anchor, points in zip(anchors, known, strict=True)]
        found = zip(anchors, self._read_at_once(pixels, crops), crops, strict=True)
        return [anchor.corrected(alone, crop_from_image) for anchor, alone, crop_from_image in found]

    def _read_at_once(self, pixels: Picture, crops: list[Transform]) -> list[FaceLandmarks]:
        parts = (crops[start : start + FACES_AT_ONCE] for start in range(0, len(crops), FACES_AT_ONCE))
        return [face for part in parts for face in self._locator.landmarker.read(pixels, part)]


def steadied(
    faces: Sequence[LocatedFace], ids: Sequence[int], smoother: LandmarkSmoother, timestamp_s: float
) -> list[tuple[int, LocatedFace]]:
    """Return the faces of a frame at smoothed landmarks, with their ids; without those that are no face there."""
    found = zip(ids, faces, strict=True)
    steady = ((k, located(face.box, smoother.update(k, face.landmarks, timestamp_s))) for k, face in found)
    return [(k, face) for k, face in steady if isinstance(face, LocatedFace)]


def _motions(faces: list[LocatedFace], before: _Before | None) -> list[Motion]:
    """Return the steps that faces are expected to take next."""
    if before is None:
        return [Motion() for _ in faces]
    known = zip(before.faces, faces, strict=True)
    latest = [Motion.between(old.landmarks.points, new.landmarks.points) for old, new in known]
    if all(motion == Motion() for motion in before.motions):  # The faces were not followed before.
        return latest
    return [motion.after(step) for motion, step in zip(before.motions, latest, strict=True)]


def _is_near(expected: Float[np.ndarray, "49 2"], found: Float[np.ndarray, "49 2"]) -> bool:
    """Return whether the edge of a face is where it was expected."""
    side_px, off = float(box_from_landmarks(found)[2]), Motion.between(expected, found)
    return abs(off.way_px) + abs(off.ratio - 1) * side_px / 2 <= NEAR_SIDES * side_px


def _step(before: Float[np.ndarray, "4"], now: Float[np.ndarray, "4"]) -> tuple[float, float]:
    """Return the way from one square to the next, in sides of the smaller, and the larger side over the smaller."""
    way_px = np.linalg.norm(now[:2] + now[2:] / 2 - before[:2] - before[2:] / 2)
    small, large = sorted((float(before[2]), float(now[2])))
    return float(way_px) / max(small, 1e-9), large / max(small, 1e-9)


def _moved(face: LocatedFace, now: FaceLandmarks) -> LocatedFace | None:
    """Return a face at its new landmarks; None where it went too far or makes no face there.

    Its box keeps its place about the landmarks. Its confidence rests on that of the face detector when it read it.
    """
    old, new = box_from_landmarks(face.landmarks.points), box_from_landmarks(now.points)
    way_sides, growth = _step(old, new)
    if way_sides > LONGEST_WAY_SIDES or growth > MOST_GROWTH or now.confidence < LEAST_CONFIDENCE:
        return None
    scale = float(new[2] / old[2])
    box = np.concatenate([new[:2] + (face.box.box[:2] - old[:2]) * scale, face.box.box[2:] * scale])
    detected = face.box.confidence / face.landmarks.confidence
    sure = plausibility(detected, now)
    moved = FaceBox(box, detected * sure, keypoints_from_landmarks(now.points))
    there = located(moved, replace(now, confidence=sure))
    return there if isinstance(there, LocatedFace) and is_certain(there) else None


def _collide(boxes: Sequence[FaceBox]) -> bool:
    places = np.array([box.box for box in boxes]).reshape(-1, 4)
    return any(bool((overlap(place, places[k + 1 :]) > MOST_OVERLAP).any()) for k, place in enumerate(places))


def _samples(pixels: Picture) -> Float[np.ndarray, "n n"]:
    """Return the grey values of `_SAMPLES` x `_SAMPLES` pixels spread over a picture."""
    height, width = pixels.shape[:2]
    rows, columns = (((np.arange(_SAMPLES) + 0.5) * side / _SAMPLES).astype(int) for side in (height, width))
    return pixels[rows[:, None], columns].mean(2, dtype=np.float64)


def _is_another_scene(before: Float[np.ndarray, "n n"], now: Float[np.ndarray, "n n"]) -> bool:
    change = np.abs(now - before)
    side = _SAMPLES // _BLOCKS
    changed = (change > SAMPLE_CHANGE).reshape(_BLOCKS, side, _BLOCKS, side).mean((1, 3))
    return bool(change.mean() > SCENE_CHANGE or changed.max() > MOST_CHANGED)
