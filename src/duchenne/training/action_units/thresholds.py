"""The probability from which each AU is said to occur: two sets, chosen on faces that the network has not learnt from.

`balanced` has the best balanced accuracy, (true positive rate + true negative rate) / 2, then is raised until the AU is
expected to be called on at most `MOST_CALLED` of unseen faces without any AU: of real ones and of rendered heads, each
apart. `f1` has the best F1. An AU with fewer than `LEAST_POSITIVES` among the validation faces takes both from rendered
faces, where there are some.

Source: best balanced accuracy is the largest J of Youden, Index for rating diagnostic tests, Cancer 1950. Ours: the
limit on faces without AUs. Where an AU is rare, equal weight of both rates calls it on every third face at rest.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from duchenne.chosen_thresholds import SET_NAMES, ThresholdSetName
from duchenne.datasets.face_store import FaceStore, at_rest, labels_of
from duchenne.errors import TrainingError
from duchenne.measures.ranking import best_threshold, best_threshold_of, curve_of

MOST_CALLED = 0.08
"""Share of the faces without any AU on which an AU may be called."""
LEAST_POSITIVES = 25
"""With fewer among the validation faces, the rule on rendered faces is kept."""
LEAST_AT_REST = 13
"""With fewer faces without any AU a share of `MOST_CALLED` means nothing: a single face is more."""
DECIMALS = 4
"""To which thresholds are rounded before their shares are counted, so that what is stored keeps the limit."""

Kind = Literal["validation", "rendered"]


@dataclass(frozen=True)
class ChoosingScores:
    """Scores of faces that choose thresholds, and their labels; n faces, a AUs.

    Attributes:
        score: Probabilities.
        known: Where `present` holds.
        present: Labels.
        at_rest: Faces without any AU.
    """

    score: Float[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    present: Bool[np.ndarray, "n a"]
    at_rest: Bool[np.ndarray, " n"]

    def of_au(self, column: int) -> tuple[Bool[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Return labels and scores of the faces that are labelled for an AU."""
        known = self.known[:, column]
        return self.present[known, column], self.score[known, column]

    def positives(self, column: int) -> int:
        """Return how many faces are known to have an AU."""
        return int((self.known & self.present)[:, column].sum())


@dataclass(frozen=True)
class AUThresholds:
    """The thresholds of an AU, and what they rest on.

    Attributes:
        au: Its name.
        balanced: Of the set `balanced`.
        f1: Of the set `f1`.
        rule: How `balanced` came about: "balanced accuracy" where that already kept the limit, or "raised".
        chosen_on: Validation or rendered faces.
        positives: How many validation faces are known to have the AU.
        few_positives: Whether these are fewer than `LEAST_POSITIVES`.
        called_at_rest: Share of the validation faces without any AU on which it is called at `balanced`; None where
            there are fewer than `LEAST_AT_REST`.
        called_on_rendered_at_rest: The same of rendered heads.
    """

    au: str
    balanced: float
    f1: float
    rule: Literal["balanced accuracy", "raised"]
    chosen_on: Kind
    positives: int
    few_positives: bool
    called_at_rest: float | None
    called_on_rendered_at_rest: float | None


@dataclass(frozen=True)
class ThresholdSets:
    """Both sets.

    Attributes:
        aus: One for each AU, in the order of the network's outputs.
    """

    aus: tuple[AUThresholds, ...]

    def of(self, name: ThresholdSetName) -> Float[np.ndarray, " a"]:
        """Return the thresholds of a set."""
        return np.array([getattr(one, name) for one in self.aus], float)

    def metadata(self) -> dict[str, Any]:
        """Return what `recognition.AURecognizer` reads: `thresholds` (the default), and sets and notes beside them."""
        sets = {name: [getattr(one, name) for one in self.aus] for name in SET_NAMES}
        apart = ("au", *SET_NAMES)
        notes = {one.au: {key: value for key, value in asdict(one).items() if key not in apart} for one in self.aus}
        return {"thresholds": sets["balanced"], "threshold_sets": sets, "threshold_notes": notes}


def choosing_scores(score: Float[np.ndarray, "n a"], faces: FaceStore, aus: Sequence[str]) -> ChoosingScores:
    """Return the scores of the faces of a store with their labels of these AUs."""
    known, present = (np.zeros(score.shape, bool) for _ in range(2))
    for column, name in enumerate(aus):
        known[:, column], truth = labels_of(faces, name)
        present[known[:, column], column] = truth
    return ChoosingScores(score, known, present, at_rest(faces))


