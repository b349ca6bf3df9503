"""A result as frozen dataclasses and as a JSON file of results/: each is made of the other.

A field's key is its name, or what `key` calls it. Fields that are None by default are left out where they are None. A
field marked `INLINE` puts its keys beside those of the dataclass that holds it; as a mapping it takes every key that no
other field has.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from duchenne.errors import EvaluationError

T = TypeVar("T")
INLINE = {"inline": True}
"""Metadata of a field whose own keys stand beside those of the dataclass that holds it."""


def key(name: str) -> dict[str, str]:
    """Return the metadata of a field whose key in JSON is another than its name."""
    return {"key": name}


def write_result(result: object, path: Path, indent: int = 1) -> None:
    """Write a result as JSON."""
    path.write_text(json.dumps(to_json(result), indent=indent) + "\n", encoding="utf-8")


def read_result(kind: type[T], path: Path) -> T:
    """Return the result that a file holds.

    Raises:
        EvaluationError: The file cannot be read or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} is no readable JSON file: {error}") from error
    try:
        return from_json(kind, content)
    except EvaluationError as error:
        raise EvaluationError(f"{path} holds another kind of result: {error}") from None


def to_json(value: object) -> Any:
    """Return a result as dictionaries, lists, text, numbers and None."""
    if isinstance(value, Mapping):
        return {str(name): to_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    if not is_dataclass(value):
        return value
    out: dict[str, Any] = {}
    for one in fields(value):
        inner = to_json(getattr(value, one.name))
        if one.metadata.get("inline"):
            out |= inner
        elif inner is not None or one.default is not None:
            out[_key(one)] = inner
    return out


def from_json(kind: Any, value: Any) -> Any:
    """Return JSON as the dataclass, mapping, tuple or plain type that it was made of.

    Raises:
        EvaluationError: A key is missing, or there is one too many.
    """
    choices = [choice for choice in get_args(kind) if choice is not NoneType]
    if NoneType in get_args(kind):
        return None if value is None else from_json(choices[0], value)
    if is_dataclass(kind):
        return _read(kind, value)
    origin = get_origin(kind)
    if origin is not None and issubclass(origin, Mapping):
        return {name: from_json(choices[1], inner) for name, inner in _object(value).items()}
    if origin is tuple:
        return tuple(from_json(choices[0], inner) for inner in value)
    return value


def _read(kind: Any, value: Any) -> Any:
    content, hints = _object(value), get_type_hints(kind)
    own = set(_keys(kind))
    found = {}
    for one in fields(kind):
        hint = hints[one.name]
        if one.metadata.get("inline"):
            names = set(_keys(hint)) if is_dataclass(hint) else set(content) - own
            found[one.name] = from_json(hint, {name: inner for name, inner in content.items() if name in names})
            own |= names
        elif _key(one) in content:
            found[one.name] = from_json(hint, content[_key(one)])
        elif one.default is MISSING:
            raise EvaluationError(f"it has no {_key(one)!r}.")
    if unknown := sorted(set(content) - own):
        raise EvaluationError(f"{', '.join(map(repr, unknown))} is no part of it.")
    return kind(**found)


def _keys(kind: Any) -> Iterator[str]:
    hints = get_type_hints(kind)
    for one in fields(kind):
        if not one.metadata.get("inline"):
            yield _key(one)
        elif is_dataclass(hints[one.name]):
            yield from _keys(hints[one.name])


def _key(one: Field) -> str:
    return one.metadata.get("key") or one.name


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EvaluationError(f"where an object is expected there is {str(value)[:40]}.")
    return value
