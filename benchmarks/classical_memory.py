"""How much memory the classical systems need to learn from many faces: features are made up, in a file where large.

    python benchmarks/classical_memory.py --faces 415000 --result results/classical_memory.json

Each method runs in a process of its own. "own" is the largest memory that belongs to it alone; "with_file" counts the
pages of the feature file, too, which the system takes back where memory is short. Solvers stop after two rounds, and
JPML and the chains learn two AUs: neither changes the size of what lies in memory. Linux only.
"""

import argparse
import json
import multiprocessing
import shlex
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np

from duchenne.training.classical import chain, methods, svm_by_parts
from duchenne.training.classical.feature_files import FeatureRoom
from duchenne.training.recipes.named import RECIPES
from duchenne.training.run.checkpoints import commit

WIDTHS = {"svm": (49, 128), "jpml": (49, 128), "apl": (64, 59)}
"""Of the features of a face: gradient histograms at landmarks, pattern histograms in cells. fera17 reads points."""
METHODS = (*WIDTHS, "fera17")
BATCH = 512


def memory_gib(key):
    """Return a line of this process's status: RssAnon is its own memory now, VmHWM its largest with mapped files."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition(f"{key}:")[2].split()[0]) / 2**20


class Watch:
    """The largest memory of its own since it was made."""

    def __init__(self):
        self.most_gib, self.on = 0.0, True
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    def _look(self):
        while self.on:
            self.most_gib = max(self.most_gib, memory_gib("RssAnon"))
            time.sleep(0.05)

    def stop(self):
        self.on = False
        self.thread.join()
        return self.most_gib


class FewRounds(chain.pycrfsuite.Trainer):
    """A trainer of chains that stops after two rounds."""

    def set_params(self, params):
        super().set_params(params | {"max_iterations": 2})


def histograms(rng, occurrence, width):
    """Yield features batch after batch; a patch tells the first AU."""
    for start in range(0, len(occurrence), BATCH):
        part = occurrence[start : start + BATCH]
        values = rng.random((len(part), *width), dtype=np.float32)
        values[:, 6] += part[:, :1] * 0.3
        yield values


def geometry(rng, video, frame):
    """Return what the chains read, from made-up landmarks."""
    points = rng.normal(size=(len(video), 49, 2)) + np.arange(98).reshape(49, 2)
    return chain.geometry(points, video, frame).astype(np.float32)


def fit(name, faces, folder):
    """Return the memory of a method on so many faces, in GiB, and its CPU time."""
    rng, watch, start_s = np.random.default_rng(0), Watch(), time.process_time()
    count = min(20_000, faces // 5)
    occurrence = rng.random((faces, 2 if name in ("jpml", "fera17") else 12)) < 0.3
    known = rng.random(occurrence.shape) < 0.98
    video, frame = np.arange(faces) // 500, np.arange(faces) % 500
    room, parts = FeatureRoom(Path(folder) / name), {"train": slice(None), "valid": slice(count)}
    made = {
        part: room.keep(
            [geometry(rng, video[rows], frame[rows])]
            if name == "fera17"
            else histograms(rng, occurrence[rows], WIDTHS[name]),
            len(video[rows]),
            part,
        )
        for part, rows in parts.items()
    }
    train, valid = (
        methods.Learning(made[part], occurrence[rows], known[rows], video[rows], frame[rows])
        for part, rows in parts.items()
    )
    method = RECIPES[name].method
    with mock.patch.object(svm_by_parts, "_ROUNDS", 2), mock.patch.object(chain.pycrfsuite, "Trainer", FewRounds):
        methods.METHODS[type(method)].fit(method, train, valid, 0)
    in_a_file = isinstance(made["train"], np.memmap)
    own = watch.stop()
    return {
        "own_gib": round(own, 2),
        "with_file_gib": round(memory_gib("VmHWM"), 2),
        "features_in_a_file": in_a_file,
        "cpu_s": round(time.process_time() - start_s),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=415_000)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--folder", type=Path, help="where the feature files go; a temporary folder unless given")
    parser.add_argument("--result", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    found = {
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "faces": arguments.faces,
        "methods": {},
    }
    for name in arguments.methods:
        with (
            TemporaryDirectory(dir=arguments.folder) as folder,
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,  # fails if the process is killed
        ):
            found["methods"][name] = pool.submit(fit, name, arguments.faces, folder).result()
        print(name, found["methods"][name], flush=True)
    if arguments.result:
        arguments.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
