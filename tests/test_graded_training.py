"""Faces with mean grades beside rendered ones: soft targets, pairs that are ranked, and batches of both kinds."""

import dataclasses
import json
from dataclasses import replace
from math import exp, log

import numpy as np
import pytest
import torch

from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES
from duchenne.landmarks import mean_face
from duchenne.networks.ordinal import OrdinalScale
from duchenne.networks.symmetric_config import SymmetricConfig
from duchenne.training.action_units.losses import (
    graded_cross_entropy,
    graded_weight,
    noted_side_cross_entropy,
    pair_cross_entropy,
    soft_grades,
)
from duchenne.training.data.labels import LabelReader, Labels
from duchenne.training.data.sampler import BatchSampler
from duchenne.training.recipes.named import RECIPES
from toy_store import ToyStore, toy_store

NAN = float("nan")


class Extras(ToyStore):
    """A toy store with further columns."""

    columns: dict

    @property
    def extra_names(self):
        return tuple(self.columns)

    def extra(self, name):
        return self.columns[name]


def with_extras(store, **columns):
    found = Extras(*(getattr(store, field.name) for field in dataclasses.fields(store)))
    found.columns = columns
    return found


def joined(*parts):
    """Return stores as one, as `FaceDataset` hands them on."""
    arrays = [f.name for f in dataclasses.fields(ToyStore) if f.name != "fingerprint"]
    whole = Extras(*(np.concatenate([getattr(part, name) for part in parts]) for name in arrays))
    whole.parts, whole.columns = parts, {}
    return whole


