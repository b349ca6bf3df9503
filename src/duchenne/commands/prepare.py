"""`duchenne prepare`: data sets to a store of aligned faces."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole
from duchenne.commands.progress_bar import counted
from duchenne.datasets.preparing.source_preparation import DataName, LandmarksName, PartName, SamplingName

if TYPE_CHECKING:
    from rich.table import Table

_MOST_NOTES = 10


def prepare(
    *sources: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    data: DataName | None = None,
    part: PartName | None = None,
    landmarks: LandmarksName = "detector",
    sampling: SamplingName = "all",
    step: int = 1,
    seed: int = 1,
    prefix: str = "",
    poses: Literal["seven", "nine"] = "nine",
    workers: Annotated[int, Parameter(name=["--workers", "-j"])] = 1,
    restart: bool = False,
) -> int:
    """Find, align and crop every labelled frame once, into a store that training and evaluation read.

    Frames are processed as in detection. The same command continues an interrupted preparation; the result is the same
    for any number of workers. Frames without a usable face are counted by reason, subject and pose in
    STORE/report.json. docs/datasets.md shows the layout of each data set on disk.

    Parameters
    ----------
    sources
        Folders of data sets; also a CSV file of your own (path, subject, AU columns).
    out
        Folder for the store.
    data
        Kind of the sources; default: recognised by their folders.
    part
        Use only this part of a CSV that has parts; default: all.
    landmarks
        detector: landmarks as in detection. exact: landmarks of the renderer (rendered stills only; for studies).
    sampling
        all: every labelled frame. paper: the sampling behind the paper's Table 1, for BP4D or FERA 2017. rare-first: a
        simpler rule that comes near it. drml: up to
        100 frames with and 200 without each AU in each sequence. FERA 2017's test set is never sampled.
    step
        Of these frames, use every step-th.
    seed
        Seed of the sampling.
    prefix
        Prefix for the names of subjects, if several sets use the same names for different people.
    poses
        Poses of FERA 2017's training set. seven: without 1 and 7, as in the paper. nine: all. Its test set has nine.
    workers
        Number of processes; one per core is best.
    restart
        Discard an earlier preparation in the folder.
    """
    from duchenne.datasets.preparing import source_preparation

    console = PlainConsole(stderr=True)
    with counted(console, "frames") as tell:
        done = source_preparation.prepare(
            *sources,
            out=out,
            data=data,
            part=part,
            landmarks=landmarks,
            sampling=sampling,
            step=step,
            seed=seed,
            prefix=prefix,
            poses=poses,
            workers=workers,
            restart=restart,
            on_progress=tell,
        )
    for problem in done.problems:
        console.say(f"duchenne: {problem}")
    for note in done.notes[:_MOST_NOTES]:
        console.say(f"duchenne: note: {note}")
    if len(done.notes) > _MOST_NOTES:
        console.say(f"duchenne: {len(done.notes) - _MOST_NOTES} more notes are in {out / 'report.json'}")
    PlainConsole().print(_table(done.report))
    console.say(f"{done.kept} faces of {done.labelled} frames in {out}")
    return 1 if done.problems else 0


def _table(report: Mapping[str, Any]) -> "Table":
    """Return what was lost: in all, by pose where there are poses, and for the subjects that lost most."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    reasons = list(report["lost"])
    for heading in ("", "frames", "faces", "lost", *reasons):
        table.add_column(heading, justify="left" if not heading else "right")
    poses = [group for group in report["by_pose"] if group["pose_number"]]
    worst = sorted(report["by_subject"], key=lambda group: group["kept"] / group["labelled"])
    named = [(f"pose {group['pose_number']}", group) for group in poses]
    named += [(f"subject {group['subject']}", group) for group in worst[:5] if group["kept"] < group["labelled"]]
    for name, group in [("all", report), *named]:
        share = 1 - group["kept"] / group["labelled"]
        counts = [str(group["lost"].get(reason, 0)) for reason in reasons]
        table.add_row(name, str(group["labelled"]), str(group["kept"]), f"{100 * share:.1f}%", *counts)
    return table
