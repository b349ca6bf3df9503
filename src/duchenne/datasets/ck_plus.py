"""CK+: the peak frame of `cohn-kanade-images/S005/001/*.png` with `FACS/S005/001/*_facs.txt`, lines `au intensity`.

An AU that the file does not name is absent; intensity 0 stands for present with unknown strength.

Source: Lucey et al., The Extended Cohn-Kanade Dataset, CVPR Workshops 2010.
"""

from pathlib import Path

import numpy as np

from duchenne.datasets.picture_files import PictureFiles
from duchenne.datasets.recording import Labels, Problem, Recording, Release, few, labels_from_columns, require
from duchenne.datasets.tables import label_lines
from duchenne.facs import AU_NAMES, UNKNOWN

_IMAGES = "cohn-kanade-images"
_BLINK = 45
_HINT = f"Name the unpacked release: it should hold {_IMAGES} and FACS."


def load_ck_plus(root: Path) -> Release:
    """Return the peak frames that have labels, and what is missing of the others.

    Raises:
        DatasetError: The pictures or the labels are not there.
    """
    images = require(root / _IMAGES, "CK+", _HINT)
    facs = require(root / "FACS", "CK+", _HINT)
    recorded = {path.relative_to(images) for path in images.glob("S*/*") if path.is_dir()}
    labelled = {path.relative_to(facs) for path in facs.glob("S*/*") if path.is_dir()}
    recordings: list[Recording] = []
    problems: list[Problem] = []
    for name in sorted(recorded | labelled):
        pictures = sorted((images / name).glob("*.png"))
        files = sorted((facs / name).glob("*_facs.txt"))
        if not files:
            problems.append(Problem(name.as_posix(), "no label file *_facs.txt; its pictures were left out"))
        elif not pictures:
            problems.append(Problem(name.as_posix(), f"no pictures in {_IMAGES}; its labels were left out"))
        else:
            frame = len(pictures) if not pictures[-1].stem[-8:].isdecimal() else int(pictures[-1].stem[-8:])
            labels, faults = _read_facs(files[-1], frame)
            problems += [Problem(name.as_posix(), what) for what in faults]
            source = PictureFiles({frame: pictures[-1]})
            recordings.append(Recording(name.parts[0], name.as_posix(), source, labels, moving=False))
    return Release("ck+", tuple(recordings), tuple(problems))


def _read_facs(path: Path, frame: int) -> tuple[Labels, list[str]]:
    strength, faults = _strengths(path)
    occurrence = {name: np.array([int(int(name[2:]) in strength)]) for name in AU_NAMES}
    intensity = {name: np.array([strength.get(int(name[2:]), 0)]) for name in AU_NAMES}
    for au, value in strength.items():
        if value == 0 and f"AU{au:02d}" in intensity:
            intensity[f"AU{au:02d}"][:] = UNKNOWN
    if _BLINK in strength and 43 not in strength:
        occurrence["AU43"][:] = intensity["AU43"][:] = UNKNOWN
    if faults:
        unknown = {name: np.array([UNKNOWN]) for name in AU_NAMES if not occurrence[name][0]}
        occurrence |= unknown
        intensity |= unknown
    return labels_from_columns(np.array([frame], np.int64), occurrence, intensity), faults


def _strengths(path: Path) -> tuple[dict[int, int], list[str]]:
    """Return the strength of each AU that is named; a damaged line leaves open which AU it meant."""
    found: dict[int, int] = {}
    bad: list[int] = []
    lines, faults = label_lines(path)
    for number, line in lines:
        values = [_whole(word) for word in line.split()]
        au, strength = values if len(values) == 2 else (None, None)
        if au is None or strength is None or strength > 5 or found.get(au, strength) != strength:
            bad.append(number)
        else:
            found[au] = strength
    if bad:
        faults.append(f"{path.name}: lines {few(bad)} are damaged; AUs that it does not name are unknown")
    return found, faults


def _whole(word: str) -> int | None:
    """Return the number of an AU or its strength; None where a word is neither."""
    try:
        number = float(word)
    except ValueError:
        return None
    return int(number) if 0 <= number < 1000 and number == int(number) else None
