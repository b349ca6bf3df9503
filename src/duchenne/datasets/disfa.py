"""DISFA and DISFA+: intensities 0-5 of twelve AUs; an AU occurs from intensity 2 on.

DISFA: `ActionUnit_Labels/SN001/SN001_au1.txt`, lines `frame,intensity`; `Video_LeftCamera/LeftVideoSN001_comp.avi`.
DISFA+: `SN001/A1_AU1/AU1.txt`, two header lines, then `000.jpg     0`; the pictures lie beside, or the labels under
`Labels` and the pictures under `Images`. Its subjects are people of DISFA and have the same names.

Source: Mavadati et al., IEEE Transactions on Affective Computing 2013; Mavadati et al., CVPR Workshops 2016.
"""

import re
from pathlib import Path

import numpy as np

from duchenne.datasets.picture_files import PictureFiles, VideoFile
from duchenne.datasets.recording import Labels, Problem, Recording, Release, few, labels_from_columns, require
from duchenne.datasets.releases import missing_subjects
from duchenne.datasets.tables import is_label, label_lines, read_frame_table
from duchenne.errors import DatasetError, MediaError
from duchenne.facs import UNKNOWN
from duchenne.media import VIDEO_ENDINGS, open_video

AUS = (1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26)
OCCURS_FROM = 2
_CAMERAS = ("Video_LeftCamera", "Videos_LeftCamera")
_HEADER_LINES = 2


def load_disfa(root: Path) -> Release:
    """Return the sequences of the left camera that have labels, and what is missing of the others.

    Raises:
        DatasetError: The labels or the videos are not there.
    """
    hint = "Name the unpacked release: it should hold ActionUnit_Labels and Video_LeftCamera."
    labels = require(root / "ActionUnit_Labels", "DISFA", hint)
    camera = next((root / name for name in _CAMERAS if (root / name).is_dir()), root / _CAMERAS[0])
    videos = _videos(require(camera, "DISFA", hint))
    names = {path.name for path in labels.iterdir() if path.is_dir()}
    problems = missing_subjects("disfa", root, names & set(videos))
    recordings: list[Recording] = []
    for subject in sorted(names | set(videos)):
        if subject not in names:
            problems.append(Problem(subject, f"no folder ActionUnit_Labels/{subject}; its video was left out"))
        elif subject not in videos:
            problems.append(Problem(subject, f"no video in {camera.name}; its labels were left out"))
        else:
            found, faults = _read_disfa(labels / subject, subject)
            faults += _length(videos[subject], found)
            problems += [Problem(subject, what) for what in faults]
            if len(found.frame):
                first = 0 if found.frame[0] == 0 else 1
                recordings.append(Recording(subject, subject, VideoFile(videos[subject], first), found))
    return Release("disfa", tuple(recordings), tuple(problems))


