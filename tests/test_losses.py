"""The loss against torch's own, its gradient against the printed formula."""

import numpy as np
import pytest
import torch

from duchenne.errors import TrainingError
from duchenne.training.losses import masked_cross_entropy, skew


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
