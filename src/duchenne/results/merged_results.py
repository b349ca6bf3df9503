"""From the results of all shards of a folder run to one result, with the bytes that one run over all sources gives."""

import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from duchenne.errors import OutputError, UsageError
from duchenne.extras.parquet import join_parquet
from duchenne.files.whole_files import beside, create_new, put_in_place, write_all, write_whole
from duchenne.media.content import Content, content_of
from duchenne.results.columns import Columns
from duchenne.results.manifest import PATTERN, Manifest, ShardSource, read_manifest
from duchenne.results.output_path import check_output_path
from duchenne.results.parquet_rows import ROW_GROUP, stored_types
from duchenne.results.result_file import RESULT_ENDINGS, header_of
from duchenne.results.result_record import ResultRecord, RunFacts, SourceRecord, make_record, record_path

_MOST_NAMED = 20
"""Of what is missing, so many are named."""


@dataclass(frozen=True)
class _Part:
    """One source of a shard, with the file of its results and the shard's number in words."""

    source: ShardSource
    path: Path
    shard: str


def merge_results(folders: Sequence[Path], output: Path, *, command: str = "", overwrite: bool = False) -> ResultRecord:
    """Join the results of all shards in the order of the sources; return the record of the one result.

    Args:
        folders: Of the shards' results; one where they share a folder.
        output: The file; its ending is that of the shards' files.
        command: For the record.
        overwrite: Whether files that are there may be replaced.

    Raises:
        UsageError: There is no shard, shards do not belong to one run, or the output cannot be written as asked.
        OutputError: A shard, or the result of a source, is missing or altered; or the disk is full.
    """
    ending = check_output_path(output, RESULT_ENDINGS, overwrite)
    if not overwrite:
        check_output_path(record_path(output), (".json",), overwrite=False)
    found = [(path, read_manifest(path)) for folder in folders for path in sorted(folder.glob(PATTERN))]
    if not found:
        names = ", ".join(map(str, folders))
        raise UsageError(f"{names}: no manifest of a shard lies there. Make shards with: duchenne detect --shard.")
    _check_together(found)
    parts = _parts(found)
    _check_whole(found, parts)
    first = found[0][1]
    return _joined(parts, (output, ending), RunFacts(command, first.options, first.weights, first.rests_on), found)


def _check_together(found: Sequence[tuple[Path, Manifest]]) -> None:
    """Refuse shards of different runs.

    Raises:
        UsageError: They are; the message names the settings that differ.
        OutputError: A shard is missing.
    """
    path, first = found[0]
    for other, manifest in found[1:]:
        one, two = first.rests_on, manifest.rests_on
        if changed := sorted(name for name in {*one, *two} if one.get(name) != two.get(name)):
            raise UsageError(
                f"{other}: its shard was made with other settings than that of {path} ({', '.join(changed)}). "
                "Make all shards with one version, the same options and the same weights."
            )
        if (manifest.all_sources, manifest.shard.count) != (first.all_sources, first.shard.count):
            raise UsageError(
                f"{other}: its shard is of another list of sources than that of {path}, or of another number of "
                "shards. Name the same sources in the same order in each shard."
            )
    count, have = first.shard.count, Counter(manifest.shard.number for _, manifest in found)
    if twice := [f"{number}/{count}" for number, times in have.items() if times > 1]:
        raise UsageError(f"The shards {', '.join(twice)} are there twice. Name each folder once.")
    if missing := [f"{number}/{count}" for number in range(1, count + 1) if number not in have]:
        raise OutputError(f"{_named(missing, 'shard')} missing. Run duchenne detect with --shard {missing[0]}.")


def _parts(found: Iterable[tuple[Path, Manifest]]) -> list[_Part]:
    parts = [
        _Part(source, path.parent / source.result, str(manifest.shard))
        for path, manifest in found
        for source in manifest.sources
    ]
    return sorted(parts, key=lambda part: part.source.place)


def _check_whole(found: Sequence[tuple[Path, Manifest]], parts: Sequence[_Part]) -> None:
    """Refuse to merge where the result of a source is missing or altered.

    Raises:
        OutputError: One is.
    """
    ended = {str(manifest.shard) for _, manifest in found if manifest.ended is not None}
    lacking = [
        part
        for part in parts
        if not part.path.exists() and (part.shard not in ended or part.source.result_sha256 is not None)
    ]
    if lacking:
        names = [f"{part.source.name} (shard {part.shard})" for part in lacking]
        raise OutputError(f"{_named(names, 'source')} missing. Run those shards of duchenne detect again.")
    if stopped := sorted({part.shard for part in parts} - ended):
        raise OutputError(f"{_named(stopped, 'shard')} not at an end. Run duchenne detect with --shard {stopped[0]}.")
    with_result = [part for part in parts if part.source.result_sha256 is not None]
    if altered := [part for part in with_result if content_of(part.path).sha256 != part.source.result_sha256]:
        raise OutputError(
            f"{altered[0].path}: its content is not what shard {altered[0].shard} wrote. Remove it and run that "
            "shard of duchenne detect again."
        )


def _joined(
    parts: Sequence[_Part], target: tuple[Path, str], facts: RunFacts, found: Sequence[tuple[Path, Manifest]]
) -> ResultRecord:
    """Write the result and its record, each whole or not at all."""
    output, ending = target
    paths = [part.path for part in parts if part.source.result_sha256 is not None]
    if not paths:
        raise OutputError(f"{output}: nothing could be read of any of {len(parts)} sources, so there is no result.")
    if other := sorted({path.suffix for path in paths} - {ending}):
        raise UsageError(f"{output}: the shards hold {' '.join(other)} files. Choose that ending.")
    started = min(datetime.fromisoformat(manifest.started) for _, manifest in found)
    told = facts.fingerprint
    columns = Columns(tuple(told["aus"]), told["intensity"], told["sides"], tuple(told["groups"]), told["every_frame"])
    draft = beside(output, f".{secrets.token_hex(4)}.part")
    try:
        if ending == ".parquet":
            join_parquet(draft, stored_types(columns), paths, ROW_GROUP)
        else:
            _join_lines(draft, header_of(columns, ending), paths)
        record = make_record(output, draft, facts, [_record_of(part.source) for part in parts], started)
        write_whole(record_path(output), record.to_json())
        put_in_place(draft, output, overwrite=True)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return record


def _join_lines(draft: Path, header: bytes, paths: Iterable[Path]) -> None:
    """Write the header, and of each file what follows its own.

    Raises:
        OutputError: A file has another header.
    """
    with create_new(draft) as file:
        write_all(file, header)
        for path in paths:
            with path.open("rb") as rows:
                if rows.read(len(header)) != header:
                    raise OutputError(f"{path}: has other columns than its shard says. Run that shard again.")
                shutil.copyfileobj(rows, file)


def _record_of(source: ShardSource) -> SourceRecord:
    told = source.record or {}
    content = None if told["sha256"] is None else Content(told["sha256"], told["bytes"], ())
    kept = {name: told[name] for name in ("kind", "frames", "faces", "problem")}
    return SourceRecord(source.name, content=content, notes=tuple(told["notes"]), **kept)


def _named(names: Sequence[str], what: str) -> str:
    """Return what is named, as the subject of a sentence; many are counted."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    verb = "is" if len(names) == 1 else "are"
    return f"The {what}{'s' if len(names) > 1 else ''} {', '.join(names[:_MOST_NAMED])}{more} {verb}"
