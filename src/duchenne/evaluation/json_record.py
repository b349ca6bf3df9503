"""Dataclasses to JSON and back: a record's fields are the keys of its object, checked when it is read.

Numbers, text, None, tuples, mappings and dataclasses are known. Fields that differ from their keys say so as
`dataclasses.field(metadata=...)`, with what stands below; two of them are joined by `|`.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from duchenne.errors import EvaluationError
from duchenne.files.numbers import whole_number

Record = TypeVar("Record")
INLINE = {"json": "inline"}
"""The field's own fields lie beside those of its owner; a mapping takes every key that no other field has."""
OMITTED = {"json": "omitted"}
"""There is no key while the field is None."""
EMPTY_OBJECT = {"json": "empty object"}
"""The field is `{}` while it is None."""


def key(name: str) -> dict[str, str]:
    """Return the metadata of a field whose key is another than its name."""
    return {"key": name}


_MOST = 1 << 1023
"""A whole number from here on is no float."""
_WORDS = {float: "a number", int: "a whole number", str: "text", types.NoneType: "null"}


def json_text(record: object, format_name: str, indent: int | None = None) -> str:
    """Return the JSON of a dataclass, in one line unless indented, with the name of its format in front."""
    values = {"format": format_name} | _object(record)
    separators = (",", ":") if indent is None else None
    return json.dumps(values, indent=indent, separators=separators, allow_nan=False) + "\n"


def record_from_json(kind: type[Record], text: str, format_name: str) -> Record:
    """Return the dataclass that `json_text` was given.

    Raises:
        EvaluationError: The text is not JSON, or of another format; a key is missing or unknown, or a value of another
            kind.
        DuchenneError: The dataclass refuses its values.
    """
    try:
        values = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise EvaluationError(f"it is not JSON ({error})") from error
    if not isinstance(values, dict) or values.pop("format", None) != format_name:
        raise EvaluationError(f"it does not say that its format is {format_name!r}")
    found: Record = _read(kind, values, "")
    return found


def to_json(value: object) -> Any:
    """Return a record, or a mapping or tuple of them, as JSON can hold it."""
    return _plain(value)


def from_json(kind: type[Record], values: object) -> Record:
    """Return the record that `to_json` was given.

    Raises:
        EvaluationError: A key is missing or unknown, or a value of another kind.
    """
    found: Record = _read(kind, values, "")
    return found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _object(record: object) -> dict[str, Any]:
    found: dict[str, Any] = {}
    kind: Any = type(record)
    for entry in _entries(kind):
        value = getattr(record, entry.name)
        if entry.inline:
            found |= _plain(value)
        elif value is not None or not entry.omitted:
            found[entry.key] = {} if value is None and entry.empty else _plain(value)
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
    key: str
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
            one.metadata.get("key", one.name),
            hints[one.name],
            _plain_types(hints[one.name]),
            *(one.metadata.get("json") == mark["json"] for mark in (INLINE, OMITTED, EMPTY_OBJECT)),
        )
        for one in fields(record)
    )


def _plain_types(kind: Any) -> frozenset[type]:
    kinds = get_args(kind) if get_origin(kind) in {types.UnionType, Union} else (kind,)
    return frozenset(one for one in kinds if one in _WORDS)


@cache
def _keys(record: type) -> frozenset[str]:
    found: set[str] = set()
    for one in _entries(record):
        if not one.inline:
            found.add(one.key)
        elif is_dataclass(one.kind):
            found |= _keys(one.kind)  # type: ignore[arg-type]
    return frozenset(found)


@cache
def _takes_any_key(record: type) -> bool:
    inline = [one.kind for one in _entries(record) if one.inline]
    return any(not is_dataclass(kind) or _takes_any_key(kind) for kind in inline)  # type: ignore[arg-type]


def _read(kind: Any, value: Any, where: str) -> Any:
    """Return the value as its kind says.

    Raises:
        EvaluationError: It is of another kind.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if kind is object:
        return value
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
    if kind is float and type(value) is int and abs(value) < _MOST:
        return float(value)
    return value if type(value) is kind else _refuse(value, where, _WORDS[kind])


def _read_object(kind: Any, value: Any, where: str) -> Any:
    """Return a dataclass or a mapping."""
    if not isinstance(value, dict):
        _refuse(value, where, "an object")
    if not is_dataclass(kind):
        of_key, of_value = get_args(kind)
        return {_read_key(of_key, key, where): _read(of_value, one, f"{where}/{key}") for key, one in value.items()}
    unknown = sorted(set(value) - _keys(kind))  # type: ignore[arg-type]
    if unknown and not _takes_any_key(kind):  # type: ignore[arg-type]
        raise EvaluationError(f"{_place(where)} has the unknown key {unknown[0]!r}")
    return _read_record(kind, value, where, {name: value[name] for name in unknown})


def _read_record(kind: Any, values: dict[str, Any], where: str, others: dict[str, Any]) -> Any:
    """Return a record whose keys lie among the values; its inline mapping takes the others."""
    found = {}
    for entry in _entries(kind):
        if entry.inline:
            is_record = is_dataclass(entry.kind)
            found[entry.name] = (
                _read_record(entry.kind, values, where, others) if is_record else _read(entry.kind, others, where)
            )
        elif entry.key not in values:
            if not entry.omitted:
                raise EvaluationError(f"{_place(where)} lacks the key {entry.key!r}")
        elif type(value := values[entry.key]) in entry.as_is:
            found[entry.name] = value
        else:
            value = None if entry.empty and value == {} else value
            found[entry.name] = _read(entry.kind, value, f"{where}/{entry.key}")
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
        number = whole_number(key)
        return _refuse(key, where, "a whole number as key") if number is None else number
    if get_origin(kind) is Literal:
        return _read(kind, key, where)
    return key


def _refuse(value: Any, where: str, expected: str) -> NoReturn:
    shown = repr(value)
    raise EvaluationError(f"{_place(where)} is {shown[:40]}{'...' if len(shown) > 40 else ''}, expected {expected}")


def _place(where: str) -> str:
    return where.lstrip("/") or "it"
