"""Two processes that share a batch against one process with the whole batch: gradients, and the steps from them."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import torch

from duchenne.training.recipes.deep import Adadelta
from duchenne.training.run.checkpoints import read_tensors
from test_training import RECIPE

STILL = dataclasses.replace(
    RECIPE,
    network=dataclasses.replace(RECIPE.network, dropout=0.0),
    optimiser=Adadelta(learning_rate=1.0, weight_decay=0.0),
    epochs=1 / 3,
)
"""Two steps without dropout, whose choices differ between processes."""

CODE = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import torch
from duchenne.training.action_units.train import train_au_network
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import silent
from test_processes import STILL
from toy_store import toy_store
if __name__ == "__main__":
    device = DeviceConfig("cpu", devices={devices}, threads=1)
    train_au_network(STILL, toy_store(96), toy_store(32, 1, "b"), Path({folder!r}), silent, device)
    assert torch.get_num_threads() == 1
"""


GRADIENTS = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from duchenne.training.run.checkpoints import write_tensors
from duchenne.training.action_units.task import AUData, au_task
from duchenne.training.run.trainer import Trainer
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import silent
from test_processes import STILL
from toy_store import toy_store
if __name__ == "__main__":
    device = DeviceConfig("cpu", devices={devices}, threads=1)
    trainer = Trainer(Path({folder!r}), device)
    data = AUData(toy_store(96), toy_store(32, 1, "b"))
    task, _ = au_task(STILL, data, trainer.rank, trainer.processes)
    loss, _ = trainer.fabric.setup(task.loss, task.optimiser)
    inputs, labels = task.batch(0)
    assert len(inputs[0]) == STILL.batch // {devices}
    total = sum(loss(inputs, labels).values())
    trainer.fabric.backward(total)
    shared = trainer.fabric.all_reduce(total.detach(), reduce_op="mean").reshape(1)
    if trainer.rank == 0:
        found = {{name: values.grad for name, values in task.network.named_parameters()}} | {{"loss": shared}}
        write_tensors(Path({folder!r}) / "network.safetensors", found, {{}})
    trainer.close()
"""


def trained(folder: Path, devices: int, code: str = CODE) -> dict[str, torch.Tensor]:
    script = folder.with_suffix(".py")
    script.write_text(code.format(tests=str(Path(__file__).parent), folder=str(folder), devices=devices))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    return read_tensors(folder / "network.safetensors")[0]


def test_two_processes_take_the_steps_of_one_with_the_whole_batch(tmp_path):
    one, two = trained(tmp_path / "one", 1), trained(tmp_path / "two", 2)
    for name, values in one.items():
        torch.testing.assert_close(two[name], values, rtol=0, atol=1e-6, msg=name)


def test_two_processes_give_the_loss_and_the_gradients_of_one_with_twice_the_batch(tmp_path):
    assert not STILL.network.batch_norm
    one, two = trained(tmp_path / "one", 1, GRADIENTS), trained(tmp_path / "two", 2, GRADIENTS)
    assert set(one) == set(two) >= {"loss", "shared.weight", "patch_layers.0.weight", "output.weight", "scale.steps"}
    for name, values in one.items():
        assert values.abs().max() > 1e-5, name
        torch.testing.assert_close(two[name], values, rtol=0, atol=1e-6, msg=name)
