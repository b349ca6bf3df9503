"""The whole way from a picture to action units, on the weights inside the wheel; no torch, no network access."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from duchenne.alignment import align
from duchenne.chosen_thresholds import AskedThresholds, asked_thresholds
from duchenne.detector.face_stream import FaceStream
from duchenne.detector.picture_detection import PictureDetector
from duchenne.devices import DeviceName
from duchenne.errors import PictureWarning
from duchenne.facs import AU_NAMES, parse_aus
from duchenne.location import largest
from duchenne.location.following import STRETCH_FRAMES, FaceFollower, stretch_of
from duchenne.location.small_faces import SmallFacesInVideo
from duchenne.media import Frame, open_video
from duchenne.media.hardware_decoding import OFF
from duchenne.reliability import Unreliable
from duchenne.results import FaceAUs
from duchenne.results.au_reading import FoundFaces
from duchenne.results.detection_options import DetectionOptions
from duchenne.side_by_side import side_by_side, stretches_side_by_side
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import SHORTEST_PATIENCE_S, FaceLook, FaceTracker, look_of, patience_s


class AUDetector(PictureDetector):
    """Find faces and their action units in pictures and videos.

    A detector may be used from several threads at once, and pickled: in another process it opens its networks anew and
    gives the same numbers, on the same device. Two are equal if they are asked for the same and rest on the same files.

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
        device: Where its networks are computed; `device.name` says what "auto" took.

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
        device: Where networks are computed: "cpu", "cuda", "coreml", "openvino" or "directml"; "auto" for the first of
            CUDA, DirectML and OpenVINO that is installed and works, else the processor.

    Raises:
        UsageError: An option makes no sense, names an AU that the weights do not know, or asks for sides that they do
            not tell apart or for thresholds that they do not hold.
        WeightsError: The weights are missing or altered.
        DeviceError: A device was asked for by name and cannot be used here.
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
        device: DeviceName = "auto",
    ) -> None:
        names = None if aus is None else parse_aus(aus)
        asked = asked_thresholds(thresholds, names or AU_NAMES)
        others = (largest_face, min_face_px, sides, weights, smooth, unreliable, device)
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

    def detect_frames(
        self,
        frames: Iterable[Frame],
        tracker: FaceTracker | None = None,
        smoother: LandmarkSmoother | None = None,
        first_frame: int = 0,
        small_faces: SmallFacesInVideo | None = None,
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
            small_faces: Counts where smaller faces than those that are looked for are likely.
        """
        tracker, smoother = tracker or FaceTracker(), smoother or LandmarkSmoother()
        counted = small_faces or SmallFacesInVideo()
        yield from self.reader.in_order(self.find_faces(frames), tracker, smoother, first_frame, counted)

    def stream(self, source: str = "stream", longest_loss_s: float = SHORTEST_PATIENCE_S) -> FaceStream[FoundFaces]:
        """Return a stream: frames are pushed with their times, and the faces of each come back at once.

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> stream = AUDetector(aus=12).stream("camera:0")
            >>> [face] = stream.push(SAMPLE, timestamp_s=0.0)
            >>> face.source, face.frame, face.face_id
            ('camera:0', 0, 0)

        Args:
            source: Its name in the results; with neutral faces of several people, it says whose is taken off.
            longest_loss_s: A face that was not seen for longer gets a new number.

        Raises:
            UsageError: `longest_loss_s` is negative.
        """
        tracker, smoother = FaceTracker(longest_loss_s), LandmarkSmoother()
        return FaceStream(
            source, self._begin_stretch, lambda frame, found: self._reader.numbered(frame, found, tracker, smoother)
        )

    def find_faces(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, FoundFaces]]:
        """Yield what each frame shows by itself, from a multiple of `STRETCH_FRAMES` on; the `reader` does the rest.

        Example:
            >>> from duchenne.diagnosis import SAMPLE
            >>> from duchenne.media import read_picture
            >>> [(frame, found)] = AUDetector(aus=12).find_faces([read_picture(SAMPLE)])
            >>> len(found.faces), len(found.looks), len(found.results)
            (1, 1, 1)
        """
        # One worker takes frame after frame, so that two are held; several work in stretches of their own.
        most = self.workers * STRETCH_FRAMES if self.workers > 1 else 1
        return stretches_side_by_side(
            frames, lambda frame: stretch_of(frame.index), self._begin_stretch, self.workers, most
        )

    def _begin_stretch(self) -> Callable[[Frame], FoundFaces]:
        follower, looks = FaceFollower(self._locator, self.options.min_face_px), dict[int, FaceLook]()
        return lambda frame: self._find(frame, follower, looks)

    def _find(self, frame: Frame, follower: FaceFollower, looks: dict[int, FaceLook]) -> FoundFaces:
        """Return the faces with their looks; and their action units, unless the landmarks are smoothed before.

        Args:
            frame: The next of a stretch.
            follower: Of the stretch.
            looks: By the places of faces among those that are followed, which keep theirs; new ones are added.
        """
        found = follower.locate(frame)
        if not follower.followed:
            looks.clear()
        faces = largest(found) if self.options.largest_face else found
        places = [place for place, face in enumerate(found) if any(face is kept for kept in faces)]
        aligned = None
        if not looks.keys() >= set(places):
            aligned = [align(frame.pixels, face.landmarks.points, self._reader.margin_px) for face in faces]
            looks.update((k, look_of(face.pixels)) for k, face in zip(places, aligned, strict=True) if k not in looks)
        results = [] if self.options.smooth else self._reader.read(frame, faces, range(len(faces)), aligned)
        return FoundFaces(faces, [looks[place] for place in places], results, follower.small)

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
        self,
        path: str | Path,
        start_s: float | None = None,
        end_s: float | None = None,
        step: int = 1,
        hardware_decoding: str = OFF,
    ) -> Iterator[FaceAUs]:
        """Yield the faces of a video, frame by frame; at the end, `PictureWarning` says what to know of it.

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
            hardware_decoding: What decodes it: "off" for the processor, FFmpeg's name of a kind of device ("cuda",
                "videotoolbox"), or "auto" for the first that starts. Pixels, and so numbers, may differ a little.

        Raises:
            MediaError: The video cannot be read, or breaks off; faces before the break have been given.
            DeviceError: The device that decodes was asked for by name and cannot be used here.
        """
        small_faces = SmallFacesInVideo()
        with open_video(path, start_s, end_s, step, hardware_decoding=hardware_decoding) as video:
            tracker = FaceTracker(patience_s(video.fps, step))
            for _, faces in self.detect_frames(video, tracker, small_faces=small_faces):
                yield from faces
            for note in (*video.notes, *small_faces.notes):
                warnings.warn(f"{path}: {note}.", PictureWarning, stacklevel=2)
