"""How fast the region network runs and trains: a loop over separate modules against one grouped convolution.

    python benchmarks/networks.py --size compact paper --batch 1 32 128 --threads 1 --result results/networks.json

Each line gives milliseconds, the ratio to the loop in float32 of the same size and batch, and the share of this
machine's own matrix-product rate in that precision. Training steps include loss, gradient and optimiser, but no
augmentation.
"""

import argparse
import json
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from torch.nn import functional

from duchenne.facs import PAPER_AUS
from duchenne.networks.region import COMPACT, PAPER, RegionNetwork
from duchenne.training.action_units.losses import masked_cross_entropy
from duchenne.training.run.checkpoints import commit
from duchenne.training.run.memory import keep_freed_memory

SIZES = {"compact": COMPACT, "paper": replace(PAPER, aus=PAPER_AUS)}


class Looped(RegionNetwork):
    """The reference: each patch's layers run by themselves."""

    def patch_maps(self, planes):
        maps = torch.relu(self.shared(planes.flatten(0, 1))).unflatten(0, planes.shape[:2])
        out = [maps[:, patch] for patch in range(self.config.patches)]
        for layer in self.patch_layers:
            filters = layer[0] if self.config.batch_norm else layer
            share = filters.out_channels // filters.groups
            for patch, values in enumerate(out):
                own = slice(patch * share, (patch + 1) * share)
                bias = None if filters.bias is None else filters.bias[own]
                values = functional.conv2d(values, filters.weight[own], bias, filters.stride)
                if self.config.batch_norm:
                    norm = layer[1]
                    values = functional.batch_norm(values, None, None, norm.weight[own], norm.bias[own], True)
                out[patch] = torch.relu(values)
        return torch.cat(out, 1)


def best_ms(call, least_s=1.0, rounds=3):
    call()
    times, start_s = [], time.perf_counter()
    while len(times) < rounds or time.perf_counter() - start_s < least_s:
        before_s = time.perf_counter()
        call()
        times.append(time.perf_counter() - before_s)
        if time.perf_counter() - start_s > 20 and times:
            break
    return 1000 * min(times)


def rate(kind):
    square = torch.randn(1024, 1024).to(kind)
    return 2 * 1024**3 / best_ms(lambda: square @ square) / 1e6


def measure(size, batch, kind, network_class):
    config = SIZES[size]
    torch.manual_seed(0)
    network = network_class(config).train()
    side = config.layout.side_px
    windows = torch.randint(0, 256, (batch, config.patches, side, side, 3), dtype=torch.uint8)
    shape = torch.randn(batch, 49, 3) if config.shape_width else None
    occurrence = torch.rand(batch, len(config.aus)) < 0.3
    known, weight = torch.ones_like(occurrence), torch.ones(len(config.aus))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=True)

    def forward():
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            network(windows, shape)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == torch.bfloat16):
            logits = network(windows, shape)
        optimiser.zero_grad()
        masked_cross_entropy(logits.float(), occurrence, known, weight).backward()
        optimiser.step()

    return best_ms(forward), best_ms(step)


def compared(size, batch, rates):
    """Yield what a loop and the grouped layers take, in either precision."""
    products = 2 * SIZES[size].multiply_accumulates() * batch / 1e9
    base = None
    for kind, own_rate in rates.items():
        for name, network_class in (("loop", Looped), ("grouped", RegionNetwork)):
            forward, step = measure(size, batch, kind, network_class)
            base = base or (forward, step)
            yield {
                "size": size,
                "batch": batch,
                "layers": name,
                "precision": str(kind)[6:],
                "forward_ms": round(forward, 2),
                "forward_times_loop": round(base[0] / forward, 2),
                "forward_share_of_rate": round(products / forward * 1000 / own_rate, 3),
                "step_ms": round(step, 2),
                "step_times_loop": round(base[1] / step, 2),
                "step_share_of_rate": round(3 * products / step * 1000 / own_rate, 3),
                "step_images_per_s": round(batch / step * 1000, 1),
            }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32, 128])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--result", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    rates = {kind: rate(kind) for kind in (torch.float32, torch.bfloat16)}
    found = {
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "torch": torch.__version__,
        "matrix_product_gflop_per_s": {str(kind)[6:]: round(value) for kind, value in rates.items()},
        "lines": [],
    }
    print(f"{arguments.threads} threads; matrix product GFLOP/s:", found["matrix_product_gflop_per_s"], flush=True)
    for size in arguments.size:
        for batch in arguments.batch:
            for line in compared(size, batch, rates):
                found["lines"].append(line)
                print(*(f"{key} {value}" for key, value in line.items()), sep=", ", flush=True)
                if arguments.result:
                    arguments.result.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
