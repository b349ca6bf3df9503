"""The paper's experiment: who takes part and with what budget, rendered and real sets, and all of it in miniature."""

import numpy as np
import pytest

from duchenne.errors import UsageError
from duchenne.evaluation.experiment import Experiment, budget_of
from duchenne.evaluation.line_up import LEVELS, line_up, resized
from duchenne.evaluation.trial import last_third_gain
from duchenne.poses import pose_numbers
from duchenne.training.recipes import DeepRecipe


def test_networks_get_equal_budgets_and_ablations_differ_in_one_thing():
    recipes = line_up(LEVELS["quick"], 2)
    deep = [recipe for recipe in recipes.values() if isinstance(recipe, DeepRecipe)]
    assert len({(r.epochs, r.batch, r.augmentation, r.patience, r.seed) for r in deep}) == 1
    region = recipes["region"]
    for name, changed in (("region-grid", {"grid"}), ("region-shared", {"own_weights"}), ("region-49", {"layout"})):
        other = recipes[name]
        assert other.optimiser == region.optimiser
        assert {key for key in vars(region.network) if vars(region.network)[key] != vars(other.network)[key]} == changed
    for key in ("shared_channels", "shared_kernel", "widths", "grey", "batch_norm", "dropout", "feature_dropout"):
        assert getattr(recipes["convnet"].network, key) == getattr(region.network, key)
    assert recipes["convnet"].network.layers == region.network.patch_layers
    assert recipes["convnet"].optimiser == region.optimiser
    assert recipes["region-unweighted"].network == region.network
    assert not recipes["region-unweighted"].weighted
    with pytest.raises(UsageError, match="'nobody' takes no part"):
        line_up(LEVELS["quick"].__class__("x", 8, 8, 2, 1, 1.0, ("nobody",)), 0)


def test_nine_poses_have_numbers_and_others_none():
    angles = np.array([[0, 0, 5], [-40, -40, 0], [40, 0, 0], [0, 20, 0], [0.2, -20, 0]], float)
    assert pose_numbers(angles).tolist() == [6, 1, 9, 0, 5]


def test_a_budget_is_enough_when_the_last_third_gains_little():
    assert last_third_gain({10: 0.6, 20: 0.7, 30: 0.72}) == pytest.approx(0.02)
    assert last_third_gain({}) is None
    runs = [{"system": "region", "training": {"last_third_gain": gain}} for gain in (0.03, 0.01)]
    assert "still learning by that rule: region (+0.020)" in budget_of(LEVELS["quick"], runs)


def test_an_experiment_of_another_size_is_not_mixed_in(tmp_path):
    level = resized(LEVELS["quick"], 12, 2.0)
    Experiment(level, tmp_path, seeds=1).claim("rendered")
    Experiment(level, tmp_path, seeds=3).claim("rendered")
    with pytest.raises(UsageError, match=r"another experiment \(it differs in epochs\)"):
        Experiment(resized(level, None, 3.0), tmp_path).claim("rendered")
    with pytest.raises(UsageError, match="8 people or more"):
        resized(level, 7)
