"""What each classical system describes, learns and scores with."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from sklearn.decomposition import PCA

from duchenne.datasets.face_store import FaceStore
from duchenne.training.classical.chain import chain_probabilities, chains, fit_chain, geometry, videos_of
from duchenne.training.classical.descriptors import gradient_histograms, pattern_histograms
from duchenne.training.classical.feature_files import lies_in_a_file, parts_of
from duchenne.training.classical.features import described
from duchenne.training.classical.joint import fit_group_logistic, fit_pairs, marginals
from duchenne.training.classical.linear import Task, fit_svms, scaling, svm_scores
from duchenne.training.classical.patch_choice import choose_patches
from duchenne.training.classical.svm_by_parts import fit_svms_by_parts, scaling_by_parts
from duchenne.training.recipes.classical import Chain, Joint, PatchChoice, Svm
from duchenne.training.run.progress import ProgressCallback

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Learning:
    """Faces to learn from.

    Attributes:
        features: Their descriptors.
        occurrence: Whether an AU is present.
        known: Where that holds.
        video: In which (`chain.videos_of`).
        frame: Where in it.
    """

    features: Float[np.ndarray, "n ..."]
    occurrence: Bool[np.ndarray, "n a"]
    known: Bool[np.ndarray, "n a"]
    video: Int[np.ndarray, " n"]
    frame: Int[np.ndarray, " n"]


@dataclass(frozen=True)
class Method:
    """A classical system's three parts.

    Attributes:
        describe: (store, rows, on_progress) -> features, batch after batch.
        fit: (settings, training faces, validation faces, seed) -> what was learned.
        score: (settings, what was learned, features, store) -> (n, a) in 0-1.
    """

    describe: Callable[[FaceStore, np.ndarray, ProgressCallback], Iterator[np.ndarray]]
    fit: Callable[[Any, Learning, Learning, int], Arrays]
    score: Callable[[Any, Arrays, np.ndarray, FaceStore], np.ndarray]


def _gradients(store: FaceStore, rows: np.ndarray, on_progress: ProgressCallback) -> Iterator[np.ndarray]:
    return described(store, rows, gradient_histograms, on_progress)


def _patterns(store: FaceStore, rows: np.ndarray, on_progress: ProgressCallback) -> Iterator[np.ndarray]:
    return described(store, rows, lambda face, _: np.sqrt(pattern_histograms(face)), on_progress)


def _geometry(store: FaceStore, rows: np.ndarray, on_progress: ProgressCallback) -> Iterator[np.ndarray]:
    points = np.asarray(store.points[rows])[..., :2].astype(float)
    yield geometry(points, videos_of(store)[rows], np.asarray(store.frame[rows])).astype(np.float32)


def _task(faces: Learning, features: np.ndarray) -> Task:
    return Task(features, faces.occurrence, faces.known)


def _fit_svm(settings: Svm | PatchChoice, train: Learning, valid: Learning, seed: int) -> Arrays:
    if lies_in_a_file(train.features):
        return _fit_svm_by_parts(settings, train, valid, scaling_by_parts(train.features))
    flat, other = _flat(train.features), _flat(valid.features)
    mean, spread = scaling(flat)
    weights, offsets = fit_svms(
        _task(train, (flat - mean) / spread), _task(valid, (other - mean) / spread), settings.penalties, seed
    )
    return {"mean": mean, "spread": spread, "weights": weights, "offsets": offsets}


def _fit_svm_by_parts(
    settings: Svm | PatchChoice, train: Learning, valid: Learning, scale: tuple[np.ndarray, np.ndarray]
) -> Arrays:
    mean, spread = scale
    weights, offsets = fit_svms_by_parts(
        _task(train, train.features), _task(valid, valid.features), mean, spread, settings.penalties
    )
    return {"mean": mean, "spread": spread, "weights": weights, "offsets": offsets}


def _score_svm(settings: Svm, learned: Arrays, features: np.ndarray, store: FaceStore) -> np.ndarray:
    scaled = (_flat(features) - learned["mean"]) / learned["spread"]
    return svm_scores(scaled.astype(float), learned["weights"], learned["offsets"])


def _fit_choice(settings: PatchChoice, train: Learning, valid: Learning, seed: int) -> Arrays:
    chosen = choose_patches(train.features, train.occurrence, train.known, settings.strength, settings.components, seed)
    if lies_in_a_file(train.features):
        return {"patches": chosen, **_fit_kept_patches(settings, train, valid, chosen)}
    kept, others = (replace(faces, features=faces.features[:, chosen]) for faces in (train, valid))
    return {"patches": chosen, **_fit_svm(settings, kept, others, seed)}


def _fit_kept_patches(settings: PatchChoice, train: Learning, valid: Learning, chosen: np.ndarray) -> Arrays:
    """Return what SVMs learn of some patches; the others' features are divided by infinity and so say nothing."""
    mean, spread = scaling_by_parts(train.features)
    kept = np.repeat(np.isin(np.arange(train.features.shape[1]), chosen), train.features.shape[2])
    learned = _fit_svm_by_parts(settings, train, valid, (mean, np.where(kept, spread, np.inf).astype(np.float32)))
    return {name: values[..., kept] if name != "offsets" else values for name, values in learned.items()}


