"""The portrait check on a detector whose answers are known."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from duchenne.commands import run
from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained import portraits


class _Detector:
    """Sees a smile in every picture whose name says so, and no face in one."""

    aus = ("AU01", "AU02", "AU04", "AU05", "AU06", "AU12", "AU25", "AU26")

    def __init__(self, largest_face):
        assert largest_face

    def detect(self, path):
        if "nobody" in path.name:
            return []
        return [SimpleNamespace(probability=np.where(np.array(self.aus) == "AU12", "smile" in path.name, 0.5))]


def test_the_portrait_check_counts_pairs(tmp_path, monkeypatch, capsys):
    files = ["smile1.jpg", "smile2.jpg", "plain.jpg", "smile3.jpg", "nobody.jpg"]
    emotions = ["happiness", "happiness", "neutral", "neutral", "neutral"]
    pd.DataFrame({"file": files, "person": range(5), "emotion": emotions}).to_csv(tmp_path / "index.csv", index=False)
    monkeypatch.setattr(portraits, "AUDetector", _Detector)
    assert run(["dev", "check-portraits", str(tmp_path), "--result", str(tmp_path / "result.json")]) == 0
    found = json.loads((tmp_path / "result.json").read_text())
    assert found == json.loads(capsys.readouterr().out)
    assert found["without_a_face"] == 1
    assert found["faces_by_emotion"] == {"happiness": 2, "neutral": 2}
    assert found["area_under_roc"]["AU12 happiness against neutral"] == 0.75
    assert found["area_under_roc"]["AU01 surprise against neutral"] is None


def test_an_index_without_emotions_is_refused(tmp_path):
    pd.DataFrame({"file": ["x"], "person": [0], "emotion": [None]}).to_csv(tmp_path / "index.csv", index=False)
    with pytest.raises(EvaluationError, match="has no picture labelled"):
        portraits.check_portraits(tmp_path)
