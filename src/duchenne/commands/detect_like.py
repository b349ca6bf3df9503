"""`duchenne detect --like RESULT.json`: the options of an earlier result, taken from its record."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from duchenne.detection import RunOptions
from duchenne.detector import AUDetector
from duchenne.errors import MediaError, UsageError
from duchenne.media.content import content_of
from duchenne.results.detection_options import DetectionOptions
from duchenne.results.result_record import ResultRecord, package_version

Options = TypeVar("Options", DetectionOptions, RunOptions)


def detection_options_like(record: ResultRecord, asked: DetectionOptions) -> DetectionOptions:
    """Return the options of the record, with what was asked for otherwise."""
    weights = record.options.get("weights")
    stored = record.options if not isinstance(weights, str) else {**record.options, "weights": Path(weights)}
    return _like(asked, stored, record.result)


def neutral_like(record: ResultRecord, asked: Path | None) -> Path | None:
    """Return the neutral faces that were asked for, or those of the record."""
    stored = record.options.get("neutral")
    return asked if asked is not None or stored is None else Path(str(stored))


def run_options_like(record: ResultRecord, asked: RunOptions) -> RunOptions:
    """Return how the record's sources were read, with what was asked for otherwise."""
    return _like(asked, {name: value for name, value in record.options.items() if name in asked.reading}, record.result)


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


def _like(asked: Options, stored: Mapping[str, Any], result: str) -> Options:
    """Return the stored options; those that were asked for otherwise than by default win.

    Raises:
        UsageError: A stored option is of a kind that no run records.
    """
    hints = get_type_hints(type(asked))
    taken: dict[str, Any] = {}
    for field in fields(asked):
        if field.name not in stored or getattr(asked, field.name) != field.default:
            continue
        value = stored[field.name]
        taken[field.name] = tuple(value) if isinstance(value, list) else value
        if not _is_of(taken[field.name], hints[field.name]):
            raise UsageError(f"The record of {result} is damaged: its option {field.name} is {str(value)[:40]!r}.")
    return replace(asked, **taken)


def _is_of(value: object, hint: Any) -> bool:
    """Return whether a value is of the kind that the annotation of an option names."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    outer = {type(get_args(kind)[0]) if get_origin(kind) is Literal else get_origin(kind) or kind for kind in kinds}
    if isinstance(value, tuple):
        return tuple in outer and all(isinstance(one, str) for one in value)
    if isinstance(value, dict):
        return Mapping in outer and all(type(one) in (int, float) for one in value.values())
    own = {Path} if isinstance(value, Path) else {int, float} if type(value) is int else {type(value)}
    return bool(own & outer)


def _check_source(path: Path, sha256: str) -> None:
    try:
        found = content_of(path).sha256
    except OSError as error:
        raise MediaError(f"{path}: a source of the record cannot be read ({error.strerror}). Restore it.") from None
    if found != sha256:
        raise MediaError(f"{path}: has changed since the result was made. Name the sources yourself.")
