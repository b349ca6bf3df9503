"""What is kept beside every result: how it was made, from what, and what was found (docs/columns.md).

The record of `interview.csv` is `interview.csv.json`. It names version, weights, sources and the result itself by hash,
so that a stranger can tell whether these are the numbers that this command gives, and give it again.
"""

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duchenne
from duchenne.errors import UsageError
from duchenne.extras.runtimes import installed_runtimes
from duchenne.files.whole_files import beside
from duchenne.media.content import Content, content_of

RECORD_SUFFIX = ".json"
_FORMAT = "duchenne result 1"
_NUMBERS_REST_ON = ("numpy", "pillow", "av")
HOW_TO_CITE = (
    "Ali, A. M., Alkabbany, I., Farag, A., Bennett, I., & Farag, A. (2017). Facial Action Units Detection Under Pose "
    "Variations Using Deep Regions Learning. International Conference on Affective Computing and Intelligent "
    "Interaction (ACII).",
    "The Duchenne authors. Duchenne: facial action units, from any angle (software), in the version named here.",
)
"""The paper whose method the toolkit implements, and the toolkit."""


@dataclass(frozen=True)
class SourceRecord:
    """What became of one source.

    Attributes:
        name: As `Frame.source`.
        kind: Picture, video, camera or stdin.
        content: What its file held; None where there is no file, or none that can be read.
        frames: Frames done.
        faces: Faces in them.
        problem: Why it could not be read, or not to its end.
        notes: What was mended, lost or chosen while it was read.
    """

    name: str
    kind: str
    content: Content | None = None
    frames: int = 0
    faces: int = 0
    problem: str | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SourceRecord":
        """Return the record that `asdict` made."""
        content = stored["content"]
        kept = None if content is None else Content(content["sha256"], content["size_bytes"], tuple(content["seen"]))
        return cls(**{**stored, "content": kept, "notes": tuple(stored.get("notes", ()))})


@dataclass(frozen=True)
class RunFacts:
    """What all results of a run have in common.

    Attributes:
        command: The words of the command line; empty from Python.
        options: What was asked for, by the names of `DetectionOptions` and `RunOptions`, thresholds as numbers.
        weights: The hash of each file of weights, by its name.
        fingerprint: All that the numbers rest on but the sources; what an interrupted run must agree with.
    """

    command: str
    options: dict[str, Any]
    weights: dict[str, str]
    fingerprint: dict[str, Any]

    @property
    def digest(self) -> str:
        """A hash of the fingerprint."""
        return hashlib.sha256(json.dumps(self.fingerprint, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class ResultRecord:
    """The record of one result.

    Attributes:
        result: Name of the file of results.
        sha256: Its hash.
        version: Of the package.
        versions: Of Python and of the packages on which numbers rest.
        command: See `RunFacts`.
        options: Likewise.
        weights: Likewise.
        fingerprint: Hash of all that the numbers rest on but the sources.
        sources: What became of each source.
        counts: Of sources, frames, faces and problems.
        problems: What went wrong, in words.
        notes: What was mended, lost or chosen while sources were read, in words; of which source, `sources` says.
        started: When the run, or its last continuation, began; ISO 8601, UTC.
        ended: When the result was whole.
        seconds: Between the two.
        cite: What to cite.
    """

    result: str
    sha256: str
    version: str
    versions: dict[str, str]
    command: str
    options: dict[str, Any]
    weights: dict[str, str]
    fingerprint: str
    sources: list[dict[str, Any]]
    counts: dict[str, int]
    problems: list[str]
    notes: list[str]
    started: str
    ended: str
    seconds: float
    cite: list[str]

    def to_json(self) -> bytes:
        """Return the text of the file."""
        text = json.dumps({"format": _FORMAT, **asdict(self)}, indent=1)
        return (text + "\n").encode("ascii")


def record_path(result: Path) -> Path:
    """Return where the record of a result lies."""
    return beside(result, RECORD_SUFFIX)


def make_record(
    result: Path, whole: Path, facts: RunFacts, sources: Sequence[SourceRecord], started: datetime
) -> ResultRecord:
    """Return the record of a result that is whole.

    Args:
        result: Its final name.
        whole: Where it lies now.
        facts: Of the run.
        sources: In their order.
        started: When the run began.
    """
    ended = datetime.now(started.tzinfo)
    counts = {
        "sources": len(sources),
        "frames": sum(source.frames for source in sources),
        "faces": sum(source.faces for source in sources),
        "problems": sum(source.problem is not None for source in sources),
    }
    return ResultRecord(
        result=result.name,
        sha256=content_of(whole).sha256,
        version=package_version(),
        versions=versions(),
        command=facts.command,
        options=facts.options,
        weights=facts.weights,
        fingerprint=facts.digest,
        sources=[described(source) for source in sources],
        counts=counts,
        problems=[source.problem for source in sources if source.problem is not None],
        notes=[f"{source.name}: {note}" for source in sources for note in source.notes],
        started=started.isoformat(timespec="seconds"),
        ended=ended.isoformat(timespec="seconds"),
        seconds=round((ended - started).total_seconds(), 1),
        cite=list(HOW_TO_CITE),
    )


def read_record(path: Path) -> ResultRecord:
    """Return the record of a result; either of the two files may be named.

    Raises:
        UsageError: There is none, or it is no record of this project.
    """
    if path.suffix.lower() != RECORD_SUFFIX:
        path = record_path(path)
    try:
        stored = json.loads(path.read_bytes())
        if stored.pop("format") != _FORMAT:
            raise UsageError(f"{path}: the record is of another version of duchenne. Expected {_FORMAT!r}.")
        record = ResultRecord(**{field.name: stored[field.name] for field in fields(ResultRecord)})
        _check_shape(record)
        return record
    except OSError as error:
        raise UsageError(f"{path}: the record cannot be read ({error.strerror}). Name the .json of a result.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UsageError(
            f"{path}: this is not a record of a result. Name the .json that duchenne detect --output wrote beside it."
        ) from None


def _check_shape(record: ResultRecord) -> None:
    """Refuse a record whose parts are not of the kinds that other code takes for granted.

    Raises:
        TypeError: One is of another kind.
    """
    texts = (record.result, record.sha256, record.version, record.fingerprint)
    named = all(
        isinstance(one["name"], str) and isinstance(one["kind"], str) and isinstance(one["sha256"], str | None)
        for one in record.sources
    )
    if not (named and isinstance(record.options, dict) and all(isinstance(text, str) for text in texts)):
        raise TypeError
    if not all(isinstance(text, str) for text in {**record.weights, **record.versions}.values()):
        raise TypeError


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages on which numbers rest, those of extras where they are."""
    found = {"python": platform.python_version(), **{name: version(name) for name in _NUMBERS_REST_ON}}
    found |= installed_runtimes()
    with suppress(PackageNotFoundError):
        found["pi-heif"] = version("pi-heif")
    return found


def package_version() -> str:
    """Return the version of the package."""
    try:
        return version("duchenne")
    except PackageNotFoundError:
        return "unknown"


@cache
def code_digest() -> str:
    """Return a hash of the package's own code, which changes in a checkout while the version stays."""
    digest, folder = hashlib.sha256(), Path(duchenne.__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def described(source: SourceRecord) -> dict[str, Any]:
    """Return what a record says of a source; when a file was touched says nothing to others."""
    content = source.content
    return {
        "name": source.name,
        "kind": source.kind,
        "sha256": None if content is None else content.sha256,
        "bytes": None if content is None else content.size_bytes,
        "frames": source.frames,
        "faces": source.faces,
        "problem": source.problem,
        "notes": list(source.notes),
    }
