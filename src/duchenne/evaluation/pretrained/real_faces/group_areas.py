"""Mean areas by pose, colour and size of the face, and beside MediaPipe's blendshapes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from duchenne.evaluation.pretrained.real_faces.au_figures import MEAN_AUS, SampledFigures, graded_scores
from duchenne.evaluation.pretrained.real_faces.coded_faces import CodedFaces
from duchenne.evaluation.pretrained.real_faces.estimates import Resampling, Sampled, area, difference_of, mean_of
from duchenne.evaluation.pretrained.real_faces.real_faces_result import (
    AreaPair,
    BlendshapeComparison,
    Estimate,
    GroupArea,
)
from duchenne.facs import AU_NAMES
from duchenne.training.pictures.mediapipe_blendshapes import BLENDSHAPES_OF_AU, aus_from_blendshapes
from duchenne.training.pictures.teacher_labels import read_teacher_labels

FEWEST_FACES = 100
"""On fewer faces nothing is claimed."""
FEWEST_OF_A_KIND = 10
"""Present, and absent, faces that an AU needs in a group to be in its mean."""
ANGLES_DEG = {"0-15": (0.0, 15.0), "15-30": (15.0, 30.0), "30-60": (30.0, 60.0), "60 and more": (60.0, np.inf)}
EYE_SPANS_PX = {"under 80": (0.0, 80.0), "80-120": (80.0, 120.0), "120 and more": (120.0, np.inf)}


def members(faces: CodedFaces) -> dict[str, dict[str, Bool[np.ndarray, " n"]]]:
    """Return which faces belong to each group, by kind of group."""
    yaw, pitch = np.abs(faces.pose_deg).T
    return {
        "yaw, degrees": _bins(yaw, ANGLES_DEG),
        "pitch, degrees": _bins(pitch, ANGLES_DEG),
        "colour": {"grey": faces.grey, "colour": ~faces.grey},
        "eye span, px": _bins(faces.eye_span_px, EYE_SPANS_PX),
    }


def group_areas(
    faces: CodedFaces, persons: Resampling, whole: Mapping[str, SampledFigures]
) -> dict[str, dict[str, GroupArea]]:
    """Return the mean area of each group, beside that of the same AUs on all faces.

    Args:
        faces: All of them.
        persons: Their resampling.
        whole: The figures of all faces, by AU.
    """
    return {
        kind: {name: _group_area(faces, chosen, persons, whole) for name, chosen in groups.items()}
        for kind, groups in members(faces).items()
    }


def _group_area(
    faces: CodedFaces, chosen: Bool[np.ndarray, " n"], persons: Resampling, whole: Mapping[str, SampledFigures]
) -> GroupArea:
    part, drawn = faces.of(chosen), persons.of(chosen)
    found: dict[str, Sampled] = {}
    for au in MEAN_AUS if len(part) >= FEWEST_FACES else ():
        if au in faces.aus:
            scores = graded_scores(part, au)
            truth = scores.present[scores.known]
            if min(truth.sum(), (~truth).sum()) >= FEWEST_OF_A_KIND:
                found[au] = drawn.of(scores.known).sample(area(truth, scores.probability[scores.known]))
    of_all = mean_of([whole[au].area for au in found]).estimate(persons.level).value
    return GroupArea(len(part), part.people, _mean(found.values(), persons.level), of_all, tuple(found))


def read_blendshape_scores(labels: Path, names: Iterable[str]) -> Float[np.ndarray, "n 23"]:
    """Return what MediaPipe's blendshapes say of each picture, NaN where they say nothing.

    Args:
        labels: As `duchenne dev label-faces` writes them.
        names: Of the pictures, as the labels name them.

    Raises:
        TrainingError: They cannot be read.
    """
    table = read_teacher_labels(labels)
    row_of = {str(name): row for row, name in enumerate(table.picture)}
    scores = aus_from_blendshapes(table.blendshapes.astype(np.float64))
    unknown = np.full(len(AU_NAMES), np.nan)
    return np.stack([scores[row_of[name]] if name in row_of else unknown for name in names])


def beside_blendshapes(
    faces: CodedFaces, persons: Resampling, scores: Float[np.ndarray, "n 23"]
) -> BlendshapeComparison:
    """Return the areas of the network and of blendshapes on the faces of which both say something."""
    aus = [au for au in BLENDSHAPES_OF_AU if au in faces.aus]
    both = ~np.isnan(scores[:, [AU_NAMES.index(au) for au in aus]]).any(1)
    part, drawn = faces.of(both), persons.of(both)
    pairs, areas = {}, {}
    for au in aus:
        graded = graded_scores(part, au)
        truth, known = graded.present[graded.known], drawn.of(graded.known)
        other = scores[both, AU_NAMES.index(au)][graded.known]
        own, theirs = known.sample(area(truth, graded.probability[graded.known])), known.sample(area(truth, other))
        areas[au] = own, theirs
        pairs[au] = AreaPair(int(truth.sum()), int((~truth).sum()), *_three(own, theirs, persons.level))
    shared = [au for au in aus if au in MEAN_AUS and not np.isnan(areas[au][0].value)]
    own, theirs = (mean_of([areas[au][k] for au in shared]) for k in (0, 1))
    return BlendshapeComparison(len(part), tuple(shared), *_three(own, theirs, persons.level), pairs)


def _three(own: Sampled, theirs: Sampled, level: float) -> tuple[Estimate, Estimate, Estimate]:
    return own.estimate(level), theirs.estimate(level), difference_of(own, theirs).estimate(level)


def _mean(found: Iterable[Sampled], level: float) -> Estimate:
    return mean_of(list(found)).estimate(level)


def _bins(
    value: Float[np.ndarray, " n"], bounds: Mapping[str, tuple[float, float]]
) -> dict[str, Bool[np.ndarray, " n"]]:
    return {name: (value >= low) & (value < high) for name, (low, high) in bounds.items()}
