"""What the AU network reaches on rendered faces, as results/au_real.json holds it.

Areas are under the ROC. None stands where a measure has no meaning for lack of a class. `mean_12` is the mean over the
paper's AUs, `mean_all` that over all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duchenne.evaluation.json_record import INLINE, key
from duchenne.evaluation.pretrained.au_prototypes import PrototypeAreas

ByAU = Mapping[str, float | None]
CountByAU = Mapping[str, int]


@dataclass(frozen=True)
class AreaTable:
    """The area of each AU on some faces."""

    faces: int
    mean_12: float | None
    mean_all: float | None
    aus: ByAU


@dataclass(frozen=True)
class PoseAreas:
    """Areas by pose, and the means of `mean_12` over the sets of poses that papers use.

    Attributes:
        seven_poses: Of the paper.
        seven_poses_standard_deviation: Over these.
        nine_poses_pitch_down: FERA 2017's.
        nine_poses_pitch_up: The same with the other sign of the pitch.
        poses: By name, see `pose_key`; None where no face has the pose.
    """

    seven_poses: float | None
    seven_poses_standard_deviation: float | None
    nine_poses_pitch_down: float | None = field(metadata=key("nine_poses_pitch_down_to_-40"))
    nine_poses_pitch_up: float | None = field(metadata=key("nine_poses_pitch_up_to_40"))
    poses: Mapping[str, AreaTable | None]


def pose_key(yaw_deg: int, pitch_deg: int) -> str:
    """Return the name of a pose in `PoseAreas.poses`.

    >>> pose_key(-40, 20)
    'yaw -40 pitch 20'
    """
    return f"yaw {yaw_deg} pitch {pitch_deg}"


@dataclass(frozen=True)
class GroupAreas:
    """Areas by skin tone, sex or age, and how far apart the groups' `mean_12` lie."""

    largest_difference: float | None
    groups: Mapping[str, AreaTable]


@dataclass(frozen=True)
class Grading:
    """Agreement of the intensity, ICC(3,1), and expected calibration error of the probability."""

    icc_3_1_mean_12: float | None
    calibration_error_mean_12: float | None
    icc_3_1: ByAU
    calibration_error: ByAU


@dataclass(frozen=True)
class SideShares:
    """Of the faces whose sides differ by a grade or more, the share in which the stronger side is named.

    Attributes:
        all: Over all AUs and faces.
        share: By AU; None where there are too few faces.
        faces: How many there are.
    """

    all: float | None
    share: ByAU
    faces: CountByAU


@dataclass(frozen=True)
class PairShares:
    """Of pairs of faces that differ in an AU, the share in which the face that shows it scores higher.

    Attributes:
        least_of_12: Of the paper's AUs.
        right_share: By AU.
        pairs: How many there are.
    """

    least_of_12: float | None
    right_share: ByAU
    pairs: CountByAU


@dataclass(frozen=True)
class F1Table:
    """F1 at the stored thresholds, and that of calling every face positive."""

    mean_12: float | None
    mean_12_all_positive: float | None
    f1: ByAU
    f1_all_positive: ByAU


@dataclass(frozen=True)
class NeutralArea:
    """Area without and with the neutral face of the person; share is the part of its excess that is taken off."""

    share: float
    without: float | None
    with_neutral: float | None = field(metadata=key("with"))


@dataclass(frozen=True)
class NeutralGain:
    """What neutral faces bring, on faces of people from whom the rule has learnt nothing."""

    people: int
    faces: int
    area_under_roc: Mapping[str, NeutralArea]


@dataclass(frozen=True)
class StoreSummary:
    """One of the sets: what its preparation kept of the labelled pictures, and lost for which reasons."""

    fingerprint: str
    subjects: int
    labelled: int
    kept: int
    lost: Mapping[str, int]


