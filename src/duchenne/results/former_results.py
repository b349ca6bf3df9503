"""Results that lie there from an earlier run: whether they are what the same run would give again."""

from pathlib import Path

from duchenne.errors import UsageError
from duchenne.media import Source
from duchenne.media.content import content_of
from duchenne.results.result_record import ResultRecord, RunFacts, SourceRecord, read_record, record_path


def is_of_run(path: Path, facts: RunFacts) -> bool:
    """Return whether a record was written by a run that rests on the same facts."""
    record = _record_or_none(path)
    return record is not None and record.fingerprint == facts.digest


def _record_or_none(path: Path) -> ResultRecord | None:
    try:
        return read_record(path)
    except UsageError:
        return None


def still_true(path: Path, source: Source, facts: RunFacts) -> SourceRecord | None:
    """Return what the record of a result says of its one source, if result, source and facts are those it names."""
    record = _record_or_none(record_path(path))
    if record is None or record.fingerprint != facts.digest or len(record.sources) != 1:
        return None
    (told,) = record.sources
    try:
        content, written = content_of(Path(source.name)), content_of(path)
    except OSError:
        return None
    if (told["name"], told["sha256"], record.sha256) != (source.name, content.sha256, written.sha256):
        return None
    kept = {name: told[name] for name in ("frames", "faces", "problem")}
    return SourceRecord(source.name, told["kind"], content, **kept, notes=tuple(told["notes"]))
