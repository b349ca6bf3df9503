"""What a trained network reaches on prepared rendered faces: by pose, by person, in pairs, in grades.

Occurrence counts from intensity B on, a trace (A) is unknown. Every table is ready for JSON; None stands where a
measure has no meaning for lack of a class.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped

from duchenne.datasets.face_store import FaceStore
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.measures.agreement import calibration_error, intraclass_correlation
from duchenne.measures.ranking import area_under_roc, counts_at
from duchenne.networks.region import RegionNetwork
from duchenne.training.action_units.system import DeepSystem

_BATCH = 64
POSES = tuple((yaw, pitch) for pitch in (-40, -20, 0, 20, 40) for yaw in (-40, 0, 40))
"""Yaw and pitch of the fifteen poses of a grid."""
KEPT_POSES = tuple((yaw, pitch) for yaw, pitch in POSES if pitch <= 0 and (pitch != -40 or yaw == 0))
"""The seven of FERA 2017's nine that the paper keeps (pitch -40 with yaw 40 to either side is left out)."""
DOWN, UP = (tuple((yaw, sign * pitch) for pitch in (40, 20, 0) for yaw in (-40, 0, 40)) for sign in (-1, 1))
"""FERA 2017's nine poses, with either sign of the pitch."""
AGE_GROUPS = {"18-34": (18, 35), "35-54": (35, 55), "55-80": (55, 81)}
TONE_GROUPS = {"Monk 1-3": (1, 4), "Monk 4-6": (4, 7), "Monk 7-10": (7, 11)}
PAIR_GRADE = 2.5
"""An AU that only one face of a pair shows counts from intensity C on (2.5 and above, as rounding has it)."""


@runtime_checkable
class RenderedStore(FaceStore, Protocol):
    """What `duchenne prepare` keeps of rendered stills: `PreparedStore` is one."""

    @property
    def report(self) -> dict[str, Any]:
        """How many pictures were labelled, kept and lost."""
        ...

    def extra(self, name: str) -> Shaped[np.ndarray, "n ..."]:
        """Return a further column: tone, sex, age or params (JSON)."""
        ...

    def subset(self, rows: Shaped[np.ndarray, " k"]) -> "RenderedStore":
        """Return a store of these rows (numbers or a mask)."""
        ...


@dataclass(frozen=True)
class Answers:
    """What a network says of each face.

    Attributes:
        probability: (n, a), of occurrence.
        intensity: (n, a), 0-5.
        side_intensity: (n, a, 2), 0-5, the subject's left and right.
    """

    probability: Float[np.ndarray, "n a"]
    intensity: Float[np.ndarray, "n a"]
    side_intensity: Float[np.ndarray, "n a 2"]

    def of(self, chosen: Bool[np.ndarray, " n"]) -> "Answers":
        """Return what is said of the chosen faces."""
        return Answers(self.probability[chosen], self.intensity[chosen], self.side_intensity[chosen])


def answers(system: DeepSystem, store: RenderedStore) -> Answers:
    """Return what a region network with an ordinal head says of the faces of a store."""
    network = system.network
    assert isinstance(network, RegionNetwork)
    assert network.scale is not None
    latents = []
    for start in range(0, len(store), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(store)))
        with torch.no_grad():
            latents.append(network.latents(*system.inputs(store, rows)))
    found = torch.cat(latents)
    with torch.no_grad():
        sides = network.scale.intensity(found.movedim(2, 0)).movedim(0, 2)
        face = network.scale.intensity(found.amax(2))
    return Answers(torch.sigmoid(found.amax(2)).double().numpy(), face.double().numpy(), sides.double().numpy())


