"""Train recipes on prepared stores and score them on another one: is each clearly above calling every face positive?

    python benchmarks/rivals.py TRAIN VALID TEST WORK [NAME ...] --result results/rivals.json [--epochs 8] [--small]

TRAIN, VALID and TEST are stores of `duchenne prepare` with different subjects. Thresholds come from VALID. The result
file keeps what is in it and replaces the recipes that were run; a run that was stopped goes on. With --small, networks
whose published size takes hours on a CPU keep layers, order and what defines them, at half the picture's scale and with
narrower layers, and learn by AdamW with one cycle.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from duchenne.alignment import CROP_SIDE_PX
from duchenne.datasets.store import PreparedStore
from duchenne.facs import AU_NAMES, PAPER_AUS
from duchenne.measures.ranking import area_under_roc, best_threshold
from duchenne.networks.region_config import PatchLayer, RegionConfig
from duchenne.networks.rival_config import AlexNetConfig, ConvNetConfig, DrmlConfig
from duchenne.patches import PatchLayout
from duchenne.training.checkpoints import commit, plain
from duchenne.training.machine import Machine
from duchenne.training.recipes import RECIPES, AdamW, DeepRecipe
from duchenne.training.stores import JoinedStore
from duchenne.training.systems import train_system

LAYERS = (PatchLayer(32, 3, 2), PatchLayer(16, 3), PatchLayer(16, 3, 2), PatchLayer(8, 1))
REGION = RegionConfig(PAPER_AUS, PatchLayout(side_px=28, reduction=2), False, 16, 5, LAYERS, (256,))
DRML = DrmlConfig(channels=16, widths=(512, 256), side_px=90)
SMALL = {
    "paper": REGION,
    "grid": replace(REGION, grid=True),
    "convnet": ConvNetConfig(
        shared_channels=16, shared_kernel=5, layers=LAYERS, widths=(256,), side_px=CROP_SIDE_PX // 2
    ),
    "drml": DRML,
    "drml-convnet": replace(DRML, middle="none"),
    "lcn": replace(DRML, middle="local"),
    "alexnet": AlexNetConfig(channels=(32, 64, 96, 64, 64), width=512, side_px=131),
}


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


def said(progress):
    if progress.step % 50 == 0 or progress.step == progress.steps:
        print(progress, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "valid", "test", "work"):
        parser.add_argument(name, type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--result", type=Path, default=Path("results/rivals.json"))
    parser.add_argument("--epochs", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true")
    told = parser.parse_args()
    torch.set_num_threads(told.threads)
    found = json.loads(told.result.read_text()) if told.result.exists() else {"systems": {}}
    for word in told.names or (SMALL if told.small else RECIPES):
        recipe, name = RECIPES[word], f"{word}-small" if told.small else word
        if isinstance(recipe, DeepRecipe):
            recipe = replace(recipe, epochs=told.epochs, batch=told.batch)
        if told.small:
            recipe = replace(recipe, network=SMALL[word], optimiser=AdamW(learning_rate=1e-3))
        stores = [
            JoinedStore([PreparedStore(folder, recipe.reduction)]) for folder in (told.train, told.valid, told.test)
        ]
        start_s = time.perf_counter()
        system = train_system(recipe, *stores[:2], told.work / name, said, Machine("cpu", threads=told.threads))
        minutes = (time.perf_counter() - start_s) / 60
        found |= {
            "what": "rendered stills; thresholds from validation subjects; f1_all_positive calls every face positive",
            "command": "python benchmarks/rivals.py TRAIN VALID TEST WORK NAME --epochs E --batch B --threads T",
            "faces": dict(zip(("train", "valid", "test"), map(len, stores), strict=True)),
            "fingerprints": [store.fingerprint for store in stores],
        }
        settings = {}
        if isinstance(recipe, DeepRecipe):
            settings = {"epochs": told.epochs, "batch": told.batch, "recipe": plain(recipe)}
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
