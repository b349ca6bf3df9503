"""A run: the scores of one system on one set of faces, by AU, pose and subject, as tables and figures read them.

The fields are the keys of a run's JSON (`run_files`); numbers are rounded to six digits, relations to four. A score
that cannot be had, for lack of positive or of negative faces, is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from duchenne.errors import EvaluationError
from duchenne.evaluation.json_record import EMPTY_OBJECT, INLINE, OMITTED
from duchenne.facs import AU_NAMES
from duchenne.measures.intervals import Bootstrap
from duchenne.poses import FERA17_POSES

Role = Literal["within", "across", "poses", "clips", "disfa", "other"]
"""Of the experiments: Table 2, Table 3, Table 4 with Figures 6 and 7, clips over time, DISFA, or none of them."""
Measure = Literal["f1", "nf1", "apr", "napr", "aroc"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
Intervals = Mapping[Measure, tuple[float, float] | None]
"""Lower and upper end by measure; None where too few resamplings could be measured."""
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class TrainingRecord:
    """What is known of a system's training.

    Attributes:
        faces: Training faces.
        fingerprint: Of these.
        skew: Negatives / positives among them, by AU.
        epochs: Times that each face was seen at most; None for classical systems.
        validation: Mean area under the ROC on validation faces, by training step.
        cpu_s: Processor seconds; None where they were not measured.
        device: Where it was trained, in words.
        left_out: AUs of the recipe that the training faces could not teach.
    """

    faces: int
    fingerprint: str
    skew: Mapping[str, float]
    epochs: float | None
    validation: Mapping[int, float]
    cpu_s: float | None
    device: str | None = field(default=None, kw_only=True, metadata=OMITTED)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOrigin:
    """What a stranger needs to make a run again.

    Attributes:
        system: Name of the recipe, or of the file of scores.
        data: Names of the sets, "train to test" or one name for both.
        protocol: How faces were split and sampled, in words.
        role: Which of the paper's experiments it stands for.
        seed: Of the system's training.
        command: That made the run.
        commit: Of the code; None outside a checkout.
        training: None where nothing is known of it.
        learnt_from: People of the test whom the system learnt from or who said when to stop, so that scores are too
            high; None where that is not known.
    """

    system: str
    data: str
    protocol: str
    role: Role = "other"
    seed: int | None = None
    command: str = ""
    commit: str | None = None
    training: TrainingRecord | None = field(default=None, metadata=EMPTY_OBJECT)
    learnt_from: tuple[str, ...] | None = field(default=None, kw_only=True, metadata=OMITTED)


@dataclass(frozen=True)
class CurveScores:
    """The paper's five measures of a ranking of faces, or their deviations over poses.

    Attributes:
        f1: At the best threshold.
        nf1: F1 at skew 1, at its own best threshold.
        apr: Average precision.
        napr: Average precision at skew 1.
        aroc: Area under the ROC.
    """

    f1: float | None
    nf1: float | None
    apr: float | None
    napr: float | None
    aroc: float | None

    def of(self, measure: Measure) -> float | None:
        """Return one of them by name."""
        found: float | None = getattr(self, measure)
        return found


@dataclass(frozen=True)
class ThresholdScores:
    """Counts and scores of one AU at one threshold.

    Attributes:
        threshold: A face whose score is as high or higher is called positive; the mean where each fold has its own.
        true_positive: Present and called present.
        false_positive: Absent and called present.
        false_negative: Present and called absent.
        true_negative: Absent and called absent.
        f1: Harmonic mean of precision and recall.
        nf1: F1 at skew 1.
        precision: None where no face is called positive.
        recall: Share of the positives that are called.
        kappa: Cohen's.
    """

    threshold: float
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    f1: float | None
    nf1: float | None
    precision: float | None
    recall: float | None
    kappa: float | None


@dataclass(frozen=True)
class ThresholdRules:
    """Scores of one AU at the thresholds of three rules.

    Attributes:
        best: Of the best F1 on the tested faces themselves: an oracle.
        half: At .5.
        validation: Of the best F1 on validation faces; None without such a threshold.
    """

    best: ThresholdScores
    half: ThresholdScores
    validation: ThresholdScores | None


@dataclass(frozen=True)
class SubsetAUScores:
    """Scores of one AU on some faces.

    Attributes:
        positives: Faces that show it.
        negatives: Faces that do not.
        missing: Which of the two kinds there is not, in words; None where both are there.
        skew: Negatives / positives.
        curve: Measures of the ranking.
    """

    positives: int
    negatives: int
    missing: str | None
    skew: float | None
    curve: CurveScores = field(metadata=INLINE)


@dataclass(frozen=True)
class AUScores(SubsetAUScores):
    """Scores of one AU on all faces of a run.

    Attributes:
        unknown: Faces whose label is not known; they take no part.
        all_positive_f1: F1 of calling every face positive.
        calibration_error: Of the scores read as probabilities.
        at: At three thresholds.
        interval: Of `curve`, by resampled subjects; None without resampling.
        icc: ICC(3,1) of predicted and coded intensity; for a system that predicts none, of five times its score. None
            where fewer than two faces are graded or all alike.
    """

    unknown: int
    all_positive_f1: float | None = field(default=None, kw_only=True, metadata=OMITTED)
    calibration_error: float | None = field(default=None, kw_only=True, metadata=OMITTED)
    at: ThresholdRules | None = field(default=None, kw_only=True, metadata=OMITTED)
    interval: Intervals | None = field(default=None, kw_only=True, metadata=OMITTED)
    icc: float | None = field(default=None, kw_only=True, metadata=OMITTED)


@dataclass(frozen=True)
class MeanScores:
    """Means over the AUs that have positive and negative faces.

    Attributes:
        curve: Means of the measures of the ranking.
        f1_half: Mean F1 at .5.
        f1_validation: Mean F1 at the thresholds chosen on validation faces.
        aus: How many AUs take part.
        left_out: Those that do not.
        interval: Of `curve`, all AUs resampled together; empty without resampling, None in subsets.
        icc: Mean over the AUs that have it.
    """

    curve: CurveScores = field(metadata=INLINE)
    f1_half: float | None
    f1_validation: float | None
    aus: int
    left_out: tuple[str, ...]
    interval: Intervals | None = field(default=None, kw_only=True, metadata=OMITTED)
    icc: float | None = field(default=None, kw_only=True, metadata=OMITTED)


@dataclass(frozen=True)
class SubsetScores:
    """Scores on the faces of one pose or of one subject.

    Attributes:
        faces: How many.
        mean: Over AUs.
        aus: By AU.
    """

    faces: int
    mean: MeanScores
    aus: Mapping[str, SubsetAUScores]


@dataclass(frozen=True)
class PoseScores:
    """Scores by head pose.

    Attributes:
        poses: By FERA 2017's number of the pose.
        deviation_kept: By AU, standard deviation over the seven poses that the paper keeps.
        deviation_all: Likewise over all poses.
    """

    poses: Mapping[int, SubsetScores]
    deviation_kept: Mapping[str, CurveScores]
    deviation_all: Mapping[str, CurveScores]


@dataclass(frozen=True)
class RelationScores:
    """Correlations between AUs, of labels and of calls (`relations.Relations`, rounded).

    Attributes:
        aus: Of rows and columns.
        left_out: AUs that have no correlation here.
        faces: Those whose labels are all known.
        labels: Matrix of the labels.
        calls: Matrix of what the system calls present.
        distance: Of the two; None with no AU left.
    """

    aus: tuple[str, ...]
    left_out: tuple[str, ...]
    faces: int
    labels: Matrix
    calls: Matrix
    distance: float | None


@dataclass(frozen=True)
class Run:
    """All scores of one system on one set of faces.

    Attributes:
        origin: Where they come from.
        fingerprint: Of the faces.
        faces: How many.
        subjects: How many people show them.
        bootstrap: How intervals were made.
        aus: By AU.
        mean: Over AUs.
        by_pose: By pose.
        by_subject: By subject; None where a file leaves them out.
        relations: Between AUs.
    """

    origin: RunOrigin = field(metadata=INLINE)
    fingerprint: str
    faces: int
    subjects: int
    bootstrap: Bootstrap
    aus: Mapping[str, AUScores]
    mean: MeanScores
    by_pose: PoseScores
    by_subject: Mapping[str, SubsetScores] | None = field(default=None, kw_only=True, metadata=OMITTED)
    relations: RelationScores

    def __post_init__(self) -> None:
        if unknown := [name for name in self.aus if name not in AU_NAMES]:
            raise EvaluationError(f"{unknown[0]!r} is not an AU of this toolkit")
        if unlisted := [number for number in self.by_pose.poses if number not in FERA17_POSES]:
            raise EvaluationError(f"pose {unlisted[0]} is not one of FERA 2017's nine")
