"""Which patches an AU's score rests on: silence one patch at a time and see how far the score falls.

Source: paper, section 2.1, after Zeiler and Fergus (ECCV 2014). The paper takes the network with all 49 patches; any
region network will do here. Ours: its "average effect on the score" is read as the mean size of the change. With the
mean drop, a patch that lifts the score of faces with the AU and lowers it in the others comes out as of no
significance, or as the least significant of all (docs/measures.md).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.errors import EvaluationError
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.region import RegionNetwork
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.systems import System

FACES = 30_000
"""At most so many, as in the paper."""
_BATCH = 128
ProgressCallback = Callable[[int], None]
"""Called with how many faces were done since the last call."""


@runtime_checkable
class PatchNetwork(Protocol):
    """A network whose patches are read apart from what follows them: `RegionNetwork` is one."""

    def patch_features(self, windows: Tensor) -> Tensor:
        """Return what each patch hands on, (n, p, ...)."""

    def read_silenced(self, features: Tensor, silenced: Sequence[Sequence[int]], shape: Tensor | None = None) -> Tensor:
        """Return the logits without each of these sets of patches, (s, n, a)."""


@dataclass(frozen=True)
class PatchSystem:
    """A trained system with patches.

    Attributes:
        name: Of its recipe.
        aus: Columns of its scores.
        landmarks: The landmark of each patch, counted from 1.
        network: In evaluation mode.
        inputs: Returns what the network reads of some rows of a store: windows and, for some networks, shapes.
    """

    name: str
    aus: tuple[str, ...]
    landmarks: tuple[int, ...]
    network: PatchNetwork
    inputs: Callable[[FaceStore, Int[np.ndarray, " k"]], tuple[Tensor, ...]]


def patch_system(system: System) -> PatchSystem:
    """Return a trained system as one with patches.

    Raises:
        EvaluationError: It has none.
    """
    if not isinstance(system, DeepSystem) or not isinstance(system.network, RegionNetwork):
        raise EvaluationError(f"{system.name} has no patches to silence. Use a region network, such as region-49.")
    landmarks = tuple(system.network.config.layout.landmarks)
    return PatchSystem(system.name, tuple(system.aus), landmarks, system.network, system.inputs)


@dataclass(frozen=True)
class Significance:
    """What silencing each patch does.

    Attributes:
        aus: Columns.
        landmarks: Rows: the landmark of each patch, counted from 1.
        drop: (p, a), mean fall of the score over the faces; below 0 where it rises.
        effect: (p, a), mean size of its change: the significance.
        faces: How many.
    """

    aus: tuple[str, ...]
    landmarks: tuple[int, ...]
    drop: Float[np.ndarray, "p a"]
    effect: Float[np.ndarray, "p a"]
    faces: int

    def most(self, au: str, count: int = 5) -> tuple[int, ...]:
        """Return the landmarks of an AU's most significant patches, first the most significant."""
        order = np.argsort(-self.effect[:, self.aus.index(au)], kind="stable")[:count]
        return tuple(self.landmarks[place] for place in order)


@dataclass(frozen=True)
class Faithfulness:
    """Whether the map tells the truth on faces of other subjects: scores without the patches that it names.

    Attributes:
        silenced: How many patches.
        intact: Mean area under the ROC over AUs, nothing silenced.
        without_most: Each AU without its most significant patches.
        without_least: Likewise its least significant.
        faces: How many faces were scored.
        aus: How many AUs had both kinds of faces.
    """

    silenced: int
    intact: float
    without_most: float
    without_least: float
    faces: int
    aus: int


