"""A file of results for each source in a folder; sources that are done already are left out."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class FolderPlan:
    """A folder of results, and what may happen to those that lie there.

    Attributes:
        folder: Of the results.
        sources: All of them, of all shards; the names of files rest on all.
        ending: Of the files.
        columns: Of each.
        facts: Of the run.
        overwrite: Whether results that are there may be replaced.
        restart: Throw interrupted results away.
        store: The object store that takes the results; None for none. `folder` is then its `here`.
    """

    folder: Path
    sources: Sequence[Source]
    ending: str
    columns: Columns
    facts: RunFacts
    overwrite: bool
    restart: bool
    store: ObjectFolder | None = None


class FilePerSource(Nowhere):
    """A file for each source in a folder, which is made if only it is missing.

    Sources whose result lies there from the same run, with its record, are done.

    Args:
        plan: What goes where.
        own: Those of the sources that are to be done; None for all.
        drawn: Where the overlay of each source goes, by name; None without overlays. A source without its overlay is
            done again, and a video with one from its beginning.

    Raises:
        UsageError: A result is there that is of another run.
        OutputError: The folder cannot be made or written.
    """

    def __init__(
        self, plan: FolderPlan, *, own: Sequence[Source] | None = None, drawn: Mapping[str, Path] | None = None
    ) -> None:
        super().__init__()
        if not plan.folder.absolute().parent.is_dir():
            raise OutputError(f"{plan.folder}: there is no folder {plan.folder.absolute().parent}. Make it first.")
        self._plan, self._store = plan, plan.store
        self._paths = result_paths(plan.folder, plan.sources, plan.ending)
        self._open: dict[str, OneFile] = {}
        self._drawn, self._again = drawn, set[str]()
        own = plan.sources if own is None else own
        for source in own:
            if (record := self._former(source)) is not None:
                self.done[source.name] = record
        left = (source for source in own if source.name not in self.done)
        begun = next((RunRecord(self._paths[source.name], {}).lies_there() for source in left), False)
        self.goes_on = bool(self.done) or bool(self._again) or begun
        make_folder(plan.folder)

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
            path, plan = self._paths[source.name], self._plan
            make_folder(path.parent)
            overwrite = plan.overwrite or source.name in self._again
            moving = source.kind in (SourceKind.VIDEO, SourceKind.CAMERA)
            restart = plan.restart or (self._drawn is not None and moving)
            self._open[source.name] = OneFile(
                path, plan.columns, plan.facts, source.name, overwrite=overwrite, restart=restart, store=plan.store
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
        found = still_true(path, source, self._plan.facts)
        if store is not None:
            self._leave_to(store, path, is_due=found is not None and not in_store)
        if found is not None:
            remove_leftovers(path)
            if found.frames and self._drawn is not None and not self._drawn[source.name].is_file():
                self._again.add(source.name)
                return None
            return found
        if self._plan.overwrite or (store is not None and not in_store):
            return None
        raise UsageError(
            f"{path if store is None else store.url_of(path)}: a result is there, made with other settings or from "
            f"another content of {source.name}. Choose another folder, or replace it with --overwrite."
        )

    def _leave_to(self, store: ObjectFolder, path: Path, *, is_due: bool) -> None:
        """Keep nothing here of a result that is finished; put it first if a run was stopped before it did."""
        for file in (record_path(path), path):
            if is_due:
                store.put(file, overwrite=self._plan.overwrite)
            file.unlink(missing_ok=True)
