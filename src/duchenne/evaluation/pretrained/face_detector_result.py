"""What the face detector finds and what it takes for a face, as results/face_detector.json holds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duchenne.evaluation.json_record import OMITTED


@dataclass(frozen=True)
class Recall:
    """How many of some known faces are found, and how well those are placed.

    Attributes:
        faces: Known ones.
        found: At the stored threshold, with an IoU of at least .5.
        recall: Share that is found.
        mean_iou: Of those found.
        point_error: Median over those found of the mean distance of the five keypoints over the side of the face.
    """

    faces: int
    found: int | None = field(default=None, metadata=OMITTED)
    recall: float | None = field(default=None, metadata=OMITTED)
    mean_iou: float | None = field(default=None, metadata=OMITTED)
    point_error: float | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True)
class FalseFaces:
    """On how many pictures without a face one is found."""

    pictures: int
    with_a_false_face: int
    share: float


@dataclass(frozen=True)
class PhotographResults:
    """False faces on photographs as a whole and on their tiles.

    Attributes:
        all: Both together.
        whole_photographs: As they are.
        tiles: Six of each.
        photographs_by_place: How many photographs each place gave.
        left_out: Stems of those that show a face or another photograph.
    """

    all: FalseFaces
    whole_photographs: FalseFaces
    tiles: FalseFaces
    photographs_by_place: Mapping[str, int]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class AngleRecall:
    """Recall on rendered heads by the size of their angles, degrees."""

    by_abs_yaw_deg: Mapping[str, Recall]
    by_abs_pitch_deg: Mapping[str, Recall]


@dataclass(frozen=True)
class FaceDetectorResult:
    """Everything that was measured of a face detector.

    Attributes:
        command: That measured it.
        protocol: What each part means, in words.
        weights_sha256: Of the face detector.
        labels_sha256: Of index and teachers' labels together.
        threshold: The stored one.
        persons: Real people.
        recall: On all real faces.
        recall_by_source: By the folder of the picture.
        false_faces: On photographs.
        recall_by_side_px: By the side of the face, pictures shrunk.
        recall_partly_hidden: By what is hidden.
        recall_in_crowds: By the size of the crowd.
        recall_rendered: On rendered heads in free poses.
        recall_rendered_by_pose: On rendered heads under a grid of poses.
        sets: How the rendered sets were drawn, where that was noted.
    """

    command: str
    protocol: Mapping[str, str]
    weights_sha256: str
    labels_sha256: str
    threshold: float
    persons: int
    recall: Recall
    recall_by_source: Mapping[str, Recall]
    false_faces: PhotographResults
    recall_by_side_px: Mapping[str, Recall]
    recall_partly_hidden: Mapping[str, Recall]
    recall_in_crowds: Mapping[str, Recall]
    recall_rendered: AngleRecall | None = field(default=None, metadata=OMITTED)
    recall_rendered_by_pose: Mapping[str, Recall] | None = field(default=None, metadata=OMITTED)
    sets: Mapping[str, str] | None = field(default=None, metadata=OMITTED)
