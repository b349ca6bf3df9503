"""Two rendered sets for the experiment: other people, other recipes of movement, other poses; drawn, then prepared."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from duchenne.datasets.loaders import load
from duchenne.datasets.prepare import prepare
from duchenne.datasets.splits import Split, make_splits
from duchenne.datasets.store import PreparedStore
from duchenne.evaluation.line_up import Level
from duchenne.synthesis.protocols import FERA17_POSES

HOME, AWAY = "rendered home", "rendered away"
Say = Callable[[str], None]
_SEED = {HOME: 901, AWAY: 902}


@dataclass(frozen=True)
class RenderedSet:
    """A prepared set.

    Attributes:
        name: `HOME` or `AWAY`.
        folder: Of the store.
        split: Who trains, validates and tests.
    """

    name: str
    folder: Path
    split: Split

    def part(self, which: str, reduction: int) -> PreparedStore:
        """Return the faces that "train", "valid" or "test"."""
        store = PreparedStore(self.folder, reduction)
        return store.subset(self.split.rows(store.subject)[which])


def rendered_set(name: str, level: Level, folder: Path, workers: int, say: Say) -> RenderedSet:
    """Draw and prepare a set, as far as that was not done; landmarks are the detector's.

    Raises:
        DuchenneError: A head cannot be drawn, or the folder cannot be written.
    """
    from duchenne.synthesis.identity import Person
    from duchenne.synthesis.recipes import Style
    from duchenne.synthesis.sampling import Company
    from duchenne.synthesis.shots import Poses
    from duchenne.synthesis.stills import StillsPlan, write_stills

    home = name == HOME
    people, poses = (level.people_home, Poses.FREE) if home else (level.people_away, Poses.GRID)
    person = Person(recipe=Style.ARKIT if home else Style.MPFB)
    one = StillsPlan(1, _SEED[name], person, Company.PEOPLE, poses, people_per_file=4)
    plan = StillsPlan(people * one.per_person, _SEED[name], person, Company.PEOPLE, poses, people_per_file=4)
    pictures, store = folder / name.replace(" ", "-"), folder / f"{name.replace(' ', '-')}.store"
    say(f"drawing {plan.count} pictures of {name}")
    write_stills(plan, pictures, workers)
    say(f"finding and aligning the faces of {name}")
    prepare([load(pictures)], store, workers=workers)
    return RenderedSet(name, store, make_splits("holdout", PreparedStore(store).subject.tolist())[0])


def pose_numbers(pose_deg: np.ndarray) -> np.ndarray:
    """Return FERA 2017's number of each pose that is one of its nine within half a degree, else 0."""
    found = np.zeros(len(pose_deg), int)
    for number, (pitch, yaw) in FERA17_POSES.items():
        found[np.abs(pose_deg[:, :2] - [yaw, pitch]).max(1) < 0.5] = number
    return found
