"""Time the preparation of a data set with one worker and with two, and the reading of the store.

    duchenne render /tmp/stills --count 2000
    python benchmarks/prepare.py /tmp/stills

The speed-up is clock against clock. Where other work runs on the machine the clock says little; the CPU seconds of the
parent and of the workers together, printed beside, say what two free cores would give: the workers share theirs, the
parent's come on top. What a worker needs to start (imports, loading the networks) is in its seconds.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import prepare
from duchenne.datasets.store import PreparedStore

BATCH = 128


def cpu_s(who: int) -> float:
    """Return CPU seconds of this process or of those of its children that have ended."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def preparation(source: Path, folder: Path, workers: int) -> dict[str, float]:
    """Return clock and CPU seconds of a preparation, and faces and frames."""
    own, children = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    clock, parent, others = time.perf_counter(), cpu_s(own), cpu_s(children)
    report = prepare([load(source)], folder, workers=workers)
    spent = {"clock_s": time.perf_counter() - clock}
    spent |= {"parent_cpu_s": cpu_s(own) - parent, "workers_cpu_s": cpu_s(children) - others}
    return spent | {"frames": report["labelled"], "faces": report["kept"]}


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
    parser.add_argument("source", type=Path, help="folder of a data set, with some thousand frames")
    source = parser.parse_args().source
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one, two = (preparation(source, folder / f"{workers}", workers) for workers in (1, 2))
        report = {
            "speed_up_by_clock": one["clock_s"] / two["clock_s"],
            "speed_up_on_two_free_cores": one["parent_cpu_s"] / (two["parent_cpu_s"] + two["workers_cpu_s"] / 2),
            "frames_per_cpu_s": one["frames"] / one["parent_cpu_s"],
            "one_worker": one,
            "two_workers": two,
            "bytes_per_face": (folder / "1" / "crops.bin").stat().st_size / one["faces"],
            "faces_read_per_cpu_s": {reduction: reading(folder / "1", reduction) for reduction in (1, 2)},
        }
    print(json.dumps(report, indent=2, default=float))


if __name__ == "__main__":
    main()
