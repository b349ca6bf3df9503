"""Two machines train one network (torchrun, gloo) in two network namespaces, with the loss of one process.

Needs root, iproute2 and duchenne[train,test]; `make nodes` runs it. The loss of each step is compared with that of one
process with the whole batch: of a training that nothing disturbs, and of one whose second machine is killed in the
middle and started again. Prints what was compared; exit code 0 if all holds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from namespaces import ADDRESSES, inside, kill, namespaces

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
    """Start the trainer of one machine under torchrun, which waits for another machine when it has lost one."""
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint={ADDRESSES[0]}:{PORT}", "--rdzv-id=duchenne"]
    common = ["--nnodes=2", "--nproc-per-node=1", "--max-restarts=3", f"--local-addr={ADDRESSES[k]}"]
    common.append(f"--rdzv-conf=is_host={int(k == 0)}")  # Torch does not see that the address is of this namespace.
    command = [sys.executable, "-m", "torch.distributed.run", *rendezvous, *common, str(program), str(folder), *asked]
    # Without it the first machine tells one that comes later nothing of where to meet, and both wait in vain.
    told = {**environment(), "GLOO_SOCKET_IFNAME": f"duchenne{k}", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
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


def compared(what: str, folder: Path, one: dict[int, float]) -> bool:
    """Compare each step with one process; of a step that was made again, the last time counts."""
    two = {round(step): loss for step, loss in losses(folder)}
    if two.keys() != one.keys():
        print(f"{what}: steps {sorted(two)}, of one process {sorted(one)}", flush=True)
        return False
    worst = max(abs(one[step] - two[step]) for step in one)
    print(f"{what}: losses of {len(one)} steps differ from those of one process by {worst:.1e} at most", flush=True)
    return len(one) > 3 and worst <= MOST_DIFFERENCE


def ended(runs: list[subprocess.Popen], folder: Path, limit_s: float) -> None:
    wait_until(lambda: all(run.poll() is not None for run in runs), limit_s, folder)
    if any(run.returncode for run in runs):
        raise SystemExit(f"The training of two machines failed.\n{logs(folder)}")


def undisturbed(program: Path, folder: Path, limit_s: float) -> None:
    """Train on two machines."""
    ended([start(k, program, folder, "2", "1", "0") for k in (0, 1)], folder, limit_s)


def killed(program: Path, folder: Path, limit_s: float) -> None:
    """Train on two machines; kill all processes of the second in the middle, and start it again."""
    asked = ("2", "1", "3")  # Steps are slow, and each is kept, so that there is a middle.
    first, second = (start(k, program, folder, *asked) for k in (0, 1))
    wait_until(lambda: len(losses(folder)) > 2 or first.poll() is not None, limit_s, folder)
    print(f"{len(losses(folder))} steps made; {kill(1)} processes of the second machine killed", flush=True)
    second.wait()
    time.sleep(5)
    ended([first, start(1, program, folder, *asked)], folder, limit_s)
    print(f"steps in the order in which they were made: {[round(step) for step, _ in losses(folder)]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for each step")
    limit_s = parser.parse_args().limit
    with tempfile.TemporaryDirectory(prefix="trainers") as name, namespaces():
        folder = Path(name)
        program = folder / "train.py"
        program.write_text(PROGRAM)
        subprocess.run(
            [sys.executable, str(program), str(folder / "one"), "1", "1", "0"], env=environment(), check=True
        )
        one = {round(step): loss for step, loss in losses(folder / "one")}
        undisturbed(program, folder / "two", limit_s)
        held = [compared("two machines", folder / "two", one)]
        killed(program, folder / "killed", limit_s)
        held.append(compared("one of them killed and started again", folder / "killed", one))
    print("holds" if all(held) else "DOES NOT HOLD", flush=True)
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
