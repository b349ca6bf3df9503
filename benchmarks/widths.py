"""Half and double the widths of `COMPACT`: what do they cost?

    python benchmarks/widths.py --result results/widths.json

Times are processor times of one thread in ONNX Runtime, the least of many faces; weights are untrained.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime

from duchenne.networks.region import COMPACT, PatchLayer, RegionNetwork, multiply_accumulates, parameter_count
from duchenne.training.checkpoints import commit
from duchenne.training.export import description, export_network

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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    told = parser.parse_args()
    found = {
        "what": "COMPACT with half and double its maps and units: costs. What each reaches was not compared.",
        "command": "python benchmarks/widths.py --result results/widths.json",
        "commit": commit(),
        "onnxruntime": onnxruntime.__version__,
        "sizes": {},
    }
    for name, factor in FACTORS.items():
        config = scaled(factor)
        network = RegionNetwork(config).eval()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "au.onnx"
            thresholds = np.full(len(config.aus), 0.5)
            export_network(network, description(network, thresholds, np.zeros((49, 3)), {}), path)
            found["sizes"][name] = {
                "parameters": parameter_count(network),
                "million_multiply_accumulates": round(multiply_accumulates(config) / 1e6, 1),
                "onnx_bytes": path.stat().st_size,
                "processor_ms_per_face": least_ms(path, told.seconds),
            }
        print(name, found["sizes"][name], flush=True)
    told.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
