"""A run: one system's scores on one set of faces, judged by every measure, as the dictionary that becomes its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import EvaluationError
from duchenne.evaluation.relations import relate
from duchenne.facs import AU_NAMES
from duchenne.measures.agreement import calibration_error, cohen_kappa
from duchenne.measures.intervals import CURVE_MEASURES, Bootstrap, interval, resampled, subject_weights
from duchenne.measures.ranking import all_positive_f1, best_threshold, counts_at, curve_of, or_none
from duchenne.poses import KEPT_POSES

FORMAT = "duchenne run 1"
INTERVALS = Bootstrap()
Found = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """What a stranger needs to make a run again.

    Attributes:
        system: Name of the recipe, or of the file of scores.
        data: Names of the sets, "train to test" or one name for both.
        role: Which of the paper's experiments it stands for: within (Table 2), across (Table 3), poses (Table 4,
            Figures 6 and 7), or other.
        protocol: How faces were split and sampled, in words.
        seed: Of the system's training.
        command: That made the run.
        commit: Of the code; None outside a checkout.
        training: What is known of it: faces, steps, time.
    """

    system: str
    data: str
    protocol: str
    role: str = "other"
    seed: int | None = None
    command: str = ""
    commit: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Faces:
    """Scores and labels of the same faces; columns are those of `aus`.

    Attributes:
        aus: Names.
        score: 0-1.
        truth: Labels.
        known: Where they hold.
        subject: Who it is.
        pose_number: FERA 2017's 1-9, or 0.
    """

    aus: tuple[str, ...]
    score: Float[np.ndarray, "n a"]
    truth: Bool[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    subject: np.ndarray
    pose_number: np.ndarray

    def of(self, rows: np.ndarray) -> "Faces":
        """Return the chosen faces."""
        picked = (values[rows] for values in (self.score, self.truth, self.known, self.subject, self.pose_number))
        return Faces(self.aus, *picked)

    def column(self, au: int) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and scores of one AU where the label is known."""
        rows = self.known[:, au]
        return self.truth[rows, au], self.score[rows, au]


def faces_of(scores: Float[np.ndarray, "n a"], aus: Sequence[str], store: FaceStore) -> Faces:
    """Return a system's scores beside the store's labels.

    Raises:
        EvaluationError: The scores do not fit the faces or the AUs, or are not numbers from 0 to 1.
    """
    if scores.shape != (len(store), len(aus)):
        raise EvaluationError(
            f"The scores are {scores.shape[0]} x {scores.shape[1]}, but there are {len(store)} faces and {len(aus)} "
            "AUs. Score the same set of faces, one row for each."
        )
    if not (np.isfinite(scores).all() and (scores >= 0).all() and (scores <= 1).all()):
        raise EvaluationError(
            "Some scores are no numbers from 0 to 1. Scores must be probabilities or scaled like them."
        )
    columns = [AU_NAMES.index(name) for name in aus]
    return Faces(
        tuple(aus),
        scores.astype(float),
        store.occurrence[:, columns],
        store.known[:, columns],
        np.asarray(store.subject),
        np.asarray(store.pose_number),
    )


def thresholds_on(validation: Faces) -> dict[str, float | None]:
    """Return each AU's threshold of the best F1 on validation faces; None where one kind of them is missing."""
    found: dict[str, float | None] = {}
    for place, name in enumerate(validation.aus):
        truth, score = validation.column(place)
        both = bool(truth.any() and not truth.all())
        found[name] = best_threshold(truth, score) if both else None
    return found


def judge(
    faces: Faces,
    origin: Origin,
    fingerprint: str,
    thresholds: Mapping[str, float | None] | None = None,
    bootstrap: Bootstrap = INTERVALS,
) -> Found:
    """Return the run.

    Args:
        faces: Scores and labels of the test faces.
        origin: Where they come from.
        fingerprint: Of the test faces.
        thresholds: Chosen on validation subjects (`thresholds_on`); without them that rule's columns are None.
        bootstrap: How intervals are made.
    """
    chosen = thresholds or {}
    drawn, column = subject_weights(faces.subject, bootstrap)
    by_au, draws = {}, {}
    for place, name in enumerate(faces.aus):
        by_au[name] = _judge_au(faces, place, chosen.get(name))
        truth, score = faces.column(place)
        if by_au[name]["missing"] is None and bootstrap.draws:
            draws[name] = resampled(truth, score, drawn, column[faces.known[:, place]])
            by_au[name]["interval"] = {m: _pair(interval(v, bootstrap.level)) for m, v in draws[name].items()}
    return {
        "format": FORMAT,
        **asdict(origin),
        "fingerprint": fingerprint,
        "faces": len(faces.subject),
        "subjects": len(np.unique(faces.subject)),
        "bootstrap": asdict(bootstrap),
        "aus": by_au,
        "mean": _means(by_au) | {"interval": _mean_intervals(by_au, draws, bootstrap)},
        "by_pose": _by_pose(faces),
        "by_subject": {str(name): _plain(faces.of(faces.subject == name)) for name in np.unique(faces.subject)},
        "relations": _relations(faces, chosen),
    }


