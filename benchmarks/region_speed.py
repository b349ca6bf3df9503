"""How fast region networks and the paper's convnet are in float32, by each way of filtering, against the first way.

    python benchmarks/region_speed.py --result results/region_speed.json

with ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 in the environment for a processor that has no more.

The ways take turns in one process, so that whatever else the machine does meets all of them; times are CPU time, the
median of the rounds. A training step includes loss, gradient and the recipe's optimiser. Peak memory is that of a
process of its own that makes two steps. The result file keeps what it holds of other sizes.
"""

import argparse
import json
import multiprocessing
import os
import platform
import shlex
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from duchenne.facs import PAPER_AUS
from duchenne.networks.baseline_config import ConvNetConfig
from duchenne.networks.build import build_network
from duchenne.networks.region import COMPACT, PAPER, RegionNetwork
from duchenne.networks.symmetric_config import SymmetricConfig
from duchenne.training.action_units.losses import masked_cross_entropy
from duchenne.training.run.checkpoints import commit
from duchenne.training.run.memory import keep_freed_memory
from duchenne.training.run.optimisers import PartwiseAdadelta
from networks import Looped

WAYS = ("loop", "direct", "tiled", "compiled")
SIZES = {
    "paper": replace(PAPER, aus=PAPER_AUS),
    "convnet": ConvNetConfig(),
    "compact": COMPACT,
    "symmetric": SymmetricConfig(),
}
OF_THE_PAPER = ("paper", "convnet")


class Bench:
    """One network that filters this way or that."""

    def __init__(self, batch, size="paper"):
        torch.manual_seed(0)
        config = SIZES[size]
        self.network = build_network(config).train()
        view = config.view
        side = view.side_px if view.layout is None else view.layout.side_px
        patches = () if view.layout is None else (config.patches,)
        pixels = torch.randint(0, 256, (batch, *patches, side, side, 3), dtype=torch.uint8)
        self.inputs = (pixels, torch.randn(batch, 49, 3)) if view.shape else (pixels,)
        self.occurrence = torch.rand(batch, len(config.aus)) < 0.3
        learned = self.network.parameters()
        if size in OF_THE_PAPER:
            self.optimiser = PartwiseAdadelta(learned, lr=1e-3, rho=0.95, weight_decay=5e-4)
        else:
            self.optimiser = torch.optim.AdamW(learned, lr=1e-4, fused=True)

    def take(self, way):
        if isinstance(self.network, RegionNetwork):
            self.network.__class__ = Looped if way == "loop" else RegionNetwork
        self.network.convolution = "direct" if way == "loop" else way

    def forward(self):
        with torch.no_grad():
            self.network(*self.inputs)

    def step(self):
        logits = self.network(*self.inputs)
        self.optimiser.zero_grad()
        known, weight = torch.ones_like(self.occurrence), torch.ones(self.occurrence.shape[1])
        masked_cross_entropy(logits, self.occurrence, known, weight).backward()
        self.optimiser.step()


def cpu_s(call):
    before_s = time.process_time()
    call()
    return time.process_time() - before_s


def peak_gib(*settings):
    """Return the peak memory of a process of its own (Linux); a process that is killed is an error, not a wait."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_own_peak_gib, *settings).result()


def _own_peak_gib(way, batch, threads, size="paper"):
    torch.set_num_threads(threads)
    keep_freed_memory()
    bench = Bench(batch, size)
    bench.take(way)
    for _ in range(2):
        bench.step()
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # getrusage would count the parent's peak, too
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 2**20, 2)


def processor():
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if sys.platform == "linux" else []
    named = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines if ":" in line}
    return {
        "name": named.get("model name", platform.processor()),
        "has_avx512": "avx512f" in named.get("flags", "").split(),
        "used_by_torch": torch.backends.cpu.get_cpu_capability(),
        "used_by_onednn": os.environ.get("ONEDNN_MAX_CPU_ISA", "all"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="paper")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", nargs="*", choices=WAYS, default=["compiled"], help="ways whose memory is measured")
    parser.add_argument("--result", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()
    bench, times = Bench(arguments.batch, arguments.size), {}
    for _ in range(arguments.rounds):
        for way in arguments.ways:
            bench.take(way)
            for name in ("forward", "step"):
                times.setdefault((way, name), []).append(cpu_s(getattr(bench, name)))
                print(way, name, round(times[way, name][-1], 2), "s", flush=True)
    found = {
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "torch": torch.__version__,
        "processor": processor(),
        "threads": arguments.threads,
        "batch": arguments.batch,
        "ways": {},
    }
    for way in arguments.ways:
        line = {}
        for name in ("forward", "step"):
            middle = statistics.median(times[way, name])
            line[f"{name}_cpu_s"] = [round(value, 2) for value in times[way, name]]
            line[f"{name}_times_{arguments.ways[0]}"] = round(
                statistics.median(times[arguments.ways[0], name]) / middle, 2
            )
        if way in arguments.memory:
            line["peak_gib"] = peak_gib(way, arguments.batch, arguments.threads, arguments.size)
        found["ways"][way] = line
        print(way, line, flush=True)
    if arguments.result:
        kept = json.loads(arguments.result.read_text(encoding="utf-8")) if arguments.result.exists() else {}
        kept[arguments.size] = found
        arguments.result.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
