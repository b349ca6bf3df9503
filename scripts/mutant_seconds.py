"""A plugin of pytest that notes the seconds of the processor that each test takes, with those of its processes."""

import json
import os

import pytest


def processor_s() -> float:
    """Return the seconds of the processor that this process and its ended children took."""
    return sum(os.times()[:4])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Add a line to the file that MUTANT_SECONDS names: the test and its seconds, whatever else the machine does."""
    begin_s = processor_s()
    result = yield
    with open(os.environ["MUTANT_SECONDS"], "a", encoding="utf-8") as file:
        file.write(json.dumps([item.nodeid, round(processor_s() - begin_s, 3)]) + "\n")
    return result
