"""What training refuses before its first step."""

from dataclasses import replace

import numpy as np

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.errors import TrainingError
from duchenne.facs import au_columns
from duchenne.training.recipes.classical import ClassicalRecipe
from duchenne.training.recipes.named import Recipe

_SAMPLE = 64
"""Faces whose pixels are looked at."""


def require_trainable(train: FaceStore, valid: FaceStore, aus: tuple[str, ...], batch: int = 1) -> None:
    """Check that the stores can teach these AUs.

    Raises:
        TrainingError: Too few faces; a subject in both; an AU without a known label, or with one class only; points or
            pixels that are no numbers.
    """
    if len(train) < batch or not len(valid):
        raise TrainingError(
            f"{len(train)} training and {len(valid)} validation faces: a batch needs {batch}, and validation at least "
            "one. Prepare more faces."
        )
    require_disjoint(train, valid)
    for name, store in (("training", train), ("validation", valid)):
        _require_numbers(name, store)
        if name == "training":
            _require_both_classes(store, aus)


def require_disjoint(train: FaceStore, valid: FaceStore) -> None:
    """Check that no subject is in both stores.

    Raises:
        TrainingError: One is.
    """
    if shared := np.intersect1d(train.subject, valid.subject).tolist():
        raise TrainingError(
            f"Subject {shared[0]} and {len(shared) - 1} more are in training and in validation, so scores would be too "
            "high. Split by subject."
        )


def _require_both_classes(store: FaceStore, aus: tuple[str, ...]) -> None:
    for name in aus:
        truth = labels_of(store, name).truth
        positives, negatives = int(truth.sum()), int((~truth).sum())
        if not positives + negatives:
            raise TrainingError(f"{name}: all {len(store)} training labels are unknown. Leave that AU out with --aus.")
        if not positives or not negatives:
            raise TrainingError(
                f"{name} has {positives} positive and {negatives} negative training faces; training needs some of "
                "both. Add data, or leave that AU out with --aus."
            )


def _require_numbers(name: str, store: FaceStore) -> None:
    if wrong := int((~np.isfinite(store.points)).any((1, 2)).sum()):
        raise TrainingError(f"{wrong} {name} faces have landmarks that are not numbers. Prepare the store again.")
    crops = store.crops(np.unique(np.linspace(0, len(store) - 1, _SAMPLE).astype(int)))
    if crops.dtype != np.uint8:
        broken = int((~np.isfinite(crops)).any((1, 2, 3)).sum()) if np.issubdtype(crops.dtype, np.floating) else 0
        raise TrainingError(
            f"The {name} crops are {crops.dtype}, {broken} of {len(crops)} looked at with NaN or infinity; pixels must "
            "be uint8, 0-255. Prepare the store again."
        )


def teachable(recipe: Recipe, train: FaceStore) -> tuple[Recipe, tuple[str, ...]]:
    """Return the recipe for the AUs that some training faces show and others do not, and the AUs that were left out."""
    known = np.asarray(train.known)
    both = (train.occurrence & known).any(0) & (~train.occurrence & known).any(0)
    aus = tuple(name for name, teaches in zip(recipe.aus, both[au_columns(recipe.aus)], strict=True) if teaches)
    left_out = tuple(name for name in recipe.aus if name not in aus)
    if not left_out or not aus:
        return recipe, ()
    if isinstance(recipe, ClassicalRecipe):
        return replace(recipe, aus=aus), left_out
    return replace(recipe, network=replace(recipe.network, aus=aus)), left_out
