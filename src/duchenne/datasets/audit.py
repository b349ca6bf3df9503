"""What a release holds, beside what is published of it: subjects, frames, labels, skew, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from duchenne.datasets.recording import Problem, Release
from duchenne.datasets.releases import is_rendered, releases
from duchenne.facs import AU_NAMES


@dataclass(frozen=True)
class AUCount:
    """Occurrence labels of one AU.

    Attributes:
        au: Its name.
        positives: Frames with it.
        negatives: Frames without it.
        unknown: Frames of which nobody knows.
        graded: Frames with a known intensity.
        published: Frames with it in the whole release; None where that is not published here.
    """

    au: str
    positives: int
    negatives: int
    unknown: int
    graded: int
    published: int | None

    @property
    def skew(self) -> float | None:
        """Negatives over positives; None without positives."""
        return self.negatives / self.positives if self.positives else None


@dataclass(frozen=True)
class Audit:
    """What was found of one release.

    Attributes:
        name: Of the data set.
        source: Where it lies.
        subjects: How many.
        sequences: How many.
        recordings: Sequences times views.
        frames: Labelled frames; a frame seen from nine views counts once.
        published_frames: In the whole release; None where that is not published here.
        aus: Those with any known label.
        problems: What is missing or wrong.
    """

    name: str
    source: str
    subjects: int
    sequences: int
    recordings: int
    frames: int
    published_frames: int | None
    aus: tuple[AUCount, ...]
    problems: tuple[Problem, ...]

    @property
    def published_skew(self) -> dict[str, float]:
        """Skew of the whole release by AU, from its published counts."""
        total = self.published_frames or 0
        return {c.au: (total - c.published) / c.published for c in self.aus if c.published}


def audit(release: Release, source: str | Path) -> Audit:
    """Return what a release holds. The views of a sequence share their labels, so these are counted once."""
    known = {} if is_rendered(Path(source)) else releases().get(release.name, {})
    once: dict[tuple[str, str], Any] = {}
    for recording in release.recordings:
        once.setdefault((recording.subject, recording.sequence), recording.labels)
    counts = _counts(list(once.values()))
    published = known.get("positives", {})
    aus = []
    for name, column in zip(AU_NAMES, counts.T.tolist(), strict=True):
        positives, negatives, unknown, graded = column
        if positives or negatives or graded:
            aus.append(AUCount(name, positives, negatives, unknown, graded, published.get(name)))
    frames = sum(len(labels.frame) for labels in once.values())
    return Audit(
        release.name, str(source), len(release.subjects), len(once), len(release.recordings), frames,
        known.get("frames"), tuple(aus), release.problems,
    )  # fmt: skip


def _counts(labels: Sequence[Any]) -> Int[np.ndarray, "4 23"]:
    """Return positives, negatives, unknown and graded frames of each AU."""
    total = np.zeros((4, len(AU_NAMES)), np.int64)
    for label in labels:
        present, absent = label.occurrence & label.known, ~label.occurrence & label.known
        total += np.stack([values.sum(0) for values in (present, absent, ~label.known, label.intensity_known)])
    return total
