"""The systems of the experiment: the region network, its baselines and ablations, small enough for a processor.

Budget rule: all networks see each training face equally often (`epochs`), with AdamW and one cycle, the same
augmentation and batch, and keep their last weights; classical systems solve their problems to the end. Convnet and
region network have the same layers, normalisation and dropout; they differ in the patches and the peak rate.
"""

from dataclasses import replace

from duchenne.errors import UsageError
from duchenne.evaluation.experiment.sizes import ExperimentSize
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
from duchenne.training.recipes.as_printed import SUFFIX
from duchenne.training.recipes.augmentation import LIGHT
from duchenne.training.recipes.deep import AdamW, DeepRecipe
from duchenne.training.recipes.named import RECIPES, Recipe

EXPLAINED = "region-49"
"""Whose patches are silenced for Figure 3."""

_ALL_49 = tuple(range(1, 50))
_REGION = replace(
    COMPACT,
    layout=replace(COMPACT.layout, margin_px=20),
    aus=PAPER_AUS,
    head="occurrence",
    shape_width=0,
    shape_alone=0.0,
)
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
    "region-49": replace(_REGION, layout=replace(_REGION.layout, landmarks=_ALL_49)),
    "region-unweighted": _REGION,
}
_SLOW = dict.fromkeys(
    ("convnet", "region-grid", "alexnet", "drml", "drml-convnet", "lcn", "eac", "toser"), AdamW(learning_rate=1e-3)
)
"""Networks without patches at landmarks take smaller steps: with those of the others they learnt less, or died."""
CLASSICAL = ("svm", "apl", "jpml", "fera17")


def experiment_recipes(size: ExperimentSize, seed: int) -> dict[str, Recipe]:
    """Return the recipes that take part, by the names of the report.

    Raises:
        UsageError: The size names a system that takes no part.
    """
    networks = _compact(size, seed) if size.networks == "compact" else _papers(size, seed)
    found: dict[str, Recipe] = networks | {name: replace(RECIPES[name], seed=seed) for name in CLASSICAL}
    if unknown := [name for name in size.systems if name not in found]:
        raise UsageError(f"{unknown[0]!r} takes no part in the experiment. Known: {', '.join(found)}.")
    return {name: recipe for name, recipe in found.items() if not size.systems or name in size.systems}


def _compact(size: ExperimentSize, seed: int) -> dict[str, Recipe]:
    return {
        name: DeepRecipe(
            name,
            f"{name}, small, for the experiment.",
            network,
            _SLOW.get(name, AdamW()),
            batch=16,
            epochs=size.epochs,
            patience=0,
            validate_every=max(0.5, size.epochs / 6),
            augmentation=LIGHT,
            skew_power=float(name != "region-unweighted"),
            seed=seed,
        )
        for name, network in _NETWORKS.items()
    }


def _papers(size: ExperimentSize, seed: int) -> dict[str, Recipe]:
    """Return the networks at their papers' sizes, each with the optimiser, batch and patience of its own recipe."""
    recipes = {name: recipe for name, recipe in RECIPES.items() if isinstance(recipe, DeepRecipe)}
    region = recipes["paper"]
    config = region.network
    assert isinstance(config, RegionConfig)
    variants = {
        "region": region,
        **{name: recipes.get(f"{name}{SUFFIX}", recipes[name]) for name in _NETWORKS if name in recipes},
        "region-grid": recipes["grid"],
        "region-shared": replace(region, network=replace(config, own_weights=False)),
        "region-49": replace(region, network=replace(config, layout=replace(config.layout, landmarks=_ALL_49))),
        "region-unweighted": replace(region, skew_power=0.0),
    }
    return {name: replace(recipe, name=name, epochs=size.epochs, seed=seed) for name, recipe in variants.items()}
