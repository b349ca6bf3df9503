"""From located faces to their action units, as the options ask for them: occurrence, sides, a person's neutral face."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from duchenne.alignment import AlignedFace
from duchenne.cropping import Picture
from duchenne.devices import CPU, Device
from duchenne.errors import UsageError
from duchenne.location import LocatedFace
from duchenne.location.following import steadied
from duchenne.location.small_faces import SmallFaces, SmallFacesInVideo
from duchenne.media import Frame
from duchenne.neutral_faces import NeutralFaces, ProbabilityOf, neutral_shifts, read_neutral
from duchenne.recognition import AURecognizer, Recognized
from duchenne.results.columns import Columns
from duchenne.results.detection_options import DetectionOptions
from duchenne.results.face_aus import FaceAUs
from duchenne.smoothing import LandmarkSmoother
from duchenne.tracking import FaceLook, FaceTracker


class FoundFaces(NamedTuple):
    """What one frame of a video shows by itself.

    Attributes:
        faces: In it.
        looks: Of each.
        results: Of each; none if landmarks are smoothed before action units are read.
        small: Whether smaller faces are likely; None where the face detector did not read the frame.
    """

    faces: list[LocatedFace]
    looks: list[FaceLook]
    results: list[FaceAUs]
    small: SmallFaces | None


class AUReader:
    """Reads the action units of faces whose landmarks are known.

    A reader may be used from several threads at once.

    Attributes:
        path: The AU network.
        aus: What is reported, in order.
        thresholds: By AU name.
        columns: Of a table of the faces.
        neutral: Whose neutral face belongs to which source; None without them.
        shifts: What the neutral face of each person takes off.

    Args:
        options: What is asked for.
        device: Where the network is computed.

    Raises:
        UsageError: The options name an AU that the weights do not know, ask for sides that they do not tell apart or
            for thresholds that they do not hold.
        WeightsError: The weights are missing or altered.
    """

    def __init__(self, options: DetectionOptions, device: Device = CPU) -> None:
        self._options = options
        self._recognizer = AURecognizer(options.weights, device=device)
        self.path = self._recognizer.path
        self.aus = self._choose_aus()
        self.columns = self._choose_columns()
        self._kept = [self._recognizer.aus.index(name) for name in self.aus]
        self.thresholds: dict[str, float] = self._choose_thresholds()
        self.neutral: NeutralFaces | None = None
        self.shifts: dict[str, Float[np.ndarray, " a"]] = {}

    def with_neutral(self, path: Path, probability_of: ProbabilityOf) -> "AUReader":
        """Return this reader with the neutral faces that `path` names; the network is shared.

        Args:
            path: As `neutral_faces.read_neutral` takes it.
            probability_of: The largest face's.

        Raises:
            UsageError: The weights know no rule for it, or `path` names no neutral faces that can be used.
            MediaError: The one picture cannot be read.
        """
        rule = self._recognizer.neutral
        if rule is None:
            raise UsageError(f"{self.path.name} has no rule for neutral faces. Leave the neutral face out.")
        told = AUReader.__new__(AUReader)
        told.__dict__.update(self.__dict__)
        told.neutral = read_neutral(path)
        told.shifts = neutral_shifts(told.neutral, rule, probability_of)
        return told

    @property
    def margin_px(self) -> int:
        """How much around the crop the network reads; faces are aligned with it."""
        return self._recognizer.layout.margin_px

    def recognize(
        self, pixels: Picture, faces: Sequence[LocatedFace], aligned: Sequence[AlignedFace] | None = None
    ) -> Recognized:
        """Return what the network says of the faces of a picture, by its own AUs."""
        aligned = aligned or [self._recognizer.align(pixels, face.landmarks.points) for face in faces]
        return self._recognizer.recognize_fully(aligned, [face.landmarks.depth for face in faces])

    def read(
        self,
        frame: Frame,
        faces: Sequence[LocatedFace],
        ids: Sequence[int],
        aligned: Sequence[AlignedFace] | None = None,
    ) -> list[FaceAUs]:
        """Return the results for faces of a frame.

        Args:
            frame: The frame.
            faces: In it.
            ids: The `face_id` of each.
            aligned: The same faces, where they are aligned already.
        """
        if not faces:
            return []
        results = self._results(frame, faces, self.recognize(frame.pixels, faces, aligned))
        return [replace(result, face_id=face_id) for result, face_id in zip(results, ids, strict=True)]

    def in_order(
        self,
        found: Iterable[tuple[Frame, FoundFaces]],
        tracker: FaceTracker,
        smoother: LandmarkSmoother,
        first: int,
        small_faces: SmallFacesInVideo,
    ) -> Iterator[tuple[Frame, list[FaceAUs]]]:
        """Yield each frame of a video with its faces: what depends on the frames before, their ids and smoothing.

        Args:
            found: Frames in order; pixels may be missing where landmarks are not smoothed.
            tracker: Of the video.
            smoother: Likewise.
            first: Frames of a lower index are only shown to the tracker.
            small_faces: Counts where smaller faces are likely.
        """
        for frame, seen in found:
            if frame.index < first:
                tracker.recall(frame.index, [face.box for face in seen.faces], seen.looks)
                continue
            small_faces.add(seen.small)
            yield frame, self.numbered(frame, seen, tracker, smoother)

    def numbered(
        self, frame: Frame, found: FoundFaces, tracker: FaceTracker, smoother: LandmarkSmoother
    ) -> list[FaceAUs]:
        """Return the results for the faces of the next frame of a video, with their identity over time."""
        ids = tracker.update([face.box for face in found.faces], frame.timestamp_s, found.looks, frame.index)
        if not self._options.smooth:
            return [replace(result, face_id=k) for result, k in zip(found.results, ids, strict=True)]
        kept = steadied(found.faces, ids, smoother, frame.timestamp_s)
        return self.read(frame, [face for _, face in kept], [k for k, _ in kept])

    def read_all(self, frames: Sequence[Frame], faces: Sequence[Sequence[LocatedFace]]) -> list[list[FaceAUs]]:
        """Return the results for the faces of several frames; the network reads them all together.

        Args:
            frames: The frames.
            faces: In each of them; `face_id` counts them in this order.
        """
        pairs = [(frame, face) for frame, there in zip(frames, faces, strict=True) for face in there]
        aligned = [self._recognizer.align(frame.pixels, face.landmarks.points) for frame, face in pairs]
        found = self._recognizer.recognize_fully(aligned, [face.landmarks.depth for _, face in pairs])
        ends = np.cumsum([0, *map(len, faces)]).tolist()
        parts = (found.rows(slice(*ends[k : k + 2])) for k in range(len(faces)))
        return [self._results(*given) for given in zip(frames, faces, parts, strict=True)]

    def _results(self, frame: Frame, faces: Sequence[LocatedFace], found: Recognized) -> list[FaceAUs]:
        if not faces:
            return []
        shifted = self._shifted(found, frame.source)
        return [self._result(frame, k, face, shifted) for k, face in enumerate(faces)]

    def _choose_aus(self) -> tuple[str, ...]:
        known = self._recognizer.aus
        wanted = known if self._options.aus is None else self._options.aus
        if unknown := [name for name in wanted if name not in known]:
            raise UsageError(f"The weights do not give {' '.join(unknown)}. They give: {' '.join(known)}.")
        return tuple(wanted)

    def _choose_columns(self) -> Columns:
        known, sides = self._recognizer.outputs, self._options.sides
        if sides and not {"side_probability", "side_intensity"} <= set(known):
            raise UsageError(f"{self.path.name} does not tell left from right. Leave sides out.")
        return Columns(self.aus, "intensity" in known, sides)

    def _choose_thresholds(self) -> dict[str, float]:
        chosen, known = self._options.thresholds or {}, self._recognizer
        numbers = chosen if isinstance(chosen, Mapping) else {}
        stored = known.thresholds if isinstance(chosen, Mapping) else known.thresholds_of(chosen)
        by_au = dict(zip(known.aus, stored, strict=True)) | dict(numbers)
        return {name: float(by_au[name]) for name in self.aus}

    def _shifted(self, found: Recognized, source: str) -> Recognized:
        """Return the predictions for the faces of a source once its person's neutral face is taken off."""
        if self.neutral is None or self._recognizer.neutral is None:
            return found
        return self._recognizer.neutral.apply(found, self.shifts[self.neutral.person_of(source)])

    def _result(self, frame: Frame, k: int, face: LocatedFace, found: Recognized) -> FaceAUs:
        probability = found.probability[k, self._kept]
        occurrence = probability >= np.array([self.thresholds[name] for name in self.aus])
        sides = (found.side_probability, found.side_intensity) if self.columns.sides else (None, None)
        graded, left_right, sided = (None if v is None else v[k, self._kept] for v in (found.intensity, *sides))
        return FaceAUs(
            frame.source, frame.index, frame.timestamp_s, k, face.box, face.landmarks, face.pose,
            self.aus, probability, occurrence, graded, left_right, sided, self._options.unreliable,
        )  # fmt: skip
