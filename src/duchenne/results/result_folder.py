"""A file of results for each source in a folder; sources that are done already are left out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duchenne.errors import OutputError, UsageError
from duchenne.media import Frame, Source, SourceKind
from duchenne.results.columns import Columns
from duchenne.results.destinations import Nowhere, OneFile
from duchenne.results.face_aus import FaceAUs
from duchenne.results.former_results import still_true
from duchenne.results.object_folder import ObjectFolder
from duchenne.results.result_names import make_folder, result_paths
from duchenne.results.result_record import RunFacts, SourceRecord, record_path
from duchenne.results.run_record import Position, RunRecord, remove_leftovers


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
        store: The object store that takes the results; None for none. `folder` is then its `here`.

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
        store: ObjectFolder | None = None,
    ) -> None:
        super().__init__()
        if not folder.absolute().parent.is_dir():
            raise OutputError(f"{folder}: there is no folder {folder.absolute().parent}. Make it first.")
        self._paths = result_paths(folder, sources, ending)
        self._columns, self._facts, self._overwrite, self._restart = columns, facts, overwrite, restart
        self._open: dict[str, OneFile] = {}
        self._drawn, self._again, self._store = drawn, set[str](), store
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
                path, self._columns, self._facts, source.name, overwrite=overwrite, restart=restart, store=self._store
            )
        return self._open[source.name]

    def _former(self, source: Source) -> SourceRecord | None:
        """Return what became of a source in an earlier run of the same kind; None if it is to be done.

        Raises:
            UsageError: A result is there, and is of another kind of run or of another content.
        """
        path, store = self._paths[source.name], self._store
        in_store = store is not None and store.fetch(path)
        if store is not None and in_store:
            store.fetch(record_path(path))
        if not os.path.lexists(path):
            return None
        found = still_true(path, source, self._facts)
        if store is not None:
            self._leave_to(store, path, is_due=found is not None and not in_store)
        if found is not None:
            remove_leftovers(path)
            if found.frames and self._drawn is not None and not self._drawn[source.name].is_file():
                self._again.add(source.name)
                return None
            return found
        if self._overwrite or (store is not None and not in_store):
            return None
        raise UsageError(
            f"{path if store is None else store.url_of(path)}: a result is there, made with other settings or from "
            f"another content of {source.name}. Choose another folder, or replace it with --overwrite."
        )

    def _leave_to(self, store: ObjectFolder, path: Path, *, is_due: bool) -> None:
        """Keep nothing here of a result that is finished; put it first if a run was stopped before it did."""
        for file in (record_path(path), path):
            if is_due:
                store.put(file, overwrite=self._overwrite)
            file.unlink(missing_ok=True)
