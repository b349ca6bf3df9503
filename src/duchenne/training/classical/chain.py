"""The FERA 2017 baseline: geometry of tracked landmarks, and a chain model over time.

Source: Valstar et al., FERA 2017: a conditional random field over positions, differences between frames, distances and
angles of 49 points. Ours: a difference is divided by the frames between, since samplings leave frames out, and a gap of
more than `LONGEST_GAP` frames ends a chain.
"""

import tempfile
from pathlib import Path

import numpy as np
import pycrfsuite
from jaxtyping import Bool, Float, Int

from duchenne.datasets.face_store import FaceStore
from duchenne.facs import LANDMARK_GROUPS, OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT

LONGEST_GAP = 25
"""Frames without a face or label inside a chain, at most: a second of BP4D."""
Points = Float[np.ndarray, "n 49 2"]


def videos_of(store: FaceStore) -> Int[np.ndarray, " n"]:
    """Return for each face the number of its video: each view of a sequence is one, and each picture without time."""
    names = [f"{subject}\n{sequence}\n{pose}" for subject, sequence, pose in zip(*_marks(store), strict=True)]
    alone = [f"{name}\n{row}" for row, name in enumerate(names)]
    return np.unique(np.where(store.in_time, names, alone), return_inverse=True)[1].reshape(-1)


def _marks(store: FaceStore) -> tuple[list[str], list[str], list[int]]:
    return store.subject.tolist(), store.sequence.tolist(), store.pose_number.tolist()


def geometry(points: Points, video: Int[np.ndarray, " n"], frame: Int[np.ndarray, " n"]) -> Float[np.ndarray, "n f"]:
    """Return positions, their differences from the frame before, distances and angles, in eye spans.

    Args:
        points: In any scale.
        video: Whose frames follow one another (`videos_of`).
        frame: Number of each in its video; the first of a video, and the first after a gap, has no difference.
    """
    span = np.linalg.norm(points[:, OUTER_EYE_IMAGE_RIGHT] - points[:, OUTER_EYE_IMAGE_LEFT], axis=1)[:, None, None]
    place = (points - points[:, [OUTER_EYE_IMAGE_LEFT, OUTER_EYE_IMAGE_RIGHT]].mean(1, keepdims=True)) / span
    change = np.zeros_like(place)
    for rows in chains(video, frame, np.ones(len(points), bool)):
        change[rows[1:]] = np.diff(place[rows], axis=0) / np.maximum(np.diff(frame[rows]), 1)[:, None, None]
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
    video: Int[np.ndarray, " n"], frame: Int[np.ndarray, " n"], use: Bool[np.ndarray, " n"]
) -> list[Int[np.ndarray, " k"]]:
    """Return rows of frames that follow each other in time; a frame that is not used, or a long gap, ends a chain."""
    found = []
    order = np.lexsort((frame, video))
    for own in np.split(order, np.flatnonzero(np.diff(video[order])) + 1):
        gaps = np.flatnonzero(np.diff(frame[own]) > LONGEST_GAP) + 1
        parts = [part[use[part]] for part in np.split(own, np.union1d(np.flatnonzero(~use[own]), gaps))]
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