def patch_significance(
    system: PatchSystem,
    store: FaceStore,
    rows: Int[np.ndarray, " k"],
    on_progress: ProgressCallback = lambda _: None,
) -> Significance:
    """Return how each AU's score changes when one patch's last map is zero.

    Args:
        system: From `patch_system`.
        store: Faces.
        rows: Which of them.
        on_progress: Called after each batch.

    Raises:
        EvaluationError: There is no face.
    """
    if not len(rows):
        raise EvaluationError("There is no face to explain the system on.")
    drop, effect = np.zeros((2, len(system.landmarks), len(system.aus)))
    silenced = [(), *((patch,) for patch in range(len(system.landmarks)))]
    for scores in _silenced_scores(system, store, rows, silenced):
        fall = scores[0] - scores[1:]
        drop += fall.sum(1)
        effect += np.abs(fall).sum(1)
        on_progress(scores.shape[1])
    return Significance(system.aus, system.landmarks, drop / len(rows), effect / len(rows), len(rows))


def faithfulness(
    system: PatchSystem,
    store: FaceStore,
    rows: Int[np.ndarray, " k"],
    found: Significance,
    silenced: int | None = None,
    on_progress: ProgressCallback = lambda _: None,
) -> Faithfulness:
    """Return scores without the most and without the least significant patches of each AU; a quarter of them each.

    Args:
        system: As above.
        store: Faces.
        rows: Faces of subjects on whom `found` was not made.
        found: The map.
        silenced: How many patches; a quarter unless given.
        on_progress: Called after each batch.

    Raises:
        EvaluationError: No AU has both kinds of faces.
    """
    count = silenced or max(1, len(found.landmarks) // 4)
    order = np.argsort(-found.effect, axis=0, kind="stable")
    places = range(len(found.aus))
    sets = [[], *(kind[:, place].tolist() for place in places for kind in (order[:count], order[-count:]))]
    parts = list[np.ndarray]()
    for part in _silenced_scores(system, store, rows, sets):
        parts.append(part)
        on_progress(part.shape[1])
    scores = np.concatenate(parts, 1)
    areas, checked = [], store.subset(rows)
    for place, name in enumerate(found.aus):
        known, truth = labels_of(checked, name)
        kinds = scores[[0, 1 + 2 * place, 2 + 2 * place], :, place]
        areas.append([area_under_roc(truth, one[known]) for one in kinds])
    valid = np.array([one for one in areas if one[0] is not None], float)
    if not len(valid):
        raise EvaluationError("No action unit has faces with and without it, so the map cannot be checked.")
    intact, without_most, without_least = valid.mean(0).tolist()
    return Faithfulness(count, intact, without_most, without_least, len(rows), len(valid))


def map_and_check(store: FaceStore, most: int = FACES, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of two of three subjects, to make a map, and of the third, to check it; at most so many each.

    Raises:
        EvaluationError: There are fewer than two subjects.
    """
    names = np.unique(store.subject)
    if len(names) < 2:
        raise EvaluationError("A map is made on some subjects and checked on others; the faces are of one alone.")
    rows = drawn_rows(store, 2 * most, seed)
    checks = np.isin(np.asarray(store.subject)[rows], names[::3])
    return rows[~checks][:most], rows[checks][:most]


def drawn_rows(store: FaceStore, most: int = FACES, seed: int = 0) -> Int[np.ndarray, " k"]:
    """Return rows of a store in their order: all, or so many drawn from them."""
    return np.sort(np.random.default_rng(seed).permutation(len(store))[:most])


def _silenced_scores(
    system: PatchSystem, store: FaceStore, rows: Int[np.ndarray, " k"], silenced: Sequence[Sequence[int]]
) -> Iterator[Float[np.ndarray, "s n a"]]:
    """Yield the scores of some faces without each of these sets of patches, batch after batch; one thread reads one."""

    def scores(start: int) -> Float[np.ndarray, "s n a"]:
        windows, *shape = system.inputs(store, rows[start : start + _BATCH])
        with torch.no_grad():
            features = system.network.patch_features(windows)
            logits = system.network.read_silenced(features, silenced, *shape)
        return torch.sigmoid(logits).double().numpy()

    threads, waiting = torch.get_num_threads(), deque[Future[np.ndarray]]()
    torch.set_num_threads(1)  # of each batch: whole batches side by side wait for one another less than their parts do
    try:
        with ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(rows), _BATCH):
                waiting.append(pool.submit(scores, start))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            yield from (left.result() for left in waiting)
    finally:
        torch.set_num_threads(threads)