def area_table(aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"]) -> dict[str, Any]:
    """Return the area under the ROC of each AU and the means over all AUs and over the paper's."""
    found = {}
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        known = np.asarray(store.known[:, row])
        found[name] = _rounded(area_under_roc(np.asarray(store.occurrence[known, row]), probability[known, column]))
    return {"faces": len(store), "mean_12": _mean(found, PAPER_AUS), "mean_all": _mean(found, aus), "aus": found}


def by_pose(aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"]) -> dict[str, Any]:
    """Return scores in each of the fifteen poses of a grid, and their means over the sets of poses that papers use."""
    pose = np.round(store.pose_deg[:, :2]).astype(int)
    poses = {}
    for yaw, pitch in POSES:
        here = (pose[:, 0] == yaw) & (pose[:, 1] == pitch)
        poses[yaw, pitch] = area_table(aus, store.subset(here), probability[here]) if here.any() else None
    means = {place: table["mean_12"] for place, table in poses.items() if table is not None}
    return {
        "seven_poses": _mean(means, KEPT_POSES),
        "seven_poses_standard_deviation": _rounded(_spread([means[p] for p in KEPT_POSES if p in means])),
        "nine_poses_pitch_down_to_-40": _mean(means, DOWN),
        "nine_poses_pitch_up_to_40": _mean(means, UP),
        "poses": {f"yaw {yaw} pitch {pitch}": table for (yaw, pitch), table in poses.items()},
    }


def by_angle(aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"]) -> dict[str, Any]:
    """Return scores by the larger of yaw and pitch."""
    angle = np.abs(store.pose_deg[:, :2]).max(1)
    return _in_bins(aus, store, probability, angle, {"0-20": (0, 20), "20-40": (20, 40), "40-60": (40, 60)})


def by_size(aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"]) -> dict[str, Any]:
    """Return scores by how many pixels of the picture a decimetre of the head takes; a face is about 2 wide."""
    size = np.array([json.loads(text)["face_px"] for text in np.asarray(store.extra("params"))])
    bins = {"50-70": (50, 70), "70-95": (70, 95), "95-123": (95, 124)}
    return _in_bins(aus, store, probability, size, bins)


def _in_bins(
    aus: Sequence[str],
    store: RenderedStore,
    probability: np.ndarray,
    value: np.ndarray,
    bins: Mapping[str, tuple[float, float]],
) -> dict[str, Any]:
    chosen = {name: (value >= low) & (value < high) for name, (low, high) in bins.items()}
    return {name: area_table(aus, store.subset(m), probability[m]) for name, m in chosen.items() if m.any()}


def by_group(aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"]) -> dict[str, Any]:
    """Return the mean area over the paper's AUs by skin tone, sex and age, and the largest difference in each."""
    tone, age, sex = (np.asarray(store.extra(name)) for name in ("tone", "age", "sex"))
    groups: dict[str, dict[str, Bool[np.ndarray, " n"]]] = {
        "tone": {name: (tone >= low) & (tone < high) for name, (low, high) in TONE_GROUPS.items()},
        "sex": {str(name): sex == name for name in np.unique(sex)},
        "age": {name: (age >= low) & (age < high) for name, (low, high) in AGE_GROUPS.items()},
    }
    found: dict[str, Any] = {}
    for kind, members in groups.items():
        tables = {name: area_table(aus, store.subset(m), probability[m]) for name, m in members.items() if m.any()}
        means = [table["mean_12"] for table in tables.values() if table["mean_12"] is not None]
        found[kind] = {"largest_difference": _rounded(max(means) - min(means)) if means else None, "groups": tables}
    return found


def graded(aus: Sequence[str], store: RenderedStore, said: Answers) -> dict[str, Any]:
    """Return for each AU ICC(3,1) of the intensity, and the calibration error of the probability."""
    agreement, gaps = {}, {}
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        graded_here = np.asarray(store.intensity_known[:, row])
        truth = store.intensity[graded_here, row].astype(float)
        pair = np.column_stack([truth.max(1), said.intensity[graded_here, column]])
        agreement[name] = _rounded(intraclass_correlation(pair))
        known = np.asarray(store.known[:, row])
        gaps[name] = _rounded(
            calibration_error(np.asarray(store.occurrence[known, row]), said.probability[known, column])
        )
    return {
        "icc_3_1_mean_12": _mean(agreement, PAPER_AUS),
        "calibration_error_mean_12": _mean(gaps, PAPER_AUS),
        "icc_3_1": agreement,
        "calibration_error": gaps,
    }


_FEWEST_UNEVEN = 20
"""Of fewer faces a share would say nothing."""


def stronger_side(aus: Sequence[str], store: RenderedStore, said: Answers) -> dict[str, Any]:
    """Return for each AU how often the stronger side is named, of the faces whose sides differ by a grade or more."""
    shares: dict[str, float | None] = {}
    counts: dict[str, int] = {}
    right: list[bool] = []
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        truth = np.diff(store.intensity[:, row].astype(float), axis=1)[:, 0]
        uneven = (np.abs(truth) >= 1) & np.asarray(store.intensity_known[:, row])
        metadata = np.diff(said.side_intensity[uneven, column], axis=1)[:, 0]
        agrees = np.sign(metadata) == np.sign(truth[uneven])
        counts[name], right = int(uneven.sum()), [*right, *agrees.tolist()]
        shares[name] = _rounded(float(agrees.mean())) if uneven.sum() >= _FEWEST_UNEVEN else None
    return {"all": _rounded(float(np.mean(right))) if right else None, "share": shares, "faces": counts}


def in_pairs(
    aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"], differing: int = 1
) -> dict[str, Any]:
    """Return how often, of two faces that are alike but for one AU or two, the right one scores higher.

    A pair counts for an AU that one face shows at intensity C or above and the other not at all.

    Args:
        aus: Names of the columns of `probability`.
        store: Faces of `Company.PAIRS`.
        probability: What is said of them.
        differing: 1 for pairs in which one face lacks the AU; 2 for those in which it shows a look-alike in its stead.
    """
    metadata = [json.loads(text) for text in np.asarray(store.extra("params"))]
    groups: dict[tuple[str, int], list[int]] = {}
    for row, (subject, params) in enumerate(zip(store.subject.tolist(), metadata, strict=True)):
        if params["differs"]:
            groups.setdefault((subject, params["group"]), []).append(row)
    right: dict[str, list[float]] = {name: [] for name in aus}
    for rows in groups.values():
        if len(rows) != 2 or len(metadata[rows[0]]["differs"]) != differing:
            continue  # Of another kind, or the other face of the pair was not found.
        for name in metadata[rows[0]]["differs"]:
            if name not in right:
                continue
            grades = store.intensity[rows, AU_NAMES.index(name)].max(1)
            if max(grades) >= PAIR_GRADE and min(grades) == 0:
                shows = int(np.argmax(grades))
                gap = probability[rows[shows], aus.index(name)] - probability[rows[1 - shows], aus.index(name)]
                right[name].append(float(gap > 0))
    shares = {name: _rounded(float(np.mean(values))) if values else None for name, values in right.items()}
    worst = [share for name in PAPER_AUS if (share := shares.get(name)) is not None]
    return {
        "least_of_12": min(worst) if worst else None,
        "right_share": shares,
        "pairs": {name: len(values) for name, values in right.items()},
    }


def f1_table(
    aus: Sequence[str], store: RenderedStore, probability: Float[np.ndarray, "n a"], thresholds: Float[np.ndarray, " a"]
) -> dict[str, Any]:
    """Return F1 at the stored thresholds beside that of saying yes to every face."""
    found, floor = {}, {}
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        known = np.asarray(store.known[:, row])
        truth = np.asarray(store.occurrence[known, row])
        found[name] = _rounded(counts_at(truth, probability[known, column] >= thresholds[column]).f1)
        floor[name] = _rounded(counts_at(truth, np.ones_like(truth)).f1)
    return {
        "mean_12": _mean(found, PAPER_AUS),
        "mean_12_all_positive": _mean(floor, PAPER_AUS),
        "f1": found,
        "f1_all_positive": floor,
    }


def lost(store: RenderedStore) -> dict[str, Any]:
    """Return how many labelled pictures the store's preparation lost, and why."""
    report = store.report
    return {key: report[key] for key in report if key in ("labelled", "kept", "lost", "frames", "dropped")}


def _mean(values: dict[Any, float | None], names: Sequence[Any]) -> float | None:
    there = [value for name in names if (value := values.get(name)) is not None]
    return _rounded(float(np.mean(there))) if there else None


def _spread(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.std(there)) if there else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
