"""The loss against torch's own, its gradient against the printed formula, and the label rule by hand."""

import numpy as np
import pytest
import torch

from duchenne.errors import TrainingError
from duchenne.facs import AU_NAMES
from duchenne.training.losses import labels_from_intensity, masked_cross_entropy, skew, with_parted_lips


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


def test_a_trace_is_unknown_and_b_occurs():
    intensity = np.array([[0.0, 0.49, 0.5, 1.0, 1.49, 1.5, 2.0, 5.0]])
    occurrence, known = labels_from_intensity(intensity)
    assert known.tolist() == [[True, True, False, False, False, True, True, True]]
    assert occurrence.tolist() == [[False] * 5 + [True] * 3]


@pytest.mark.parametrize("value", [-0.1, 5.1, np.nan, 9.0])
def test_an_intensity_outside_the_scale_is_refused(value):
    with pytest.raises(TrainingError, match="between 0 and 5"):
        labels_from_intensity(np.array([[value]]))


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({}, (False, True)),
        ({"AU25": 3}, (True, True)),
        ({"AU25": 1}, (False, False)),
        ({"AU26": 3}, (True, True)),
        ({"AU27": 2}, (True, True)),
        ({"AU26": 1}, (False, False)),
        ({"AU22": 3}, (False, False)),
        ({"AU22": 3, "AU25": 4}, (True, True)),
        ({"AU25": 1, "AU27": 5}, (True, True)),
        ({"AU12": 5}, (False, True)),
    ],
)
def test_lips_that_a_jaw_parts_are_au25(shown, expected):
    intensity = np.array([[float(shown.get(name, 0)) for name in AU_NAMES]])
    plain = labels_from_intensity(intensity)
    occurrence, known = with_parted_lips(*plain)
    column = AU_NAMES.index("AU25")
    assert (occurrence[0, column], known[0, column]) == expected
    others = np.arange(len(AU_NAMES)) != column
    assert (occurrence[:, others] == plain[0][:, others]).all()
    assert (known[:, others] == plain[1][:, others]).all()
