"""An exported AU network is measured on prepared heads: the file says what torch says; wrong requests are named."""

import numpy as np
import pytest

pytest.importorskip("torch")

from duchenne.errors import EvaluationError
from duchenne.evaluation.pretrained import au_file
from duchenne.evaluation.pretrained.au_predictions import predict
from duchenne.recognition import AURecognizer
from duchenne.training.action_units.export import export_system
from test_au_release import measured, system  # noqa: F401
from toy_store import toy_store


@pytest.fixture
def file(system, tmp_path):  # noqa: F811
    return export_system(system, measured(toy_store(60, 6, "c")), tmp_path / "toy.onnx").path


def test_the_file_predicts_what_the_network_does(system, file):  # noqa: F811
    store = measured(toy_store(70, 5, "d"))
    expected, found = predict(system, store), au_file.predict_from_file(AURecognizer(file), store)
    for name in ("probability", "intensity", "side_intensity"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-3)
    assert np.ptp(found.probability) > 0.05


def test_files_of_one_name_and_no_heads_are_refused(file):
    with pytest.raises(EvaluationError, match="two have the same name"):
        au_file.measure_au_files([file, file], au_file.HeadStores(), "")
    with pytest.raises(EvaluationError, match="Name --poses, --free or --prototypes"):
        au_file.measure_au_files([file], au_file.HeadStores(), "")
