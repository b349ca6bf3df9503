"""Where the faces of a shard go: a file for each of its sources, as in a run over all of them, and a manifest."""

from datetime import UTC, datetime
from pathlib import Path

from duchenne.files.whole_files import write_whole
from duchenne.media import Source
from duchenne.results.manifest import ShardSource, check_replaceable, make_manifest, manifest_path
from duchenne.results.result_folder import FilePerSource, FolderPlan
from duchenne.results.result_record import described, read_record, record_path
from duchenne.results.run_facts import names_digest
from duchenne.results.shards import Shard


class ShardFolder(FilePerSource):
    """The files of one shard in a folder that all shards may share.

    Files are named as in a run over all sources. Sources whose result lies there from the same settings are done.

    Args:
        plan: What goes where; its sources are those of all shards.
        shard: Which of them are to be done.

    Raises:
        UsageError: A result or a manifest is there that is of another run.
        OutputError: The folder cannot be made or written.
    """

    def __init__(self, plan: FolderPlan, shard: Shard) -> None:
        self._shard, self._all = shard, names_digest(plan.sources)
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._manifest = manifest_path(plan.folder, shard)
        if plan.store is not None:
            self._manifest.unlink(missing_ok=True)
            plan.store.fetch(self._manifest)
        if not plan.overwrite:
            check_replaceable(self._manifest, plan.facts)
        self._own = shard.share(list(enumerate(plan.sources)))
        super().__init__(plan, own=[source for _, source in self._own])
        self._write(ended=None)

    def finish(self) -> None:
        """Note in the manifest what became of each source."""
        self._write(ended=datetime.now(UTC).isoformat(timespec="seconds"))

    def _write(self, ended: str | None) -> None:
        sources = [self._described(place, source) for place, source in self._own]
        manifest = make_manifest(self._shard, self._plan.facts, self._all, sources, self._started, ended)
        write_whole(self._manifest, manifest.to_json())
        if self._store is not None:
            self._store.put(self._manifest, overwrite=True)
            self._manifest.unlink()

    def _described(self, place: int, source: Source) -> ShardSource:
        path, record = self._paths[source.name], self.done.get(source.name)
        result = path.relative_to(self._plan.folder).as_posix()
        if record is None:
            return ShardSource(place, source.name, result)
        sha256 = None if record.problem and not record.frames else self._sha256_of(path)
        return ShardSource(place, source.name, result, sha256, described(record))

    def _sha256_of(self, path: Path) -> str:
        if self._store is None:
            return read_record(path).sha256
        self._store.fetch(record_path(path))
        try:
            return read_record(path).sha256
        finally:
            record_path(path).unlink(missing_ok=True)
