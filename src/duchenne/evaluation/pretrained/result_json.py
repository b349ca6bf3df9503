"""Results of measuring the pretrained networks as files of results/: JSON of `json_record`, and back."""

import json
from pathlib import Path
from typing import TypeVar

from duchenne.errors import EvaluationError
from duchenne.evaluation.json_record import from_json, to_json

Result = TypeVar("Result")


def write_result(result: object, path: Path, indent: int = 1) -> None:
    """Write a result as JSON."""
    path.write_text(json.dumps(to_json(result), indent=indent) + "\n", encoding="utf-8")


def read_result(kind: type[Result], path: Path) -> Result:
    """Return the result that a file holds.

    Raises:
        EvaluationError: The file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EvaluationError(f"{path} cannot be read as JSON: {error}") from error
    try:
        return from_json(kind, content)
    except EvaluationError as error:
        raise EvaluationError(f"{path} holds another kind of result: {error}.") from None
