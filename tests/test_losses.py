"""The losses against torch's own, against the printed formula, and by hand."""

from math import exp, log

import numpy as np
import pytest
import torch

from duchenne.errors import TrainingError
from duchenne.networks.ordinal import OrdinalScale
from duchenne.training.action_units.losses import masked_cross_entropy, ordinal_cross_entropy, side_cross_entropy, skew
from duchenne.training.data.labels import Labels


def batch(faces=7, aus=5):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(faces, aus, generator=generator, dtype=torch.double) * 3
    occurrence = torch.rand(faces, aus, generator=generator) < 0.4
    weight = torch.rand(aus, generator=generator, dtype=torch.double) * 5
    return logits, occurrence, weight


def test_equals_torch_where_everything_is_known():
    logits, occurrence, weight = batch()
    ours = masked_cross_entropy(logits, occurrence, torch.ones_like(occurrence), weight)
    theirs = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, occurrence.double(), pos_weight=weight, reduction="sum"
    )
    torch.testing.assert_close(ours, theirs / len(logits))


def test_unknown_labels_change_neither_loss_nor_gradient():
    logits, occurrence, weight = batch()
    known = torch.rand(logits.shape, generator=torch.Generator().manual_seed(1)) < 0.7
    outcomes = []
    for labels in (occurrence, occurrence ^ ~known):
        leaf = logits.clone().requires_grad_()
        loss = masked_cross_entropy(leaf, labels, known, weight)
        loss.backward()
        outcomes.append((loss.detach(), leaf.grad))
    assert torch.equal(outcomes[0][0], outcomes[1][0])
    assert torch.equal(outcomes[0][1], outcomes[1][1])
    assert (outcomes[0][1][~known] == 0).all()


def test_gradient_is_that_of_the_formula():
    logits, occurrence, weight = batch()
    leaf = logits.clone().requires_grad_()
    masked_cross_entropy(leaf, occurrence, torch.ones_like(occurrence), weight).backward()
    x, y = logits.sigmoid(), occurrence.double()
    torch.testing.assert_close(leaf.grad, ((1 - y) * x - weight * y * (1 - x)) / len(logits))


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[1e4, -1e4]])
    wrong = torch.tensor([[False, True]])
    assert torch.isfinite(masked_cross_entropy(logits, wrong, torch.ones_like(wrong), torch.ones(2)))


def test_skew_by_hand():
    occurrence = np.array([[1, 0], [0, 1], [0, 1], [0, 0]], bool)
    known = np.array([[1, 1], [1, 1], [1, 1], [0, 1]], bool)
    assert skew(occurrence, known).tolist() == [2.0, 1.0]


@pytest.mark.parametrize("value", [False, True])
def test_an_au_with_one_class_only_is_refused(value):
    with pytest.raises(TrainingError, match="some of both"):
        skew(np.full((3, 1), value), np.ones((3, 1), bool))


def test_an_au_without_any_known_label_is_refused():
    with pytest.raises(TrainingError, match="0 positive and 0 negative"):
        skew(np.array([[True], [False]]), np.zeros((2, 1), bool))


def of_one(**changed):
    """Return the labels of one face whose AU12 is D (4) on the left and a trace (1) on the right."""
    whole = {
        "occurrence": torch.tensor([[True]]),
        "known": torch.tensor([[True]]),
        "intensity": torch.tensor([[[4.0, 1.0]]]),
        "intensity_known": torch.tensor([[True]]),
        "sides_known": torch.tensor([[True]]),
        "grade": torch.tensor([[torch.nan]]),
        "stronger": torch.tensor([[0]]),
        "pair": torch.tensor([-1]),
    }
    return Labels(**(whole | changed))


def sigmoid(value):
    return 1 / (1 + exp(-value))


def test_the_ordinal_loss_is_the_one_computed_by_hand():
    """Cuts at -1, 0, 1, 2, 3 (A to E); latents 2.5 on the left, -0.5 on the right; a positive weighs 3."""
    scale = OrdinalScale(["AU12"])
    latents = torch.tensor([[[2.5, -0.5]]], requires_grad=True)
    reached, missed = (lambda cut, z: -log(sigmoid(z - cut))), (lambda cut, z: -log(1 - sigmoid(z - cut)))
    face = reached(-1, 2.5) + reached(1, 2.5) + reached(2, 2.5) + missed(3, 2.5)  # B belongs to the other loss
    left = face + reached(0, 2.5)
    right = reached(-1, -0.5) + missed(1, -0.5) + missed(2, -0.5) + missed(3, -0.5)  # a trace says nothing about B
    loss = ordinal_cross_entropy(scale, latents, of_one(), torch.tensor([3.0]))
    assert loss.item() == pytest.approx(3 * face / 4 + (3 * left + right) / 10, rel=1e-3)
    loss.backward()
    by_cut = [sigmoid(2.5 - cut) - 1 for cut in (-1, 1, 2)] + [sigmoid(2.5 - 3)]
    on_left = 3 * sum(by_cut) / 4 + 3 * (sum(by_cut) + sigmoid(2.5) - 1) / 10
    on_right = (sigmoid(0.5) - 1 + sum(sigmoid(-0.5 - cut) for cut in (1, 2, 3))) / 10
    torch.testing.assert_close(latents.grad, torch.tensor([[[on_left, on_right]]]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("changed", "share_of_face", "share_of_sides"),
    [
        ({"sides_known": torch.tensor([[False]])}, 1, 0),
        ({"intensity_known": torch.tensor([[False]]), "sides_known": torch.tensor([[False]])}, 0, 0),
        ({"occurrence": torch.tensor([[False]])}, 0, 0),  # contradicts the intensity, so that does not count
        ({"occurrence": torch.tensor([[False]]), "known": torch.tensor([[False]])}, 1, 1),
    ],
)
def test_the_ordinal_loss_leaves_out_what_is_unknown_or_contradicts(changed, share_of_face, share_of_sides):
    scale, latents, weight = OrdinalScale(["AU12"]), torch.tensor([[[2.5, -0.5]]]), torch.tensor([3.0])
    whole = ordinal_cross_entropy(scale, latents, of_one(), weight)
    face = ordinal_cross_entropy(scale, latents, of_one(sides_known=torch.tensor([[False]])), weight)
    found = ordinal_cross_entropy(scale, latents, of_one(**changed), weight)
    torch.testing.assert_close(found, share_of_face * face + share_of_sides * (whole - face))
    assert whole > face > 0


@pytest.mark.parametrize(
    ("intensity", "sides_known", "expected"),
    [
        ([3.0, 0.5], True, 2 * -log(sigmoid(2.5 + 0.5))),
        ([0.5, 3.0], True, 2 * -log(sigmoid(-2.5 - 0.5))),
        ([3.0, 2.5], True, 0.0),  # less than a grade apart
        ([3.0, 0.5], False, 0.0),
    ],
)
def test_the_side_loss_asks_which_side_is_stronger(intensity, sides_known, expected):
    latents = torch.tensor([[[2.5, -0.5]]])
    labels = of_one(intensity=torch.tensor([[intensity]]), sides_known=torch.tensor([[sides_known]]))
    assert side_cross_entropy(latents, labels, torch.tensor([2.0])).item() == pytest.approx(expected, abs=1e-6)
