"""How far a landmarker's points and poses are off, as results/landmarker.json holds it.

The error of a face is the mean distance of its 49 points from the true ones, over the root of the area of their box.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duchenne.evaluation.json_record import INLINE, OMITTED, key


@dataclass(frozen=True)
class PointErrors:
    """Errors of some faces.

    Attributes:
        faces: How many; the rest is None where there are none.
        median: Of the faces' errors.
        p90: 90th percentile.
        share_far: Share of the faces with an error above .10, whose points are off their features.
    """

    faces: int
    median: float | None = field(default=None, metadata=OMITTED)
    p90: float | None = field(default=None, metadata=OMITTED)
    share_far: float | None = field(default=None, metadata=key("share_above_0.10") | OMITTED)


@dataclass(frozen=True)
class AngleError:
    """Error of an angle, degrees; found less true."""

    bias: float
    mean_absolute: float
    median_absolute: float


@dataclass(frozen=True)
class PoseError:
    """Median angle between found and true pose, degrees, and the error of each angle."""

    median_turn_deg: float
    yaw_deg: AngleError
    pitch_deg: AngleError
    roll_deg: AngleError


@dataclass(frozen=True)
class HeadsError:
    """Errors of some rendered heads; all but `points` is None where there are none.

    Attributes:
        points: Of all points.
        shape_median: Median error after each group of points was moved onto the true one.
        median_by_group: Median error of each group of points.
        pose: Of the head.
        visibility_accuracy: Share of the points whose visibility is predicted rightly.
        depth_median: Median error of the depths.
    """

    points: PointErrors = field(metadata=INLINE)
    shape_median: float | None = field(default=None, metadata=OMITTED)
    median_by_group: Mapping[str, float] | None = field(default=None, metadata=OMITTED)
    pose: PoseError | None = field(default=None, metadata=key("pose_error") | OMITTED)
    visibility_accuracy: float | None = field(default=None, metadata=OMITTED)
    depth_median: float | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True)
class PoseHeads:
    """How many heads have one pose, and the errors of those that were located."""

    heads: int
    errors: HeadsError = field(metadata=INLINE)


@dataclass(frozen=True)
class Responses:
    """By how much what is found grows with the truth (1 would be all of it), near the front.

    Attributes:
        faces: How many.
        both_sides: For both sides together, by movement.
        left_against_right: For how the sides differ.
    """

    faces: int
    both_sides: Mapping[str, float]
    left_against_right: Mapping[str, float]


@dataclass(frozen=True)
class RealErrors:
    """Errors on real people, against the teacher's points.

    Attributes:
        agreed_faces: Faces on which both detectors of the teacher agree.
        located: Of these.
        all: Errors of those.
        teacher_sure: Of those that the teacher is sure of.
        share_confident: Share of the located with a confidence of at least .5.
        by_yaw: By the size of the yaw.
        by_source: By the folder of the picture.
    """

    agreed_faces: int
    located: int
    all: PointErrors
    teacher_sure: PointErrors
    share_confident: float = field(metadata=key("confidence_at_least_0.5"))
    by_yaw: Mapping[str, PointErrors]
    by_source: Mapping[str, PointErrors]


@dataclass(frozen=True)
class RenderedErrors:
    """Errors on rendered heads, by the size of the true yaw, or by true pose where they stand in a grid."""

    heads: int
    located: int
    all: HeadsError
    frontal_responses: Responses | None = field(default=None, metadata=OMITTED)
    by_yaw: Mapping[str, HeadsError] | None = field(default=None, metadata=OMITTED)
    by_pose: Mapping[str, PoseHeads] | None = field(default=None, metadata=OMITTED)


@dataclass(frozen=True)
class SquaresWithoutFace:
    """In how many squares of photographs without a face the landmarker sees one."""

    squares: int
    seem_a_face: int
    share: float


@dataclass(frozen=True)
class LandmarksResult:
    """Everything that was measured of a landmarker.

    Attributes:
        command: That measured it.
        error: What an error is, in words.
        boxes: Where boxes come from.
        weights_sha256: Of the landmarker.
        held_out_real: On real people.
        rendered: On rendered heads in free poses.
        rendered_grid: On rendered heads under a grid of poses.
        without_a_face: On photographs.
        sets: How the rendered sets were drawn, where that was noted.
    """

    command: str
    error: str
    boxes: str
    weights_sha256: str
    held_out_real: RealErrors | None = field(default=None, metadata=OMITTED)
    rendered: RenderedErrors | None = field(default=None, metadata=OMITTED)
    rendered_grid: RenderedErrors | None = field(default=None, metadata=OMITTED)
    without_a_face: SquaresWithoutFace | None = field(default=None, metadata=OMITTED)
    sets: Mapping[str, str] | None = field(default=None, metadata=OMITTED)
