"""The bar that trainings show: steps, loss, score, speed, time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from duchenne.training.run.progress import Progress


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