def _score_choice(settings: PatchChoice, learned: Arrays, features: np.ndarray, store: FaceStore) -> np.ndarray:
    return _score_svm(Svm(), learned, features[:, learned["patches"]], store)


def _fit_joint(settings: Joint, train: Learning, valid: Learning, seed: int) -> Arrays:
    size = settings.components
    patches = (train.features[:, patch].astype(np.float32) for patch in range(train.features.shape[1]))
    bases = [PCA(size, random_state=seed).fit(features) for features in patches]
    learned: Arrays = {
        "centre": np.stack([basis.mean_ for basis in bases]),
        "basis": np.stack([_whitening(basis) for basis in bases]),
    }
    parts, count = _projected(learned, train.features), train.occurrence.shape[1]
    fitted = [
        fit_group_logistic(parts, train.occurrence[:, column], train.known[:, column], size, settings.strength)
        for column in range(count)
    ]
    learned["weights"], learned["offsets"] = np.stack([w for w, _ in fitted]), np.array([b for _, b in fitted])
    logits = parts @ learned["weights"].T + learned["offsets"]
    learned["pairs"], learned["factor"], learned["offset"] = fit_pairs(logits, train.occurrence, train.known)
    return learned


def _score_joint(settings: Joint, learned: Arrays, features: np.ndarray, store: FaceStore) -> np.ndarray:
    logits = _projected(learned, features) @ learned["weights"].T + learned["offsets"]
    return marginals(logits, learned["pairs"], learned["factor"], learned["offset"])


def _projected(learned: Arrays, features: np.ndarray) -> np.ndarray:
    if not lies_in_a_file(features):
        parts = np.einsum("npf,pkf->npk", features - learned["centre"], learned["basis"])
        return parts.reshape(len(parts), -1).astype(float)
    found = np.empty((len(features), learned["basis"].shape[0] * learned["basis"].shape[1]), np.float32)
    for rows in parts_of(len(features)):
        found[rows] = _projected(learned, np.array(features[rows], np.float32))
    return found


def _fit_chain(settings: Chain, train: Learning, valid: Learning, seed: int) -> Arrays:
    size = min(settings.components, *train.features.shape)
    mean, spread = scaling(train.features)
    basis = PCA(size, whiten=False, random_state=seed).fit((train.features - mean) / spread)
    learned: Arrays = {
        "mean": mean,
        "spread": spread,
        "centre": basis.mean_,
        "basis": _whitening(basis),
    }
    parts = _reduced(learned, train.features)
    for column in range(train.occurrence.shape[1]):
        rows = chains(train.video, train.frame, train.known[:, column])
        model = fit_chain(parts, train.occurrence[:, column], rows, settings.ridge)
        learned[f"chain{column:02d}"] = np.frombuffer(model, np.uint8).copy()
    return learned


def _score_chain(settings: Chain, learned: Arrays, features: np.ndarray, store: FaceStore) -> np.ndarray:
    rows = chains(videos_of(store), np.asarray(store.frame), np.ones(len(store), bool))
    parts = _reduced(learned, features)
    models = [learned[name].tobytes() for name in sorted(learned) if name.startswith("chain")]
    return np.stack([chain_probabilities(model, parts, rows) for model in models], 1)


def _reduced(learned: Arrays, features: np.ndarray) -> np.ndarray:
    scaled = (features - learned["mean"]) / learned["spread"] - learned["centre"]
    return (scaled @ learned["basis"].T).astype(float)


def _whitening(basis: PCA) -> np.ndarray:
    """Return the components divided by their spread; those that nothing spreads along become 0."""
    spread = np.sqrt(basis.explained_variance_[:, None])
    return np.where(spread > 1e-6 * max(spread.max(), 1e-6), basis.components_ / np.maximum(spread, 1e-9), 0.0)


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), -1).astype(np.float32)


METHODS: dict[type, Method] = {
    Svm: Method(_gradients, _fit_svm, _score_svm),
    PatchChoice: Method(_patterns, _fit_choice, _score_choice),
    Joint: Method(_gradients, _fit_joint, _score_joint),
    Chain: Method(_geometry, _fit_chain, _score_chain),
}
"""By the class of the settings."""
