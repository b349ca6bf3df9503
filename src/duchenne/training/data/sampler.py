"""Which faces a step learns from, and how they look then."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from duchenne.datasets.face_store import FaceStore, at_rest
from duchenne.facs import au_columns
from duchenne.training.data.inputs import InputReader
from duchenne.training.data.labels import LabelReader, Labels
from duchenne.training.recipes.deep import DeepRecipe


class BatchSampler:
    """Draws batches; a batch follows from seed and step alone.

    Args:
        recipe: Says how.
        store: The faces.
        reference: (49, 3) head, for views that need one.
        steps_per_epoch: Batches in an epoch.
        rank: Number of this process among those that share a batch.
        processes: Their number.
    """

    def __init__(
        self,
        recipe: DeepRecipe,
        store: FaceStore,
        reference: Float[np.ndarray, "49 3"] | None,
        steps_per_epoch: int,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.recipe, self.store, self.steps_per_epoch = recipe, store, steps_per_epoch
        self.rank, self.processes = rank, processes
        self.view, self.labels = (
            InputReader(recipe.network.view, store, reference),
            LabelReader(store, recipe.aus, recipe.graded_weight > 0, recipe.ungraded_aus, recipe.pair_share > 0),
        )
        self.true_points = true_points(store)
        self.chances = None
        graded = np.isfinite(self.labels.grade).any(1)
        resting = np.tile(np.flatnonzero(graded & at_rest(store)), recipe.rest_times - 1)
        self.kinds = (np.append(np.flatnonzero(graded), resting), np.flatnonzero(~graded))
        self.mixed = bool(recipe.graded_weight and all(len(kind) for kind in self.kinds))
        self._units = tuple(self._unit_numbers(rows) for rows in self.kinds)
        if recipe.sampling == "balanced":
            columns = au_columns(recipe.aus)
            self.chances = balanced_chances(store.occurrence[:, columns], store.known[:, columns])

    def rows(self, step: int) -> Int[np.ndarray, " b"]:
        """Return the rows of a step's batch, over all processes."""
        recipe = self.recipe
        if self.mixed:
            count = round(recipe.batch * recipe.graded_share)
            dealt = zip((0, 1), (count, recipe.batch - count), (3, 4), strict=True)
            return np.concatenate([self._dealt(kind, number, step, chance) for kind, number, chance in dealt])
        epoch, place = divmod(step, self.steps_per_epoch)
        rng = np.random.default_rng([recipe.seed, 1, epoch])
        if self.chances is None:
            order = rng.permutation(len(self.store))
        else:
            order = rng.choice(len(self.store), len(self.store), p=self.chances)
        return order[place * recipe.batch : (place + 1) * recipe.batch]

    def _unit_numbers(self, rows: Int[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """Return for each row which unit it is dealt with: its pair, or itself."""
        pair = self.labels.pair[rows]
        return np.unique(np.where(pair >= 0, pair, len(self.store) + np.arange(len(rows))), return_inverse=True)[1]

    def _dealt(self, kind: int, count: int, step: int, chance: int) -> Int[np.ndarray, " k"]:
        """Return the rows of one kind for a step, each once before one comes again; faces of a pair side by side."""
        rows, unit = self.kinds[kind], self._units[kind]
        if not count:
            return rows[:0]
        rounds, place = divmod(step, max(1, len(rows) // count))
        chances = np.random.default_rng([self.recipe.seed, chance, rounds]).random(unit.max() + 1)
        order = rows[np.argsort(chances[unit], kind="stable")]
        return np.resize(order[place * count : (place + 1) * count], count)

    def read(self, step: int) -> tuple[tuple[Tensor, ...], Labels]:
        """Return this process's share of a step's batch."""
        rows, seed = self.rows(step), self.recipe.seed
        own = range(self.rank, len(rows), self.processes)
        rngs = [np.random.default_rng([seed, 2, step, place]) for place in own]
        rows = rows[self.rank :: self.processes]
        drawn = self.view.changed(rows, self.recipe.augmentation, rngs, self._points(rows, rngs))
        return tuple(torch.from_numpy(values) for values in drawn.inputs), self.labels.read(rows, drawn.mirrored)

    def _points(self, rows: Int[np.ndarray, " k"], rngs: list[np.random.Generator]) -> np.ndarray | None:
        if self.true_points is None:
            return None
        located = np.array([rng.random() < self.recipe.located_share for rng in rngs])[:, None, None]
        return np.where(located, self.store.points[rows], self.true_points[rows])


def true_points(store: FaceStore) -> Float[np.ndarray, "n 49 3"] | None:
    """Return the points that a renderer knows, the landmarker's of faces without; None where no face has any."""
    parts: Sequence[Any] = getattr(store, "parts", (store,))
    has = ["true_points" in getattr(part, "extra_names", ()) for part in parts]
    if not any(has):
        return None
    return np.concatenate([p.extra("true_points") if known else p.points for p, known in zip(parts, has, strict=True)])


def balanced_chances(occurrence: Bool[np.ndarray, "n a"], known: Bool[np.ndarray, "n a"]) -> Float[np.ndarray, " n"]:
    """Return the chance of each face: half even, half shared out so that each AU gets as much as every other.

    A face with an AU that p faces show gets 1 / p for it.
    """
    shows = (occurrence & known).astype(float)
    by_au = (shows / np.maximum(shows.sum(0), 1)).sum(1)
    total = by_au.sum()
    even = np.full(len(shows), 1 / len(shows))
    return even if total == 0 else (even + by_au / total) / 2
