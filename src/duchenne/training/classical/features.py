"""The descriptors of many faces of a store."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float, Int

from duchenne.datasets.face_store import FaceStore
from duchenne.networks.view import View
from duchenne.training.data.inputs import InputReader
from duchenne.training.run.progress import Progress, ProgressCallback

Describe = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From a 200 x 200 face and its 49 points to any array."""
_BATCH = 64


def described(
    store: FaceStore, rows: Int[np.ndarray, " k"], describe: Describe, on_progress: ProgressCallback
) -> Iterator[Float[np.ndarray, "b ..."]]:
    """Yield the descriptors of the faces, float32, batch after batch."""
    reader = InputReader(View(points=True), store, None)
    for start in range(0, len(rows), _BATCH):
        faces, points = reader.plain(rows[start : start + _BATCH]).inputs
        yield np.stack([describe(face, place).astype(np.float32) for face, place in zip(faces, points, strict=True)])
        on_progress(Progress(min(start + _BATCH, len(rows)), len(rows), remark="describing faces"))
