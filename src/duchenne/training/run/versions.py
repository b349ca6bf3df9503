"""The versions of code and libraries on which the weights of a training rest, beside recipe and data."""

from collections.abc import Mapping
from importlib.metadata import version

from duchenne.results.result_record import code_digest, package_version

_LIBRARIES = ("numpy", "torch")
_CODE = "code of duchenne"


def numbers_rest_on() -> dict[str, str]:
    """Return the versions by name."""
    found = {name: version(name) for name in _LIBRARIES}
    return {"duchenne": package_version(), _CODE: code_digest(), **found}


def other_versions(before: Mapping[str, str]) -> str:
    """Return in words what has changed since a checkpoint; nothing where all is the same, or it does not say.

    Example:
        >>> other_versions({"torch": "1.0"})[:23]
        'torch was 1.0 and is 2.'
    """
    now = numbers_rest_on()
    changed = [name for name in now if name in before and before[name] != now[name]]
    named = [
        f"the {name} is another" if name == _CODE else f"{name} was {before[name]} and is {now[name]}"
        for name in changed
    ]
    return ", ".join(named)