@pytest.fixture
def mixed():
    real, drawn = toy_store(12, seed=1), toy_store(20, seed=2)
    grade = np.random.default_rng(3).uniform(0, 4, (12, len(AU_NAMES))).astype(np.float32)
    grade[0, 0] = NAN
    sides = np.zeros((12, len(AU_NAMES)), np.int8)
    sides[2, AU_NAMES.index("AU12")] = 1
    params = [
        json.dumps({"differs": ["AU12"], "group": k // 2} if k < 8 else {"differs": [], "group": k}) for k in range(20)
    ]
    drawn.subject = np.array(["one"] * 8 + [f"b{k}" for k in range(12)])
    return joined(with_extras(real, grade=grade, one_sided=sides), with_extras(drawn, params=np.array(params)))


def test_a_grade_lies_where_the_letter_before_it_begins():
    found = soft_grades(torch.tensor([1.0, 2.0, 0.0, 4.0]), 0.35)
    assert found[0, 1].item() == pytest.approx(0.5)
    assert found[1, 2].item() == pytest.approx(0.5)
    assert found[0, 2].item() == pytest.approx(1 / (1 + exp(1 / 0.35)))
    assert found[2].max().item() < 0.2
    assert (found.diff(dim=1) < 0).all()
    assert found[3, 4].item() == pytest.approx(0.5)


def test_the_loss_of_a_grade_is_a_cross_entropy_with_its_probability():
    scale, latent = OrdinalScale(("AU01",)), 0.7
    latents = torch.full((1, 1, 2), latent)
    cuts = scale.cuts().detach()[0].tolist()
    wanted = soft_grades(torch.tensor([1.5]), 0.35)[0].tolist()
    terms = []
    for cut, p in zip(cuts, wanted, strict=True):
        q = 1 / (1 + exp(cut - latent))
        terms.append(-p * log(q) - (1 - p) * log(1 - q))
    weight = 1 + (3.0 - 1) * wanted[1]
    expected = weight * (terms[1] + 0.5 * np.mean([terms[k] for k in (0, 2, 3, 4)]))
    found = graded_cross_entropy(scale, latents, torch.tensor([[1.5]]), torch.tensor([3.0]), 0.35, 0.5)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_what_has_no_grade_teaches_nothing():
    scale = OrdinalScale(("AU01", "AU02"))
    latents = torch.zeros(3, 2, 2, requires_grad=True)
    grade = torch.tensor([[1.0, NAN], [NAN, NAN], [0.0, NAN]])
    graded_cross_entropy(scale, latents, grade, torch.ones(2), 0.35, 0.5).backward()
    moved = latents.grad.abs().sum(2)
    assert (moved[:, 1] == 0).all()
    assert (moved[:, 0] > 0).tolist() == [True, False, True]


@pytest.mark.parametrize(("power", "weight"), [(1.0, 9.0), (0.5, 3.0), (0.0, 1.0)])
def test_rare_grades_weigh_a_power_of_their_skew(power, weight):
    grade = np.full((100, 2), 0.0, np.float32)
    grade[:10, 0], grade[:, 1] = 4.0, NAN
    found = graded_weight(grade, 0.05, power)
    assert found[0].item() == pytest.approx(weight, rel=0.01)  # nine absent for one present
    assert found[1].item() == pytest.approx(1.0)


def labels_of_pairs(**changed):
    whole = {
        "occurrence": torch.ones(3, 1, dtype=torch.bool),
        "known": torch.ones(3, 1, dtype=torch.bool),
        "intensity": torch.tensor([[[3.0, 3.0]], [[0.0, 0.0]], [[0.0, 0.0]]]),
        "intensity_known": torch.ones(3, 1, dtype=torch.bool),
        "sides_known": torch.zeros(3, 1, dtype=torch.bool),
        "grade": torch.full((3, 1), NAN),
        "stronger": torch.zeros(3, 1, dtype=torch.long),
        "pair": torch.tensor([5, 5, -1]),
    }
    return Labels(**(whole | changed))


def test_the_face_of_a_pair_that_shows_the_au_has_to_score_higher():
    latents = torch.tensor([[[0.2, 0.1]], [[0.6, 0.5]], [[9.0, 9.0]]])
    found = pair_cross_entropy(latents, labels_of_pairs())
    assert found.item() == pytest.approx(log(1 + exp(0.6 - 0.2)) / 3, rel=1e-5)
    assert pair_cross_entropy(latents, labels_of_pairs(pair=torch.tensor([1, 2, 3]))).item() == 0
    assert pair_cross_entropy(latents, labels_of_pairs(intensity=torch.full((3, 1, 2), 2.0))).item() == 0


def test_the_side_that_coders_noted_has_to_score_higher():
    latents = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
    found = noted_side_cross_entropy(latents, torch.tensor([[1], [-1], [0]]))
    assert found.item() == pytest.approx((log(1 + exp(-1)) + log(1 + exp(1))) / 3, rel=1e-5)


def test_graded_faces_teach_by_their_grades_alone(mixed):
    reader = LabelReader(mixed, ("AU01", "AU12", "AU16"), graded=True, ungraded=("AU16",))
    found = reader.read(np.array([0, 2, 15]), np.array([False, True, False]))
    assert found.known.any(1).tolist() == [False, False, True]
    assert torch.isfinite(found.grade).tolist() == [[False, True, False], [True, True, False], [False] * 3]
    assert found.stronger[:, 1].tolist() == [0, -1, 0]  # the mirrored face's other side
    assert found.pair.tolist() == [-1, -1, 1]
    plain = LabelReader(mixed, ("AU01",))
    assert not torch.isfinite(plain.read(np.array([1]), np.array([False])).grade).any()


@pytest.fixture
def sampler(mixed):
    recipe = replace(RECIPES["symmetric-base"], batch=8, network=SymmetricConfig())
    return BatchSampler(recipe, mixed, np.zeros((49, 3)), 4)


def test_every_batch_holds_as_many_graded_faces_as_others(sampler):
    rows = [sampler.rows(step) for step in range(6)]
    assert all((batch < 12).sum() == 4 and (batch >= 12).sum() == 4 for batch in rows)
    assert sorted(np.concatenate([batch[batch < 12] for batch in rows[:3]])) == list(range(12))
    assert sorted(np.concatenate([batch[batch >= 12] for batch in rows[:5]])) == list(range(12, 32))
    assert (sampler.rows(2) == rows[2]).all()


def test_faces_of_a_pair_come_side_by_side(sampler):
    dealt = np.concatenate([batch[batch >= 12] for batch in (sampler.rows(step) for step in range(5))]).tolist()
    for first in range(12, 20, 2):
        assert abs(dealt.index(first) - dealt.index(first + 1)) == 1


def test_without_graded_faces_batches_are_as_they_were():
    store = toy_store(16, seed=4)
    recipe = replace(RECIPES["compact"], batch=4)
    order = np.random.default_rng([recipe.seed, 1, 0]).permutation(16)
    assert (BatchSampler(recipe, store, np.zeros((49, 3)), 4).rows(1) == order[4:8]).all()


@pytest.mark.parametrize("located_share", [0.0, 0.35, 1.0])
def test_points_are_the_landmarker_s_as_often_as_asked_and_the_renderer_s_else(mixed, monkeypatch, located_share):
    real, drawn = mixed.parts
    drawn.columns["true_points"] = drawn.points + 1.0
    recipe = replace(RECIPES["compact"], batch=8, located_share=located_share)
    sampler, given = BatchSampler(recipe, mixed, mean_face(), 4), []
    whole = sampler.view.changed

    def noted(rows, augmentation, rngs, points=None):
        given.extend(zip(rows, np.abs(points - mixed.points[rows]).max((1, 2)), strict=True))
        return whole(rows, augmentation, rngs, points)

    monkeypatch.setattr(sampler.view, "changed", noted)
    for step in range(12):
        sampler.read(step)
    assert {away for row, away in given if row < len(real)} == {0.0}
    away = np.array([away for row, away in given if row >= len(real)])
    assert set(np.round(away, 3)) <= {0.0, 1.0}
    assert (away == 0.0).mean() == pytest.approx(located_share, abs=0.2)


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_graded_faces_that_is_none_is_refused(share):
    with pytest.raises(UsageError, match=r"share of faces with mean grades is .*; it must be 0 to 1"):
        replace(RECIPES["symmetric"], graded_share=share)


def test_graded_faces_without_any_au_come_as_often_as_asked_for(mixed):
    mixed.occurrence[:12], mixed.known[:12] = True, True
    mixed.occurrence[[2, 7, 15]] = False
    recipe = replace(RECIPES["symmetric-base"], batch=8, rest_times=3, network=SymmetricConfig())
    rows = np.concatenate([BatchSampler(recipe, mixed, np.zeros((49, 3)), 4).rows(step) for step in range(4)])
    times = np.bincount(rows[rows < 12], minlength=12)
    assert times.tolist() == [1, 1, 3, 1, 1, 1, 1, 3, 1, 1, 1, 1]


def test_faces_without_any_au_cannot_be_left_out():
    with pytest.raises(UsageError, match="repeated 0 times; it must be 1 or more"):
        replace(RECIPES["symmetric"], rest_times=0)
