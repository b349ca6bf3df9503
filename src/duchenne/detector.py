"""The whole way from a picture to action units, on the weights inside the wheel; no torch, no network access."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Float

from duchenne.alignment import AlignedFace, align
from duchenne.chosen_thresholds import SET_NAMES, ThresholdSetName, check_thresholds
from duchenne.cropping import Picture
from duchenne.errors import UsageError
from duchenne.location import FaceLocator, LocatedFace, located
from duchenne.location.following import STRETCH_FRAMES, FaceFollower, stretch_of
from duchenne.media import Frame, frame_from_array, open_video, read_picture
from duchenne.neutral_faces import NeutralFaces, neutral_shifts, read_neutral
from duchenne.recognition import AURecognizer, Recognized
from duchenne.reliability import Unreliable
from duchenne.results import FaceAUs
from duchenne.results.columns import Columns
from duchenne.side_by_side import side_by_side, stretches_side_by_side
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceLook, FaceTracker, look_of, patience_s
from duchenne.weights import LOCATION_FILES, weights_path

_Found = tuple[list[LocatedFace], list[FaceLook], list[FaceAUs]]
"""What one frame of a video shows: faces, their looks, and their action units."""


@dataclass(frozen=True)
class DetectionOptions:
    """What to look for.

    Attributes:
        aus: Names to report, in the order of `facs.AU_NAMES`; None for all that the weights know.
        thresholds: The name of one of the weights' sets ("balanced", "f1"), or thresholds by AU name that replace those
            of the weights, each 0-1 (`chosen_thresholds.read_thresholds` reads a file); None for what the weights take.
        largest_face: Keep only the largest face of each frame.
        min_face_px: Smallest face to look for; None for the face detector's rule.
        sides: Report the subject's left and right, too.
        weights: "real" or "rendered", the package's networks by what they learnt from; or a file that `duchenne export`
            has written. None for "real".
        smooth: Steady the landmarks of videos over time before action units are read; single pictures stay as they are.
        neutral: Neutral faces, which shift the scores of those AUs for which that helped: a picture or video of the one
            person whom the sources show, or a folder or table of several people's (`neutral_faces`).
        unreliable: What tables do with the occurrence of AUs that are not `FaceAUs.reliable`: "keep" it, or write 9 for
            it ("blank").
    """

    aus: tuple[str, ...] | None = None
    thresholds: Mapping[str, float] | ThresholdSetName | None = None
    largest_face: bool = False
    min_face_px: float | None = None
    sides: bool = False
    weights: str | Path | None = None
    smooth: bool = False
    unreliable: Unreliable = "keep"
    neutral: Path | None = None

    def __post_init__(self) -> None:
        if isinstance(self.thresholds, Mapping):
            check_thresholds(self.thresholds)
        elif self.thresholds is not None and self.thresholds not in SET_NAMES:
            raise UsageError(f"There are no thresholds {self.thresholds!r}; take {' or '.join(SET_NAMES)}, or numbers.")
        if self.min_face_px is not None and not self.min_face_px >= 1:
            raise UsageError(f"The smallest face is {self.min_face_px:g} px; it must be at least 1 px.")
        if self.unreliable not in get_args(Unreliable):
            raise UsageError(f"Unreliable occurrences can be kept or blanked; {self.unreliable!r} is neither.")


class AUDetector:
    """Find faces and their action units in pictures and videos.

    Example:
        >>> detector = AUDetector()
        >>> faces = detector.detect("portrait.jpg")
        >>> faces[0].probability_of("AU12"), faces[0].intensity_of("AU12")

    Attributes:
        aus: What is reported, in order.
        thresholds: By AU name.
        columns: Of a table of the faces; `to_dataframe` takes it where there may be none.
        neutral: Whose neutral face belongs to which source; None where the options name none.

    Args:
        options: What to look for; the defaults report everything but sides.
        workers: Frames of a video that are worked on side by side; None for one per core.

    Raises:
        UsageError: An option names an AU that the weights do not know, asks for sides that they do not tell apart or
            for thresholds that they do not hold; or a neutral face cannot be used.
        MediaError: A neutral picture cannot be read.
        WeightsError: The weights are missing or altered.
    """

    def __init__(self, options: DetectionOptions | None = None, workers: int | None = None) -> None:
        self.options = options or DetectionOptions()
        self.workers = workers or max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        self._locator = FaceLocator()
        self._recognizer = AURecognizer(self.options.weights)
        self.aus = self._choose_aus()
        self.columns = self._choose_columns()
        self._kept = [self._recognizer.aus.index(name) for name in self.aus]
        self.thresholds: dict[str, float] = self._choose_thresholds()
        self.neutral: NeutralFaces | None = None
        self._shifts: dict[str, Float[np.ndarray, " a"]] = {}
        if self.options.neutral is not None:
            self._shifts = self._read_neutral(self.options.neutral)

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files in use: networks, mean face and pose correction."""
        return *map(weights_path, LOCATION_FILES), self._recognizer.path

    def detect(self, image: str | Path | np.ndarray) -> list[FaceAUs]:
        """Return the faces of one picture, the most certain first; an empty list when there is none.

        Args:
            image: A path, or an array of H x W x 3 RGB (H x W grey), uint8.

        Raises:
            MediaError: The picture cannot be read.
        """
        frame = frame_from_array(image) if isinstance(image, np.ndarray) else read_picture(image)
        return self.detect_frame(frame)

    def detect_frame(self, frame: Frame) -> list[FaceAUs]:
        """Return the faces of one frame; `face_id` counts them in order of confidence."""
        found = self._locate(frame.pixels)
        return self._results(frame, found, range(len(found)))

    def detect_frames(
        self,
        frames: Iterable[Frame],
        tracker: FaceTracker | None = None,
        smoother: LandmarkSmoother | None = None,
        first_frame: int = 0,
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame of one video with its faces, in order; faces keep their `face_id` over time.

        Faces are looked for in frames whose index is a multiple of `STRETCH_FRAMES`, and followed in between
        where that leaves no doubt. So the numbers of a frame rest on no frame before the last multiple, unless the
        options ask for smoothing. Memory does not grow with the length of the video.

        Args:
            frames: Of the video.
            tracker: One to go on with.
            smoother: One to go on with; used if the options ask for smoothing.
            first_frame: Frames of a lower index are not given. They only lead up to it, or are shown again to a tracker
                that needs them to go on (`FaceTracker.frames_to_recall`).
        """
        tracker, smoother = tracker or FaceTracker(), smoother or LandmarkSmoother()
        for frame, (faces, looks, results) in self._stretches(frames):
            boxes = [face.box for face in faces]
            if frame.index < first_frame:
                tracker.recall(frame.index, boxes, looks)
                continue
            ids = tracker.update(boxes, frame.timestamp_s, looks, frame.index)
            if self.options.smooth:
                yield frame, self._smoothed(frame, faces, ids, smoother)
            else:
                yield frame, [replace(result, face_id=k) for result, k in zip(results, ids, strict=True)]

    def _stretches(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, _Found]]:
        most = self.workers * STRETCH_FRAMES
        return stretches_side_by_side(
            frames, lambda frame: stretch_of(frame.index), self._begin_stretch, self.workers, most
        )

    def _begin_stretch(self) -> Callable[[Frame], _Found]:
        follower = FaceFollower(self._locator, self.options.min_face_px)
        return lambda frame: self._find(frame, follower.locate(frame))

    def _find(self, frame: Frame, faces: list[LocatedFace]) -> _Found:
        """Return the faces with their looks; and their action units, unless the landmarks are smoothed before."""
        faces = _largest(faces) if self.options.largest_face else faces
        aligned = [align(frame.pixels, face.landmarks.points) for face in faces]
        results = [] if self.options.smooth else self._results(frame, faces, range(len(faces)), aligned)
        return faces, [look_of(face.pixels) for face in aligned], results

    def _smoothed(
        self, frame: Frame, faces: list[LocatedFace], ids: list[int], smoother: LandmarkSmoother
    ) -> list[FaceAUs]:
        """Do what comes after the landmarks, in the order of time."""
        found = zip(ids, faces, strict=True)
        steady = [(k, located(f.box, smoother.update(k, f.landmarks, frame.timestamp_s))) for k, f in found]
        kept = [(k, face) for k, face in steady if isinstance(face, LocatedFace)]
        return self._results(frame, [face for _, face in kept], [k for k, _ in kept])

    def detect_pictures(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame with its faces, in order, `workers` of them in work at a time; no identity over time.

        Where `frames` breaks off with a MediaError, the frames before are given first.
        """
        return side_by_side(frames, self.detect_frame, self.workers)

    def detect_video(
        self, path: str | Path, start_s: float | None = None, end_s: float | None = None, step: int = 1
    ) -> Iterator[FaceAUs]:
        """Yield the faces of a video, frame by frame.

        Args:
            path: The video.
            start_s: Leave out what comes before this time.
            end_s: Stop at this time.
            step: Look at every step-th frame.

        Raises:
            MediaError: The video cannot be read, or breaks off; faces before the break have been given.
        """
        with open_video(path, start_s=start_s, end_s=end_s, step=step) as video:
            for _, faces in self.detect_frames(video, FaceTracker(patience_s(video.fps, step))):
                yield from faces

    def _choose_aus(self) -> tuple[str, ...]:
        wanted = self.options.aus if self.options.aus is not None else tuple(self._recognizer.aus)
        unknown = [name for name in wanted if name not in self._recognizer.aus]
        if unknown:
            raise UsageError(
                f"The weights do not know {' '.join(unknown)}. They know: {' '.join(self._recognizer.aus)}."
            )
        return tuple(wanted)

    def _locate(self, pixels: Picture) -> list[LocatedFace]:
        found, _ = self._locator.locate(pixels, self.options.min_face_px)
        return _largest(found) if self.options.largest_face else found

    def _choose_columns(self) -> Columns:
        known, sides = self._recognizer.outputs, self.options.sides
        if sides and not {"side_probability", "side_intensity"} <= set(known):
            raise UsageError(f"{self._recognizer.path.name} does not tell left from right. Leave sides out.")
        return Columns(self.aus, "intensity" in known, sides)

    def _choose_thresholds(self) -> dict[str, float]:
        chosen, known = self.options.thresholds or {}, self._recognizer
        numbers = chosen if isinstance(chosen, Mapping) else {}
        stored = known.thresholds if isinstance(chosen, Mapping) else known.thresholds_of(chosen)
        by_au = dict(zip(known.aus, stored, strict=True)) | dict(numbers)
        return {name: float(by_au[name]) for name in self.aus}

    def _recognize(
        self, pixels: Picture, faces: Sequence[LocatedFace], aligned: Sequence[AlignedFace] | None = None
    ) -> Recognized:
        aligned = aligned or [align(pixels, face.landmarks.points) for face in faces]
        return self._recognizer.recognize_fully(aligned, [face.landmarks.depth for face in faces])

    def _shifted(self, found: Recognized, source: str) -> Recognized:
        """Return the predictions for the faces of a source once its person's neutral face is taken off."""
        if self.neutral is None or self._recognizer.neutral is None:
            return found
        return self._recognizer.neutral.apply(found, self._shifts[self.neutral.person_of(source)])

    def _read_neutral(self, path: Path) -> dict[str, Float[np.ndarray, " a"]]:
        """Return what each person's neutral pictures take off.

        Raises:
            UsageError: The weights know no rule for it, or `path` names no neutral faces that can be used.
            MediaError: The one picture cannot be read.
        """
        rule = self._recognizer.neutral
        if rule is None:
            raise UsageError(f"{self._recognizer.path.name} has no rule for neutral faces. Leave the neutral face out.")
        self.neutral = read_neutral(path)
        return neutral_shifts(self.neutral, rule, self._probability_of_largest)

    def _probability_of_largest(self, frame: Frame) -> Float[np.ndarray, "k a"]:
        faces, _ = self._locator.locate(frame.pixels, self.options.min_face_px)
        return self._recognize(frame.pixels, _largest(faces)).probability

    def _results(
        self,
        frame: Frame,
        faces: Sequence[LocatedFace],
        ids: Sequence[int],
        aligned: Sequence[AlignedFace] | None = None,
    ) -> list[FaceAUs]:
        if not faces:
            return []
        found = self._shifted(self._recognize(frame.pixels, faces, aligned), frame.source)
        results = (self._result(frame, k, face, found) for k, face in enumerate(faces))
        return [replace(result, face_id=face_id) for result, face_id in zip(results, ids, strict=True)]

    def _result(self, frame: Frame, k: int, face: LocatedFace, found: Recognized) -> FaceAUs:
        probability = found.probability[k, self._kept]
        occurrence = probability >= np.array([self.thresholds[name] for name in self.aus])
        sides = (found.side_probability, found.side_intensity) if self.columns.sides else (None, None)
        graded, left_right, sided = (None if v is None else v[k, self._kept] for v in (found.intensity, *sides))
        return FaceAUs(
            frame.source, frame.index, frame.timestamp_s, k, face.box, face.landmarks, face.pose,
            self.aus, probability, occurrence, graded, left_right, sided, self.options.unreliable,
        )  # fmt: skip


def _largest(faces: list[LocatedFace]) -> list[LocatedFace]:
    """Return the largest face alone; nothing where there is none."""
    return sorted(faces, key=lambda face: face.area_px, reverse=True)[:1]
