"""Two machines train one network (torchrun, gloo) in two network namespaces, with the loss of one process.

Needs root, iproute2 and duchenne[train,test]; `make nodes` runs it. The loss of each step is compared with that of one
process with the whole batch. Prints what was compared; exit code 0 if all holds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from namespaces import ADDRESSES, inside, namespaces

ROOT = Path(__file__).parents[1]
PORT, MOST_DIFFERENCE = 29_500, 1e-5
PROGRAM = """
import dataclasses, json, sys, time
from pathlib import Path
import torch
from duchenne.training.action_units.train import train_au_network
from duchenne.training.run import trainer
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import silent
from test_processes import STILL
from toy_store import toy_store

folder, nodes, epochs, pause_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
note = trainer._Run._note

def and_tell(run, loss):
    shared = run.fabric.all_reduce(torch.tensor(loss), reduce_op="mean")
    if run.trainer.rank == 0:
        with (folder / "losses.jsonl").open("a") as file:
            print(json.dumps([run.state.step, float(shared)]), file=file)
    time.sleep(pause_s)
    note(run, loss)

trainer._Run._note = and_tell
folder.mkdir(exist_ok=True)
recipe = dataclasses.replace(STILL, epochs=epochs, keep_every_s=0.0 if pause_s else 60.0)
device = DeviceConfig("cpu", devices=1, nodes=nodes, threads=1)
train_au_network(recipe, toy_store(96), toy_store(32, 1, "b"), folder, silent, device)
"""


def environment() -> dict[str, str]:
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}


def start(k: int, program: Path, folder: Path, *asked: str) -> subprocess.Popen:
    """Start the trainer of one machine under torchrun, which ends where another was lost."""
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint={ADDRESSES[0]}:{PORT}", "--rdzv-id=duchenne"]
    common = ["--nnodes=2", "--nproc-per-node=1", "--max-restarts=0", f"--local-addr={ADDRESSES[k]}"]
    common.append(f"--rdzv-conf=is_host={int(k == 0)}")  # Torch does not see that the address is of this namespace.
    command = [sys.executable, "-m", "torch.distributed.run", *rendezvous, *common, str(program), str(folder), *asked]
    told = {**environment(), "GLOO_SOCKET_IFNAME": f"duchenne{k}"}
    log = (folder.parent / f"{folder.name}-{k}-{time.monotonic_ns()}.log").open("w")
    return subprocess.Popen(inside(k, command), env=told, stdout=log, stderr=log)


def losses(folder: Path) -> list[list[float]]:
    path = folder / "losses.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [[float(word) for word in line.strip("[]").split(",")] for line in lines]


def wait_until(holds, limit_s: float, folder: Path) -> None:
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"Not so after {limit_s:g} s.\n{logs(folder)}")
        time.sleep(0.2)


def logs(folder: Path) -> str:
    return "\n".join(path.read_text()[-3000:] for path in sorted(folder.parent.glob(f"{folder.name}*.log")))


def same_losses(program: Path, folder: Path, limit_s: float) -> bool:
    """Train without a loss of machines; compare each step with one process."""
    asked = ("2", "1", "0")
    both = [start(k, program, folder / "two", *asked) for k in (0, 1)]
    wait_until(lambda: all(run.poll() is not None for run in both), limit_s, folder / "two")
    if any(run.returncode for run in both):
        raise SystemExit(f"The training of two machines failed.\n{logs(folder / 'two')}")
    command = [sys.executable, str(program), str(folder / "one"), "1", "1", "0"]
    subprocess.run(command, env=environment(), check=True)
    pairs = list(zip(losses(folder / "one"), losses(folder / "two"), strict=True))
    worst = max(abs(one[1] - two[1]) for one, two in pairs)
    print(f"{len(pairs)} steps: losses of two machines and of one process differ by {worst:.1e} at most", flush=True)
    return len(pairs) > 3 and worst <= MOST_DIFFERENCE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for each step")
    limit_s = parser.parse_args().limit
    with tempfile.TemporaryDirectory(prefix="trainers") as name, namespaces():
        folder = Path(name)
        program = folder / "train.py"
        program.write_text(PROGRAM)
        held = [same_losses(program, folder, limit_s)]
    print("holds" if all(held) else "DOES NOT HOLD", flush=True)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
