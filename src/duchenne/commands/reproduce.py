"""`duchenne reproduce`: the paper's experiment, from nothing to the report."""

import shlex
import sys
from pathlib import Path
from typing import Literal

from rich.console import Console


def reproduce(
    *,
    out: Path = Path("reproduced"),
    data: Literal["rendered"] = "rendered",
    quick: bool = False,
    tiny: bool = False,
    seeds: int = 1,
    workers: int = 2,
) -> int:
    """Train and judge every system on two rendered sets, and write the paper's tables and figures.

    What is done stays done: the same command goes on where it was stopped. Writes runs/ (one JSON each) and report/
    (report.html, .md, .tex, tables as CSV, figures as PNG and SVG). Needs the extras train, synthesis and report.

    Parameters
    ----------
    out
        Folder for sets, systems, runs and report.
    data
        What it is done on.
    quick
        Small sets and little training: shows that everything runs, decides nothing.
    tiny
        Smaller still and four systems only.
    seeds
        How often every system is trained.
    workers
        Processes for drawing and preparing.
    """
    from duchenne.evaluation.experiment import reproduce as run
    from duchenne.evaluation.line_up import LEVELS

    console = Console(stderr=True, highlight=False)
    level = LEVELS["tiny" if tiny else "quick" if quick else "full"]
    command = shlex.join(["duchenne", *sys.argv[1:]])
    with console.status("starting") as status:

        def say(remark: str) -> None:
            console.log(remark, markup=False)
            status.update(remark)

        pages = run(level, seeds, out, workers, say, command)
    for page in pages:
        print(page)
    return 0
