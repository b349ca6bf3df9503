"""A log that TensorBoard reads, written by tensorboardX: it needs neither TensorBoard nor TensorFlow."""

from pathlib import Path

from tensorboardX import SummaryWriter


class Logbook:
    """Curves of a run.

    Args:
        folder: Where the event files go.
        first: Step from which this run goes on; later entries of a broken run are dropped by TensorBoard.
        open_it: False for processes that only help.
    """

    def __init__(self, folder: Path, first: int, open_it: bool) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=first or None) if open_it else None

    def write(self, step: int, **values: float | None) -> None:
        """Add a point to each named curve."""
        for name, value in values.items():
            if self._writer is not None and value is not None:
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is still in memory."""
        if self._writer is not None:
            self._writer.close()
