"""The whole way from a picture to action units, on the weights inside the wheel; no torch, no network access."""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from duchenne.alignment import align
from duchenne.chosen_thresholds import AskedThresholds, asked_thresholds
from duchenne.errors import PictureWarning, UsageError
from duchenne.facs import AU_NAMES, parse_aus
from duchenne.location import FaceLocator, LocatedFace, largest
from duchenne.location.following import STRETCH_FRAMES, FaceFollower, stretch_of
from duchenne.media import Frame, PictureLike, frame_of, open_video
from duchenne.neutral_faces import NeutralFaces
from duchenne.reliability import Unreliable
from duchenne.results import FaceAUs
from duchenne.results.au_reading import AUReader, FoundFaces
from duchenne.results.detection_options import ByOptions, DetectionOptions
from duchenne.side_by_side import side_by_side, stretches_side_by_side
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceTracker, look_of, patience_s
from duchenne.weights import LOCATION_FILES, weights_path


class AUDetector(ByOptions):
    """Find faces and their action units in pictures and videos.

    A detector may be used from several threads at once, and pickled: in another process it opens its networks anew and
    gives the same numbers. Two are equal if they are asked for the same and rest on the same files.

    Example:
        >>> from duchenne.diagnosis import SAMPLE
        >>> detector = AUDetector(aus=[6, 12], sides=True)
        >>> detector
        AUDetector(aus=('AU06', 'AU12'), sides=True)
        >>> [face] = detector.detect(SAMPLE)
        >>> face[12].occurs, face["au12"].letter in "BCDE"
        (True, True)

    Attributes:
        options: What it looks for.
        aus: What is reported, in order.
        thresholds: By AU name.
        columns: Of a table of the faces; `to_dataframe` takes it where there may be none.

    Args:
        aus: To report, as numbers or names: `[6, 12]`, `"6,12"`, `"AU12"`; None for all that the weights know.
        thresholds: Probability from which an AU occurs: a set of the weights ("balanced", "f1"), a number for all,
            numbers by AU (`{12: 0.6}`), a .csv or .json file; None for what the weights take.
        largest_face: Keep only the largest face of each frame.
        min_face_px: Smallest face to look for, pixels; None for the face detector's rule.
        sides: Report the subject's left and right, too.
        weights: "real" or "rendered", the package's networks by what they learnt from; or a file that `duchenne export`
            has written. None for "real".
        smooth: Steady the landmarks of videos over time; single pictures stay as they are.
        unreliable: What tables do with the occurrence of AUs that are not `FaceAUs.reliable`: "keep" it, or write 9 for
            it ("blank").
        workers: Frames of a video that are worked on side by side; None for one per core.

    Raises:
        UsageError: An option makes no sense, names an AU that the weights do not know, or asks for sides that they do
            not tell apart or for thresholds that they do not hold.
        WeightsError: The weights are missing or altered.
    """

    def __init__(
        self,
        *,
        aus: str | int | Iterable[str | int] | None = None,
        thresholds: AskedThresholds | None = None,
        largest_face: bool = False,
        min_face_px: float | None = None,
        sides: bool = False,
        weights: str | Path | None = None,
        smooth: bool = False,
        unreliable: Unreliable = "keep",
        workers: int | None = None,
    ) -> None:
        names = None if aus is None else parse_aus(aus)
        asked = asked_thresholds(thresholds, names or AU_NAMES)
        others = (largest_face, min_face_px, sides, weights, smooth, unreliable)
        self._open(DetectionOptions(names, asked, *others), workers)

    @classmethod
    def from_options(cls, options: DetectionOptions, workers: int | None = None) -> "AUDetector":
        """Return a detector with the options of another, or of the record of a result.

        Example:
            >>> AUDetector.from_options(AUDetector(aus=12).options).aus
            ('AU12',)
        """
        detector = cls.__new__(cls)
        detector._open(options, workers)
        return detector

    def _open(self, options: DetectionOptions, workers: int | None) -> None:
        if workers is not None and workers < 1:
            raise UsageError(f"The number of workers is {workers}; it must be at least 1.")
        self.options = options
        self.workers = workers or max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        self._locator = FaceLocator()
        self._reader = AUReader(options)
        self.aus, self.columns, self.thresholds = self._reader.aus, self._reader.columns, self._reader.thresholds

    def with_neutral(self, path: str | Path) -> "AUDetector":
        """Return this detector with neutral faces, which shift the scores of those AUs for which that helped.

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> AUDetector().with_neutral(SAMPLE).neutral.path.name
            'face.jpg'

        Args:
            path: A picture or video of the one person whom all sources show; of several people a folder or a table
                (`neutral_faces`).

        Raises:
            UsageError: The weights know no rule for it, or no neutral faces that can be used are named.
            MediaError: The one picture cannot be read.
        """
        told = AUDetector.__new__(AUDetector)
        told.__dict__.update(self.__dict__)  # The networks are shared.
        told._reader = self._reader.with_neutral(Path(path), self._probability_of_largest)
        return told

    def __getstate__(self) -> dict[str, Any]:
        kept = {"options": self.portable_options, "workers": self.workers}
        return {**kept, "neutral": self.neutral, "shifts": self._reader.shifts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._open(state["options"], state["workers"])
        self._reader.neutral, self._reader.shifts = state["neutral"], state["shifts"]

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files in use: networks, mean face and pose correction."""
        return *map(weights_path, LOCATION_FILES), self._reader.path

    @property
    def reader(self) -> AUReader:
        """What reads the action units of located faces."""
        return self._reader

    @property
    def neutral(self) -> NeutralFaces | None:
        """Whose neutral face belongs to which source; None unless `with_neutral` was told."""
        return self._reader.neutral

    def detect(self, image: PictureLike) -> list[FaceAUs]:
        """Return the faces of one picture, the most certain first; an empty list when there is none.

        Example:
            >>> from PIL import Image
            >>> AUDetector().detect(Image.new("RGB", (64, 64)))
            []

        Args:
            image: A path, an open binary file, its bytes, a Pillow image, an array of H x W x 3 RGB or H x W grey, or a
                torch tensor of 3 x H x W; uint8 of 0-255, or floats of 0-1.

        Raises:
            MediaError: The picture cannot be read, or is none of these.

        Warns:
            PictureWarning: The file holds further pictures, looks empty, or the like (`Frame.notes`).
        """
        frame = frame_of(image)
        faces, notes = self._detect_still(frame)
        for note in notes:
            warnings.warn(f"{frame.source}: {note}.", PictureWarning, stacklevel=2)
        return faces

    def detect_frame(self, frame: Frame) -> list[FaceAUs]:
        """Return the faces of one still picture; `face_id` counts them in order of confidence.

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> from duchenne.media import read_picture
            >>> AUDetector(aus=12).detect_frame(read_picture(SAMPLE))[0].face_id
            0
        """
        return self._detect_still(frame)[0]

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

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> from duchenne.media import Frame, read_picture
            >>> pixels = read_picture(SAMPLE).pixels
            >>> frames = [Frame("camera", k, k / 25, pixels) for k in range(2)]
            >>> [(frame.index, faces[0].face_id) for frame, faces in AUDetector().detect_frames(frames)]
            [(0, 0), (1, 0)]

        Args:
            frames: Of the video.
            tracker: One to go on with.
            smoother: One to go on with; used if the options ask for smoothing.
            first_frame: Frames of a lower index are not given. They only lead up to it, or are shown again to a tracker
                that needs them to go on (`FaceTracker.frames_to_recall`).
        """
        tracker, smoother = tracker or FaceTracker(), smoother or LandmarkSmoother()
        yield from self.reader.in_order(self.find_faces(frames), tracker, smoother, first_frame)

    def find_faces(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, FoundFaces]]:
        """Yield what each frame shows by itself, from a multiple of `STRETCH_FRAMES` on; the `reader` does the rest.

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> from duchenne.media import read_picture
            >>> [(frame, (faces, looks, aus))] = AUDetector(aus=12).find_faces([read_picture(SAMPLE)])
            >>> len(faces), len(looks), len(aus)
            (1, 1, 1)
        """

        def begin() -> Callable[[Frame], FoundFaces]:
            follower = FaceFollower(self._locator, self.options.min_face_px)
            return lambda frame: self._find(frame, follower.locate(frame))

        most = self.workers * STRETCH_FRAMES
        return stretches_side_by_side(frames, lambda frame: stretch_of(frame.index), begin, self.workers, most)

    def _find(self, frame: Frame, faces: list[LocatedFace]) -> FoundFaces:
        """Return the faces with their looks; and their action units, unless the landmarks are smoothed before."""
        faces = largest(faces) if self.options.largest_face else faces
        aligned = [align(frame.pixels, face.landmarks.points) for face in faces]
        results = [] if self.options.smooth else self._reader.read(frame, faces, range(len(faces)), aligned)
        return faces, [look_of(face.pixels) for face in aligned], results

    def detect_pictures(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each picture with its faces, in order, `workers` of them in work at a time; no identity over time.

        The frames come with what the search adds to their notes. Where `frames` breaks off with a MediaError, those
        before are given first.

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> from duchenne.media import read_picture
            >>> found = AUDetector().detect_pictures(read_picture(path) for path in [SAMPLE, SAMPLE])
            >>> [len(faces) for _, faces in found]
            [1, 1]
        """
        for frame, (faces, notes) in side_by_side(frames, self._detect_still, self.workers):
            yield replace(frame, notes=notes), faces

    def detect_video(
        self, path: str | Path, start_s: float | None = None, end_s: float | None = None, step: int = 1
    ) -> Iterator[FaceAUs]:
        """Yield the faces of a video, frame by frame.

        Example:
            >>> import av, pathlib, tempfile
            >>> from PIL import Image
            >>> from duchenne.diagnosis import SAMPLE
            >>> path = pathlib.Path(tempfile.mkdtemp(), "still.mkv")
            >>> with av.open(path, "w") as file:
            ...     stream = file.add_stream("ffv1", rate=25, options={})
            ...     stream.width, stream.height, stream.pix_fmt = 512, 512, "bgr0"
            ...     file.mux([*stream.encode(av.VideoFrame.from_image(Image.open(SAMPLE))), *stream.encode()])
            >>> [face.occurs(12) for face in AUDetector().detect_video(path)]
            [True]

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

    def _detect_still(self, frame: Frame) -> tuple[list[FaceAUs], tuple[str, ...]]:
        """Return the faces of a picture, and what to note of it."""
        there = self._locator.locate(frame.pixels, self.options.min_face_px, still=True)
        found = largest(there.faces) if self.options.largest_face else there.faces
        return self._reader.read(frame, found, range(len(found))), (*frame.notes, *there.notes)

    def _probability_of_largest(self, frame: Frame) -> Float[np.ndarray, "k a"]:
        faces = self._locator.locate(frame.pixels, self.options.min_face_px).faces
        return self._reader.recognize(frame.pixels, largest(faces)).probability
