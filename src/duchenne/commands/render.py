"""`duchenne render`: heads with known action units."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def render(
    folder: Path,
    /,
    *,
    protocol: Literal["stills"] = "stills",
    count: int = 1000,
    seed: int = 1,
    workers: Annotated[int, Parameter(name=["--workers", "-j"])] = 1,
    tone: int | None = None,
    sex: Literal["female", "male"] | None = None,
    age: float | None = None,
) -> int:
    """Draw heads with known action units, with exact labels.

    Each picture comes with the intensity (0-5) of every action unit on either side, 49 landmarks in two and three
    dimensions with their visibility, the head's pose, and the person's skin tone, sex and age. A render that was
    stopped goes on where it stopped when the same command is given again; the same seed gives the same bytes.

    Parameters
    ----------
    folder
        Where the files go; made if it is not there.
    protocol
        stills: single pictures of many people, 256 x 256, in Parquet files of 250 (JPEG inside).
    count
        How many pictures; rounded up to whole files.
    seed
        0-9999; other seeds draw other people.
    workers
        Processes side by side; one per core is best.
    tone
        Monk skin tone 1 (lightest) to 10 (darkest) for everybody; all ten equally often otherwise.
    sex
        For everybody; both equally often otherwise.
    age
        Years, 18-80, for everybody; spread evenly otherwise.
    """
    from duchenne.synthesis.identity import Person
    from duchenne.synthesis.stills import PER_FILE, StillsPlan, write_stills

    plan = StillsPlan(count, seed, Person(tone, sex, age))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        whole = sum(1 for _ in folder.glob("stills-*.parquet"))
        task = progress.add_task("pictures", total=plan.files * PER_FILE, completed=min(whole, plan.files) * PER_FILE)
        drawn = write_stills(plan, folder, workers, lambda _: progress.advance(task, PER_FILE))
    Console(stderr=True).print(f"{drawn * PER_FILE} pictures drawn; {folder} holds {plan.files} files.", markup=False)
    return 0
