"""Train any recipe, load any trained system: what evaluation and the command line call."""

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from duchenne.datasets.face_store import FaceStore
from duchenne.errors import UsageError
from duchenne.training.action_units.initialisation import Initialisation
from duchenne.training.action_units.system import load_deep
from duchenne.training.action_units.train import train_au_network
from duchenne.training.classical.system import SYSTEM_FILE, fit_classical, load_classical
from duchenne.training.data.learnt_people import LearntPeople
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.recipes.named import Recipe
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import ProgressCallback, silent


@runtime_checkable
class System(Protocol):
    """Anything that scores faces.

    Networks also have `network`, `config`, and, with patches, `patch_features`.
    """

    @property
    def recipe(self) -> Recipe:
        """How it was trained."""

    @property
    def name(self) -> str:
        """The recipe's name."""

    @property
    def aus(self) -> tuple[str, ...]:
        """The AUs that `scores` returns, in its order."""

    @property
    def people(self) -> LearntPeople | None:
        """The subjects whom it learnt from or who said when to stop; None if it does not remember."""

    def scores(self, store: FaceStore) -> Float[np.ndarray, "n a"]:
        """Return a probability, or a score between 0 and 1, of each AU in each face."""


def train_system(
    recipe: Recipe,
    train: FaceStore,
    valid: FaceStore,
    folder: Path,
    on_progress: ProgressCallback = silent,
    device: DeviceConfig | None = None,
    start: Initialisation | None = None,
) -> System:
    """Train a recipe and keep the system in the folder; a run that was stopped goes on from there.

    Args:
        recipe: One of `recipes.named.RECIPES`, or a variant of one.
        train: Faces to learn from.
        valid: Faces of other subjects, which say when to stop.
        folder: For checkpoint, log and the trained system.
        on_progress: Called with the state of the run.
        device: Where networks are trained; this machine's default unless given.
        start: A trained system to begin from; random weights unless given.

    Raises:
        UsageError: A classical system cannot begin from another one.
        TrainingError: The data cannot teach this recipe, or the folder holds something of another one.
    """
    if isinstance(recipe, DeepRecipe):
        return train_au_network(recipe, train, valid, folder, on_progress, device, start)
    if start is not None:
        raise UsageError(f"{recipe.name} is not a network, so it cannot begin from another system.")
    return fit_classical(recipe, train, valid, folder, on_progress)


def load_system(folder: Path) -> System:
    """Return the trained system that lies in the folder.

    Raises:
        TrainingError: There is none, or this version cannot read it.
    """
    return load_classical(folder) if (folder / SYSTEM_FILE).exists() else load_deep(folder)
