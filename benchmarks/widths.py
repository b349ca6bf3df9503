"""Half and double the widths of `COMPACT`: what do they cost, and what do they reach after the same training?

    python benchmarks/widths.py --result results/widths.json
    python benchmarks/widths.py --result results/widths.json --train TRAIN --valid VALID --work WORK [--epochs 5]

TRAIN and VALID are stores of `duchenne prepare` with different subjects. Times are processor times of one thread in
ONNX Runtime, the least of many faces. The second command adds scores to what the first wrote; it goes on where it
stopped.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from duchenne.datasets.store import PreparedStore
from duchenne.networks.region import COMPACT, PatchLayer, RegionNetwork, multiply_accumulates, parameter_count
from duchenne.training.action_units.onnx_export import description, export_network
from duchenne.training.data.dataset import FaceDataset
from duchenne.training.recipes.deep import RECIPES
from duchenne.training.run.checkpoints import commit
from duchenne.training.run.device import DeviceConfig
from duchenne.training.systems import train_system

FACTORS = {"half": 0.5, "compact": 1.0, "double": 2.0}


def scaled(factor):
    """Return `COMPACT` with so many times as many maps and units."""
    return replace(
        COMPACT,
        shared_channels=round(COMPACT.shared_channels * factor),
        patch_layers=tuple(
            PatchLayer(round(layer.channels * factor), layer.kernel, layer.stride) for layer in COMPACT.patch_layers
        ),
        widths=tuple(round(width * factor) for width in COMPACT.widths),
        shape_width=round(COMPACT.shape_width * factor),
    )


def least_ms(path, seconds):
    """Return the least processor time for one face."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    rng, side = np.random.default_rng(0), COMPACT.layout.side_px
    windows = rng.integers(0, 256, (1, COMPACT.patches, side, side, 3), dtype=np.uint8)
    given = {"windows": windows, "shape": rng.normal(size=(1, 49, 3)).astype(np.float32)}
    least, end_s = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        start_s = time.thread_time()
        session.run(None, given)
        least = min(least, time.thread_time() - start_s)
    return round(1000 * least, 3)


def costs(seconds):
    """Return what each size costs; weights are untrained."""
    found = {}
    for name, factor in FACTORS.items():
        config = scaled(factor)
        network = RegionNetwork(config).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "au.onnx"
            thresholds = np.full(len(config.aus), 0.5)
            export_network(network, description(network, thresholds, np.zeros((49, 3)), {}), path)
            found[name] = {
                "parameters": parameter_count(network),
                "million_multiply_accumulates": round(multiply_accumulates(config) / 1e6, 1),
                "onnx_bytes": path.stat().st_size,
                "processor_ms_per_face": least_ms(path, seconds),
            }
        print(name, found[name], flush=True)
    return found


def trained(name, train, valid, work, epochs):
    """Return what a size reaches on the faces of VALID by the recipe `compact`, and its training's processor time."""
    recipe = replace(RECIPES["compact"], network=scaled(FACTORS[name]), epochs=epochs, validate_every=epochs)
    stores = [FaceDataset([PreparedStore(folder, recipe.reduction)]) for folder in (train, valid)]
    start_s = time.process_time()
    system = train_system(recipe, *stores, work / name, lambda progress: None, DeviceConfig("cpu", threads=1))
    return {
        "epochs": epochs,
        "faces": [len(store) for store in stores],
        "mean_area_under_roc": round(system.metadata["validation_score"], 4),
        "processor_minutes": round((time.process_time() - start_s) / 60, 1),
        "commit": commit(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    for name in ("train", "valid", "work"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--epochs", type=float, default=5.0)
    metadata = parser.parse_args()
    torch.set_num_threads(1)
    if metadata.train is None:
        found = {
            "what": "COMPACT with half and double its maps and units: costs, and scores after the same training.",
            "command": "python benchmarks/widths.py --result results/widths.json, then the same with --train ...",
            "commit": commit(),
            "onnxruntime": onnxruntime.__version__,
            "sizes": costs(metadata.seconds),
        }
        metadata.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return
    for name in FACTORS:
        reached = trained(name, metadata.train, metadata.valid, metadata.work, metadata.epochs)
        found = json.loads(metadata.result.read_text(encoding="utf-8"))
        found["sizes"][name]["trained"] = reached
        metadata.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, reached, flush=True)


if __name__ == "__main__":
    main()
