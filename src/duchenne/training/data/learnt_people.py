"""Whom a system learnt from: kept with what was trained, so that no test includes them unnoticed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from duchenne.datasets.face_store import FaceStore

KEY = "people"
"""Of the metadata of a trained system."""


@dataclass(frozen=True)
class LearntPeople:
    """The subjects of a training, by the names of their data sets.

    Attributes:
        train: Whom the system learnt from.
        valid: Whose faces said when to stop, or chose settings.
    """

    train: frozenset[str]
    valid: frozenset[str]

    @property
    def everybody(self) -> frozenset[str]:
        """All of them: none may be tested on."""
        return self.train | self.valid


def people_record(train: FaceStore, valid: FaceStore, before: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Return the names of the subjects for a system's metadata.

    Args:
        train: Faces to learn from.
        valid: Faces that say when to stop.
        before: Whom the network had learnt from that this training begins from.
    """
    learnt = {*np.unique(train.subject).tolist(), *before}
    return {"train": sorted(learnt), "valid": np.unique(valid.subject).tolist()}


def people_in(metadata: Mapping[str, Any]) -> LearntPeople | None:
    """Return the people of a system's metadata; None where an earlier version kept none.

    Example:
        >>> sorted(people_in({"people": {"train": ["F001"], "valid": ["M001"]}}).everybody)
        ['F001', 'M001']
    """
    kept = metadata.get(KEY)
    parts = [kept.get(part) for part in ("train", "valid")] if isinstance(kept, dict) else []
    if not parts or not all(isinstance(names, list) for names in parts):
        return None
    return LearntPeople(*(frozenset(map(str, names or ())) for names in parts))


def without_people(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metadata for files that are handed on: these name nobody."""
    return {name: value for name, value in metadata.items() if name != KEY}
