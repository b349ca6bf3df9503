"""The bar of work that is counted: how much is done, of how much, how long it took and will take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def counted(console: Console, what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar while the block runs, from when what is handed on is first told how much is done and of how much."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:

        def tell(done: int, total: int) -> None:
            task = bar.task_ids[0] if bar.task_ids else bar.add_task(what, total=total, completed=done)
            bar.update(task, completed=done)

        yield tell
