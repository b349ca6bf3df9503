"""Who takes part in the experiment: every system and every ablation, small enough for a processor.

Budget rule: networks of the line-up see each training face equally often (`epochs`), with AdamW and one cycle, the same
augmentation and batch, and keep their last weights; classical systems solve their problems to the end. Whether that is
enough is judged by the validation score, kept in each run: what it gained in the last third of the training should be
under .01.
"""

from dataclasses import dataclass, replace

from duchenne.facs import PAPER_AUS
from duchenne.networks.region_config import COMPACT
from duchenne.networks.rival_config import (
    AlexNetConfig,
    ConvNetConfig,
    DrmlConfig,
    EacConfig,
    FrontalConfig,
    NetworkConfig,
)
from duchenne.patches import PatchLayout
from duchenne.training.recipes import LIGHT, RECIPES, AdamW, DeepRecipe, Recipe

ENOUGH_GAIN = 0.01
"""A validation score that still gained more than this in the last third says that the budget was too small."""


@dataclass(frozen=True)
class Level:
    """How large an experiment is.

    Attributes:
        name: "tiny", "quick" or "full".
        people_home: In the set of free poses.
        people_away: In the set of posed faces, each under fifteen poses.
        epochs: Times that a network sees each face.
        systems: Who takes part; empty for everybody.
        draws: Resamplings for intervals.
    """

    name: str
    people_home: int
    people_away: int
    epochs: float
    systems: tuple[str, ...] = ()
    draws: int = 1000


LEVELS = {
    level.name: level
    for level in (
        Level("tiny", 24, 16, 2.0, ("region", "convnet", "region-49", "svm"), 50),
        Level("quick", 100, 75, 5.0, (), 200),
        Level("full", 1000, 800, 20.0),
    )
}

_REGION = replace(COMPACT, aus=PAPER_AUS, head="occurrence", shape_width=0)
_NETWORKS: dict[str, NetworkConfig] = {
    "region": _REGION,
    "convnet": ConvNetConfig(
        side_px=100, shared_channels=16, shared_kernel=5, layers=COMPACT.patch_layers, widths=COMPACT.widths
    ),
    "drml": DrmlConfig(side_px=90, channels=16, widths=(256,)),
    "drml-convnet": DrmlConfig(side_px=90, channels=16, widths=(256,), middle="none"),
    "lcn": DrmlConfig(side_px=90, channels=16, widths=(256,), middle="local"),
    "alexnet": AlexNetConfig(side_px=115, channels=(32, 64, 96, 64, 64), width=256),
    "eac": EacConfig(),
    "toser": FrontalConfig(),
    "region-grid": replace(_REGION, grid=True),
    "region-shared": replace(_REGION, own_weights=False),
    "region-49": replace(_REGION, layout=PatchLayout(tuple(range(1, 50)), _REGION.layout.side_px, 2)),
    "region-unweighted": _REGION,
}
CLASSICAL = ("svm", "apl", "jpml", "fera17")


def line_up(level: Level, seed: int) -> dict[str, Recipe]:
    """Return the recipes that take part, by the names of the report."""
    found: dict[str, Recipe] = {
        name: DeepRecipe(
            name,
            f"{name}, small, for the experiment.",
            network,
            AdamW(),
            batch=32,
            epochs=level.epochs,
            patience=0,
            validate_every=max(0.5, level.epochs / 6),
            augmentation=LIGHT,
            weighted=name != "region-unweighted",
            seed=seed,
        )
        for name, network in _NETWORKS.items()
    }
    found |= {name: replace(RECIPES[name], seed=seed) for name in CLASSICAL if name in RECIPES}
    return {name: recipe for name, recipe in found.items() if not level.systems or name in level.systems}
