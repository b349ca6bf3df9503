"""The labels of a batch as tensors, mirrored where its faces are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from duchenne.datasets.face_store import FaceStore
from duchenne.facs import AU_BY_NAME, AU_NAMES, au_columns


@dataclass(frozen=True)
class Labels:
    """What is known of some faces.

    Attributes:
        occurrence: Whether an AU is present.
        known: Where that holds.
        intensity: 0-5, subject's left and right.
        intensity_known: Where that holds.
        sides_known: Where left and right were told apart, of AUs that have sides.
        grade: Mean grade of several codings, 0-5; NaN where there is none. Where there is one, it is learnt from in
            place of occurrence and intensity.
        stronger: 1 where coders noted the subject's left side as the stronger one, -1 for the right, 0 where none.
        pair: Number of the pair that a face belongs to, -1 for none. Two faces of a pair differ in one AU or two.
    """

    occurrence: Bool[Tensor, "n a"]
    known: Bool[Tensor, "n a"]
    intensity: Float[Tensor, "n a 2"]
    intensity_known: Bool[Tensor, "n a"]
    sides_known: Bool[Tensor, "n a"]
    grade: Float[Tensor, "n a"]
    stronger: Int[Tensor, "n a"]
    pair: Int[Tensor, " n"]


class LabelReader:
    """Reads the labels of rows for some AUs.

    Args:
        store: The faces.
        aus: Names, in the order wanted.
        graded: Whether faces with mean grades teach by these; by occurrence and intensity otherwise.
        ungraded: AUs whose grades are left out.
        pairs: Whether pairs are looked up; all faces stand alone otherwise.
    """

    def __init__(
        self,
        store: FaceStore,
        aus: tuple[str, ...],
        graded: bool = False,
        ungraded: tuple[str, ...] = (),
        pairs: bool = True,
    ) -> None:
        columns = au_columns(aus)
        self.occurrence, self.known = store.occurrence[:, columns], store.known[:, columns]
        self.intensity = np.nan_to_num(store.intensity[:, columns].astype(np.float32))
        self.intensity_known = store.intensity_known[:, columns]
        sided = np.array([AU_BY_NAME[name].sided for name in aus])
        self.sides_known = store.sides_known[:, None] & sided & self.intensity_known
        self.grade = np.full((len(store), len(aus)), np.nan, np.float32)
        if graded:
            self._read_grades(store, columns, [k for k, name in enumerate(aus) if name in ungraded])
        self.stronger = extra_or(store, "one_sided", np.zeros((1, len(AU_NAMES)), np.int8))[:, columns]
        self.pair = pairs_of(store) if pairs else np.full(len(store), -1, np.int64)

    def _read_grades(self, store: FaceStore, columns: list[int], left_out: list[int]) -> None:
        """Let faces with grades teach by these alone."""
        whole = extra_or(store, "grade", np.full((1, len(AU_NAMES)), np.nan, np.float32))
        graded = np.isfinite(whole).any(1)
        self.grade = np.array(whole[:, columns], np.float32)
        self.grade[:, left_out] = np.nan
        self.known, self.intensity_known = np.array(self.known), np.array(self.intensity_known)
        for mask in (self.known, self.intensity_known, self.sides_known):
            mask[graded] = False

    def read(self, rows: Int[np.ndarray, " k"], mirrored: Bool[np.ndarray, " k"]) -> Labels:
        """Return the labels of rows; sides change places where a face was mirrored."""
        intensity = self.intensity[rows]
        intensity[mirrored] = intensity[mirrored][..., ::-1]
        stronger = self.stronger[rows].astype(np.int64)
        stronger[mirrored] *= -1
        plain = (
            self.occurrence[rows],
            self.known[rows],
            intensity,
            self.intensity_known[rows],
            self.sides_known[rows],
            self.grade[rows].astype(np.float32),
            stronger,
            self.pair[rows],
        )
        return Labels(*(torch.from_numpy(np.ascontiguousarray(values)) for values in plain))


def pairs_of(store: FaceStore) -> Int[np.ndarray, " n"]:
    """Return the number of the pair that each rendered face belongs to; -1 where it belongs to none."""
    numbers: dict[tuple[str, str, int], int] = {}
    found = np.full(len(store), -1, np.int64)
    params = extra_or(store, "params", np.array([""]))
    for row, (subject, text) in enumerate(zip(store.subject.tolist(), params.tolist(), strict=True)):
        drawn = json.loads(text) if text else {}
        if drawn.get("differs"):
            key = (str(subject), "-".join(sorted(drawn["differs"])), int(drawn["group"]))
            found[row] = numbers.setdefault(key, len(numbers))
    return found


def extra_or(store: FaceStore, name: str, otherwise: Shaped[np.ndarray, "1 ..."]) -> Shaped[np.ndarray, "n ..."]:
    """Return a further column of a store; in parts of a dataset that lack it, one value for every face."""
    parts: Sequence[Any] = getattr(store, "parts", (store,))
    return np.concatenate(
        [
            part.extra(name) if name in getattr(part, "extra_names", ()) else np.repeat(otherwise, len(part), 0)
            for part in parts
        ]
    )
