"""Time the preparation of a data set with one worker and with two, and the reading of the store.

    duchenne render /tmp/stills --count 1000
    python benchmarks/prepare.py /tmp/stills

A first run warms the disk's cache and is not counted. The speed-up is clock against clock. Where other work runs on the
machine it says little: then compare the CPU seconds of the workers, printed beside, which other work changes less: if
two workers together need as many CPU seconds as one alone, nothing but a lack of cores keeps them from twice the speed.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from duchenne.datasets.loaders import load
from duchenne.datasets.prepare import prepare
from duchenne.datasets.store import PreparedStore

BATCH = 128


def cpu_s() -> float:
    """Return the CPU seconds of this process and of those of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def preparation(source: Path, folder: Path, workers: int) -> dict[str, float]:
    """Return clock and CPU seconds of a preparation, and faces and frames."""
    release = load(source)
    clock, cpu = time.perf_counter(), cpu_s()
    report = prepare([release], folder, workers=workers)
    spent = {"clock_s": time.perf_counter() - clock, "cpu_s": cpu_s() - cpu}
    frames = report["labelled"]
    return spent | {"frames": frames, "faces": report["kept"], "frames_per_cpu_s": frames / spent["cpu_s"]}


def reading(folder: Path, reduction: int) -> float:
    """Return how many faces a CPU second decodes in random order."""
    store, rng = PreparedStore(folder, reduction), np.random.default_rng(0)
    rows = rng.permutation(len(store))
    store.crops(rows[:BATCH])
    cpu = time.process_time()
    for start in range(0, len(rows), BATCH):
        store.crops(rows[start : start + BATCH])
    return len(rows) / (time.process_time() - cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder of a data set, with some hundred frames")
    source = parser.parse_args().source
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        preparation(source, folder / "warm", 2)
        runs = {workers: preparation(source, folder / f"{workers}", workers) for workers in (1, 2)}
        report = {
            "speed_up_by_clock": runs[1]["clock_s"] / runs[2]["clock_s"],
            "cpu_of_two_workers_over_that_of_one": runs[2]["cpu_s"] / runs[1]["cpu_s"],
            "one_worker": runs[1],
            "two_workers": runs[2],
            "bytes_per_face": (folder / "1" / "crops.bin").stat().st_size / runs[1]["faces"],
            "faces_read_per_cpu_s": {reduction: reading(folder / "1", reduction) for reduction in (1, 2)},
        }
    print(json.dumps(report, indent=2, default=float))


if __name__ == "__main__":
    main()
