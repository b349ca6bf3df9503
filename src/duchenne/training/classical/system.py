"""Training, scoring and keeping the classical systems."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import TrainingError
from duchenne.facs import au_columns
from duchenne.training.classical.chain import videos_of
from duchenne.training.classical.feature_files import FeatureRoom, parts_of
from duchenne.training.classical.methods import METHODS, Arrays, Learning
from duchenne.training.data.checks import require_trainable
from duchenne.training.data.learnt_people import KEY as PEOPLE
from duchenne.training.data.learnt_people import LearntPeople, people_in, people_record
from duchenne.training.recipes.classical import Chain, ClassicalRecipe
from duchenne.training.recipes.stored import plain
from duchenne.training.run.checkpoints import commit, identity_of, read_tensors, recipe_in, write_tensors
from duchenne.training.run.progress import Progress, ProgressCallback, silent

NO_TIME = ": these pictures do not follow one another in time, so no chain links them"
SYSTEM_FILE = "classical.safetensors"


@dataclass(frozen=True)
class ClassicalSystem:
    """A trained classical system.

    Attributes:
        recipe: How it was trained.
        arrays: What was learned, by name.
        metadata: Data fingerprints, people, commit and number of faces.
    """

    recipe: ClassicalRecipe
    arrays: Arrays
    metadata: dict[str, Any]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.recipe.name

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that `scores` returns, in its order."""
        return self.recipe.aus

    @property
    def people(self) -> LearntPeople | None:
        """The subjects whom it learnt from or who chose its settings; None if it does not remember."""
        return people_in(self.metadata)

    def scores(self, store: FaceStore) -> Float[np.ndarray, "n a"]:
        """Return a score between 0 and 1 of each AU in each face."""
        if not len(store):
            return np.zeros((0, len(self.aus)))
        method, settings, every = METHODS[type(self.recipe.method)], self.recipe.method, np.arange(len(store))
        if isinstance(settings, Chain):  # Frames are read in their order, all of a video at once.
            return method.score(settings, self.arrays, np.concatenate([*method.describe(store, every, silent)]), store)
        parts = (np.concatenate([*method.describe(store, every[rows], silent)]) for rows in parts_of(len(store)))
        return np.concatenate([method.score(settings, self.arrays, features, store) for features in parts])

    def save(self, folder: Path) -> None:
        """Write the system into the folder."""
        tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in self.arrays.items()}
        write_tensors(folder / SYSTEM_FILE, tensors, {"recipe": plain(self.recipe), **self.metadata})


def fit_classical(
    recipe: ClassicalRecipe, train: FaceStore, valid: FaceStore, folder: Path, on_progress: ProgressCallback
) -> ClassicalSystem:
    """Train a classical system and keep it in the folder; one that lies there already, from the same data, is returned.

    Raises:
        TrainingError: The data cannot teach this recipe, or the folder holds a system of another recipe or other data.
    """
    require_trainable(train, valid, recipe.aus)
    identity = identity_of(recipe, train.fingerprint, valid.fingerprint)
    if (folder / SYSTEM_FILE).exists():
        system = load_classical(folder)
        if system.metadata["identity"] != identity:
            raise TrainingError(f"{folder} holds a system of another recipe or other data. Name another folder.")
        return system
    rows = _rows(recipe, train)
    timeless = isinstance(recipe.method, Chain) and not train.in_time.any()
    room = FeatureRoom(folder)
    try:
        arrays = _fitted(recipe, train, valid, room, on_progress, NO_TIME if timeless else "")
    finally:
        room.clear()
    metadata = {
        "identity": identity,
        "data": train.fingerprint,
        "validation_data": valid.fingerprint,
        PEOPLE: people_record(train, valid),
        "commit": commit(),
        "faces": len(rows),
        **({"note": NO_TIME.strip(" :")} if timeless else {}),
    }
    system = ClassicalSystem(recipe, arrays, metadata)
    system.save(folder)
    return system


def _fitted(
    recipe: ClassicalRecipe,
    train: FaceStore,
    valid: FaceStore,
    room: FeatureRoom,
    on_progress: ProgressCallback,
    note: str,
) -> Arrays:
    method, rows, every = METHODS[type(recipe.method)], _rows(recipe, train), np.arange(len(valid))
    described = room.keep(method.describe(train, rows, on_progress), len(rows), "train")
    learning = _learning(described, train, rows, recipe)
    checked = room.keep(method.describe(valid, every, on_progress), len(every), "valid")
    checking = _learning(checked, valid, every, recipe)
    on_progress(Progress(0, 1, remark=f"fitting{note}"))
    return method.fit(recipe.method, learning, checking, recipe.seed)


def load_classical(folder: Path) -> ClassicalSystem:
    """Return the system that lies in the folder.

    Raises:
        TrainingError: There is none, or this version cannot read it.
    """
    tensors, metadata = read_tensors(folder / SYSTEM_FILE)
    recipe = recipe_in(folder / SYSTEM_FILE, metadata)
    if not isinstance(recipe, ClassicalRecipe):
        raise TrainingError(f"{folder / SYSTEM_FILE} holds no classical system. Train again.")
    return ClassicalSystem(recipe, {name: values.numpy() for name, values in tensors.items()}, metadata)


def _learning(features: np.ndarray, store: FaceStore, rows: Int[np.ndarray, " k"], recipe: ClassicalRecipe) -> Learning:
    columns = au_columns(recipe.aus)
    occurrence, known = store.occurrence[rows][:, columns], store.known[rows][:, columns]
    video, frame = videos_of(store)[rows], np.asarray(store.frame[rows])
    return Learning(features, np.asarray(occurrence), np.asarray(known), video, frame)


def _rows(recipe: ClassicalRecipe, store: FaceStore) -> Int[np.ndarray, " k"]:
    """Return at most `max_faces` rows, in order; for chains, those of whole sequences."""
    rng = np.random.default_rng(recipe.seed)
    if len(store) <= recipe.max_faces:
        return np.arange(len(store))
    if not isinstance(recipe.method, Chain):
        return np.sort(rng.permutation(len(store))[: recipe.max_faces])
    videos = videos_of(store)
    names, counts = np.unique(videos, return_counts=True)
    order = rng.permutation(len(names))
    fits = np.cumsum(counts[order]) <= recipe.max_faces
    return np.flatnonzero(np.isin(videos, names[order][fits]))
