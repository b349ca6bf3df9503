"""Who takes part in the experiment: every system and every ablation, small enough for a processor.

Budget rule: networks of the line-up see each training face equally often (`epochs`), with AdamW and one cycle, the same
augmentation and batch, and keep their last weights; classical systems solve their problems to the end. Convnet and
region network have the same layers, normalisation and dropout; they differ in the patches and the peak rate. Whether
the budget was enough is judged by the validation score, kept in each run: what it gained in the last third of the
training should be under .01.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from duchenne.errors import UsageError
from duchenne.facs import PAPER_AUS
from duchenne.networks.baseline_config import (
    AlexNetConfig,
    ConvNetConfig,
    DrmlConfig,
    EacConfig,
    FrontalConfig,
    NetworkConfig,
)
from duchenne.networks.region_config import COMPACT, RegionConfig
from duchenne.patches import PatchLayout
from duchenne.training.recipes.deep import LIGHT, RECIPES, AdamW, DeepRecipe, Recipe

ENOUGH_GAIN = 0.01
"""A validation score that still gained more than this in the last third says that the budget was too small."""


@dataclass(frozen=True)
class Level:
    """How large an experiment is.

    Attributes:
        name: "quick" or "full", or what was asked for.
        people_home: Rendered people of the set with frontal poses, ten faces each.
        people_away: Of the set with nine poses, those who train and validate, ten faces each.
        people_judged: Of the same, those who are judged.
        faces_judged: Of each of them, each under nine poses.
        epochs: Times that a network sees each face.
        systems: Who takes part; empty for everybody.
        draws: Resamplings for intervals.
        size: Of the networks: "compact", for a processor, or "paper", with the settings of their own recipes.
    """

    name: str
    people_home: int
    people_away: int
    people_judged: int
    faces_judged: int
    epochs: float
    systems: tuple[str, ...] = ()
    draws: int = 1000
    size: Literal["compact", "paper"] = "compact"

    def settled(self) -> dict[str, Any]:
        """Return what all systems of an experiment share, so that it cannot change between them."""
        return {key: value for key, value in vars(self).items() if key not in {"name", "systems", "draws"}}


LEVELS = {
    level.name: level
    for level in (
        Level("quick", 100, 100, 25, 4, 8.0, draws=500),
        Level("full", 500, 700, 100, 4, 28.0),
    )
}


def resized(
    level: Level,
    people: int | None = None,
    epochs: float | None = None,
    size: Literal["compact", "paper"] = "compact",
) -> Level:
    """Return the level with another number of people or of epochs (None leaves it), and networks of a size.

    Raises:
        UsageError: Under eight people, who could not be split, or no epoch.
    """
    if people is not None and people < 8:
        raise UsageError(f"An experiment needs 8 people or more, so that they can be split; got {people}.")
    if epochs is not None and epochs <= 0:
        raise UsageError(f"An experiment needs epochs above 0; got {epochs:g}.")
    changed: dict[str, Any] = {}
    if people is not None:
        changed |= {"people_home": people, "people_away": people, "people_judged": max(2, people // 4)}
    if epochs is not None:
        changed["epochs"] = epochs
    if size != level.size:
        changed["size"] = size
    return replace(level, name=f"{level.name}, resized" if changed else level.name, **changed)


EXPLAINED = "region-49"
"""Whose patches are silenced for Figure 3."""

_REGION = replace(COMPACT, aus=PAPER_AUS, head="occurrence", shape_width=0, shape_alone=0.0)
_ALEXNET = AlexNetConfig(
    channels=(32, 64, 96, 64, 64), width=256, dropout=0.2, side_px=100, batch_norm=True, first_kernel=5, first_stride=2
)
_DRML = DrmlConfig(side_px=90, channels=12, widths=(256,), dropout=0.2, batch_norm=True)
"""At half a narrow layer's units nothing was learnt; nor, in as many steps, without normalisation."""
_NETWORKS: dict[str, NetworkConfig] = {
    "region": _REGION,
    "convnet": ConvNetConfig(
        side_px=100,
        shared_channels=COMPACT.shared_channels,
        shared_kernel=COMPACT.shared_kernel,
        layers=COMPACT.patch_layers,
        widths=COMPACT.widths,
        dropout=COMPACT.dropout,
        grey=COMPACT.grey,
        batch_norm=COMPACT.batch_norm,
        feature_dropout=COMPACT.feature_dropout,
    ),
    "drml": _DRML,
    "drml-convnet": replace(_DRML, middle="none"),
    "lcn": replace(_DRML, middle="local"),
    "alexnet": _ALEXNET,
    "eac": EacConfig(channels=(16, 24, 32, 48), region_channels=16, width=256),
    "toser": FrontalConfig(channels=(16, 32, 64, 64), dropout=0.2),
    "region-grid": replace(_REGION, grid=True),
    "region-shared": replace(_REGION, own_weights=False),
    "region-49": replace(_REGION, layout=PatchLayout(tuple(range(1, 50)), _REGION.layout.side_px, 2)),
    "region-unweighted": _REGION,
}
_SLOW = dict.fromkeys(
    ("convnet", "region-grid", "alexnet", "drml", "drml-convnet", "lcn", "eac", "toser"), AdamW(learning_rate=1e-3)
)
"""Networks without patches at landmarks take smaller steps: with those of the others they learnt less, or died."""
CLASSICAL = ("svm", "apl", "jpml", "fera17")


def line_up(level: Level, seed: int) -> dict[str, Recipe]:
    """Return the recipes that take part, by the names of the report.

    Raises:
        UsageError: The level names somebody who is not in the line-up.
    """
    networks = _compact(level, seed) if level.size == "compact" else _papers(level, seed)
    found: dict[str, Recipe] = networks | {name: replace(RECIPES[name], seed=seed) for name in CLASSICAL}
    if unknown := [name for name in level.systems if name not in found]:
        raise UsageError(f"{unknown[0]!r} takes no part in the experiment. Known: {', '.join(found)}.")
    return {name: recipe for name, recipe in found.items() if not level.systems or name in level.systems}


def _compact(level: Level, seed: int) -> dict[str, Recipe]:
    return {
        name: DeepRecipe(
            name,
            f"{name}, small, for the experiment.",
            network,
            _SLOW.get(name, AdamW()),
            batch=16,
            epochs=level.epochs,
            patience=0,
            validate_every=max(0.5, level.epochs / 6),
            augmentation=LIGHT,
            weighted=name != "region-unweighted",
            seed=seed,
        )
        for name, network in _NETWORKS.items()
    }


def _papers(level: Level, seed: int) -> dict[str, Recipe]:
    """Return the networks at the paper's size, each with the optimiser, batch and patience of its own recipe."""
    recipes = {name: recipe for name, recipe in RECIPES.items() if isinstance(recipe, DeepRecipe)}
    region = recipes["paper"]
    sizes = region.network
    assert isinstance(sizes, RegionConfig)
    variants = {
        "region": region,
        **{name: recipes[name] for name in _NETWORKS if name in recipes},
        "region-grid": recipes["grid"],
        "region-shared": replace(region, network=replace(sizes, own_weights=False)),
        "region-49": replace(region, network=replace(sizes, layout=PatchLayout(tuple(range(1, 50))))),
        "region-unweighted": replace(region, weighted=False),
    }
    return {name: replace(recipe, name=name, epochs=level.epochs, seed=seed) for name, recipe in variants.items()}