def choose_thresholds(
    aus: Sequence[str],
    validation: ChoosingScores | None,
    rendered: ChoosingScores | None = None,
    rendered_at_rest: Float[np.ndarray, "m a"] | None = None,
) -> ThresholdSets:
    """Return both sets for each AU.

    Args:
        aus: Names, in the order of the columns.
        validation: Of the faces that choose: real ones, where there are any.
        rendered: Of rendered faces, which choose for AUs that few validation faces have.
        rendered_at_rest: Scores of rendered heads without any AU; those among `rendered` unless given.

    Raises:
        TrainingError: There are no faces; those that choose for an AU lack one of the classes; or no threshold keeps
            the limit on faces without any AU.
    """
    if validation is None and rendered is None:
        raise TrainingError("There are no faces to choose thresholds on; name validation faces or rendered ones.")
    if rendered_at_rest is None and rendered is not None:
        rendered_at_rest = rendered.score[rendered.at_rest]
    resting = (None if validation is None else validation.score[validation.at_rest], rendered_at_rest)
    found = []
    for column, name in enumerate(aus):
        positives = 0 if validation is None else validation.positives(column)
        enough = positives >= LEAST_POSITIVES or rendered is None
        kind: Kind = "validation" if validation is not None and enough else "rendered"
        faces = validation if kind == "validation" else rendered
        assert faces is not None
        scores = tuple(None if one is None else one[:, column] for one in resting)
        found.append(_thresholds_of(name, kind, faces.of_au(column), positives, scores))
    return ThresholdSets(tuple(found))


def _thresholds_of(
    au: str,
    kind: Kind,
    labelled: tuple[Bool[np.ndarray, " k"], Float[np.ndarray, " k"]],
    positives: int,
    resting: tuple[Float[np.ndarray, " _"] | None, ...],
) -> AUThresholds:
    truth, score = labelled
    if truth.all() or not truth.any():
        raise TrainingError(f"{au} has one class only among the {len(truth)} {kind} faces that choose its threshold.")
    best = round(best_balanced_threshold(truth, score), DECIMALS)
    kept = tuple(one for one in resting if one is not None and len(one) >= LEAST_AT_REST)
    balanced = max([best, *(threshold_with_few_called(one) for one in kept)])
    if balanced > 1:
        raise TrainingError(f"{au} scores 1 on too many faces without any AU; no threshold tells it from them.")
    return AUThresholds(
        au,
        balanced,
        round(best_threshold(truth, score), DECIMALS),
        "raised" if balanced > best else "balanced accuracy",
        kind,
        positives,
        positives < LEAST_POSITIVES,
        *(_share_called(one, balanced) for one in resting),
    )


def best_balanced_threshold(truth: Bool[np.ndarray, " n"], score: Float[np.ndarray, " n"]) -> float:
    """Return the threshold t at which calling `score >= t` present has the best balanced accuracy, midway to the next.

    Of several equally good ones the highest; both classes must be there.

    Example:
        >>> best_balanced_threshold(np.array([False, False, True, True]), np.array([0.1, 0.3, 0.5, 0.9]))
        0.4
    """
    return best_threshold_of(curve_of(truth, score), "balanced")


def threshold_with_few_called(score: Float[np.ndarray, " m"], most: float = MOST_CALLED) -> float:
    """Return the lowest threshold, to `DECIMALS`, that at most this share of unseen scores is expected to reach.

    It lies just above one of the scores, and an unseen one reaches the k-th highest of n with probability k / (n + 1);
    so of few scores fewer reach it than the share would let. It is above 1 where no threshold is high enough, and above
    the highest score where there are too few to promise the share.

    Source: the quantile of split conformal prediction (Vovk et al., Algorithmic Learning in a Random World, 2005).

    Example:
        >>> threshold_with_few_called(np.array([0.1, 0.2, 0.3, 0.4]), most=0.4)
        0.3001
    """
    allowed = max(0, int(np.floor(most * (len(score) + 1) + 1e-9)) - 1)
    if allowed >= len(score):
        return 0.0
    highest_refused = float(np.sort(score)[::-1][allowed])
    step = 10.0**-DECIMALS
    threshold = round(float(np.floor(highest_refused / step)) * step, DECIMALS)
    while threshold <= highest_refused:
        threshold = round(threshold + step, DECIMALS)
    return threshold


def _share_called(score: Float[np.ndarray, " m"] | None, threshold: float) -> float | None:
    if score is None or len(score) < LEAST_AT_REST:
        return None
    return round(float((score >= threshold).mean()), DECIMALS)
