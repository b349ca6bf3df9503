"""What a person's neutral face tells of their other faces: learnt on people whose neutral face is known.

A face whose brows lie low scores on AU4 when at rest. The latent of each AU is corrected by a share of what the neutral
face of the same person scores beyond the usual; the share is the one that a logistic regression on both finds, and 0
where that did not raise the area under the ROC on people whom the regression had not seen.
"""

import numpy as np
from jaxtyping import Bool, Float, Shaped
from sklearn.linear_model import LogisticRegression

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.errors import TrainingError
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.region import RegionNetwork
from duchenne.recognition import NeutralRule, latent_of
from duchenne.training.action_units.system import DeepSystem

LEAST_GAIN = 0.002
"""A smaller gain in area is no reason to shift anything."""


def learn_rule(system: DeepSystem, faces: FaceStore, neutral: FaceStore) -> NeutralRule:
    """Return the rule for a calibrated network.

    Args:
        system: A region network with an ordinal head.
        faces: Any faces of people that it was not trained on.
        neutral: Neutral faces of the same people; faces of others are left out.

    Raises:
        TrainingError: The network is another, or fewer than ten people are in both.
    """
    network = system.network
    if not isinstance(network, RegionNetwork) or network.scale is None:
        raise TrainingError(f"{system.name} has no ordinal head; only such networks take neutral faces.")
    latent, resting, usable = paired_latents(system, faces, neutral)
    people = np.unique(faces.subject[usable])
    if len(people) < 10:
        raise TrainingError(f"{len(people)} people have neutral faces; the rule of neutral faces needs ten.")
    usual = resting[usable].mean(0)
    share = np.zeros(len(system.aus))
    halves = [np.isin(faces.subject, people[half::2]) for half in (0, 1)]
    for column, name in enumerate(system.aus):
        kept, truth = labels_of(faces, name, among=usable)
        pair = np.column_stack([latent[kept, column], resting[kept, column] - usual[column]])
        gains = []
        for half, other in (halves, halves[::-1]):
            seen, unseen = half[kept], other[kept]
            part = _share(pair[seen], truth[seen])
            before, after = (area_under_roc(truth[unseen], pair[unseen] @ [1.0, -s]) or 0.0 for s in (0.0, part))
            gains.append(after - before)
        if np.mean(gains) >= LEAST_GAIN:
            share[column] = _share(pair, truth)
    cuts = network.scale.cuts().detach().double().numpy()
    return NeutralRule(share, usual, cuts)


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


def _share(pair: Float[np.ndarray, "k 2"], truth: Shaped[np.ndarray, " k"]) -> float:
    """Return how much of the neutral face's excess is to be taken off, between none and all of it."""
    if truth.all() or not truth.any():
        return 0.0
    own, rest = LogisticRegression(C=np.inf, max_iter=1000).fit(pair, truth).coef_[0]
    return float(np.clip(-rest / own, 0, 1)) if own > 0 else 0.0
