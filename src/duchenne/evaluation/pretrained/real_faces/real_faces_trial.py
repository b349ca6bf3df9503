"""A network measured on real people's faces with mean grades, from the pictures to the result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from duchenne.datasets.mean_grades import PRESENT_FROM
from duchenne.datasets.person_split import Part
from duchenne.detector import AUDetector
from duchenne.errors import EvaluationError, UsageError
from duchenne.evaluation.pretrained.real_faces.alarms_and_sides import false_alarms, side_accuracy
from duchenne.evaluation.pretrained.real_faces.au_figures import (
    SampledFigures,
    always_negative,
    au_figures,
    graded_scores,
    means,
    sampled_figures,
)
from duchenne.evaluation.pretrained.real_faces.coded_faces import (
    CodedFaces,
    ProgressCallback,
    coded_faces,
    detector_for,
    neutral_heads,
)
from duchenne.evaluation.pretrained.real_faces.coded_pictures import CodedPictures, read_coded_pictures
from duchenne.evaluation.pretrained.real_faces.estimates import Resampling, resampling
from duchenne.evaluation.pretrained.real_faces.group_areas import (
    beside_blendshapes,
    group_areas,
    read_blendshape_scores,
)
from duchenne.evaluation.pretrained.real_faces.real_faces_result import AUFigures, FalseAlarms, RealFacesResult
from duchenne.evaluation.run_files import commit_here
from duchenne.measures.intervals import Bootstrap
from duchenne.weights import sha256_of

DIGIT_OF = {Part.JUDGE: 0, Part.CHOOSE: 1}
"""The last digit of the persons who are measured."""
KAPPA: Mapping[str, float] = {
    "AU01": 0.89, "AU02": 0.84, "AU04": 0.75, "AU05": 0.83, "AU06": 0.74, "AU07": 0.64, "AU09": 0.90, "AU10": 0.25,
    "AU12": 0.83, "AU14": 0.55, "AU15": 0.52, "AU16": 0.12, "AU17": 0.83, "AU18": -0.02, "AU20": 0.96, "AU23": 0.28,
    "AU24": 0.59, "AU25": 0.88, "AU26": 0.27, "AU27": 0.81,
}  # fmt: skip
"""Kappa of the project's codes (three passes, present from 1) against certified coders, on posed frontal faces."""
CODED_BY = (
    "Codes by a vision-language model, by eye, by no certified FACS coder: against certified coders, on posed frontal "
    "faces, the 13 AUs of the means have kappas from .25 (AU10) to .89 (AU01), .68 in the mean."
)
"""Who coded the project's pictures; whoever quotes a figure says so."""


@dataclass(frozen=True)
class RealFacesTrial:
    """What is measured.

    Attributes:
        codes: CSV of mean grades.
        part: Whose faces: judge or choose.
        weights: An AU network; None for the package's own.
        labels: Of teachers, with blendshapes.
        neutral_heads: Folder of rendered stills.
        side_digits: Last digits of the persons whose sides are asked for; the weights must not have learnt from them.
        coded_by: Who coded, in a sentence; None for the project's codes.
        bootstrap: How intervals are made.
        command: That asked for it, to be recorded.
    """

    codes: Path
    part: Part = Part.JUDGE
    weights: Path | None = None
    labels: Path | None = None
    neutral_heads: Path | None = None
    side_digits: tuple[int, ...] = (0, 1)
    coded_by: str | None = None
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    command: str = ""

    def __post_init__(self) -> None:
        if self.part not in DIGIT_OF:
            raise UsageError(f"Faces of the part {self.part} are learnt from. Measure judge or choose.")


