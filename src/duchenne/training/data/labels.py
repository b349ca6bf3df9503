"""The labels of a batch as tensors, mirrored where its faces are."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from duchenne.datasets.face_store import FaceStore
from duchenne.facs import AU_BY_NAME, AU_NAMES


@dataclass(frozen=True)
class Labels:
    """What is known of some faces.

    Attributes:
        occurrence: Whether an AU is present.
        known: Where that holds.
        intensity: 0-5, subject's left and right.
        intensity_known: Where that holds.
        sides_known: Where left and right were told apart, of AUs that have sides.
    """

    occurrence: Bool[Tensor, "n a"]
    known: Bool[Tensor, "n a"]
    intensity: Float[Tensor, "n a 2"]
    intensity_known: Bool[Tensor, "n a"]
    sides_known: Bool[Tensor, "n a"]


class LabelReader:
    """Reads the labels of rows for some AUs.

    Args:
        store: The faces.
        aus: Names, in the order wanted.
    """

    def __init__(self, store: FaceStore, aus: tuple[str, ...]) -> None:
        columns = [AU_NAMES.index(name) for name in aus]
        self.occurrence, self.known = store.occurrence[:, columns], store.known[:, columns]
        self.intensity = np.nan_to_num(store.intensity[:, columns].astype(np.float32))
        self.intensity_known = store.intensity_known[:, columns]
        sided = np.array([AU_BY_NAME[name].sided for name in aus])
        self.sides_known = store.sides_known[:, None] & sided & self.intensity_known

    def read(self, rows: Int[np.ndarray, " k"], mirrored: Bool[np.ndarray, " k"]) -> Labels:
        """Return the labels of rows; sides change places where a face was mirrored."""
        intensity = self.intensity[rows]
        intensity[mirrored] = intensity[mirrored][..., ::-1]
        plain = (self.occurrence[rows], self.known[rows], intensity, self.intensity_known[rows], self.sides_known[rows])
        return Labels(*(torch.from_numpy(np.ascontiguousarray(values)) for values in plain))