def _videos(folder: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in VIDEO_ENDINGS and (match := re.search(r"SN\d{3}", path.name)):
            found[match[0]] = path
    return found


def _read_disfa(folder: Path, subject: str) -> tuple[Labels, list[str]]:
    """Return the labels of all frames that any AU has; an AU whose file is missing or short is unknown there."""
    columns: dict[int, dict[int, int]] = {}
    faults: list[str] = []
    for au in AUS:
        path = folder / f"{subject}_au{au}.txt"
        if not path.exists():
            faults.append(f"no label file {path.name}; AU{au:02d} is unknown")
            continue
        table = read_frame_table(path, [au])
        faults += table.faults
        columns[au] = dict(zip(table.frame.tolist(), table.columns[au].tolist(), strict=True))
    return _from_intensity(columns, faults), faults


def _from_intensity(columns: dict[int, dict[int, int]], faults: list[str]) -> Labels:
    frames = sorted(set().union(*columns.values()))
    for au, column in columns.items():
        if len(column) < len(frames):
            faults.append(
                f"AU{au:02d} has labels for {len(column)} of {len(frames)} frames; it is unknown in the others"
            )
    intensity, occurrence = {}, {}
    for au, column in columns.items():
        values = np.array([column.get(frame, UNKNOWN) for frame in frames], np.int64)
        graded = (values >= 0) & (values <= 5)
        intensity[f"AU{au:02d}"] = values
        occurrence[f"AU{au:02d}"] = np.where(graded, values >= OCCURS_FROM, UNKNOWN)
    return labels_from_columns(np.array(frames, np.int64), occurrence, intensity)


def _length(video: Path, labels: Labels) -> list[str]:
    try:
        with open_video(video) as opened:
            count = opened.frame_count
    except MediaError as error:
        return [f"the video cannot be read: {error}"]
    if count is not None and count != len(labels.frame):
        return [f"the video has {count} frames, its labels {len(labels.frame)}"]
    return []


def load_disfa_plus(root: Path) -> Release:
    """Return the trials that have labels and pictures, and what is missing of the others.

    Raises:
        DatasetError: There is no label file.
    """
    labels = root / "Labels" if (root / "Labels").is_dir() else root
    pictures = root / "Images" if (root / "Images").is_dir() else labels
    trials = sorted({path.parent for path in labels.glob("*/*/AU*.txt")})
    if not trials:
        raise DatasetError(
            f"DISFA+: there is no label file SUBJECT/TRIAL/AU1.txt in {labels}. Name the unpacked release."
        )
    recordings: list[Recording] = []
    problems: list[Problem] = []
    named = {path.relative_to(pictures) for path in pictures.glob("*/*") if path.is_dir()}
    for bare in sorted(named - {trial.relative_to(labels) for trial in trials}):
        problems.append(Problem(bare.as_posix(), "no label file AU*.txt; its pictures were left out"))
    for trial in trials:
        name = trial.relative_to(labels)
        found, faults = _read_trial(trial)
        paths = {int(p.stem): p for p in (pictures / name).glob("*.jpg") if p.stem.isdecimal()}
        faults += _unmatched(found, paths)
        problems += [Problem(name.as_posix(), what) for what in faults]
        if len(found.frame) and paths:
            recordings.append(
                Recording(name.parts[0], name.as_posix(), PictureFiles(dict(sorted(paths.items()))), found)
            )
    return Release("disfa+", tuple(recordings), tuple(problems))


def _unmatched(labels: Labels, paths: dict[int, Path]) -> list[str]:
    if not paths:
        return ["no pictures; its labels were left out"]
    faults = []
    if absent := sorted(set(labels.frame.tolist()) - set(paths)):
        faults.append(f"{len(absent)} labelled frames have no picture: {few(absent)}")
    if bare := sorted(set(paths) - set(labels.frame.tolist())):
        faults.append(f"{len(bare)} pictures have no label: {few(bare)}")
    return faults


def _read_trial(folder: Path) -> tuple[Labels, list[str]]:
    columns: dict[int, dict[int, int]] = {}
    faults: list[str] = []
    for au in AUS:
        path = folder / f"AU{au}.txt"
        if not path.exists():
            faults.append(f"no label file {path.name}; AU{au:02d} is unknown")
            continue
        columns[au], found = _read_plus(path)
        faults += found
        if not columns[au]:
            faults.append(f"{path.name} holds no label")
    return _from_intensity(columns, faults), faults


def _read_plus(path: Path) -> tuple[dict[int, int], list[str]]:
    """Return intensity by frame of lines like `000.jpg     0` below two header lines, and what is wrong with others."""
    found: dict[int, int] = {}
    bad: list[int] = []
    lines, faults = label_lines(path)
    for number, line in lines:
        if number <= _HEADER_LINES:
            continue
        match = re.fullmatch(r"\s*(\d{1,9})\.\w+\s+(\d)\s*", line)
        if match and is_label(int(match[2])) and int(match[1]) not in found:
            found[int(match[1])] = int(match[2])
        else:
            bad.append(number)
    if bad:
        faults.append(f"{path.name}: lines {few(bad)} are damaged; they were left out")
    return found, faults
