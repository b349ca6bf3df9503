"""Data sets to a store of aligned faces, in one call: what `duchenne prepare` runs. Imports nothing heavy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from duchenne.errors import UsageError
from duchenne.extras import extras_named

DataName = Literal["bp4d", "fera17", "disfa", "disfa+", "ck+", "stills", "generic"]
PartName = Literal["teach", "choose", "judge"]
LandmarksName = Literal["detector", "exact"]
PosesName = Literal["seven", "nine"]
SamplingName = Literal["all", "paper", "rare-first", "drml"]
OnFrames = Callable[[int, int], None]
"""Told how many frames are done, and of how many."""


@dataclass(frozen=True)
class PreparedFaces:
    """What a preparation has left in its folder.

    Attributes:
        folder: The store; what `data` of `duchenne.train` and `duchenne.evaluate` takes.
        labelled: Frames with labels that were looked at.
        kept: Faces.
        lost: Frames that gave no face, by reason.
        problems: What could not be used of the sources, in words.
        notes: How pictures were read, where that is to be known: the first of several, pixels not square, damage.
        report: All that STORE/report.json holds: also by subject and by pose.
    """

    folder: Path
    labelled: int
    kept: int
    lost: Mapping[str, int]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    report: Mapping[str, Any]


def prepare(
    *sources: str | Path,
    out: str | Path,
    data: DataName | None = None,
    part: PartName | None = None,
    landmarks: LandmarksName = "detector",
    sampling: SamplingName = "all",
    step: int = 1,
    seed: int = 1,
    prefix: str = "",
    poses: PosesName = "nine",
    workers: int = 1,
    restart: bool = False,
    on_progress: OnFrames | None = None,
) -> PreparedFaces:
    """Find, align and crop every labelled frame once, into a store; needs `pip install 'duchenne[train]'`.

    A preparation that was stopped goes on where it stopped when it is called again, and ends with the same bytes,
    whatever the workers. docs/datasets.md shows how each data set must lie on disk.

    Example:
        >>> import duchenne, pathlib, tempfile
        >>> from duchenne.diagnosis import SAMPLE
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "own.csv").write_text(f"path,subject,AU12{chr(10)}{SAMPLE},anna,1{chr(10)}")
        >>> done = duchenne.prepare(folder / "own.csv", out=folder / "store")
        >>> done.labelled, done.kept, done.problems
        (1, 1, ())

    Args:
        sources: Folders of data sets; also a CSV file of your own (path, subject, AU columns).
        out: Folder of the store.
        data: What the sources are; None to recognise them.
        part: Of a CSV with parts of persons, this one alone; None for all.
        landmarks: What detection will see, or what the renderer knows (rendered stills alone).
        sampling: Which labelled frames are looked at.
        step: Of these, every step-th.
        seed: Of the sampling.
        prefix: Put before the names of subjects.
        poses: Of FERA 2017's training set: all nine, or seven, without 1 and 7, as in the paper.
        workers: Processes side by side.
        restart: Throw away what an earlier preparation left in the folder.
        on_progress: Told how far it is.

    Raises:
        UsageError: No source is named, or the folder holds another preparation.
        DatasetError: A source is no data set, or has no labelled frame or no face.
        OutputError: The folder cannot be written.
        MissingExtraError: A library of the extra is not installed.
    """
    if not sources:
        raise UsageError("Nothing to prepare. Name the folder of a data set; see duchenne prepare --help.")
    if workers < 1:
        raise UsageError(f"The number of workers is {workers}; it must be at least 1.")
    folder, told = Path(out), on_progress or (lambda *_: None)
    with extras_named():
        from duchenne.datasets.loaders import load_all
        from duchenne.datasets.person_split import Part
        from duchenne.datasets.preparing.prepare import PrepareOptions, done_frames
        from duchenne.datasets.preparing.prepare import prepare as prepare_store

        options = PrepareOptions(landmarks, sampling, step, seed, prefix, poses)
        releases = load_all(sources, data, None if part is None else Part(part))
        done, total = done_frames(releases, folder, options)
        count = 0 if restart else done
        told(count, total)

        def advance(frames: int) -> None:
            nonlocal count
            count += frames
            told(count, total)

        report = prepare_store(releases, folder, options, workers=workers, restart=restart, on_frames=advance)
    problems = tuple(f"{one['where']}: {one['what']}" for one in report["problems"] if one["severe"])
    notes = tuple(f"{one['note']} ({one['count']} times)" for one in report.get("notes", ()))
    return PreparedFaces(folder, report["labelled"], report["kept"], report["lost"], problems, notes, report)
