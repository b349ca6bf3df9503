"""What predictions reach on prepared rendered faces: by pose, by person, in pairs, in grades.

Occurrence counts from intensity B on, a trace (A) is unknown.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Shaped

from duchenne.datasets.face_store import labels_of
from duchenne.evaluation.pretrained.au_predictions import Predictions, RenderedStore
from duchenne.evaluation.pretrained.au_result import (
    AreaTable,
    F1Table,
    Grading,
    GroupAreas,
    PairShares,
    PoseAreas,
    SideShares,
    StoreSummary,
    pose_key,
)
from duchenne.facs import PAPER_AUS, au_columns
from duchenne.measures.agreement import calibration_error, intraclass_correlation
from duchenne.measures.ranking import area_under_roc, counts_at
from duchenne.poses import FERA17_POSES, KEPT_POSES_DEG, yaw_and_pitch_deg

POSES = tuple((yaw, pitch) for pitch in (-40, -20, 0, 20, 40) for yaw in (-40, 0, 40))
"""Yaw and pitch of the fifteen poses of a grid."""
DOWN = tuple(yaw_and_pitch_deg(number) for number in FERA17_POSES)
UP = tuple((yaw, -pitch) for yaw, pitch in DOWN)
"""FERA 2017's nine poses, with the other sign of the pitch."""
AGE_GROUPS = {"18-34": (18, 35), "35-54": (35, 55), "55-80": (55, 81)}
TONE_GROUPS = {"Monk 1-3": (1, 4), "Monk 4-6": (4, 7), "Monk 7-10": (7, 11)}
PAIR_GRADE = 2.5
"""An AU that only one face of a pair shows counts from intensity C on (2.5 and above, as rounding has it)."""
FEWEST_UNEVEN = 20
"""Of fewer faces a share would say nothing."""
_Key = TypeVar("_Key")
Probability = Float[np.ndarray, "n a"]


def area_table(aus: Sequence[str], store: RenderedStore, probability: Probability) -> AreaTable:
    """Return the area under the ROC of each AU and the means over all AUs and over the paper's."""
    areas = {}
    for column, name in enumerate(aus):
        known, truth = labels_of(store, name)
        areas[name] = _rounded(area_under_roc(truth, probability[known, column]))
    return AreaTable(len(store), _mean(areas, PAPER_AUS), _mean(areas, aus), areas)


def by_pose(aus: Sequence[str], store: RenderedStore, probability: Probability) -> PoseAreas:
    """Return areas in each of the fifteen poses of a grid, and their means over the sets of poses that papers use."""
    pose = np.round(store.pose_deg[:, :2]).astype(int)
    tables: dict[tuple[int, int], AreaTable | None] = {}
    for yaw, pitch in POSES:
        here = (pose[:, 0] == yaw) & (pose[:, 1] == pitch)
        tables[yaw, pitch] = area_table(aus, store.subset(here), probability[here]) if here.any() else None
    means = {place: table.mean_12 for place, table in tables.items() if table is not None}
    spread = [mean for place in KEPT_POSES_DEG if (mean := means.get(place)) is not None]
    return PoseAreas(
        seven_poses=_mean(means, KEPT_POSES_DEG),
        seven_poses_standard_deviation=_rounded(float(np.std(spread))) if spread else None,
        nine_poses_pitch_down=_mean(means, DOWN),
        nine_poses_pitch_up=_mean(means, UP),
        poses={pose_key(*place): table for place, table in tables.items()},
    )


def frontal_faces(store: RenderedStore, predictions: Predictions) -> tuple[RenderedStore, Predictions]:
    """Return the faces of a grid of poses at yaw 0, pitch 0, and what is predicted for them."""
    rows = (np.round(store.pose_deg[:, :2]) == 0).all(1)
    return store.subset(rows), predictions.of(rows)


def by_angle(aus: Sequence[str], store: RenderedStore, probability: Probability) -> dict[str, AreaTable]:
    """Return areas by the larger of yaw and pitch."""
    angle = np.abs(store.pose_deg[:, :2]).max(1)
    return _tables(aus, store, probability, _bins(angle, {"0-20": (0, 20), "20-40": (20, 40), "40-60": (40, 60)}))


def by_size(aus: Sequence[str], store: RenderedStore, probability: Probability) -> dict[str, AreaTable]:
    """Return areas by how many pixels of the picture a decimetre of the head takes; a face is about 2 wide."""
    size = np.array([json.loads(text)["face_px"] for text in np.asarray(store.extra("params"))])
    return _tables(aus, store, probability, _bins(size, {"50-70": (50, 70), "70-95": (70, 95), "95-123": (95, 124)}))


def by_person(aus: Sequence[str], store: RenderedStore, probability: Probability) -> dict[str, GroupAreas]:
    """Return areas by skin tone, sex and age, and the largest difference in each."""
    tone, age, sex = (np.asarray(store.extra(name)) for name in ("tone", "age", "sex"))
    kinds = {
        "tone": _bins(tone, TONE_GROUPS),
        "sex": {str(name): sex == name for name in np.unique(sex)},
        "age": _bins(age, AGE_GROUPS),
    }
    found = {}
    for kind, members in kinds.items():
        tables = _tables(aus, store, probability, members)
        means = [table.mean_12 for table in tables.values() if table.mean_12 is not None]
        found[kind] = GroupAreas(_rounded(max(means) - min(means)) if means else None, tables)
    return found


