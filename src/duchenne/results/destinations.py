"""Where the faces of a run go: into one file, or nowhere; `result_folder` has a file for each source.

Each result is whole or not there, has its record beside it (`result_record`), and is continued after an interruption.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from duchenne.errors import UsageError
from duchenne.files.whole_files import write_whole
from duchenne.media import Frame, Source
from duchenne.results.columns import Columns
from duchenne.results.face_aus import FaceAUs
from duchenne.results.former_results import is_of_run
from duchenne.results.object_folder import ObjectFolder
from duchenne.results.result_file import ResultFile
from duchenne.results.result_record import RunFacts, SourceRecord, make_record, record_path
from duchenne.results.run_record import Position, RunRecord


@runtime_checkable
class Destination(Protocol):
    """What a run writes to."""

    @property
    def done(self) -> Mapping[str, SourceRecord]:
        """What became of the sources that are done, by name; those of an earlier run among them."""

    @property
    def state(self) -> Mapping[str, Any] | None:
        """What an interrupted run recorded last, of all sources; None at a fresh start."""

    @property
    def goes_on(self) -> bool:
        """Whether an earlier run of the same has left something, finished or not."""

    def begin(self, source: Source) -> Mapping[str, Any] | None:
        """Begin a video; return what an interrupted run recorded last, if that was in its middle."""

    def write(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """Take the faces of a frame, which may have none."""

    @property
    def position(self) -> Position | None:
        """The end of the rows written so far."""

    def checkpoint(self, state: Mapping[str, Any], position: Position | None, sources: Sequence[SourceRecord]) -> None:
        """Record how far the run is, and the sources that were done since the checkpoint before."""

    def end(self, source: Source, record: SourceRecord) -> None:
        """Note that a source is done."""

    def finish(self) -> None:
        """Complete what is written."""

    def close(self) -> None:
        """Let go of what is not complete; it can be continued."""


class Nowhere:
    """A destination that keeps only what became of the sources."""

    def __init__(self) -> None:
        self.done: dict[str, SourceRecord] = {}
        self.state: Mapping[str, Any] | None = None
        self.goes_on = False

    @property
    def position(self) -> Position | None:
        """There are no rows."""
        return None

    def begin(self, source: Source) -> Mapping[str, Any] | None:
        """Begin anew."""
        return None

    def write(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """Drop the faces."""

    def checkpoint(self, state: Mapping[str, Any], position: Position | None, sources: Sequence[SourceRecord]) -> None:
        """Record nothing."""

    def end(self, source: Source, record: SourceRecord) -> None:
        """Note that a source is done."""
        self.done[source.name] = record

    def finish(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class OneFile(Nowhere):
    """One file for all sources, continued if an interrupted run left its part.

    Args:
        path: Of the result.
        columns: Of it.
        facts: Of the run.
        names: A hash of the sources' names.
        overwrite: Whether a result that is there may be replaced.
        restart: Throw an interrupted run away.
        store: The object store that takes the result when it is whole; None for none. `path` is then below its `here`.

    Raises:
        UsageError, OutputError: As `ResultFile.open`; or the record of another result is there.
    """

    def __init__(
        self,
        path: Path,
        columns: Columns,
        facts: RunFacts,
        names: str,
        *,
        overwrite: bool,
        restart: bool,
        store: ObjectFolder | None = None,
    ) -> None:
        super().__init__()
        self._facts, self._overwrite, self._started, self._store = facts, overwrite, datetime.now(UTC), store
        fingerprint = {**facts.fingerprint, "sources": names}
        self.goes_on = RunRecord(path, {}).lies_there()
        self._has_record = store is not None and self._compare_with(store, path, restart)
        self.file = ResultFile.open(path, columns, fingerprint, overwrite=overwrite, restart=restart)
        try:
            self._check_record()
        except UsageError:
            self.file.discard() if self.file.state is None else self.file.close()
            raise
        records = map(SourceRecord.from_dict, self.file.sources)
        self.done = {record.name: record for record in records}
        self.state = self.file.state

    def begin(self, source: Source) -> Mapping[str, Any] | None:
        """Begin a video; return what an interrupted run recorded last, if that was in its middle."""
        state = self.state
        return state if state is not None and state["current"] == source.name else None

    def write(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """Append rows."""
        self.file.write(faces)
        if not faces:
            self.file.write_empty(frame)

    @property
    def position(self) -> Position | None:
        """The end of the rows written so far."""
        return self.file.position

    def checkpoint(self, state: Mapping[str, Any], position: Position | None, sources: Sequence[SourceRecord]) -> None:
        """Bring rows and state to the disk."""
        self.file.checkpoint(state, position, [source.to_dict() for source in sources])

    def finish(self) -> None:
        """Give the result its name and its record; leave nothing where nothing could be read."""
        if self.done and all(record.problem and not record.frames for record in self.done.values()):
            self.file.discard()
        else:
            self.file.finish(self._write_record, self._put)
            if self._store is not None:
                self.file.path.unlink(missing_ok=True)
                record_path(self.file.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Keep the part and its last checkpoint."""
        self.file.close()

    def _compare_with(self, store: ObjectFolder, path: Path, restart: bool) -> bool:
        """Take the store's word for what is finished; return whether a record of this name is there.

        Raises:
            UsageError: A result of this name is there.
        """
        if restart or not self.goes_on:
            path.unlink(missing_ok=True)
            record_path(path).unlink(missing_ok=True)
        if not self._overwrite and store.holds_other(path):
            raise UsageError(f"{store.url_of(path)}: the object exists. Choose another name, or say --overwrite.")
        return store.fetch(record_path(path))

    def _put(self) -> None:
        """Put the result into the store, its record first."""
        if self._store is not None:
            self._store.put(record_path(self.file.path), overwrite=self._overwrite or self._has_record)
            self._store.put(self.file.path, overwrite=self._overwrite)

    def _check_record(self) -> None:
        path = record_path(self.file.path)
        if os.path.lexists(path) and not (self._overwrite or is_of_run(path, self._facts)):
            raise UsageError(f"{path}: the file exists. Choose another name, or replace it with --overwrite.")

    def _write_record(self, whole: Path) -> None:
        path = record_path(self.file.path)
        record = make_record(self.file.path, whole, self._facts, list(self.done.values()), self._started)
        write_whole(path, record.to_json(), self._overwrite or is_of_run(path, self._facts))
