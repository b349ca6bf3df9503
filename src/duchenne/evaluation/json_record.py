"""Dataclasses to JSON and back: a record's fields are the keys of its object, checked when it is read.

Numbers, text, None, tuples, mappings and dataclasses are known. Three kinds of fields differ from their keys; they
carry one of the constants below as `dataclasses.field(metadata=...)`.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from duchenne.errors import EvaluationError

Record = TypeVar("Record")
INLINE = {"json": "inline"}
"""The field's own fields lie beside those of its owner."""
OMITTED = {"json": "omitted"}
"""There is no key while the field is None."""
EMPTY_OBJECT = {"json": "empty object"}
"""The field is `{}` while it is None."""
_WORDS = {float: "a number", int: "a whole number", str: "text", types.NoneType: "null"}


def json_text(record: object, format_name: str, indent: int | None = None) -> str:
    """Return the JSON of a dataclass, in one line unless indented, with the name of its format in front."""
    values = {"format": format_name} | _object(record)
    separators = (",", ":") if indent is None else None
    return json.dumps(values, indent=indent, separators=separators, allow_nan=False) + "\n"


def record_from_json(kind: type[Record], text: str, format_name: str) -> Record:
    """Return the dataclass that `json_text` was given.

    Raises:
        EvaluationError: The text is no JSON, or of another format; a key is missing or unknown, or a value of another
            kind.
        DuchenneError: The dataclass refuses its values.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise EvaluationError(f"it is no JSON ({error})") from error
    if not isinstance(values, dict) or values.pop("format", None) != format_name:
        raise EvaluationError(f"it does not say that its format is {format_name!r}")
    found: Record = _read(kind, values, "")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _object(record: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind: Any = type(record)
    for entry in _entries(kind):
        value = getattr(record, entry.name)
        if entry.inline:
            found |= _object(value)
        elif value is not None or not entry.omitted:
            found[entry.name] = {} if value is None and entry.empty else _plain(value)
    return found


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _object(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


@dataclass(frozen=True)
class _Entry:
    """A field of a record; values of the types `as_is` need no further reading."""

    name: str
    kind: Any
    as_is: frozenset[type]
    inline: bool
    omitted: bool
    empty: bool


@cache
def _entries(record: type) -> tuple[_Entry, ...]:
    hints = get_type_hints(record)
    return tuple(
        _Entry(
            one.name,
            hints[one.name],
            _plain_types(hints[one.name]),
            *(one.metadata == mark for mark in (INLINE, OMITTED, EMPTY_OBJECT)),
        )
        for one in fields(record)
    )


def _plain_types(kind: Any) -> frozenset[type]:
    kinds = get_args(kind) if get_origin(kind) in {types.UnionType, Union} else (kind,)
    return frozenset(one for one in kinds if one in _WORDS)


@cache
def _keys(record: type) -> frozenset[str]:
    return frozenset().union(*(_keys(one.kind) if one.inline else {one.name} for one in _entries(record)))


def _read(kind: Any, value: Any, where: str) -> Any:
    """Return the value as its kind says.

    Raises:
        EvaluationError: It is of another kind.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind in _WORDS:
        return _read_plain(kind, value, where)
    if origin in {types.UnionType, Union}:
        return _read_optional(inner, value, where)
    if origin is Literal:
        return value if value in inner else _refuse(value, where, f"one of {', '.join(inner)}")
    if origin is tuple:
        return _read_tuple(inner, value, where)
    return _read_object(kind, value, where)


def _read_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    return value if type(value) is kind else _refuse(value, where, _WORDS[kind])


def _read_object(kind: Any, value: Any, where: str) -> Any:
    """Return a dataclass or a mapping."""
    if not isinstance(value, dict):
        _refuse(value, where, "an object")
    if not is_dataclass(kind):
        of_key, of_value = get_args(kind)
        return {_read_key(of_key, key, where): _read(of_value, one, f"{where}/{key}") for key, one in value.items()}
    if unknown := sorted(set(value) - _keys(kind)):  # type: ignore[arg-type]
        raise EvaluationError(f"{_place(where)} has the unknown key {unknown[0]!r}")
    return _read_record(kind, value, where)


def _read_record(kind: Any, values: dict[str, Any], where: str) -> Any:
    found = {}
    for entry in _entries(kind):
        if entry.inline:
            found[entry.name] = _read_record(entry.kind, values, where)
        elif entry.name not in values:
            if not entry.omitted:
                raise EvaluationError(f"{_place(where)} lacks the key {entry.name!r}")
        elif type(value := values[entry.name]) in entry.as_is:
            found[entry.name] = value
        else:
            value = None if entry.empty and value == {} else value
            found[entry.name] = _read(entry.kind, value, f"{where}/{entry.name}")
    return kind(**found)


def _read_optional(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    (kind,) = (one for one in kinds if one is not types.NoneType)
    return _read(kind, value, where)


def _read_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        _refuse(value, where, "a list")
    each = [kinds[0]] * len(value) if kinds[-1] is Ellipsis else kinds
    if len(each) != len(value):
        _refuse(value, where, f"a list of {len(each)}")
    return tuple(
        _read(kind, one, f"{where}/{place}") for place, (kind, one) in enumerate(zip(each, value, strict=True))
    )


def _read_key(kind: Any, key: str, where: str) -> Any:
    if kind is int:
        return int(key) if key.isdecimal() else _refuse(key, where, "a whole number as key")
    if get_origin(kind) is Literal:
        return _read(kind, key, where)
    return key


def _refuse(value: Any, where: str, expected: str) -> NoReturn:
    shown = repr(value)
    raise EvaluationError(f"{_place(where)} is {shown[:40]}{'...' if len(shown) > 40 else ''}, expected {expected}")


def _place(where: str) -> str:
    return where.lstrip("/") or "it"
