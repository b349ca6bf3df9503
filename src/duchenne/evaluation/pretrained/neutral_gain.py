"""What the neutral face of a person brings, measured on people from whom the rule has learnt nothing."""

import numpy as np

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.evaluation.pretrained.au_result import NeutralArea, NeutralGain
from duchenne.measures.ranking import area_under_roc
from duchenne.recognition import NeutralRule
from duchenne.training.action_units.neutral import paired_latents
from duchenne.training.action_units.system import DeepSystem


def neutral_gain(system: DeepSystem, rule: NeutralRule, faces: FaceStore, neutral: FaceStore) -> NeutralGain:
    """Return the area under the ROC of each AU without and with the neutral face.

    Args:
        system: Calibrated.
        rule: How neutral faces shift its scores.
        faces: Any faces.
        neutral: Neutral faces of the same people; faces of people who have none are left out.
    """
    latent, resting, usable = paired_latents(system, faces, neutral)
    shifted = latent - rule.share * (resting - rule.usual)
    areas = {}
    for column, name in enumerate(system.aus):
        kept, truth = labels_of(faces, name, among=usable)
        without, with_neutral = (area_under_roc(truth, values[kept, column]) for values in (latent, shifted))
        areas[name] = NeutralArea(round(float(rule.share[column]), 3), _rounded(without), _rounded(with_neutral))
    return NeutralGain(len(np.unique(faces.subject[usable])), int(usable.sum()), areas)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
