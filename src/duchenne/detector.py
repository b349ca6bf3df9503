"""The whole way from a picture to action units, on the weights inside the wheel; no torch, no network access."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float

from duchenne.alignment import align
from duchenne.columns import Columns
from duchenne.cropping import Picture
from duchenne.errors import MediaError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.location import FaceLocator, LocatedFace, located
from duchenne.media import Frame, SourceKind, frame_from_array, kind_of, open_video, read_picture
from duchenne.recognition import WEIGHTS_NAME, AURecognizer, Recognized
from duchenne.results import FaceAUs
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker
from duchenne.weights import NETWORKS, weights_path

T = TypeVar("T")
_MOST_NEUTRAL_FRAMES = 300


@dataclass(frozen=True)
class DetectionOptions:
    """What to look for.

    Attributes:
        aus: Names to report, in the order of `facs.AU_NAMES`; None for all that the weights know.
        thresholds: Thresholds by AU name that replace the stored ones, each 0-1.
        largest_face: Keep only the largest face of each frame.
        min_face_px: Smallest face to look for; None for the face detector's rule.
        sides: Report the subject's left and right, too.
        weights: An AU network that `duchenne export` has written; None for the package's own.
        smooth: Steady the landmarks of videos over time before action units are read; single pictures stay as they are.
        neutral: A picture or video of the neutral face of the one person whom the sources show; it shifts the scores of
            those AUs for which that helped on rendered faces.
        abstain: Let tables say 9 for the occurrence of AUs that cannot be judged (`FaceAUs.reliable`).
    """

    aus: tuple[str, ...] | None = None
    thresholds: Mapping[str, float] | None = None
    largest_face: bool = False
    min_face_px: float | None = None
    sides: bool = False
    weights: Path | None = None
    smooth: bool = False
    abstain: bool = False
    neutral: Path | None = None

    def __post_init__(self) -> None:
        for name, value in (self.thresholds or {}).items():
            if name not in AU_NAMES:
                raise UsageError(
                    f"There is no action unit {name!r} to set a threshold for. Known: {' '.join(AU_NAMES)}."
                )
            if not 0.0 <= value <= 1.0:
                raise UsageError(f"The threshold of {name} is {value:g}; a probability lies between 0 and 1.")
        if self.min_face_px is not None and not self.min_face_px >= 1:
            raise UsageError(f"The smallest face is {self.min_face_px:g} px; it must be at least 1 px.")


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

    Args:
        options: What to look for; the defaults report everything but sides.
        workers: Frames of a video that are worked on side by side; None for one per core.

    Raises:
        UsageError: An option names an AU that the weights do not know, or asks for sides that they do not tell apart.
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
        stored = dict(zip(self._recognizer.aus, self._recognizer.thresholds, strict=True))
        self.thresholds: dict[str, float] = {
            name: float((self.options.thresholds or {}).get(name, stored[name])) for name in self.aus
        }
        self._shift: Float[np.ndarray, " a"] | None = None
        if self.options.neutral is not None:
            self._shift = self._neutral_shift(self.options.neutral)

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files of the networks in use."""
        return *(weights_path(name) for name in NETWORKS if name != WEIGHTS_NAME), self._recognizer.path

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
        self, frames: Iterable[Frame], tracker: FaceTracker | None = None, smoother: LandmarkSmoother | None = None
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame of one video with its faces, in order; faces keep their `face_id` over time.

        Every frame goes the way of a single picture, so its numbers do not depend on its neighbours, unless the options
        ask for smoothing. Several frames are worked on side by side; memory does not grow with the length of the video.

        Args:
            frames: Of the video.
            tracker: One to go on with.
            smoother: One to go on with; used if the options ask for smoothing.
        """
        tracker = tracker or FaceTracker()
        if self.options.smooth:
            yield from self._smoothed(frames, tracker, smoother or LandmarkSmoother())
            return
        for frame, faces in self.detect_pictures(frames):
            ids = tracker.update([face.box for face in faces], frame.timestamp_s)
            yield frame, [replace(face, face_id=k) for face, k in zip(faces, ids, strict=True)]

    def _smoothed(
        self, frames: Iterable[Frame], tracker: FaceTracker, smoother: LandmarkSmoother
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """As `detect_frames`; what comes after the landmarks is done in the order of time."""
        for frame, found in self._side_by_side(frames, lambda frame: self._locate(frame.pixels)):
            ids = tracker.update([face.box for face in found], frame.timestamp_s)
            steady = [
                (k, located(face.box, smoother.update(k, face.landmarks, frame.timestamp_s)))
                for k, face in zip(ids, found, strict=True)
            ]
            kept = [(k, face) for k, face in steady if isinstance(face, LocatedFace)]
            yield frame, self._results(frame, [face for _, face in kept], [k for k, _ in kept])

    def detect_pictures(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame with its faces, in order, `workers` of them in work at a time; no identity over time.

        Where `frames` breaks off with a MediaError, the frames before are given first.
        """
        return self._side_by_side(frames, self.detect_frame)

    def _side_by_side(self, frames: Iterable[Frame], work: Callable[[Frame], T]) -> Iterator[tuple[Frame, T]]:
        waiting: deque[tuple[Frame, Future[T]]] = deque()
        broken: list[MediaError] = []
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for frame in _until_broken(frames, broken):
                    waiting.append((frame, pool.submit(work, frame)))
                    if len(waiting) > 2 * self.workers:
                        first, done = waiting.popleft()
                        yield first, done.result()
                while waiting:
                    first, done = waiting.popleft()
                    yield first, done.result()
                if broken:
                    raise broken[0]
            finally:
                for _, unfinished in waiting:
                    unfinished.cancel()

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
            for _, faces in self.detect_frames(video):
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

    def _recognize(self, pixels: Picture, faces: Sequence[LocatedFace]) -> Recognized:
        aligned = [align(pixels, face.landmarks.points) for face in faces]
        found = self._recognizer.recognize_fully(aligned, [face.landmarks.depth for face in faces])
        if self._shift is None or self._recognizer.neutral is None:
            return found
        return self._recognizer.neutral.apply(found, self._shift)

    def _neutral_shift(self, path: Path) -> Float[np.ndarray, " a"]:
        """Return what the faces of a person's neutral picture or video take off; the largest face of each frame counts.

        Raises:
            UsageError: The weights know no rule for it, or there is no face.
            MediaError: It cannot be read.
        """
        rule = self._recognizer.neutral
        if rule is None:
            raise UsageError(f"{self._recognizer.path.name} has no rule for neutral faces. Leave the neutral face out.")
        said = []
        for frame in islice(_frames_of(path), _MOST_NEUTRAL_FRAMES):
            faces, _ = self._locator.locate(frame.pixels, self.options.min_face_px)
            if faces:
                said.append(self._recognize(frame.pixels, _largest(faces)).probability)
        if not said:
            raise UsageError(f"There is no face in {path}, which should show a neutral one.")
        return rule.shift(np.concatenate(said))

    def _results(self, frame: Frame, faces: Sequence[LocatedFace], ids: Sequence[int]) -> list[FaceAUs]:
        if not faces:
            return []
        found = self._recognize(frame.pixels, faces)
        results = (self._result(frame, k, face, found) for k, face in enumerate(faces))
        return [replace(result, face_id=face_id) for result, face_id in zip(results, ids, strict=True)]

    def _result(self, frame: Frame, k: int, face: LocatedFace, found: Recognized) -> FaceAUs:
        probability = found.probability[k, self._kept]
        occurrence = probability >= np.array([self.thresholds[name] for name in self.aus])
        sides = (found.side_probability, found.side_intensity) if self.columns.sides else (None, None)
        graded, left_right, sided = (None if v is None else v[k, self._kept] for v in (found.intensity, *sides))
        return FaceAUs(
            frame.source, frame.index, frame.timestamp_s, k, face.box, face.landmarks, face.pose,
            self.aus, probability, occurrence, graded, left_right, sided, self.options.abstain,
        )  # fmt: skip


def _largest(faces: list[LocatedFace]) -> list[LocatedFace]:
    """Return the largest face alone; nothing where there is none."""
    return sorted(faces, key=lambda face: face.area_px, reverse=True)[:1]


def _frames_of(path: Path) -> Iterator[Frame]:
    if kind_of(path) is SourceKind.VIDEO:
        with open_video(path) as video:
            yield from video
    else:
        yield read_picture(path)


def _until_broken(frames: Iterable[Frame], broken: list[MediaError]) -> Iterator[Frame]:
    """Yield frames; put the error with which they break off, if any, into `broken`."""
    try:
        yield from frames
    except MediaError as error:
        broken.append(error)
