"""`duchenne prepare`: data sets to a store of aligned faces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole

if TYPE_CHECKING:
    from rich.table import Table


def prepare(
    *sources: str,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    data: Literal["bp4d", "fera17", "disfa", "disfa+", "ck+", "stills", "generic"] | None = None,
    part: Literal["teach", "choose", "judge"] | None = None,
    landmarks: Literal["detector", "exact"] = "detector",
    sampling: Literal["all", "paper", "drml"] = "all",
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
        all: every labelled frame. paper: the sampling behind the paper's Table 1, for BP4D or FERA 2017. drml: up to
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
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from duchenne.datasets.loaders import load_all
    from duchenne.datasets.person_split import Part
    from duchenne.datasets.prepare import PrepareOptions, done_frames
    from duchenne.datasets.prepare import prepare as prepare_store
    from duchenne.errors import UsageError

    if not sources:
        raise UsageError("Nothing to prepare. Name the folder of a data set; see duchenne prepare --help.")
    if workers < 1:
        raise UsageError(f"The number of workers is {workers}; it must be at least 1.")
    options = PrepareOptions(landmarks, sampling, step, seed, prefix, poses)
    console = PlainConsole(stderr=True)
    with console.status("Reading labels"):
        releases = load_all(sources, data, None if part is None else Part(part))
        done, total = (0, None) if restart else done_frames(releases, out, options)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("frames", total=total, completed=done)
        report = prepare_store(
            releases, out, options, workers=workers, restart=restart, on_frames=lambda n: progress.advance(task, n)
        )
    problems = [problem for problem in report["problems"] if problem["severe"]]
    for problem in problems:
        console.say(f"duchenne: {problem['where']}: {problem['what']}")
    PlainConsole().print(_table(report))
    console.say(f"{report['kept']} faces of {report['labelled']} frames in {out}")
    return 1 if problems else 0


def _table(report: dict[str, Any]) -> "Table":
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
