"""A log that TensorBoard reads, written by tensorboardX: it needs neither TensorBoard nor TensorFlow.

It is written by the process that trains, not by a thread beside it: that one dies of a full disk, and the training then
waits for it for ever.
"""

import time
from pathlib import Path

from duchenne.errors import TrainingError
from duchenne.extras.libraries import without_libraries

with without_libraries("boto3", "google.cloud"):  # It would load them for logs in a cloud; boto3 opens a socket.
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.summary import scalar


class Logbook:
    """Curves of a run.

    Args:
        folder: Where the event files go.
        first: Step from which this run goes on; later entries of a broken run are dropped by TensorBoard.
        open_it: False for processes that only help.

    Raises:
        TrainingError: The folder cannot be written, now or later.
    """

    def __init__(self, folder: Path, first: int, open_it: bool) -> None:
        self._folder = folder
        self._writer: EventsWriter | None = None
        if not open_it:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventsWriter(str(folder / "events"))
        except OSError as error:
            raise self._refusal(error) from error
        if first:
            self._add(Event(step=first, session_log=SessionLog(status=SessionLog.START)))

    def write(self, step: int, **values: float | None) -> None:
        """Add a point to each named curve."""
        for name, value in values.items():
            if value is not None:
                self._add(Event(wall_time=time.time(), step=step, summary=scalar(name, value)))

    def close(self) -> None:
        """Write what is still in memory."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            try:
                writer.close()
            except OSError as error:
                raise self._refusal(error) from error

    def _add(self, event: Event) -> None:
        if self._writer is not None:
            try:
                self._writer.write_event(event)
                self._writer.flush()
            except OSError as error:
                raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> TrainingError:
        return TrainingError(
            f"The log {self._folder} cannot be written: {error.strerror}. Make room and give the same command again; "
            "it goes on from the last checkpoint."
        )
