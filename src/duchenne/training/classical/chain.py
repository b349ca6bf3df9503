"""The FERA 2017 baseline: geometry of tracked landmarks, and a chain model over time.

Source: Valstar et al., FERA 2017: a conditional random field over positions, differences, distances and angles of 49
points.
"""

import tempfile
from pathlib import Path

import numpy as np
import pycrfsuite
from jaxtyping import Bool, Float, Int, Shaped

from duchenne.facs import LANDMARK_GROUPS, OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT

Points = Float[np.ndarray, "n 49 2"]


def geometry(points: Points, sequence: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, "n f"]:
    """Return positions, differences from the sequence's median face, distances and angles, in eye spans."""
    span = np.linalg.norm(points[:, OUTER_EYE_IMAGE_RIGHT] - points[:, OUTER_EYE_IMAGE_LEFT], axis=1)[:, None, None]
    place = (points - points[:, [OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT]].mean(1, keepdims=True)) / span
    change = np.empty_like(place)
    for name in np.unique(sequence):
        own = sequence == name
        change[own] = place[own] - np.median(place[own], axis=0)
    distances, angles = [], []
    for group in LANDMARK_GROUPS.values():
        part = place[:, group.start : group.stop]
        first, second = np.triu_indices(len(group), 1)
        distances.append(np.linalg.norm(part[:, first] - part[:, second], axis=2))
        edge = np.diff(part, axis=1)
        turn = np.arctan2(edge[..., 1], edge[..., 0])
        angles += [np.cos(turn), np.sin(turn)]
    flat = [place.reshape(len(points), -1), change.reshape(len(points), -1)]
    return np.concatenate([*flat, *distances, *angles], 1)


def chains(
    sequence: Shaped[np.ndarray, " n"], frame: Int[np.ndarray, " n"], use: Bool[np.ndarray, " n"]
) -> list[Int[np.ndarray, " k"]]:
    """Return rows of frames that follow each other in time; a frame that is not used breaks the chain."""
    found = []
    for name in np.unique(sequence):
        own = np.flatnonzero(sequence == name)
        own = own[np.argsort(frame[own], kind="stable")]
        breaks = np.flatnonzero(~use[own])
        parts = [part[use[part]] for part in np.split(own, breaks)]
        found += [part for part in parts if part.size]
    return found


def fit_chain(
    features: Float[np.ndarray, "n f"], occurrence: Bool[np.ndarray, " n"], parts: list[np.ndarray], ridge: float
) -> bytes:
    """Return a linear-chain conditional random field of one AU as CRFsuite writes it."""
    trainer = pycrfsuite.Trainer(verbose=False)
    trainer.set_params({"c1": 0.0, "c2": ridge, "max_iterations": 100, "feature.possible_transitions": True})
    for rows in parts:
        trainer.append(_items(features[rows]), ["1" if present else "0" for present in occurrence[rows]])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain"
        trainer.train(str(path))
        return path.read_bytes()


def chain_probabilities(
    model: bytes, features: Float[np.ndarray, "n f"], parts: list[np.ndarray]
) -> Float[np.ndarray, " n"]:
    """Return the marginal probability of each frame."""
    tagger = pycrfsuite.Tagger()
    tagger.open_inmemory(model)
    found = np.zeros(len(features))
    for rows in parts:
        tagger.set(_items(features[rows]))
        found[rows] = [tagger.marginal("1", k) for k in range(len(rows))]
    return found


def _items(features: Float[np.ndarray, "k f"]) -> pycrfsuite.ItemSequence:
    return pycrfsuite.ItemSequence([{str(k): float(v) for k, v in enumerate(row)} for row in features])
