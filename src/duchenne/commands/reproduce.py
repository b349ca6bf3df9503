"""`duchenne reproduce`: the paper's experiment, from nothing to the report."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.console import Console

from duchenne.commands.plain_console import PlainConsole

if TYPE_CHECKING:
    from duchenne.evaluation.experiment.stage_progress import StageProgress

_LIST = Parameter(consume_multiple=True, negative="")


def reproduce(
    *,
    out: Path = Path("reproduced"),
    data: Literal["rendered", "releases"] = "rendered",
    bp4d: Path | None = None,
    fera17: Path | None = None,
    disfa: Path | None = None,
    sampling: Literal["paper", "rare-first", "all", "drml"] = "paper",
    split: Literal["holdout", "three-fold", "leave-one-out"] = "holdout",
    poses: Literal["seven", "nine"] = "seven",
    step: int = 1,
    quick: bool = False,
    seeds: int = 1,
    systems: Annotated[tuple[str, ...], _LIST] = (),
    experiments: Annotated[tuple[Literal["within", "across", "poses", "clips", "disfa"], ...], _LIST] = (
        "within",
        "across",
        "poses",
        "clips",
        "disfa",
    ),
    people: int | None = None,
    epochs: float | None = None,
    size: Literal["compact", "paper"] = "compact",
    precision: Literal["auto", "float32", "bf16"] = "auto",
    convolution: Literal["auto", "direct", "tiled", "compiled"] = "auto",
    workers: Annotated[int, Parameter(name=["--workers", "-j"])] = 2,
) -> int:
    """Train and test every system, and write the paper's tables and figures with its printed numbers beside them.

    The same command continues an interrupted run; seeds, systems and experiments can be added later. Writes runs/ (one
    JSON each) and report/ (report.html, report.md, tables as CSV, figures as PNG and SVG). Needs the extras train,
    synthesis and report.

    Parameters
    ----------
    out
        Folder for sets, systems, runs and report.
    data
        rendered: two sets drawn by this toolkit. releases: BP4D, FERA 2017 and DISFA from your disk.
    bp4d
        Folder of BP4D: Table 2.
    fera17
        Folder of FERA 2017: Table 4 and Figures 6 and 7; with --bp4d also Table 3.
    disfa
        Folder of DISFA: three folds, F1 at .5 and ICC of eight action units, as DRML's authors have it.
    sampling
        Which labelled frames of the releases are used: those that give the paper's Table 1, by a
        simpler rule those with rare action units first, all, or DRML's.
    split
        Split of BP4D (Table 2). holdout: 31 subjects and 10, as in the paper. three-fold: the usual folds, everybody
        tested once; with --sampling drml it is DRML's protocol. leave-one-out: one subject at a time.
    poses
        Under which of FERA 2017's nine poses systems train. seven: without 1 and 7, as in the paper. All nine are
        tested, and the tables have the means over the seven and over the nine.
    step
        Of these frames, every step-th.
    quick
        Small sets and little training, to see that everything runs; its numbers mean nothing.
    seeds
        Number of trainings of every system.
    systems
        Systems to train, such as region convnet; default: all.
    experiments
        within: Table 2. across: Table 3. poses: Table 4, Figures 6 and 7. clips: rendered faces in
        time, for the FERA 2017 baseline and two systems to compare with. disfa: DISFA. Only the sets that they need
        are rendered.
    people
        Rendered people in each set (a quarter as many, at most 100, test in nine poses).
    epochs
        Passes of each network over the faces.
    size
        Size of the networks. compact: for a processor. paper: the paper's, with the settings of their recipes; each
        takes hours on a processor.
    precision
        Number format of the layers. auto: bfloat16 if the recipe asks for it and the processor or graphics card
        computes in it, otherwise float32.
    convolution
        How networks that read patches filter them on a processor, as duchenne train has it.
    workers
        Number of processes; one per core is best.
    """
    from duchenne.errors import UsageError
    from duchenne.evaluation.experiment.reproduction import Experiment, reproduce_releases, reproduce_rendered
    from duchenne.evaluation.experiment.sizes import SIZES, resized

    if data == "rendered" and (bp4d or fera17 or disfa or split != "holdout"):
        raise UsageError("--bp4d, --fera17, --disfa and --split are for real data: add --data releases.")
    chosen = resized(SIZES["quick" if quick else "full"], people, epochs, size)
    command = shlex.join(["duchenne", *sys.argv[1:]])
    experiment = Experiment(
        replace(chosen, systems=systems), out, seeds, workers, experiments, command, poses, precision, convolution
    )
    console = PlainConsole(stderr=True)
    with _progress(console) as on_progress:
        if data == "rendered":
            outcome = reproduce_rendered(experiment, on_progress)
        else:
            from duchenne.datasets.preparing.prepare import PrepareOptions
            from duchenne.evaluation.experiment.release_sets import Releases

            options = PrepareOptions(sampling=sampling, step=step, poses=poses)
            outcome = reproduce_releases(experiment, Releases(bp4d, fera17, disfa, options, split=split), on_progress)
    for failure in outcome.failures:
        console.say(f"duchenne: {failure}.")
    for page in outcome.pages:
        print(page)
    return 1 if outcome.failures else 0


@contextmanager
def _progress(console: Console) -> Iterator[Callable[["StageProgress"], None]]:
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), Remaining())
    with Progress(*columns, console=console, speed_estimate_period=600) as progress:
        tasks: dict[str, TaskID] = {}

        def update(now: "StageProgress") -> None:
            if now.stage not in tasks:
                tasks[now.stage] = progress.add_task(now.stage, total=now.total, completed=now.done)  # type: ignore[arg-type]
            progress.update(tasks[now.stage], completed=now.done, total=now.total)
            if now.remark:
                progress.console.log(now.remark, markup=False)

        yield update
