"""From still pictures to action units, one by one or many together; how a detector is opened and pickled."""

import os
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from duchenne.devices import Device, DeviceName, device_for
from duchenne.errors import DeviceWarning, MediaError, PictureWarning, UsageError
from duchenne.location import FaceLocator, largest
from duchenne.location.batches import locate_all
from duchenne.media import Frame, PictureLike, frame_of
from duchenne.neutral_faces import NeutralFaces
from duchenne.results import FaceAUs
from duchenne.results.au_reading import AUReader
from duchenne.results.detection_options import ByOptions, DetectionOptions
from duchenne.weights import LOCATION_FILES, weights_path

MOST_AT_ONCE = 32
"""Pictures whose faces go through the networks together."""


class PictureDetector(ByOptions):
    """The part of `AUDetector` that needs no time: still pictures.

    Attributes:
        aus: What is reported, in order.
        thresholds: By AU name.
        columns: Of a table of the faces.
        workers: Threads that it may use.
        device: Where its networks are computed: the one asked for, or the one that "auto" took.
    """

    def _open(self, options: DetectionOptions, workers: int | None, device: DeviceName | None = None) -> None:
        if workers is not None and workers < 1:
            raise UsageError(f"The number of workers is {workers}; it must be at least 1.")
        self.options = options
        self.workers = workers or max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        self.device: Device = device_for(device or options.device)
        if self.device.note:
            warnings.warn(f"{self.device.note} Networks run on {self.device.name}.", DeviceWarning, stacklevel=3)
        self._locator = FaceLocator(self.device)
        self._reader = AUReader(options, self.device)
        self.aus, self.columns, self.thresholds = self._reader.aus, self._reader.columns, self._reader.thresholds

    def __getstate__(self) -> dict[str, Any]:
        # What "auto" took here is asked for by name there, so that the numbers are the same or there are none.
        kept = {"options": self.portable_options, "workers": self.workers, "device": self.device.name}
        return {**kept, "neutral": self.neutral, "shifts": self._reader.shifts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._open(state["options"], state["workers"], state["device"])
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
            >>> from duchenne import AUDetector
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

    def detect_batch(self, images: Iterable[PictureLike]) -> list[list[FaceAUs]]:
        """Return the faces of each of many pictures, as `detect` gives them, and sooner.

        Pictures are shared out among `workers` threads; the landmarks and action units of all faces in a thread's
        share, at most `MOST_AT_ONCE` pictures, go through the networks together. All pictures are held in memory; for
        a folder or more than fit, `detect_pictures` takes one after another.

        Example:
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> [len(faces) for faces in AUDetector().detect_batch([SAMPLE, SAMPLE])]
            [1, 1]

        Args:
            images: Each as `detect` takes it, of any sizes.

        Raises:
            MediaError: One of the pictures cannot be read, or is none; the message says which, from 0. All are read
                before the first is worked on, so that no time is lost; none is given. To go on without it, leave it
                out or call `detect` for each.

        Warns:
            PictureWarning: As `detect` does, for each picture with its number.
        """
        frames = [_frame_of(k, image) for k, image in enumerate(images)]
        share = min(MOST_AT_ONCE, -(-len(frames) // self.workers)) or 1
        parts = [frames[start : start + share] for start in range(0, len(frames), share)]
        with ThreadPoolExecutor(self.workers) as pool:
            found = [one for part in pool.map(self._detect_stills, parts) for one in part]
        for k, (frame, (_, notes)) in enumerate(zip(frames, found, strict=True)):
            for note in notes:
                warnings.warn(f"Picture {k} ({frame.source}): {note}.", PictureWarning, stacklevel=2)
        return [faces for faces, _ in found]

    def detect_frame(self, frame: Frame) -> list[FaceAUs]:
        """Return the faces of one still picture; `face_id` counts them in order of confidence.

        Example:
            >>> from duchenne import AUDetector
            >>> from duchenne.diagnosis import SAMPLE
            >>> from duchenne.media import read_picture
            >>> AUDetector(aus=12).detect_frame(read_picture(SAMPLE))[0].face_id
            0
        """
        return self._detect_still(frame)[0]

    def _detect_still(self, frame: Frame) -> tuple[list[FaceAUs], tuple[str, ...]]:
        """Return the faces of a picture, and what to note of it."""
        there = self._locator.locate(frame.pixels, self.options.min_face_px, still=True)
        found = largest(there.faces) if self.options.largest_face else there.faces
        return self._reader.read(frame, found, range(len(found))), (*frame.notes, *there.small.notes)

    def _detect_stills(self, frames: Sequence[Frame]) -> list[tuple[list[FaceAUs], tuple[str, ...]]]:
        """Return what `_detect_still` does for each of some pictures."""
        there = locate_all(self._locator, [frame.pixels for frame in frames], self.options.min_face_px)
        found = [largest(one.faces) if self.options.largest_face else one.faces for one in there]
        notes = [(*frame.notes, *one.small.notes) for frame, one in zip(frames, there, strict=True)]
        return list(zip(self._reader.read_all(frames, found), notes, strict=True))

    def _probability_of_largest(self, frame: Frame) -> Float[np.ndarray, "k a"]:
        faces = self._locator.locate(frame.pixels, self.options.min_face_px).faces
        return self._reader.recognize(frame.pixels, largest(faces)).probability


def _frame_of(k: int, image: PictureLike) -> Frame:
    """Return a picture of a batch as a frame; an error names the picture."""
    try:
        return frame_of(image)
    except MediaError as error:
        raise MediaError(f"Picture {k} of the batch: {error}") from error