def measure_real_faces(trial: RealFacesTrial, on_progress: ProgressCallback) -> RealFacesResult:
    """Return everything that is measured; no person whose number ends in 5 is looked at.

    Raises:
        EvaluationError: The codes cannot be read, or no face was found.
        MediaError: A picture cannot be read.
        WeightsError: The weights cannot be used.
    """
    detector = detector_for(trial.weights)
    pictures = _pictures_needed(trial)
    faces, found = coded_faces(detector, pictures, on_progress)
    asked = pictures.of_digits([DIGIT_OF[trial.part]])
    measured = faces.of(asked[found])
    if not len(measured):
        raise EvaluationError(f"No face was found in the pictures of the part {trial.part}. Name codes of faces.")
    scores = None if trial.labels is None else read_blendshape_scores(trial.labels, measured.pictures.name)
    heads = None if trial.neutral_heads is None else _on_heads(trial, detector, trial.neutral_heads, on_progress)
    persons = resampling(measured.pictures.person, trial.bootstrap)
    sampled = _sampled(measured, persons, on_progress)
    figures = _figures(trial, measured, sampled, detector.thresholds)
    lost = pictures.of(asked & ~found)
    return RealFacesResult(
        coded_by=trial.coded_by or CODED_BY,
        made_by=trial.command,
        weights=detector.weights[-1].name,
        weights_sha256=sha256_of(detector.weights[-1]),
        commit=commit_here(),
        codes_sha256=sha256_of(trial.codes),
        part=trial.part.value,
        pictures=int(asked.sum()),
        faces=len(measured),
        without_a_face=len(lost),
        present_labels_without_a_face=int((lost.grade >= PRESENT_FROM).sum()),
        people=measured.people,
        interval={"draws": trial.bootstrap.draws, "level": trial.bootstrap.level, "seed": trial.bootstrap.seed},
        means=means(sampled, persons.level),
        always_negative=always_negative(figures),
        aus=figures,
        false_alarms=_on_faces_without_aus(trial, faces, pictures, found),
        groups=group_areas(measured, persons, sampled),
        sides=side_accuracy(faces, trial.side_digits, trial.bootstrap),
        neutral_heads=heads,
        blendshapes=None if scores is None else beside_blendshapes(measured, persons, scores),
    )


def _pictures_needed(trial: RealFacesTrial) -> CodedPictures:
    """Return the pictures of the part, and of others those without any AU and those with a stronger side."""
    both, own = set(DIGIT_OF.values()), DIGIT_OF[trial.part]
    pictures = read_coded_pictures(trial.codes, both | set(trial.side_digits))
    without = pictures.without_any_au & pictures.of_digits(both)
    sided = (pictures.one_sided != 0).any(1) & pictures.of_digits(trial.side_digits)
    return pictures.of(pictures.of_digits([own]) | without | sided)


def _sampled(faces: CodedFaces, persons: Resampling, on_progress: ProgressCallback) -> dict[str, SampledFigures]:
    found = {}
    for done, au in enumerate(faces.aus, 1):
        found[au] = sampled_figures(graded_scores(faces, au), persons)
        on_progress("figures", done, len(faces.aus))
    return found


def _figures(
    trial: RealFacesTrial, faces: CodedFaces, sampled: Mapping[str, SampledFigures], thresholds: Mapping[str, float]
) -> dict[str, AUFigures]:
    kappa = KAPPA if trial.coded_by is None else {}
    level = trial.bootstrap.level
    return {
        au: au_figures(graded_scores(faces, au), one, level, thresholds[au], kappa.get(au))
        for au, one in sampled.items()
    }


def _on_faces_without_aus(
    trial: RealFacesTrial, faces: CodedFaces, pictures: CodedPictures, found: Bool[np.ndarray, " n"]
) -> FalseAlarms:
    without = pictures.without_any_au & pictures.of_digits(set(DIGIT_OF.values()))
    chosen = faces.of(without[found])
    return false_alarms(
        "real faces without any AU from grade 1 on, of the persons who judge and who choose",
        chosen.aus, chosen.called, chosen.pictures.person, int((without & ~found).sum()), trial.bootstrap,
    )  # fmt: skip


def _on_heads(trial: RealFacesTrial, detector: AUDetector, folder: Path, on_progress: ProgressCallback) -> FalseAlarms:
    heads = neutral_heads(detector, folder, on_progress)
    what = f"rendered neutral heads; {heads.others} pictures of the folder show an AU and are left out"
    lost = heads.pictures - len(heads.called)
    return false_alarms(what, detector.aus, heads.called, heads.person, lost, trial.bootstrap)
