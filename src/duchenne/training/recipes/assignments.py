"""Settings of a recipe that are changed in words, as `duchenne train --set NAME=VALUE` takes them."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from duchenne.errors import UsageError

_AnyRecipe = TypeVar("_AnyRecipe")
_BOOLEANS = {"true": True, "false": False}


def with_assignments(recipe: _AnyRecipe, assignments: Iterable[str]) -> _AnyRecipe:
    """Return the recipe with other numbers, words and switches, each given as "name=value".

    A name with a dot leads into a part of the recipe, such as its optimiser. A value has the type that it replaces.

    Example:
        >>> from duchenne.training.recipes.named import RECIPES
        >>> changed = with_assignments(RECIPES["symmetric"], ["rest_times=4", "optimiser.learning_rate=1e-3"])
        >>> changed.rest_times, changed.optimiser.learning_rate
        (4, 0.001)

    Raises:
        UsageError: There is no such setting, or it does not take the value.
    """
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set {text}: write NAME=VALUE, for example rest_times=4.")
        recipe = _assigned(recipe, name.strip().split("."), value.strip(), text)
    return recipe


def _assigned(part: Any, names: list[str], value: str, text: str) -> Any:
    known = [entry.name for entry in fields(part)]
    first, *further = names
    if first not in known:
        raise UsageError(f"--set {text}: there is no setting {first!r}. Known: {', '.join(_settable(part))}.")
    present = getattr(part, first)
    if is_dataclass(present) != bool(further):
        raise UsageError(f"--set {text}: {_way_on(first, present)}")
    new = _assigned(present, further, value, text) if further else _parsed(present, value, text)
    return replace(part, **{first: new})


def _way_on(name: str, present: Any) -> str:
    if is_dataclass(present):
        return f"{name} has settings of its own. Name one of them: {', '.join(_settable(present, name + '.'))}."
    return f"{name} has no settings of its own. Leave out what follows the dot."


def _settable(part: Any, prefix: str = "") -> list[str]:
    """Return the names of the settings that words can change, and those of parts with a dot at the end."""
    found = []
    for entry in fields(part):
        present = getattr(part, entry.name)
        if is_dataclass(present):
            found.append(f"{prefix}{entry.name}.")
        elif isinstance(present, bool | int | float | str) and entry.name not in ("name", "what"):
            found.append(f"{prefix}{entry.name}")
    return found


def _parsed(present: Any, value: str, text: str) -> Any:
    try:
        if isinstance(present, bool):
            return _BOOLEANS[value.lower()]
        if isinstance(present, int | float | str):
            return type(present)(value)
    except (KeyError, ValueError):
        raise UsageError(f"--set {text}: found {value!r}, expected a value like {present!r}.") from None
    raise UsageError(f"--set {text}: this setting is not a number, a word or a switch. Change it in Python.")