@dataclass(frozen=True)
class AUNetworkResult:
    """How the AU network of the package was made and what it reaches.

    Attributes:
        what: The faces, in words.
        made_by: Command.
        name: Recipe.
        source: Of the labels.
        training: What the training recorded: data, commit, steps, score.
        onnx_bytes: Size of the file.
        onnx_against_torch_max_difference: Of any output.
        late_fusion_weights: By AU.
        threshold_rule: In words.
        thresholds: By AU.
        stores: The sets by name.
        frontal: Areas at yaw 0, pitch 0.
        by_pose: Areas on the grid of poses.
        by_angle: Areas by the larger of yaw and pitch, free poses.
        by_person: Areas by tone, sex and age, free poses.
        by_face_size: Areas by the size of the face, free poses.
        grading: On the grid of poses.
        grading_frontal: At yaw 0, pitch 0.
        stronger_side: Free poses.
        f1: On the grid of poses.
        pairs_alone: One face lacks the AU.
        pairs_of_lookalikes: One face shows a look-alike in its stead.
        neutral: Free poses.
        within_prototypes: Areas among faces of one emotion prototype, free poses.
    """

    what: str
    made_by: str
    name: str
    source: str
    training: Mapping[str, object] = field(metadata=INLINE)
    onnx_bytes: int
    onnx_against_torch_max_difference: float
    late_fusion_weights: Mapping[str, float] = field(metadata=key("landmark_shares"))
    threshold_rule: str
    thresholds: Mapping[str, float]
    stores: Mapping[str, StoreSummary]
    frontal: AreaTable = field(metadata=key("area_under_roc_frontal"))
    by_pose: PoseAreas = field(metadata=key("area_under_roc_by_pose"))
    by_angle: Mapping[str, AreaTable] = field(metadata=key("area_under_roc_by_angle"))
    by_person: Mapping[str, GroupAreas] = field(metadata=key("area_under_roc_by_person"))
    by_face_size: Mapping[str, AreaTable] = field(metadata=key("area_under_roc_by_face_size"))
    grading: Grading = field(metadata=key("intensity_and_calibration"))
    grading_frontal: Grading = field(metadata=key("intensity_and_calibration_frontal"))
    stronger_side: SideShares = field(metadata=key("stronger_side_told"))
    f1: F1Table = field(metadata=key("f1_at_thresholds"))
    pairs_alone: PairShares = field(metadata=key("pairs_that_differ_in_one_au"))
    pairs_of_lookalikes: PairShares
    neutral: NeutralGain = field(metadata=key("with_the_neutral_face_of_the_person"))
    within_prototypes: PrototypeAreas


@dataclass(frozen=True)
class AUNetworkSummary:
    """The figures that bars are set for; of groups, the largest difference."""

    frontal: float | None
    seven_poses: float | None
    seven_poses_standard_deviation: float | None
    nine_poses_pitch_down: float | None = field(metadata=key("nine_poses_pitch_down_to_-40"))
    nine_poses_pitch_up: float | None = field(metadata=key("nine_poses_pitch_up_to_40"))
    icc: float | None
    icc_frontal: float | None
    calibration_error: float | None
    stronger_side: float | None
    pairs_least_of_12: float | None
    within_prototypes: float | None
    groups: Mapping[str, float | None] = field(metadata=INLINE)


def summary_of(result: AUNetworkResult) -> AUNetworkSummary:
    """Return the figures that bars are set for."""
    poses = result.by_pose
    return AUNetworkSummary(
        frontal=result.frontal.mean_12,
        seven_poses=poses.seven_poses,
        seven_poses_standard_deviation=poses.seven_poses_standard_deviation,
        nine_poses_pitch_down=poses.nine_poses_pitch_down,
        nine_poses_pitch_up=poses.nine_poses_pitch_up,
        icc=result.grading.icc_3_1_mean_12,
        icc_frontal=result.grading_frontal.icc_3_1_mean_12,
        calibration_error=result.grading.calibration_error_mean_12,
        stronger_side=result.stronger_side.all,
        pairs_least_of_12=result.pairs_alone.least_of_12,
        within_prototypes=result.within_prototypes.mean_12,
        groups={kind: groups.largest_difference for kind, groups in result.by_person.items()},
    )
