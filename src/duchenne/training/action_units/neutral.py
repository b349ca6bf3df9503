"""What a person's neutral face tells of their other faces: learnt on people whose neutral face is known.

A face whose brows lie low scores on AU4 when at rest. The latent of each AU is corrected by a share of what the neutral
face of the same person scores beyond the usual; the share is the one that a logistic regression on both finds, and 0
where that did not raise the area under the ROC on people whom the regression had not seen.

It is learnt on rendered people and, for each AU that enough of their faces have, on real people with several pictures,
too: then it is the mean of both shares, kept where it helps in the mean of both. Neither alone is what users do: a
rendered neutral face differs from the others in nothing but the AUs, that of real people was taken elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Shaped
from sklearn.linear_model import LogisticRegression

from duchenne.datasets.face_store import FaceStore, at_rest
from duchenne.errors import TrainingError
from duchenne.measures.ranking import area_under_roc
from duchenne.recognition import NeutralRule, latent_of
from duchenne.training.action_units.system import DeepSystem, ordinal_network
from duchenne.training.action_units.thresholds import ChoosingScores, choosing_scores

LEAST_GAIN = 0.002
"""A smaller gain in area is no reason to shift anything."""
LEAST_PEOPLE = 10
LEAST_POSITIVES = 25
"""An AU that fewer faces of real people with a neutral one have takes the share of rendered people alone."""


@dataclass(frozen=True)
class NeutralPairs:
    """Faces beside the neutral face of the same person; n faces, a AUs.

    Attributes:
        faces: Their latents (as `score`) and labels.
        resting: Latent of the person's neutral face.
        person: Whose face it is.
        usual: Latent of a neutral face in the mean.
    """

    faces: ChoosingScores
    resting: Float[np.ndarray, "n a"]
    person: Shaped[np.ndarray, " n"]
    usual: Float[np.ndarray, " a"]

    @property
    def people(self) -> Shaped[np.ndarray, " p"]:
        """Each person once, in order."""
        return np.unique(self.person)


@dataclass(frozen=True)
class NeutralShare:
    """How much of the neutral face's excess is taken off for an AU.

    Attributes:
        au: Its name.
        share: Between 0 (none) and 1.
        gain: In area under the ROC on people whom the regressions had not seen, in the mean over the kinds of people;
            below `LEAST_GAIN` where the share is 0 for that reason.
        learnt_on: Which kinds of people.
        positives: Faces of real people with a neutral face that have the AU.
    """

    au: str
    share: float
    gain: float
    learnt_on: Literal["rendered", "rendered and real"]
    positives: int


def learn_rule(system: DeepSystem, faces: FaceStore, neutral: FaceStore, real: FaceStore | None = None) -> NeutralRule:
    """Return the rule for a calibrated network.

    Args:
        system: A network with an ordinal head.
        faces: Any faces of people that it was not trained on; rendered.
        neutral: Neutral faces of the same people; faces of others are left out.
        real: Real faces of people of whom some have several, as `real_pairs` takes them. What is usual in a neutral
            face then comes from them.

    Raises:
        TrainingError: The network is another, or fewer than ten people are in both, or have real neutral faces.
    """
    network = ordinal_network(system, "take neutral faces")
    rendered = rendered_pairs(system, faces, neutral)
    on_people = None if real is None else real_pairs(system, real)
    share = np.array([one.share for one in learn_shares(system.aus, rendered, on_people)])
    assert network.scale is not None
    cuts = network.scale.cuts().detach().double().numpy()
    return NeutralRule(share, (rendered if on_people is None else on_people).usual, cuts)


def learn_shares(
    aus: tuple[str, ...], rendered: NeutralPairs, real: NeutralPairs | None = None
) -> tuple[NeutralShare, ...]:
    """Return the share of each AU; real people count where at least `LEAST_POSITIVES` of their faces have it.

    Raises:
        TrainingError: Fewer than ten people have neutral faces.
    """
    for pairs, kind in ((rendered, "rendered"), (real, "real")):
        if pairs is not None and len(pairs.people) < LEAST_PEOPLE:
            raise TrainingError(
                f"{len(pairs.people)} {kind} people have neutral faces; the rule of neutral faces needs ten."
            )
    found = []
    for column, name in enumerate(aus):
        positives = 0 if real is None else real.faces.positives(column)
        both = (rendered, real) if real is not None and positives >= LEAST_POSITIVES else (rendered,)
        share, gain = _share_and_gain([_halved(pairs, column) for pairs in both])
        found.append(NeutralShare(name, share, gain, "rendered" if len(both) == 1 else "rendered and real", positives))
    return tuple(found)


def rendered_pairs(system: DeepSystem, faces: FaceStore, neutral: FaceStore) -> NeutralPairs:
    """Return the faces of those people who have a neutral one in the other store."""
    latent, resting, usable = paired_latents(system, faces, neutral)
    scored = choosing_scores(latent, faces, system.aus)
    usual = resting[usable].mean(0) if usable.any() else np.zeros(len(system.aus))
    return NeutralPairs(_rows(scored, usable), resting[usable], np.asarray(faces.subject)[usable], usual)


def real_pairs(system: DeepSystem, faces: FaceStore) -> NeutralPairs:
    """Return the faces of people who have another picture without any AU, beside the median of these pictures.

    A picture without any AU is one on which nothing is present from a mean grade of `mean_grades.PRESENT_FROM` on. It
    counts as a face, too, where its person has a further one; nothing is compared with itself.

    Args:
        system: Calibrated.
        faces: Of people with numbers, as `subject`; graded, or labelled otherwise.
    """
    latent = latent_of(system.scores(faces))
    resting_rows, subject = at_rest(faces), np.asarray(faces.subject)
    resting, usable = np.zeros_like(latent), np.zeros(len(faces), bool)
    for row, person in enumerate(subject.tolist()):
        others = resting_rows & (subject == person)
        others[row] = False
        if others.any():
            resting[row], usable[row] = np.median(latent[others], axis=0), True
    neutral_of = [
        np.median(latent[resting_rows & (subject == one)], axis=0) for one in np.unique(subject[resting_rows])
    ]
    usual = np.mean(neutral_of, axis=0) if neutral_of else np.zeros(latent.shape[1])
    scored = choosing_scores(latent, faces, system.aus)
    return NeutralPairs(_rows(scored, usable), resting[usable], subject[usable], usual)


def paired_latents(
    system: DeepSystem, faces: FaceStore, neutral: FaceStore
) -> tuple[Float[np.ndarray, "n a"], Float[np.ndarray, "n a"], Bool[np.ndarray, " n"]]:
    """Return each face's latents, those of its person's neutral face, and whether the person has one."""
    latent, resting = latent_of(system.scores(faces)), latent_of(system.scores(neutral))
    of_person: dict[str, np.ndarray] = {
        name: np.median(resting[neutral.subject == name], axis=0) for name in np.unique(neutral.subject).tolist()
    }
    usable = np.isin(faces.subject, list(of_person))
    nothing = np.zeros(latent.shape[1])
    return latent, np.stack([of_person.get(name, nothing) for name in faces.subject.tolist()]), usable


def _rows(scored: ChoosingScores, rows: Bool[np.ndarray, " n"]) -> ChoosingScores:
    return ChoosingScores(scored.score[rows], scored.known[rows], scored.present[rows], scored.at_rest[rows])


@dataclass(frozen=True)
class _Halved:
    """One AU of one kind of people, who are parted into two halves.

    Attributes:
        pair: Latent of a face, and excess of its person's neutral face.
        truth: Whether the face has the AU.
        halves: Faces of every other person, and of the rest.
    """

    pair: Float[np.ndarray, "k 2"]
    truth: Bool[np.ndarray, " k"]
    halves: tuple[Bool[np.ndarray, " k"], Bool[np.ndarray, " k"]]

    def share(self, half: int | None = None) -> float:
        """Return the share that one half gives, or all."""
        rows = slice(None) if half is None else self.halves[half]
        return _share(self.pair[rows], self.truth[rows])

    def gain(self, share: float, half: int) -> float:
        """Return what a share brings in area under the ROC on one half."""
        rows = self.halves[half]
        before, after = (area_under_roc(self.truth[rows], self.pair[rows] @ [1.0, -s]) or 0.0 for s in (0.0, share))
        return after - before


def _halved(pairs: NeutralPairs, column: int) -> _Halved:
    truth, latent = pairs.faces.of_au(column)
    known = pairs.faces.known[:, column]
    excess = pairs.resting[known, column] - pairs.usual[column]
    first, second = (np.isin(pairs.person[known], pairs.people[half::2]) for half in (0, 1))
    return _Halved(np.column_stack([latent, excess]), truth, (first, second))


def _share_and_gain(kinds: Sequence[_Halved]) -> tuple[float, float]:
    """Return the share of one AU, 0 where it does not help, and what it brings on people that it was not learnt on."""
    gains = []
    for seen, unseen in ((0, 1), (1, 0)):
        share = float(np.mean([kind.share(seen) for kind in kinds]))
        gains += [kind.gain(share, unseen) for kind in kinds]
    gain = float(np.mean(gains))
    return (float(np.mean([kind.share() for kind in kinds])) if gain >= LEAST_GAIN else 0.0), gain


def _share(pair: Float[np.ndarray, "k 2"], truth: Shaped[np.ndarray, " k"]) -> float:
    """Return how much of the neutral face's excess is to be taken off, between none and all of it."""
    if truth.all() or not truth.any():
        return 0.0
    own, rest = LogisticRegression(C=np.inf, max_iter=1000).fit(pair, truth).coef_[0]
    return float(np.clip(-rest / own, 0, 1)) if own > 0 else 0.0
