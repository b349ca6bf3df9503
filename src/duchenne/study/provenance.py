"""What a report says of where its numbers come from: the result files, what lies beside them, and what to cite."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duchenne.errors import StudyError
from duchenne.results.result_record import record_path
from duchenne.weights import sha256_of

CITATIONS = (
    "The Duchenne authors: Duchenne: facial action units, from any angle. Software, version {version}.",
    "Ali, A. M., Alkabbany, I., Farag, A., Bennett, I., & Farag, A. (2017). Facial action units detection under pose "
    "variations using deep regions learning. International Conference on Affective Computing and Intelligent "
    "Interaction (ACII).",
    "Ekman, P., Friesen, W. V., & Hager, J. C. (2002). Facial Action Coding System. Salt Lake City: A Human Face.",
)
_LONGEST = 400


@dataclass(frozen=True)
class Origin:
    """One result file.

    Attributes:
        path: As it was named.
        sha256: Of its content.
        rows: Faces in it.
        described_by: The file beside it that describes the run; None where there is none.
        facts: What that file says, as names and values.
        frames: How many frames of each source were looked at, as far as it says.
    """

    path: str
    sha256: str
    rows: int
    described_by: str | None
    facts: tuple[tuple[str, str], ...]
    frames: Mapping[str, int]


def origin_of(path: Path, rows: int) -> Origin:
    """Return what is known of a result file.

    Raises:
        StudyError: It or the file beside it cannot be read.
    """
    try:
        digest = sha256_of(path)
    except OSError as error:
        raise StudyError(f"{path} cannot be read ({error.strerror}).") from None
    beside = description_beside(path)
    said = {} if beside is None else read_description(beside)
    name = None if beside is None else beside.name
    return Origin(str(path), digest, rows, name, tuple(_facts(said)), dict(_frames(said)))


def description_beside(path: Path) -> Path | None:
    """Return the JSON file beside a result that describes its run: RESULT.csv.json or RESULT.json."""
    candidates = (record_path(path), path.with_suffix(".json"))
    return next((found for found in candidates if found.is_file()), None)


def read_description(path: Path) -> Any:
    """Return what the file beside a result says.

    Raises:
        StudyError: It cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"{path}, which describes a result, cannot be read ({error}). Move it away.") from None


def _frames(value: Any) -> Iterator[tuple[str, int]]:
    """Yield the number of frames of each source that a description names, however deep."""
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and isinstance(value.get("frames"), int):
            yield value["name"], value["frames"]
        for inner in value.values():
            yield from _frames(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _frames(inner)


def _facts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield names, such as "weights.au_compact.onnx", and values of what a JSON file holds."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _facts(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value, 1):
            yield from _facts(inner, f"{name} {number}")
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
        yield name, text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
