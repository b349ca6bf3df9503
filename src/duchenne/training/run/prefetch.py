"""Batches drawn ahead, so that the processor or graphics card does not wait for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch.utils.data import DataLoader, Dataset

from duchenne.training.run.task import Batch

_AHEAD = 4
"""Batches that each drawing process has ready."""


class _Steps(Dataset[Batch]):
    """Batches by step, as torch's loader wants them."""

    def __init__(self, batch: Callable[[int], Batch]) -> None:
        self.batch = batch

    def __getitem__(self, step: int) -> Batch:
        return self.batch(step)


def _unchanged(batch: Any) -> Any:
    return batch


def drawn_ahead(batch: Callable[[int], Batch], steps: range, processes: int = 0) -> Iterator[Batch]:
    """Yield the batches of some steps, in order.

    Args:
        batch: From step to batch.
        steps: Which.
        processes: That draw; with 0 a thread draws the next batch while the last one is learnt from. Processes are
            worth it where drawing is mostly Python, which a thread would share with the training.
    """
    if processes:
        loader = DataLoader(
            _Steps(batch), sampler=steps, batch_size=None, num_workers=processes, prefetch_factor=_AHEAD,
            collate_fn=_unchanged,
        )  # fmt: skip
        yield from loader
        return
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(batch, steps[0]) if steps else None
        for step in steps:
            assert coming is not None
            drawn = coming.result()
            if step + 1 < steps.stop:
                coming = thread.submit(batch, step + 1)
            yield drawn
