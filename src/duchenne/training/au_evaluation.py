"""Scores of an AU network on rendered stills, through the same functions as detection."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from duchenne.alignment import align
from duchenne.cropping import Picture
from duchenne.datasets.labels import labels_from_intensity, with_parted_lips
from duchenne.errors import LandmarkError, TrainingError
from duchenne.faces import FaceBox, box_from_landmarks, keypoints_from_landmarks
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.landmarks import FaceLandmarks
from duchenne.measures.ranking import area_under_roc, best_threshold, counts_at
from duchenne.recognition import AURecognizer
from duchenne.training.aligned_store import Locate, Still, read_stills

POSE_GROUPS: dict[str, tuple[float, float]] = {
    "frontal": (0.0, 20.0),
    "turned": (20.0, 40.0),
    "far": (40.0, 180.0),
}
"""Lower and upper bound, in degrees, of the larger of |yaw| and |pitch|."""
_BATCH = 32


@dataclass(frozen=True)
class Predictions:
    """What the network says about faces whose truth is known.

    Attributes:
        probability: (n, a).
        intensity: (n, 23), 0-5.
        subject: (n,), identity.
        pose_deg: (n, 3), yaw, pitch, roll.
        left_out: Faces that could not be aligned.
    """

    probability: Float[np.ndarray, "n a"]
    intensity: Float[np.ndarray, "n b"]
    subject: Shaped[np.ndarray, " n"]
    pose_deg: Float[np.ndarray, "n 3"]
    left_out: int

    def of(self, chosen: Bool[np.ndarray, " n"]) -> "Predictions":
        """Return the chosen faces."""
        return Predictions(
            self.probability[chosen], self.intensity[chosen], self.subject[chosen], self.pose_deg[chosen], self.left_out
        )


def by_landmarker(find: Callable[[Picture, FaceBox], FaceLandmarks]) -> Locate:
    """Return the way to the points of `Landmarker.locate`, given a box by the rule that the finder is trained with."""

    def locate(still: Still) -> Float[np.ndarray, "49 3"]:
        flat = still.points[:, :2]
        box = FaceBox(box_from_landmarks(flat), 1.0, keypoints_from_landmarks(flat))
        found = find(still.pixels, box)
        return np.column_stack([found.points, found.depth])

    return locate


def predict(recognizer: AURecognizer, shards: Sequence[Path], locate: Locate) -> Predictions:
    """Return the network's probabilities for every still of the shards."""
    parts, faces, depth, left_out = [], [], [], 0
    intensity, subject, pose = [], [], []
    for shard in shards:
        for still in read_stills(shard):
            points = locate(still)
            try:
                faces.append(align(still.pixels, points[:, :2]))
            except LandmarkError:
                left_out += 1
                continue
            depth.append(points[:, 2])
            intensity.append(still.intensity)
            subject.append(str(still.labels["subject"]))
            pose.append([float(still.labels[f"{axis}_deg"]) for axis in ("yaw", "pitch", "roll")])
            if len(faces) == _BATCH:
                parts.append(recognizer.recognize(faces, depth))
                faces, depth = [], []
    parts.append(recognizer.recognize(faces, depth))
    return Predictions(np.concatenate(parts), np.array(intensity), np.array(subject), np.array(pose), left_out)


def held_out(subjects: Shaped[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Return which faces belong to every third subject, in order of their names: those kept for the final scores."""
    names = np.unique(subjects)
    return np.isin(subjects, names[2::3])


def thresholds_of(aus: Sequence[str], validation: Predictions) -> Float[np.ndarray, " a"]:
    """Return for each AU the threshold of the best F1 on validation faces.

    Raises:
        TrainingError: An AU has no positive or no negative face there.
    """
    occurrence, known = with_parted_lips(*labels_from_intensity(validation.intensity))
    found = []
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        valid = known[:, row]
        truth = occurrence[valid, row]
        if truth.all() or not truth.any():
            raise TrainingError(f"{name} has one class only among the validation faces, so it gets no threshold.")
        found.append(best_threshold(truth, validation.probability[valid, column]))
    return np.array(found)


def tabulate(aus: Sequence[str], thresholds: Float[np.ndarray, " a"], faces: Predictions) -> dict[str, Any]:
    """Return the scores by AU and pose group, ready for JSON; None where an AU lacks a class."""
    angle = np.abs(faces.pose_deg[:, :2]).max(1)
    groups = {"all": np.ones(len(angle), bool)}
    groups |= {name: (angle >= low) & (angle < high) for name, (low, high) in POSE_GROUPS.items()}
    return {name: _group_scores(aus, thresholds, faces.of(chosen)) for name, chosen in groups.items()}


def _group_scores(aus: Sequence[str], thresholds: np.ndarray, faces: Predictions) -> dict[str, Any]:
    occurrence, known = with_parted_lips(*labels_from_intensity(faces.intensity))
    by_au: dict[str, dict[str, float | int | None]] = {}
    for column, name in enumerate(aus):
        row = AU_NAMES.index(name)
        valid = known[:, row]
        truth, score = occurrence[valid, row], faces.probability[valid, column]
        by_au[name] = {
            "positives": int(truth.sum()),
            "negatives": int((~truth).sum()),
            "aroc": _rounded(area_under_roc(truth, score)),
            "f1": _rounded(counts_at(truth, score >= thresholds[column]).f1),
            "f1_all_positive": _rounded(counts_at(truth, np.ones_like(truth)).f1),
        }
    means = {}
    for label, names in (("mean_23", aus), ("mean_12", PAPER_AUS)):
        for measure in ("aroc", "f1", "f1_all_positive"):
            values = [by_au[name][measure] for name in names if name in by_au and by_au[name][measure] is not None]
            means[f"{label}_{measure}"] = _rounded(float(np.mean(np.array(values, float)))) if values else None
    return {"faces": len(faces.subject), **means, "aus": by_au}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
