"""`duchenne detect --like RESULT.json`: the options of an earlier result, taken from its record."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from duchenne.detection import RunOptions
from duchenne.detector import AUDetector
from duchenne.errors import MediaError, UsageError
from duchenne.media.content import content_of
from duchenne.results.detection_options import DetectionOptions
from duchenne.results.result_record import ResultRecord, package_version

Options = TypeVar("Options", DetectionOptions, RunOptions)


def detection_options_like(record: ResultRecord, asked: DetectionOptions) -> DetectionOptions:
    """Return the options of the record, with what was asked for otherwise."""
    stored = dict(record.options)
    stored["weights"] = None if stored.get("weights") is None else Path(stored["weights"])
    return _like(asked, stored)


def neutral_like(record: ResultRecord, asked: Path | None) -> Path | None:
    """Return the neutral faces that were asked for, or those of the record."""
    stored = record.options.get("neutral")
    return asked if asked is not None or stored is None else Path(stored)


def run_options_like(record: ResultRecord, asked: RunOptions) -> RunOptions:
    """Return how the record's sources were read, with what was asked for otherwise."""
    return _like(asked, {name: value for name, value in record.options.items() if name in asked.reading})


def sources_like(record: ResultRecord) -> list[str]:
    """Return the sources of the record, which must hold what they held.

    Raises:
        MediaError: One is gone or holds something else.
    """
    names = [str(source["name"]) for source in record.sources]
    for name, stored in zip(names, record.sources, strict=True):
        if stored["kind"] in ("picture", "video") and stored["sha256"] is not None:
            _check_source(Path(name), stored["sha256"])
    return names


def check_like(record: ResultRecord, detector: AUDetector) -> list[str]:
    """Refuse to repeat a result with other weights or neutral faces; return what may differ for other reasons.

    Raises:
        UsageError: They are not those of the record.
    """
    named, network = detector.options.weights, detector.weights[-1]
    found = {path.name: content_of(path).sha256 for path in detector.weights}
    recorded = dict(record.weights)
    if named is not None and str(named) != record.options.get("weights"):  # Another AU network is wanted.
        del found[network.name]
        recorded = {name: digest for name, digest in recorded.items() if name in found}
    if other := sorted(name for name in {*found, *recorded} if found.get(name) != recorded.get(name)):
        raise UsageError(
            f"{record.result} was made with other weights ({', '.join(other)}). Install version {record.version} of "
            "duchenne, or name the weights with --weights."
        )
    neutral, stored = detector.neutral, record.options
    named_again = neutral is not None and str(neutral.path) == stored.get("neutral")
    if neutral is not None and named_again and neutral.fingerprint != stored.get("neutral_sha256"):
        raise UsageError(f"{neutral.path} holds other neutral faces than when {record.result} was made.")
    if package_version() != record.version:
        return [f"{record.result} was made with version {record.version} of duchenne; this is {package_version()}."]
    return []


def _like(asked: Options, stored: Mapping[str, Any]) -> Options:
    """Return the stored options; those that were asked for otherwise than by default win."""
    taken: dict[str, Any] = {
        field.name: tuple(stored[field.name]) if isinstance(stored[field.name], list) else stored[field.name]
        for field in fields(asked)
        if field.name in stored and getattr(asked, field.name) == field.default
    }
    return replace(asked, **taken)


def _check_source(path: Path, sha256: str) -> None:
    try:
        found = content_of(path).sha256
    except OSError as error:
        raise MediaError(f"{path}: a source of the record cannot be read ({error.strerror}). Bring it back.") from None
    if found != sha256:
        raise MediaError(f"{path}: holds something else than when the result was made. Name the sources yourself.")
