"""The former word for the package's own network."""

from pathlib import Path

from duchenne.commands.train import with_new_name
from duchenne.training.action_units.initialisation import Initialisation
from duchenne.weights import FOLDER


def test_the_former_word_still_names_the_package_s_network(capsys):
    assert Initialisation(with_new_name(Path("shipped"))).file == FOLDER / "au_real.onnx"
    assert "--start shipped is now --start pretrained" in capsys.readouterr().err
    assert with_new_name(Path("pretrained")) == Path("pretrained")
    assert with_new_name(Path("run/shipped")) == Path("run/shipped")
    assert not capsys.readouterr().err