def _judge_au(faces: Faces, place: int, chosen: float | None) -> Found:
    truth, score = faces.column(place)
    found = _plain_au(truth, score) | {"unknown": int((~faces.known[:, place]).sum())}
    if found["missing"] is not None:
        return found
    called_at = {"best": best_threshold(truth, score), "half": 0.5, "validation": chosen}
    return found | {
        "all_positive_f1": _rounded(all_positive_f1(found["negatives"] / found["positives"])),
        "calibration_error": _rounded(calibration_error(truth, score)),
        "at": {rule: _at(truth, score, threshold) for rule, threshold in called_at.items()},
    }


def _at(truth: np.ndarray, score: np.ndarray, threshold: float | None) -> Found | None:
    """Return counts and measures at one threshold; None where no threshold could be chosen."""
    if threshold is None:
        return None
    counts = counts_at(truth, score >= threshold)
    return {
        "threshold": _rounded(threshold),
        **{name: int(value) for name, value in asdict(counts).items()},
        "f1": _rounded(counts.f1),
        "nf1": _rounded(counts.normalised_f1),
        "precision": _rounded(counts.precision),
        "recall": _rounded(counts.recall),
        "kappa": _rounded(cohen_kappa(counts)),
    }


def _plain_au(truth: np.ndarray, score: np.ndarray) -> Found:
    positives, negatives = int(truth.sum()), int((~truth).sum())
    lacking = [word for word, count in (("positive", positives), ("negative", negatives)) if not count]
    found: Found = {"positives": positives, "negatives": negatives, "missing": None}
    if lacking:
        return found | {"missing": f"no {' and no '.join(lacking)} face", "skew": None} | dict.fromkeys(CURVE_MEASURES)
    curve = curve_of(truth, score)
    measured = {name: _rounded(or_none(measure(curve))) for name, measure in CURVE_MEASURES.items()}
    return found | {"skew": _rounded(negatives / positives)} | measured


def _plain(faces: Faces) -> Found:
    by_au = {name: _plain_au(*faces.column(place)) for place, name in enumerate(faces.aus)}
    return {"faces": len(faces.subject), "mean": _means(by_au), "aus": by_au}


def _means(by_au: Mapping[str, Found]) -> Found:
    """Return each measure's mean over the AUs that have both kinds, and which have not."""
    measured = [found for found in by_au.values() if found["missing"] is None]
    means: Found = {m: _rounded(np.mean([f[m] for f in measured])) if measured else None for m in CURVE_MEASURES}
    for rule in ("half", "validation"):
        values = [found["at"][rule]["f1"] for found in measured if found.get("at", {}).get(rule)]
        means[f"f1_{rule}"] = _rounded(np.mean(values)) if values else None
    left_out = [name for name, found in by_au.items() if found["missing"] is not None]
    return means | {"aus": len(measured), "left_out": left_out}


def _mean_intervals(by_au: Mapping[str, Found], draws: Mapping[str, Found], bootstrap: Bootstrap) -> Found:
    """Return intervals of the means over AUs, all AUs drawn together."""
    if not draws:
        return {}
    means = {m: np.mean([values[m] for values in draws.values()], axis=0) for m in CURVE_MEASURES}
    return {m: _pair(interval(values, bootstrap.level)) for m, values in means.items()}


def _by_pose(faces: Faces) -> Found:
    numbers = sorted({int(number) for number in faces.pose_number} - {0})
    poses = {str(number): _plain(faces.of(faces.pose_number == number)) for number in numbers}
    kept = [poses[str(number)] for number in KEPT_POSES if str(number) in poses]
    return {"poses": poses, "deviation_kept": _deviation(kept), "deviation_all": _deviation(list(poses.values()))}


def _deviation(poses: Sequence[Found]) -> Found:
    """Return each measure's standard deviation over poses by AU; None unless two poses or more measure the AU."""
    found: Found = {}
    for name in poses[0]["aus"] if poses else ():
        found[name] = {}
        for measure in CURVE_MEASURES:
            values = [pose["aus"][name][measure] for pose in poses if pose["aus"][name][measure] is not None]
            found[name][measure] = _rounded(np.std(values)) if len(values) > 1 else None
    return found


def _relations(faces: Faces, chosen: Mapping[str, float | None]) -> Found:
    thresholds = np.array([0.5 if chosen.get(name) is None else chosen[name] for name in faces.aus], float)
    related = relate(faces.aus, faces.truth, faces.known, faces.score >= thresholds)
    return {
        "aus": list(related.aus),
        "left_out": list(related.left_out),
        "faces": related.faces,
        "labels": related.labels.round(4).tolist(),
        "calls": related.calls.round(4).tolist(),
        "distance": _rounded(related.distance),
    }


def _rounded(value: float | np.floating | None) -> float | None:
    return None if value is None else round(float(value), 6)


def _pair(bounds: tuple[float, float] | None) -> list[float | None] | None:
    return None if bounds is None else [_rounded(bound) for bound in bounds]
