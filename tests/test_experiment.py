"""The experiment's parts that need no training: who takes part, poses by number, and when a budget was enough."""

import numpy as np
import pytest

from duchenne.evaluation.experiment import budget_of, last_third_gain
from duchenne.evaluation.line_up import LEVELS, line_up
from duchenne.evaluation.rendered_sets import pose_numbers
from duchenne.training.recipes import DeepRecipe


def test_networks_get_equal_budgets_and_ablations_differ_in_one_thing():
    recipes = line_up(LEVELS["quick"], 2)
    deep = [recipe for recipe in recipes.values() if isinstance(recipe, DeepRecipe)]
    assert len({(r.epochs, r.batch, r.optimiser, r.augmentation, r.patience, r.seed) for r in deep}) == 1
    region = recipes["region"].network
    for name, changed in (("region-grid", {"grid"}), ("region-shared", {"own_weights"}), ("region-49", {"layout"})):
        other = recipes[name].network
        assert {key for key in vars(region) if getattr(region, key) != getattr(other, key)} == changed
    assert recipes["region-unweighted"].network == region
    assert not recipes["region-unweighted"].weighted


def test_nine_poses_have_numbers_and_others_none():
    angles = np.array([[0, 0, 5], [-40, -40, 0], [40, 0, 0], [0, 20, 0], [0.2, -20, 0]], float)
    assert pose_numbers(angles).tolist() == [6, 1, 9, 0, 5]


def test_a_budget_is_enough_when_the_last_third_gains_little():
    assert last_third_gain({10: 0.6, 20: 0.7, 30: 0.72}) == pytest.approx(0.02)
    assert last_third_gain({}) is None
    runs = [{"system": "region", "training": {"last_third_gain": 0.02}}]
    assert "still learning by that rule: region" in budget_of(LEVELS["quick"], runs)
