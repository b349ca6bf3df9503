"""The bars of work that is counted, and of trainings: how much is done, of how much, how long it took and will take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from duchenne.training.run.progress import Progress


@contextmanager
def counted(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the block runs, from when what is handed on is first told how much is done and of how much."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TimeRemainingColumn(), console=console) as bar:

        def tell(done: int, total: int) -> None:
            task = bar.task_ids[0] if bar.task_ids else bar.add_task(what, total=total, completed=done)
            bar.update(task, completed=done)

        yield tell


@contextmanager
def training_progress(console: Console) -> Iterator[Callable[["Progress"], None]]:
    """Show a bar while the block runs; what is handed on takes the state of a training."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("preparing", total=None)

        def report(progress: "Progress") -> None:
            if progress.note:
                bar.console.print(f"duchenne: note: {progress.note}", markup=False, highlight=False)
            bar.update(task, completed=progress.step, total=progress.steps, description=_status(progress))

        yield report


def _status(progress: "Progress") -> str:
    parts = [progress.remark]
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4f}")
    if progress.score is not None:
        parts.append(f"score {progress.score:.3f}")
    if progress.per_s is not None:
        parts.append(f"{progress.per_s:.0f} faces/s")
    if progress.left_s is not None:
        minutes, seconds = divmod(round(progress.left_s), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(part for part in parts if part)
