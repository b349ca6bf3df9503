"""Areas within prototypes: what comes along with an emotion is worth nothing there."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained.au_prototypes import within_prototypes
from test_au_release import measured
from toy_store import FROWN, SMILE, toy_store

AUS = ("AU04", "AU12")


def store_of(prototypes):
    store = measured(toy_store(len(prototypes), 5))
    extra, params = store.extra, np.array([json.dumps({"prototype": name}) for name in prototypes])
    store.extra = lambda name: params if name == "params" else extra(name)
    return store


def test_a_score_that_tells_the_prototype_alone_reaches_one_half_within_each():
    prototypes = np.array(["anger", "joy"] * 100)
    store = store_of(prototypes)
    store.occurrence[:, FROWN] = np.where(prototypes == "anger", np.arange(200) % 5 > 0, np.arange(200) % 5 == 1)
    told = np.where(prototypes == "anger", 0.9, 0.1)
    found = within_prototypes(AUS, store, np.column_stack([told, told]))
    assert found.areas["anger"]["AU04"] == 0.5
    assert found.aus["AU04"] == 0.5
    assert roc_auc_score(store.occurrence[:, FROWN], told) > 0.7
    assert found.faces == {"anger": 100, "joy": 100}


def test_areas_are_those_of_the_faces_of_a_prototype():
    prototypes = np.array(["anger", "joy", "joy", "fear"] * 50)
    store, scores = store_of(prototypes), np.random.default_rng(0).random((200, 2))
    store.known[::7, SMILE] = False
    found = within_prototypes(AUS, store, scores)
    rows = (prototypes == "joy") & store.known[:, SMILE]
    expected = roc_auc_score(store.occurrence[rows, SMILE], scores[rows, 1])
    assert found.areas["joy"]["AU12"] == pytest.approx(expected, abs=1e-4)
    assert found.aus["AU12"] == pytest.approx(np.mean([found.areas[n]["AU12"] for n in found.areas]), abs=1e-4)
    assert found.mean_12 == pytest.approx(np.mean(list(found.aus.values())), abs=1e-4)


def test_few_faces_tell_nothing():
    prototypes = np.array(["anger"] * 30 + [None] * 170)
    store = store_of(prototypes)
    store.occurrence[:30, FROWN] = np.arange(30) < 9
    found = within_prototypes(AUS, store, np.zeros((200, 2)))
    assert "AU04" not in found.areas["anger"]
    assert found.aus["AU04"] is None


def test_a_store_without_prototypes_is_refused():
    with pytest.raises(EvaluationError, match="--cooccurrence prototypes"):
        within_prototypes(AUS, store_of([None] * 40), np.zeros((40, 2)))
