"""BP4D: pictures `F001/T1/2440.jpg`, labels `AUCoding/AU_OCC/F001_T1.csv` and `AUCoding/AU_INT/AU06/F001_T1_AU06.csv`.

Source: Zhang et al., BP4D-Spontaneous, Image and Vision Computing 2014. Frames outside the coded part have no label.
"""

import re
from pathlib import Path

import numpy as np

from duchenne.datasets.picture_files import PictureFiles
from duchenne.datasets.recording import Labels, Problem, Recording, Release, few, labels_from_columns, require
from duchenne.datasets.releases import missing_subjects, missing_tasks
from duchenne.datasets.tables import FrameTable, read_frame_table

OCCURRENCE, INTENSITY = Path("AUCoding", "AU_OCC"), Path("AUCoding", "AU_INT")
_SUBJECT, _TASK, _FILE = re.compile(r"[FM]\d{3}"), re.compile(r"T\d+"), re.compile(r"([FM]\d{3})_(T\d+)\.csv")
_HINT = "Name the unpacked release: it should hold F001 ... M018 and AUCoding."


def load_bp4d(root: Path) -> Release:
    """Return the sequences that have labels and pictures, and what is missing of the others.

    Raises:
        DatasetError: The folder of occurrence labels is not there.
    """
    require(root / OCCURRENCE, "BP4D", _HINT)
    labelled = {match.groups() for p in (root / OCCURRENCE).iterdir() if (match := _FILE.fullmatch(p.name))}
    recorded = {(s.name, t.name) for s in _folders(root, _SUBJECT) for t in _folders(s, _TASK)}
    recordings: list[Recording] = []
    problems = missing_subjects("bp4d", root, {subject for subject, _ in labelled & recorded})
    problems += missing_tasks("bp4d", root, {(str(s), str(t)) for s, t in labelled | recorded})
    for subject, task in sorted({(str(s), str(t)) for s, t in labelled | recorded}, key=_order):
        where = f"{subject}_{task}"
        if (subject, task) not in labelled:
            problems.append(Problem(where, f"no label file {OCCURRENCE / where}.csv; its pictures were left out"))
        elif (subject, task) not in recorded:
            problems.append(Problem(where, f"no folder of pictures {subject}/{task}; its labels were left out"))
        else:
            recording, found = _load_sequence(root, subject, task)
            problems += [Problem(where, what) for what in found]
            recordings += [recording] if len(recording) else []
            problems += _unlabelled(recording)
    return Release("bp4d", tuple(recordings), tuple(problems))


def _order(sequence: tuple[str, str]) -> tuple[str, int]:
    return sequence[0], int(sequence[1][1:])


def _folders(parent: Path, pattern: re.Pattern[str]) -> list[Path]:
    return [path for path in parent.iterdir() if pattern.fullmatch(path.name) and path.is_dir()]


def _load_sequence(root: Path, subject: str, task: str) -> tuple[Recording, list[str]]:
    stem = f"{subject}_{task}"
    table = read_frame_table(root / OCCURRENCE / f"{stem}.csv")
    intensity, faults = _read_intensity(root, stem, table)
    labels = _labels(table, intensity)
    paths = _pictures(root / subject / task)
    faults = [*table.faults, *faults]
    if absent := sorted(set(table.frame.tolist()) - set(paths)):
        faults.append(f"{len(absent)} labelled frames have no picture: {few(absent)}")
    return Recording(subject, stem, PictureFiles(paths), labels), faults


def _pictures(folder: Path) -> dict[int, Path]:
    """Return the pictures by frame number, however many zeros pad it."""
    found = {int(p.stem): p for p in folder.iterdir() if p.stem.isdecimal() and p.suffix.lower() in (".jpg", ".jpeg")}
    return dict(sorted(found.items()))


def _read_intensity(root: Path, stem: str, occurrence: FrameTable) -> tuple[dict[int, np.ndarray], list[str]]:
    """Return the intensities at the frames that have occurrence labels, and what is wrong with them."""
    found: dict[int, np.ndarray] = {}
    faults: list[str] = []
    for folder in sorted((root / INTENSITY).glob("AU[0-9][0-9]")):
        path, au = folder / f"{stem}_{folder.name}.csv", int(folder.name[2:])
        if not path.exists():
            faults.append(f"no intensity file {folder.name}/{path.name}")
            continue
        table = read_frame_table(path, [au])
        faults += table.faults
        if short := np.setdiff1d(occurrence.frame, table.frame).size:
            faults.append(f"{path.name} lacks {short} of {len(occurrence.frame)} frames")
        found[au] = table.at(occurrence.frame, au)
        if more := np.setdiff1d(table.frame, occurrence.frame).size:
            faults.append(f"{stem}.csv (occurrence) lacks {more} frames that {path.name} has")
    return found, faults


def _labels(table: FrameTable, intensity: dict[int, np.ndarray]) -> Labels:
    occurrence = {f"AU{au:02d}": values for au, values in table.columns.items()}
    return labels_from_columns(table.frame, occurrence, {f"AU{au:02d}": values for au, values in intensity.items()})


def _unlabelled(recording: Recording) -> list[Problem]:
    """Return a remark on pictures without a label: gaps in the coded part are faults, what lies outside is usual."""
    frames = recording.labels.frame
    without = sorted(set(getattr(recording.pictures, "paths", {})) - set(frames.tolist()))
    if not without or not len(frames):
        return []
    inside = [frame for frame in without if frames[0] < frame < frames[-1]]
    outside = [frame for frame in without if not frames[0] < frame < frames[-1]]
    found = []
    if inside:
        found.append(
            Problem(recording.sequence, f"{len(inside)} pictures among the coded ones have no label: {few(inside)}")
        )
    if outside:
        coded = f"labels cover frames {frames[0]}-{frames[-1]}; {len(outside)} pictures outside have none"
        found.append(Problem(recording.sequence, coded, severe=False))
    return found
