"""Recipes as files keep them: JSON objects that name their class, read back under the names of earlier versions too."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from duchenne.errors import TrainingError
from duchenne.training.recipes.named import KINDS, Recipe

OLD_CLASSES = {"Augmentation": "AugmentationConfig"}
"""Names of classes in files of version 0.1.0, and today's."""
OLD_FIELDS = {
    "AugmentationConfig": {"feature_turn_deg": "feature_jitter_deg", "feature_shift": "feature_jitter_shift"},
    "DeepRecipe": {"weighted": "skew_power"},  # False and True are the powers 0 and 1
}
"""Names of fields in files of version 0.1.0, and today's, by today's class."""
_CLASS_KEY = "is"


def plain(value: Any) -> Any:
    """Return settings as JSON can hold them; a dataclass becomes an object that names its class under "is".

    Example:
        >>> from duchenne.training.recipes.classical import Svm
        >>> plain(Svm(penalties=(0.1,)))
        {'is': 'Svm', 'penalties': [0.1]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {_CLASS_KEY: type(value).__name__} | {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    return value


def read_recipe(stored: Mapping[str, Any]) -> Recipe:
    """Return the recipe that `plain` was given, by this version or an earlier one.

    Raises:
        TrainingError: It names a class or a field that no version had, or is no recipe.
    """
    recipe = _settings(stored)
    if not isinstance(recipe, Recipe):
        raise TrainingError(f"Found settings of {type(recipe).__name__} in place of a recipe. Train again.")
    return recipe


def _settings(value: Any) -> Any:
    """Return what `plain` was given; lists come back as tuples."""
    if isinstance(value, list):
        return tuple(_settings(entry) for entry in value)
    if not isinstance(value, Mapping):
        return value
    values = {key: _settings(entry) for key, entry in value.items() if key != _CLASS_KEY}
    if _CLASS_KEY not in value:
        return values
    name = str(value[_CLASS_KEY])
    kind = OLD_CLASSES.get(name, name)
    today = OLD_FIELDS.get(kind, {})
    try:
        return KINDS[kind](**{today.get(name, name): entry for name, entry in values.items()})
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise TrainingError(f"Settings of kind {kind} cannot be read by this version: {error}.") from None
