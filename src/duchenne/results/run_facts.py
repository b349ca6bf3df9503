"""What the numbers of a run rest on: kept in the record of each result, and compared when a run is continued."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from duchenne.media import Frame, Source, SourceKind, read_standard_input
from duchenne.media.content import Content, content_of
from duchenne.results.columns import Columns
from duchenne.results.result_record import RunFacts, SourceRecord, code_digest, package_version, versions
from duchenne.weights import sha256_of


@dataclass(frozen=True)
class Asked:
    """What a detector was asked for, and what it answers with.

    Attributes:
        options: By the names of `DetectionOptions`, the device being the one that was taken; `provider`, its name for
            ONNX Runtime; `neutral`, the path of neutral faces.
        thresholds: By AU name.
        columns: Of a table of its faces.
        weights: The files in use.
        neutral_digest: A hash of the neutral faces by content; None without them.
    """

    options: Mapping[str, Any]
    thresholds: Mapping[str, float]
    columns: Columns
    weights: Sequence[Path]
    neutral_digest: str | None


def facts_of(asked: Asked, reading: Mapping[str, Any], command: str) -> RunFacts:
    """Return what all results of a run have in common.

    Args:
        asked: What the detector was asked for.
        reading: How sources are read, by the names of `RunOptions`.
        command: The words of the command line.
    """
    options = {
        **{name: str(value) if isinstance(value, Path) else value for name, value in asked.options.items()},
        "thresholds": dict(asked.thresholds),
        "neutral_sha256": asked.neutral_digest,
        **reading,
    }
    weights = {path.name: sha256_of(path) for path in asked.weights}
    told_otherwise = ("weights", "neutral", "neutral_sha256")  # By hash, by content.
    fingerprint = {
        **{name: value for name, value in options.items() if name not in told_otherwise},
        **asdict(asked.columns),
        "neutral": asked.neutral_digest,
        **{f"weights {name}": digest for name, digest in weights.items()},
        **{f"version of {name}": number for name, number in versions().items()},
        "version of duchenne": f"{package_version()} {code_digest()}",
    }
    return RunFacts(command, options, weights, fingerprint)


def names_digest(sources: Sequence[Source]) -> str:
    """Return a hash of which sources a run has, in their order; what they hold is told apart one by one."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(f"{source.kind.value} {source.name}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def content_or_none(source: Source, frame: Frame | None = None) -> Content | None:
    """Return what a source holds; None for a camera, and where it cannot be read.

    Args:
        source: A file, or standard input.
        frame: What was read; of standard input, which is gone by now, its pixels are hashed.
    """
    if source.kind is SourceKind.CAMERA:
        return None
    if source.kind is SourceKind.STDIN:
        return None if frame is None else _of_pixels(frame)
    try:
        return content_of(Path(source.name))
    except (OSError, ValueError):
        return None


def changed_sources(records: Iterable[SourceRecord]) -> list[str]:
    """Return the names of those among the sources that were read which hold something else by now."""
    return [record.name for record in records if not _is_unchanged(record)]


def _is_unchanged(record: SourceRecord) -> bool:
    if record.kind == SourceKind.CAMERA.value:
        return True
    if record.kind == SourceKind.STDIN.value:
        return record.content is None or record.content == _of_pixels(read_standard_input())
    if record.content is None:
        return content_or_none(Source(record.name, SourceKind(record.kind))) is None
    return record.content.is_that_of(Path(record.name))


def _of_pixels(frame: Frame) -> Content:
    data = frame.pixels.tobytes()
    return Content(hashlib.sha256(data).hexdigest(), len(data), ())
