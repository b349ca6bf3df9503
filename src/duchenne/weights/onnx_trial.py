"""A trial of an ONNX file in a process of its own, with little memory and little time.

A file that somebody else made may hold a loop without end or a tensor without bound, or crash the library. What happens
here happens to the child alone: `python -m duchenne.weights.onnx_trial FILE SECONDS` prints in one line what is wrong,
and ends with 1.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

MOST_SECONDS = 15
"""Of the processor, that loading a network and running it once may take."""
MOST_WAIT_SECONDS = 300
"""By the clock; only this is limited where the system cannot limit the other."""
MOST_MEMORY_BYTES = 1_500_000_000
"""Beside four times the size of the file; the pretrained networks take 0.4 GB of address space."""
MOST_INPUT_VALUES = 1 << 26
_FREE_SIZE = {"height": 32, "width": 32}
"""Sizes that a network leaves free, by their names; 1 for others."""


def fault_of(path: Path) -> str | None:
    """Return what is wrong with an ONNX network that is loaded and run once, in plain words; None if nothing is.

    Args:
        path: The file.
    """
    words = [sys.executable, "-P", "-m", __name__, str(path), str(MOST_SECONDS)]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=MOST_WAIT_SECONDS, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        return f"it does not come to an end within {MOST_WAIT_SECONDS} s"
    if done.returncode == 0:
        return None
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        return f"it does not come to an end within {MOST_SECONDS} s"
    said = done.stdout.strip().splitlines()
    if done.returncode < 0 or not said:
        return f"it ends the process that runs it (exit code {done.returncode}), perhaps for lack of memory"
    return said[-1]


def _environment() -> dict[str, str]:
    """Return an environment in which the child imports this very package."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])}


def _limit(path: Path, seconds: int) -> None:
    try:
        import resource
    except ImportError:  # Not on Windows, where only the time is limited.
        return
    most = MOST_MEMORY_BYTES + 4 * path.stat().st_size
    memory, time, core = resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_CORE
    for kind, wanted in {memory: (most, most), time: (seconds, seconds + 1), core: (0, 0)}.items():
        _, highest = resource.getrlimit(kind)  # A lower limit that somebody else has set cannot be raised, and stays.
        unlimited = highest == resource.RLIM_INFINITY
        soft, hard = wanted if unlimited else (min(value, highest) for value in wanted)
        resource.setrlimit(kind, (soft, hard))


def _run_once(path: Path) -> None:
    """Load and run the network; ValueError says what is wrong with its sizes or its numbers."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = 1, 1, 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64}
    inputs = {}
    for entry in session.get_inputs():
        shape = [size if isinstance(size, int) and size > 0 else _FREE_SIZE.get(size, 1) for size in entry.shape]
        if entry.type not in types:
            raise ValueError(f"its input {entry.name} has type {entry.type}")
        if np.prod(shape, dtype=float) > MOST_INPUT_VALUES:
            raise ValueError(f"its input {entry.name} has the sizes {' x '.join(map(str, shape))}")
        inputs[entry.name] = np.full(shape, 127, types[entry.type])
    for entry, values in zip(session.get_outputs(), session.run(None, inputs), strict=True):
        if not np.isfinite(values).all():
            raise ValueError(f"its output {entry.name} is not a finite number")


def main() -> None:
    """Try the file that the command line names."""
    path = Path(sys.argv[1])
    try:
        _limit(path, int(sys.argv[2]))
        _run_once(path)
    except Exception as error:  # ONNX Runtime's own tree has no public base but Exception.
        print((str(error).strip() or type(error).__name__).splitlines()[0])
        sys.exit(1)


if __name__ == "__main__":
    main()
