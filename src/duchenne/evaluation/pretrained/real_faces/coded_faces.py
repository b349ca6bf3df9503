"""Faces with mean grades, and what the whole way of the product predicts: `AUDetector.detect`, picture by picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from duchenne.alignment import eye_span_px
from duchenne.colour import is_grey
from duchenne.datasets.recording import SkipReason
from duchenne.datasets.stills import load_stills
from duchenne.detector import AUDetector
from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained.real_faces.coded_pictures import CodedPictures, joined_pictures
from duchenne.facs import AU_NAMES
from duchenne.media import frame_of, read_picture
from duchenne.recognition import AURecognizer
from duchenne.results import FaceAUs

ProgressCallback = Callable[[str, int, int], None]
"""Called with a stage, what is done of it and its whole."""
_SIDES = {"side_probability", "side_intensity"}


@dataclass(frozen=True)
class CodedFaces:
    """The faces that were found in coded pictures; predictions have the columns `aus`.

    Attributes:
        pictures: With their codes, one a face.
        aus: Names of the columns below, in the order of `facs.AU_NAMES`.
        probability: (n, a).
        called: (n, a), the probability against the file's threshold.
        intensity: (n, a), 0-5; None if the weights do not know it.
        side_intensity: (n, a, 2), of the subject's left and right; None likewise.
        pose_deg: (n, 2), yaw and pitch as the product sees them.
        eye_span_px: (n,), pixels of the picture between the outer eye corners.
        grey: (n,), whether the picture is without colour.
    """

    pictures: CodedPictures
    aus: tuple[str, ...]
    probability: Float[np.ndarray, "n a"]
    called: Bool[np.ndarray, "n a"]
    intensity: Float[np.ndarray, "n a"] | None
    side_intensity: Float[np.ndarray, "n a 2"] | None
    pose_deg: Float[np.ndarray, "n 2"]
    eye_span_px: Float[np.ndarray, " n"]
    grey: Bool[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def people(self) -> int:
        """How many there are."""
        return len(np.unique(self.pictures.person))

    def grade(self, au: str) -> Float[np.ndarray, " n"]:
        """Return the mean grade of one AU, NaN where it is not known."""
        return self.pictures.grade[:, AU_NAMES.index(au)]

    def of(self, chosen: Bool[np.ndarray, " n"]) -> "CodedFaces":
        """Return the chosen faces."""
        intensity, sides = (None if v is None else v[chosen] for v in (self.intensity, self.side_intensity))
        return CodedFaces(
            self.pictures.of(chosen), self.aus, self.probability[chosen], self.called[chosen], intensity, sides,
            self.pose_deg[chosen], self.eye_span_px[chosen], self.grey[chosen],
        )  # fmt: skip


def joined(parts: Sequence[CodedFaces]) -> CodedFaces:
    """Return the faces of several parts as one; what a part does not know, nobody knows.

    Raises:
        EvaluationError: Their columns are other AUs.
    """
    if len({part.aus for part in parts}) != 1:
        raise EvaluationError("The weights know different AUs, so their faces make no one table. Measure them apart.")

    def of_all(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if any(value is None for value in values) else np.concatenate(values)

    columns = [field.name for field in fields(CodedFaces) if field.name not in ("pictures", "aus")]
    pictures = joined_pictures([part.pictures for part in parts])
    return CodedFaces(pictures, parts[0].aus, **{name: of_all(name) for name in columns})


def detector_for(weights: Path | None) -> AUDetector:
    """Return the detector that keeps the largest face of a picture, with sides if the weights tell them apart.

    Raises:
        WeightsError: The weights are missing or none.
    """
    sides = set(AURecognizer(weights).outputs) >= _SIDES
    return AUDetector(largest_face=True, sides=sides, weights=weights, workers=1)


def coded_faces(
    detector: AUDetector, pictures: CodedPictures, on_progress: ProgressCallback
) -> tuple[CodedFaces, Bool[np.ndarray, " n"]]:
    """Return the largest face of each picture, and in which pictures one was found.

    Raises:
        EvaluationError: There is a face in none.
        MediaError: A picture cannot be read.
    """
    faces: list[FaceAUs] = []
    grey: list[bool] = []
    found = np.zeros(len(pictures), bool)
    for k, file in enumerate(pictures.file):
        pixels = read_picture(file).pixels
        if seen := detector.detect_frame(frame_of(pixels)):
            found[k] = True
            faces.append(seen[0])
            grey.append(is_grey(pixels))
        on_progress("pictures", k + 1, len(pictures))
    if not faces:
        raise EvaluationError(f"No face was found in any of {len(pictures)} pictures. Name codes of faces.")
    return _columns(pictures.of(found), faces, grey), found


def _columns(pictures: CodedPictures, faces: Sequence[FaceAUs], grey: Sequence[bool]) -> CodedFaces:
    return CodedFaces(
        pictures,
        faces[0].aus,
        np.stack([face.probability for face in faces]),
        np.stack([face.occurrence for face in faces]),
        _stacked([face.intensity for face in faces]),
        _stacked([face.side_intensity for face in faces]),
        np.array([[face.pose.yaw_deg, face.pose.pitch_deg] for face in faces]),
        np.array([eye_span_px(face.landmarks.points) for face in faces]),
        np.array(grey),
    )


def _stacked(values: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [value for value in values if value is not None]
    return np.stack(known) if known else None


@dataclass(frozen=True)
class NeutralHeads:
    """Rendered heads that show no AU at all.

    Attributes:
        pictures: How many were looked at.
        others: Pictures of the folder that show an AU and were left out.
        person: (n,), of the heads that were found.
        called: (n, a), AUs called on them.
    """

    pictures: int
    others: int
    person: Shaped[np.ndarray, " n"]
    called: Bool[np.ndarray, "n a"]


def neutral_heads(detector: AUDetector, folder: Path, on_progress: ProgressCallback) -> NeutralHeads:
    """Return what is called on the rendered heads of a folder of stills whose intensities are all 0.

    Raises:
        DatasetError: There is no file of stills.
        EvaluationError: A file is damaged, none of its heads is neutral, or none was found.
    """
    release = load_stills(folder)
    if release.problems:
        raise EvaluationError(f"{release.problems[0].where}: {release.problems[0].what}")
    recordings = release.recordings
    neutral = [(one, np.asarray(one.labels.intensity).max((1, 2)) == 0) for one in recordings]
    total, others = sum(int(rows.sum()) for _, rows in neutral), sum(int((~rows).sum()) for _, rows in neutral)
    persons: list[str] = []
    called: list[np.ndarray] = []
    done = 0
    for one, rows in neutral:
        for pixels in one.pictures.read(one.labels.frame[rows]):
            if not isinstance(pixels, SkipReason) and (seen := detector.detect_frame(frame_of(pixels))):
                persons.append(one.subject)
                called.append(seen[0].occurrence)
            done += 1
            on_progress("neutral heads", done, total)
    if not called:
        raise EvaluationError(
            f"{folder} shows no neutral head that was found ({total} neutral, {others} others). Draw some with: "
            "duchenne render --protocol stills --cooccurrence neutral."
        )
    return NeutralHeads(total, others, np.array(persons), np.stack(called))
