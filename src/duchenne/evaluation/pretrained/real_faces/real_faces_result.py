"""What a network reaches against mean grades of real people's faces; None where a measure has no meaning.

An AU is present from grade 1 on and absent up to .5; faces between count for neither. It is clear from 2 on, and set
against faces of .34 at most. Intervals are over persons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duchenne.evaluation.json_record import OMITTED


@dataclass(frozen=True)
class Estimate:
    """A value and the interval of resampled persons; None where it is not defined, or too often not in resamplings."""

    value: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class AUFigures:
    """One AU.

    Attributes:
        kappa: Agreement of the codes with certified coders; None where it is not known.
        present, absent: Faces.
        unknown: Faces with a doubtful grade or none.
        clear, clearly_absent: Faces.
        area: Under the ROC, present against absent.
        area_clear: Clear against clearly absent; None for fewer than ten clear faces.
        threshold: Of the file.
        recall: Share of the present that is called.
        balanced_accuracy: At the threshold.
        accuracy: At the threshold; says little where the AU is rare or common.
        always_negative_accuracy: The same if the AU is never called.
        calibration_error: Expected, of the probability.
        always_negative_calibration_error: The same if the probability is always 0.
        rank_correlation: Spearman's, of the intensity with the mean grade; None without intensities.
    """

    kappa: float | None
    present: int
    absent: int
    unknown: int
    clear: int
    clearly_absent: int
    area: Estimate
    area_clear: Estimate
    threshold: float
    recall: Estimate
    balanced_accuracy: Estimate
    accuracy: Estimate
    always_negative_accuracy: float | None
    calibration_error: Estimate
    always_negative_calibration_error: float | None
    rank_correlation: Estimate


@dataclass(frozen=True)
class MeanEstimate:
    """A mean over AUs, and which AUs it lacks because the measure is not defined for them."""

    value: float | None
    interval: tuple[float, float] | None
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Means:
    """Means over the same AUs in every result.

    Attributes:
        aus: Which.
        least_area: Of these AUs.
        least_area_au: Whose it is.
    """

    aus: tuple[str, ...]
    area: MeanEstimate
    area_clear: MeanEstimate
    balanced_accuracy: MeanEstimate
    accuracy: MeanEstimate
    calibration_error: MeanEstimate
    rank_correlation: MeanEstimate
    least_area: float | None
    least_area_au: str | None


@dataclass(frozen=True)
class AlwaysNegative:
    """What calling nothing would have: means over the same AUs."""

    area: float
    balanced_accuracy: float
    false_alarms: float
    accuracy: float | None
    calibration_error: float | None


@dataclass(frozen=True)
class FalseAlarms:
    """Shares of faces without any AU on which an AU is called.

    Attributes:
        what: Which faces.
        faces: How many were found.
        without_a_face: Pictures in which none was found.
        people: Of the faces.
        most: The largest share.
        most_au: Whose it is.
        mean: Over all AUs.
        aus: By AU.
    """

    what: str
    faces: int
    without_a_face: int
    people: int
    most: float | None
    most_au: str | None
    mean: float | None
    aus: Mapping[str, Estimate]


@dataclass(frozen=True)
class SideCount:
    """How often the stronger side is named; the share is None for too few notes."""

    notes: int
    right: int
    share: float | None


@dataclass(frozen=True)
class SideAccuracy:
    """How often the side is named on which coders saw an AU stronger or alone.

    Attributes:
        last_digits: Of the persons' numbers.
        faces, people: With such a note.
        notes: How many there are.
        right: Of these.
        share: Right notes.
        present: Those notes alone whose AU is graded present.
        aus: By AU.
    """

    last_digits: tuple[int, ...]
    faces: int
    people: int
    notes: int
    right: int
    share: Estimate
    present: SideCount
    aus: Mapping[str, SideCount]


@dataclass(frozen=True)
class CrossFittedSides:
    """Sides named on the faces of people, each by weights that never learnt from the person.

    Attributes:
        coded_by: Who coded.
        made_by: Command.
        commit: Of the checkout.
        codes_sha256: Of the codes.
        weights_sha256: Of each fold's weights, by the last digits of the persons whom they did not learn from.
        sides: What was found, over all folds.
    """

    coded_by: str
    made_by: str
    commit: str | None
    codes_sha256: str
    weights_sha256: Mapping[str, str]
    sides: SideAccuracy


@dataclass(frozen=True)
class GroupArea:
    """The mean area on some of the faces; nothing is claimed on few.

    Attributes:
        faces, people: In the group.
        area: Mean over `aus`; None on fewer than 100 faces.
        area_of_all: The mean over the same AUs on all faces.
        aus: Those of the means that have ten present and ten absent faces in the group.
    """

    faces: int
    people: int
    area: Estimate
    area_of_all: float | None
    aus: tuple[str, ...]


@dataclass(frozen=True)
class AreaPair:
    """The area of the network and of MediaPipe's blendshapes on the same faces, and their difference."""

    present: int
    absent: int
    network: Estimate
    blendshapes: Estimate
    difference: Estimate


@dataclass(frozen=True)
class BlendshapeComparison:
    """MediaPipe's blendshapes beside the network, on the faces that both found.

    Attributes:
        faces: How many.
        mean_aus: Those of the means that blendshapes tell.
        network, blendshapes, difference: Mean areas over `mean_aus`.
        aus: By AU.
    """

    faces: int
    mean_aus: tuple[str, ...]
    network: Estimate
    blendshapes: Estimate
    difference: Estimate
    aus: Mapping[str, AreaPair]


@dataclass(frozen=True)
class RealFacesResult:
    """Everything that is measured on real people's faces with mean grades.

    Attributes:
        coded_by: Who coded and how well; belongs to every figure here.
        made_by: Command.
        weights: Name of the AU network's file.
        weights_sha256: Of it.
        commit: Of the code.
        codes_sha256: Of the table of grades.
        part: Whose faces: judge or choose.
        pictures: Of these persons.
        faces: Found in them; every figure is of these.
        without_a_face: Pictures in which no face was found.
        present_labels_without_a_face: Present AUs, of all in the pictures, that are lost with these.
        people: Of the faces.
        interval: Draws, level and seed of the intervals.
        means: Over AUs.
        always_negative: What calling nothing would have.
        aus: By AU.
        false_alarms: On the persons who judge and who choose.
        neutral_heads: On rendered neutral heads.
        sides: None if the weights do not tell sides.
        groups: By kind (yaw, pitch, colour, eye span) and group.
        blendshapes: Of MediaPipe.
    """

    coded_by: str
    made_by: str
    weights: str
    weights_sha256: str
    commit: str | None
    codes_sha256: str
    part: str
    pictures: int
    faces: int
    without_a_face: int
    present_labels_without_a_face: int
    people: int
    interval: Mapping[str, float]
    means: Means
    always_negative: AlwaysNegative
    aus: Mapping[str, AUFigures]
    false_alarms: FalseAlarms
    groups: Mapping[str, Mapping[str, GroupArea]]
    sides: SideAccuracy | None = field(default=None, metadata=OMITTED)
    neutral_heads: FalseAlarms | None = field(default=None, metadata=OMITTED)
    blendshapes: BlendshapeComparison | None = field(default=None, metadata=OMITTED)