def _bins(
    value: Shaped[np.ndarray, " n"], bounds: Mapping[str, tuple[float, float]]
) -> dict[str, Bool[np.ndarray, " n"]]:
    return {name: (value >= low) & (value < high) for name, (low, high) in bounds.items()}


def _tables(
    aus: Sequence[str], store: RenderedStore, probability: Probability, members: Mapping[str, Bool[np.ndarray, " n"]]
) -> dict[str, AreaTable]:
    return {name: area_table(aus, store.subset(m), probability[m]) for name, m in members.items() if m.any()}


def grading(aus: Sequence[str], store: RenderedStore, predictions: Predictions) -> Grading:
    """Return for each AU ICC(3,1) of the intensity, and the calibration error of the probability."""
    agreement, errors = {}, {}
    for column, name in enumerate(aus):
        (row,) = au_columns([name])
        graded = np.asarray(store.intensity_known[:, row])
        intensity = store.intensity[graded, row].astype(float).max(1)
        pair = np.column_stack([intensity, predictions.intensity[graded, column]])
        agreement[name] = _rounded(intraclass_correlation(pair))
        known, truth = labels_of(store, name)
        errors[name] = _rounded(calibration_error(truth, predictions.probability[known, column]))
    return Grading(_mean(agreement, PAPER_AUS), _mean(errors, PAPER_AUS), agreement, errors)


def stronger_side(aus: Sequence[str], store: RenderedStore, predictions: Predictions) -> SideShares:
    """Return for each AU how often the stronger side is named, of the faces whose sides differ by a grade or more."""
    shares: dict[str, float | None] = {}
    counts: dict[str, int] = {}
    right: list[bool] = []
    for column, name in enumerate(aus):
        (row,) = au_columns([name])
        truth = np.diff(store.intensity[:, row].astype(float), axis=1)[:, 0]
        uneven = (np.abs(truth) >= 1) & np.asarray(store.intensity_known[:, row])
        predicted = np.diff(predictions.side_intensity[uneven, column], axis=1)[:, 0]
        agrees = np.sign(predicted) == np.sign(truth[uneven])
        counts[name], right = int(uneven.sum()), [*right, *agrees.tolist()]
        shares[name] = _rounded(float(agrees.mean())) if uneven.sum() >= FEWEST_UNEVEN else None
    return SideShares(_rounded(float(np.mean(right))) if right else None, shares, counts)


def in_pairs(aus: Sequence[str], store: RenderedStore, probability: Probability, differing: int = 1) -> PairShares:
    """Return how often, of two faces that are alike but for one AU or two, the right one scores higher.

    A pair counts for an AU that one face shows at intensity C or above and the other not at all.

    Args:
        aus: Names of the columns of `probability`.
        store: Faces that were drawn in pairs.
        probability: Predicted for them.
        differing: 1 for pairs in which one face lacks the AU; 2 for those in which it shows a look-alike in its stead.
    """
    right: dict[str, list[float]] = {name: [] for name in aus}
    for rows, differs in _pairs(store):
        for name in differs if len(differs) == differing else ():
            if name not in right:
                continue
            grades = store.intensity[rows, au_columns([name])[0]].max(1)
            if max(grades) >= PAIR_GRADE and min(grades) == 0:
                shows = int(np.argmax(grades))
                gap = probability[rows[shows], aus.index(name)] - probability[rows[1 - shows], aus.index(name)]
                right[name].append(float(gap > 0))
    shares = {name: _rounded(float(np.mean(values))) if values else None for name, values in right.items()}
    of_paper = [share for name in PAPER_AUS if (share := shares.get(name)) is not None]
    counts = {name: len(values) for name, values in right.items()}
    return PairShares(min(of_paper) if of_paper else None, shares, counts)


def _pairs(store: RenderedStore) -> list[tuple[list[int], list[str]]]:
    """Return the rows of each pair of which both faces were found, and the AUs in which they differ."""
    drawn = [json.loads(text) for text in np.asarray(store.extra("params"))]
    groups: dict[tuple[str, int], list[int]] = {}
    for row, (subject, params) in enumerate(zip(store.subject.tolist(), drawn, strict=True)):
        if params["differs"]:
            groups.setdefault((subject, params["group"]), []).append(row)
    return [(rows, drawn[rows[0]]["differs"]) for rows in groups.values() if len(rows) == 2]


def f1_table(
    aus: Sequence[str], store: RenderedStore, probability: Probability, thresholds: Float[np.ndarray, " a"]
) -> F1Table:
    """Return F1 at the stored thresholds beside that of calling every face positive."""
    found, floor = {}, {}
    for column, name in enumerate(aus):
        known, truth = labels_of(store, name)
        found[name] = _rounded(counts_at(truth, probability[known, column] >= thresholds[column]).f1)
        floor[name] = _rounded(counts_at(truth, np.ones_like(truth)).f1)
    return F1Table(_mean(found, PAPER_AUS), _mean(floor, PAPER_AUS), found, floor)


def store_summary(store: RenderedStore) -> StoreSummary:
    """Return how many people are in a store, and how many labelled pictures its preparation kept and lost."""
    report = store.report
    return StoreSummary(
        store.fingerprint, len(np.unique(store.subject)), report["labelled"], report["kept"], report["lost"]
    )


def _mean(values: Mapping[_Key, float | None], names: Sequence[_Key]) -> float | None:
    there = [value for name in names if (value := values.get(name)) is not None]
    return _rounded(float(np.mean(there))) if there else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
