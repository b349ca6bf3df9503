"""FERA 2017: nine views `FERA17_Train_MV/FERA17_TR_F001_T1_6.mp4` of each sequence, one label file for all of them.

Labels lie in `Train_Occ/FERA17_TR_F001_T1.csv` and `Train_Int/FERA17_TR_F001_T1_AU01_Int.csv`, and likewise for
`Valid` and `VA`. The training subjects are those of BP4D and keep its names; those of the validation set are other
people with the same names, so here they are called VA_F007.

Source: Valstar et al., FERA 2017, IEEE FG 2017. Ours: label files count frames from 1 unless a file begins with 0.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from duchenne.datasets.picture_files import VideoFile
from duchenne.datasets.recording import Labels, Problem, Recording, Release, few, labels_from_columns
from duchenne.datasets.releases import missing_sequences
from duchenne.datasets.tables import FrameTable, read_frame_table
from duchenne.errors import DatasetError, MediaError
from duchenne.media import open_video

POSES = range(1, 10)
_PARTS = {"Train": "TR", "Valid": "VA"}
_VIDEO = re.compile(r"FERA17_(?:TR|VA)_([FM]\d+)_(T\d+)_([1-9])\.(?:mp4|avi|mov|mkv|mpg|wmv)", re.IGNORECASE)
_LABELS = re.compile(r"FERA17_(?:TR|VA)_([FM]\d+)_(T\d+)\.csv")


def load_fera17(root: Path) -> Release:
    """Return the views that have labels, and what is missing of the others.

    Raises:
        DatasetError: Neither the training nor the validation set is there.
    """
    parts = [part for part in _PARTS if (root / f"{part}_Occ").is_dir()]
    if not parts:
        raise DatasetError(
            f"FERA 2017: there is no folder Train_Occ or Valid_Occ in {root}. Name the release: it should hold "
            "FERA17_Train_MV and Train_Occ, FERA17_Valid_MV and Valid_Occ."
        )
    recordings: list[Recording] = []
    problems: list[Problem] = []
    for part in parts:
        views = _views(root / f"FERA17_{part}_MV")
        names = {match.groups() for p in (root / f"{part}_Occ").iterdir() if (match := _LABELS.fullmatch(p.name))}
        sequences = {(str(s), str(t)) for s, t in names} | set(views)
        problems += missing_sequences("fera17", part, root, sequences)
        for subject, task in sorted(sequences):
            found, faults = _load_sequence(root, part, subject, task, views.get((subject, task), {}))
            recordings += found
            problems += [Problem(f"{_PARTS[part]}_{subject}_{task}", what) for what in faults]
    return Release("fera17", tuple(recordings), tuple(problems))


def _views(folder: Path) -> dict[tuple[str, str], dict[int, Path]]:
    found: dict[tuple[str, str], dict[int, Path]] = defaultdict(dict)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if match := _VIDEO.fullmatch(path.name):
            found[match[1], match[2]][int(match[3])] = path
    return found


def _load_sequence(
    root: Path, part: str, subject: str, task: str, views: dict[int, Path]
) -> tuple[list[Recording], list[str]]:
    short = _PARTS[part]
    stem = f"FERA17_{short}_{subject}_{task}"
    path = root / f"{part}_Occ" / f"{stem}.csv"
    if not path.exists():
        return [], [f"no label file {part}_Occ/{path.name}; its {len(views)} videos were left out"]
    table = read_frame_table(path)
    labels, faults = _labels(root / f"{part}_Int", stem, table)
    faults = [*table.faults, *faults]
    if absent := [pose for pose in POSES if pose not in views]:
        faults.append(f"no video of pose {few(absent, 9)}")
    if not len(labels.frame):
        return [], faults
    name = subject if short == "TR" else f"{short}_{subject}"
    first = 0 if labels.frame[0] == 0 else 1
    faults += _lengths(views, int(labels.frame[-1]) + 1 - first)
    return [
        Recording(name, f"{short}_{subject}_{task}", VideoFile(views[pose], first), labels, pose_number=pose)
        for pose in sorted(views)
    ], faults


def _labels(folder: Path, stem: str, table: FrameTable) -> tuple[Labels, list[str]]:
    intensity: dict[str, np.ndarray] = {}
    faults: list[str] = []
    for path in sorted(folder.glob(f"{stem}_AU[0-9][0-9]_Int.csv")):
        au = int(path.name[-10:-8])
        graded = read_frame_table(path, [au])
        faults += graded.faults
        if short := np.setdiff1d(table.frame, graded.frame).size:
            faults.append(f"{path.name} lacks {short} of {len(table.frame)} frames")
        intensity[f"AU{au:02d}"] = graded.at(table.frame, au)
    if folder.is_dir() and not intensity:
        faults.append(f"no intensity file {folder.name}/{stem}_AU??_Int.csv")
    occurrence = {f"AU{au:02d}": values for au, values in table.columns.items()}
    return labels_from_columns(table.frame, occurrence, intensity), faults


def _lengths(views: dict[int, Path], labelled: int) -> list[str]:
    """Return what is wrong with the videos according to their headers."""
    faults = []
    others: dict[int, list[int]] = defaultdict(list)
    for pose, path in sorted(views.items()):
        try:
            with open_video(path) as video:
                count = video.frame_count
        except MediaError as error:
            faults.append(f"pose {pose} cannot be read: {error}")
            continue
        if count is not None and count != labelled:
            others[count].append(pose)
    return faults + [f"pose {few(p, 9)} has {count} frames, its labels {labelled}" for count, p in others.items()]
