"""What one shard of a folder run did, beside its results, so that `duchenne merge` can tell whether all is there.

A manifest is written when the shard begins, with its sources, and again when it ends, with what became of each. So a
shard that was stopped names the sources that are missing.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from duchenne.errors import UsageError
from duchenne.results.result_record import RunFacts, package_version
from duchenne.results.shards import Shard

_FORMAT = "duchenne manifest 1"
PATTERN = "manifest-*-of-*.json"
"""The names of manifests in a folder of results."""


@dataclass(frozen=True)
class ShardSource:
    """One source of a shard.

    Attributes:
        place: In the list of all sources, from 0.
        name: As `Frame.source`.
        result: File of its results below the folder of the manifest, with slashes.
        result_sha256: Its hash; None where there is no file: the source is not done, or nothing of it could be read.
        record: What became of it, as records of results say it; None while it is not done.
    """

    place: int
    name: str
    result: str
    result_sha256: str | None = None
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class Manifest:
    """What a shard did.

    Attributes:
        shard: Which one it is.
        version: Of the package.
        command: The words of the command line.
        options: As in the record of a result.
        weights: The hash of each file of weights, by its name.
        rests_on: All that its numbers rest on but the sources, by name.
        all_sources: A hash of the names of all sources, of all shards, in their order.
        counts: Of sources, frames, faces and problems of the shard.
        problems: What went wrong, in words.
        started: When the shard, or its last continuation, began; ISO 8601, UTC.
        ended: When all its sources were done; None before.
        sources: Of the shard.
    """

    shard: Shard
    version: str
    command: str
    options: dict[str, Any]
    weights: dict[str, str]
    rests_on: dict[str, Any]
    all_sources: str
    counts: dict[str, int]
    problems: list[str]
    started: str
    ended: str | None
    sources: tuple[ShardSource, ...]

    @property
    def facts(self) -> RunFacts:
        """What the results of the shard have in common."""
        return RunFacts(self.command, self.options, self.weights, self.rests_on)

    def to_json(self) -> bytes:
        """Return the text of the file."""
        return (json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, default=str) + "\n").encode("ascii")


def manifest_path(folder: Path, shard: Shard) -> Path:
    """Return where the manifest of a shard lies.

    Example:
        >>> manifest_path(Path("out"), Shard(2, 10)).name
        'manifest-2-of-10.json'
    """
    return folder / f"manifest-{shard.number}-of-{shard.count}.json"


def make_manifest(
    shard: Shard, facts: RunFacts, all_sources: str, sources: Sequence[ShardSource], started: str, ended: str | None
) -> Manifest:
    """Return the manifest of a shard, with what its sources add up to."""
    done = [source.record for source in sources if source.record is not None]
    counts = {
        "sources": len(sources),
        "frames": sum(record["frames"] for record in done),
        "faces": sum(record["faces"] for record in done),
        "problems": sum(record["problem"] is not None for record in done),
    }
    problems = [record["problem"] for record in done if record["problem"] is not None]
    return Manifest(
        shard, package_version(), facts.command, facts.options, facts.weights, facts.fingerprint, all_sources,
        counts, problems, started, ended, tuple(sources),
    )  # fmt: skip


def read_manifest(path: Path) -> Manifest:
    """Return a manifest.

    Raises:
        UsageError: It cannot be read, or is none of this version.
    """
    try:
        stored = json.loads(path.read_bytes())
        if stored.pop("format") != _FORMAT:
            raise UsageError(f"{path}: the manifest is of another version of duchenne. Expected {_FORMAT!r}.")
        kept = {field.name: stored[field.name] for field in fields(Manifest)}
        sources = tuple(ShardSource(**source) for source in kept["sources"])
        return Manifest(**{**kept, "shard": Shard(**kept["shard"]), "sources": sources})
    except OSError as error:
        raise UsageError(f"{path}: the manifest cannot be read ({error.strerror}). Check its permissions.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path}: this is not a manifest that duchenne detect --shard wrote. Move it away.") from None


def check_replaceable(path: Path, facts: RunFacts) -> None:
    """Refuse to replace what is no manifest of a run with the same settings.

    Raises:
        UsageError: Such a file lies there.
    """
    if os.path.lexists(path) and read_manifest(path).facts.digest != facts.digest:
        raise UsageError(
            f"{path}: the manifest is of a run with other settings. Choose another folder, or replace it with "
            "--overwrite."
        )
