"""What every module promises by itself: defaults are of their types, and names that are offered are there."""

import dataclasses
import importlib
import inspect
import pkgutil
import typing

import pytest
from beartype import BeartypeConf
from beartype.door import is_bearable

import duchenne

LOOSE = BeartypeConf(is_pep484_tower=True)


def modules():
    for found in pkgutil.walk_packages(duchenne.__path__, "duchenne."):
        if "__main__" not in found.name:
            try:
                yield importlib.import_module(found.name)
            except ImportError:  # An extra that is not installed here.
                continue


@pytest.fixture(scope="module")
def loaded():
    return list(modules())


def hints_of(thing) -> dict:
    try:
        return typing.get_type_hints(thing, include_extras=True)
    except (NameError, TypeError):  # Types that are imported for the checker only.
        return {}


def defaults_of(thing) -> dict:
    if dataclasses.is_dataclass(thing):
        return {one.name: one.default for one in dataclasses.fields(thing) if one.default is not dataclasses.MISSING}
    given = inspect.signature(thing).parameters.values()
    return {one.name: one.default for one in given if one.default is not inspect.Parameter.empty}


def wrong_defaults(module):
    for name, thing in vars(module).items():
        if getattr(thing, "__module__", "") == module.__name__ and (inspect.isfunction(thing) or is_settings(thing)):
            hints = hints_of(thing)
            for field, default in defaults_of(thing).items():
                if not is_bearable(default, hints.get(field, object), conf=LOOSE):
                    yield f"{module.__name__}.{name}: {field} = {default!r}"


def is_settings(thing) -> bool:
    return inspect.isclass(thing) and dataclasses.is_dataclass(thing)


def test_defaults_are_of_the_types_that_are_written_beside_them(loaded):
    assert sum(bool(hints_of(thing)) for module in loaded for thing in vars(module).values() if is_settings(thing)) > 99
    assert [wrong for module in loaded for wrong in wrong_defaults(module)] == []


def test_names_that_modules_offer_are_there(loaded):
    offering = [module for module in loaded if hasattr(module, "__all__")]
    assert len(offering) > 5
    for module in offering:
        assert [name for name in module.__all__ if not hasattr(module, name)] == [], module.__name__
