"""Shape checks on for every module of the package, but for the few that are imported here first; seeds set."""

import random
import sys

import numpy as np
import pytest
from jaxtyping import install_import_hook

# Compiled functions cannot be wrapped. The reader of runs checks each value that it reads itself; with checks of all
# its small calls it takes a minute to read the runs in results/.
import duchenne.evaluation.json_record
import duchenne.synthesis.raster.raster_solids
import duchenne.synthesis.rig.smooth_step
import duchenne.synthesis.skin.skin_loops  # noqa: F401

# The hook checks shapes and types of every annotated call, so it must come before the first import of the package.
install_import_hook("duchenne", "typechecker.check")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin each test, before its fixtures, with the same random numbers, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
