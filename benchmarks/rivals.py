"""Train recipes on prepared stores and score them on another one: is each clearly above calling every face positive?

    python benchmarks/rivals.py TRAIN VALID TEST WORK --result results/rivals.json [--epochs 8] [NAME ...]

TRAIN, VALID and TEST are stores of `duchenne prepare` with different subjects. Thresholds come from VALID. The result
file keeps what is in it and replaces the recipes that were run.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from duchenne.datasets.store import PreparedStore
from duchenne.facs import AU_NAMES
from duchenne.measures.ranking import area_under_roc, best_threshold
from duchenne.training.checkpoints import commit
from duchenne.training.machine import Machine
from duchenne.training.progress import silent
from duchenne.training.recipes import RECIPES, DeepRecipe
from duchenne.training.systems import train_system


def f1(truth, called):
    return 2 * float((truth & called).sum()) / float(truth.sum() + called.sum())


def judged(system, valid, test):
    chosen, scored, by_au = system.scores(valid), system.scores(test), {}
    for column, name in enumerate(system.aus):
        row = AU_NAMES.index(name)
        v, t = np.asarray(valid.known[:, row]), np.asarray(test.known[:, row])
        threshold = best_threshold(np.asarray(valid.occurrence[v, row]), chosen[v, column])
        truth = np.asarray(test.occurrence[t, row])
        by_au[name] = {
            "positives": int(truth.sum()),
            "negatives": int((~truth).sum()),
            "aroc": round(area_under_roc(truth, scored[t, column]), 4),
            "f1": round(f1(truth, scored[t, column] >= threshold), 4),
            "f1_all_positive": round(f1(truth, np.ones_like(truth)), 4),
        }
    means = {
        key: round(float(np.mean([v[key] for v in by_au.values()])), 4) for key in ("aroc", "f1", "f1_all_positive")
    }
    return {"mean": means, "aus": by_au}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "valid", "test", "work"):
        parser.add_argument(name, type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--result", type=Path, default=Path("results/rivals.json"))
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    found = json.loads(told.result.read_text()) if told.result.exists() else {"systems": {}}
    for name in told.names or RECIPES:
        recipe = RECIPES[name]
        if isinstance(recipe, DeepRecipe):
            recipe = replace(recipe, epochs=told.epochs, batch=told.batch)
        stores = [PreparedStore(folder, recipe.reduction) for folder in (told.train, told.valid, told.test)]
        start_s = time.perf_counter()
        system = train_system(recipe, *stores[:2], told.work / name, silent, Machine("cpu", threads=told.threads))
        minutes = (time.perf_counter() - start_s) / 60
        found |= {
            "what": "rendered stills; thresholds from validation subjects; f1_all_positive calls every face positive",
            "command": "python benchmarks/rivals.py TRAIN VALID TEST WORK NAME --epochs E --batch B --threads T",
            "faces": dict(zip(("train", "valid", "test"), map(len, stores), strict=True)),
            "fingerprints": [store.fingerprint for store in stores],
        }
        settings = {"epochs": told.epochs, "batch": told.batch} if isinstance(recipe, DeepRecipe) else {}
        found["systems"][name] = {
            **settings,
            "threads": told.threads,
            "minutes": round(minutes, 1),
            "commit": commit(),
            **judged(system, *stores[1:]),
        }
        told.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, f"{minutes:.1f} min", found["systems"][name]["mean"], flush=True)


if __name__ == "__main__":
    main()
