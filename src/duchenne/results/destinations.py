"""Where the faces of a run go: into one file, into a file for each source, or nowhere.

Each result is whole or not there, has its record beside it (`result_record`), and is continued after an interruption.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from duchenne.errors import OutputError, UsageError
from duchenne.files.whole_files import write_whole
from duchenne.media import Frame, Source, SourceKind
from duchenne.results.columns import Columns
from duchenne.results.face_aus import FaceAUs
from duchenne.results.former_results import is_of_run, still_true
from duchenne.results.result_file import ResultFile
from duchenne.results.result_names import make_folder, result_paths
from duchenne.results.result_record import RunFacts, SourceRecord, make_record, record_path
from duchenne.results.run_record import Position, RunRecord, remove_leftovers


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

    Raises:
        UsageError, OutputError: As `ResultFile.open`; or the record of another result is there.
    """

    def __init__(
        self, path: Path, columns: Columns, facts: RunFacts, names: str, *, overwrite: bool, restart: bool
    ) -> None:
        super().__init__()
        self._facts, self._overwrite, self._started = facts, overwrite, datetime.now(UTC)
        fingerprint = {**facts.fingerprint, "sources": names}
        self.goes_on = RunRecord(path, {}).lies_there()
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
            self.file.finish(self._write_record)

    def close(self) -> None:
        """Keep the part and its last checkpoint."""
        self.file.close()

    def _check_record(self) -> None:
        path = record_path(self.file.path)
        if os.path.lexists(path) and not (self._overwrite or is_of_run(path, self._facts)):
            raise UsageError(f"{path}: the file exists. Choose another name, or replace it with --overwrite.")

    def _write_record(self, whole: Path) -> None:
        path = record_path(self.file.path)
        record = make_record(self.file.path, whole, self._facts, list(self.done.values()), self._started)
        write_whole(path, record.to_json(), self._overwrite or is_of_run(path, self._facts))


class FilePerSource(Nowhere):
    """A file for each source in a folder, which is made if only it is missing.

    Sources whose result lies there from the same run, with its record, are done.

    Args:
        folder: Of the results.
        sources: All of them.
        ending: Of the files.
        columns: Of each.
        facts: Of the run.
        overwrite: Whether results that are there may be replaced.
        restart: Throw interrupted results away.
        own: Those of the sources that are to be done; None for all. The names of files rest on all.
        drawn: Where the overlay of each source goes, by name; None without overlays. A source without its overlay is
            done again, and a video with one from its beginning.

    Raises:
        UsageError: A result is there that is of another run.
        OutputError: The folder cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        ending: str,
        columns: Columns,
        facts: RunFacts,
        *,
        overwrite: bool,
        restart: bool,
        own: Sequence[Source] | None = None,
        drawn: Mapping[str, Path] | None = None,
    ) -> None:
        super().__init__()
        if not folder.absolute().parent.is_dir():
            raise OutputError(f"{folder}: there is no folder {folder.absolute().parent}. Make it first.")
        self._paths = result_paths(folder, sources, ending)
        self._columns, self._facts, self._overwrite, self._restart = columns, facts, overwrite, restart
        self._open: dict[str, OneFile] = {}
        self._drawn, self._again = drawn, set[str]()
        own = sources if own is None else own
        for source in own:
            if (record := self._former(source)) is not None:
                self.done[source.name] = record
        left = (source for source in own if source.name not in self.done)
        begun = next((RunRecord(self._paths[source.name], {}).lies_there() for source in left), False)
        self.goes_on = bool(self.done) or bool(self._again) or begun
        make_folder(folder)

    def begin(self, source: Source) -> Mapping[str, Any] | None:
        """Begin the file of a video."""
        return self._file_of(source).begin(source)

    def write(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """Append rows to the file of the source."""
        self._file_of(source).write(source, frame, faces)

    @property
    def position(self) -> Position | None:
        """The end of the rows written so far to the one file that is open."""
        return next((file.position for file in self._open.values()), None)

    def checkpoint(self, state: Mapping[str, Any], position: Position | None, sources: Sequence[SourceRecord]) -> None:
        """Bring rows and state of the file that is open to the disk."""
        for file in self._open.values():
            file.checkpoint(state, position, ())

    def end(self, source: Source, record: SourceRecord) -> None:
        """Complete the file of a source."""
        super().end(source, record)
        if source.name in self._open or not record.problem:
            file = self._file_of(source)
            file.end(source, record)
            file.finish()
            del self._open[source.name]

    def close(self) -> None:
        """Keep the part that is open and its last checkpoint."""
        for file in self._open.values():
            file.close()

    def _file_of(self, source: Source) -> OneFile:
        if source.name not in self._open:
            path = self._paths[source.name]
            make_folder(path.parent)
            overwrite = self._overwrite or source.name in self._again
            moving = source.kind in (SourceKind.VIDEO, SourceKind.CAMERA)
            restart = self._restart or (self._drawn is not None and moving)
            self._open[source.name] = OneFile(
                path, self._columns, self._facts, source.name, overwrite=overwrite, restart=restart
            )
        return self._open[source.name]

    def _former(self, source: Source) -> SourceRecord | None:
        """Return what became of a source in an earlier run of the same kind; None if it is to be done.

        Raises:
            UsageError: A result is there, and is of another kind of run or of another content.
        """
        path = self._paths[source.name]
        if not os.path.lexists(path):
            return None
        if (found := still_true(path, source, self._facts)) is not None:
            remove_leftovers(path)
            if found.frames and self._drawn is not None and not self._drawn[source.name].is_file():
                self._again.add(source.name)
                return None
            return found
        if self._overwrite:
            return None
        raise UsageError(
            f"{path}: a result is there, made with other settings or from another content of {source.name}. "
            "Choose another folder, or replace it with --overwrite."
        )
