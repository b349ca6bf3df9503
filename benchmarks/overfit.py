"""Does the paper's network learn 64 rendered faces by heart, with the paper's dropout and loss?

    duchenne render stills --protocol stills --count 80 --seed 77
    duchenne prepare stills --out overfit.store
    python benchmarks/overfit.py overfit.store WORK --result results/overfit.json

AdamW with a constant rate, since the paper's Adadelta begins with small steps and needs many more of them. Dropout is
off when faces are judged, at probability .5. A run that was stopped goes on from its last checkpoint.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from duchenne.datasets.store import PreparedStore
from duchenne.networks.build import build_network
from duchenne.networks.region import parameter_count
from duchenne.training.action_units.losses import LossModule
from duchenne.training.data.inputs import InputReader
from duchenne.training.data.labels import LabelReader
from duchenne.training.recipes.deep import RECIPES
from duchenne.training.run.checkpoints import (
    commit,
    load_optimiser,
    optimiser_tensors,
    plain,
    read_tensors,
    write_tensors,
)
from duchenne.training.run.memory import keep_freed_memory

FACES, RATE = 64, 2e-4


def f1_by_au(network, inputs, labels, aus):
    """Return F1 of each AU that is present somewhere, and the number of wrong calls of all AUs."""
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        logits = torch.cat([network(inputs[k : k + 16]).float() for k in range(0, len(inputs), 16)])
    called, truth = (logits > 0) & labels.known, labels.occurrence & labels.known
    hits = 2 * (called & truth).sum(0) / (called.sum(0) + truth.sum(0)).clamp(min=1)
    network.train()
    return {au: round(float(hits[k]), 4) for k, au in enumerate(aus) if truth[:, k].any()}, int((called != truth).sum())


class Run:
    """The network, its faces and how far it is."""

    def __init__(self, store, folder, batch):
        self.recipe, self.batch, self.checkpoint = RECIPES["paper"], batch, folder / "checkpoint.safetensors"
        rows, aus = np.arange(FACES), self.recipe.aus
        self.labels = LabelReader(store, aus).read(rows, np.zeros(FACES, bool))
        self.inputs = torch.from_numpy(InputReader(self.recipe.network.view, store, None).plain(rows).inputs[0])
        torch.manual_seed(self.recipe.seed)
        self.network = build_network(self.recipe.network).train()
        present, absent = (self.labels.known & (self.labels.occurrence == value) for value in (True, False))
        both = (present.any(0) & absent.any(0)).tolist()
        self.aus_with_both_classes = [au for au, has in zip(aus, both, strict=True) if has]
        weight = torch.where(torch.tensor(both), absent.sum(0) / present.sum(0).clamp(min=1), 1.0)
        self.loss_of = LossModule(self.network, self.recipe, weight)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=RATE, fused=True)
        self.step, self.history, self.seconds = 0, [], 0.0

    def load(self):
        tensors, metadata = read_tensors(self.checkpoint)
        self.network.load_state_dict({name: tensors[f"network.{name}"] for name in self.network.state_dict()})
        load_optimiser(self.optimiser, tensors, metadata["groups"])
        self.step, self.history, self.seconds = metadata["step"], metadata["history"], metadata["seconds"]

    def keep(self):
        tensors, groups = optimiser_tensors(self.optimiser)
        tensors |= {f"network.{name}": values for name, values in self.network.state_dict().items()}
        metadata = {"step": self.step, "groups": groups, "history": self.history, "seconds": self.seconds}
        write_tensors(self.checkpoint, tensors, metadata)

    def learn(self):
        start_s = time.monotonic()
        torch.manual_seed(1000 + self.step)
        epoch, place = divmod(self.step, FACES // self.batch)
        order = torch.from_numpy(np.random.default_rng(epoch).permutation(FACES))
        chosen = order[place * self.batch : (place + 1) * self.batch]
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.loss_of((self.inputs[chosen],), tuple(values[chosen] for values in vars(self.labels).values()))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.step, self.seconds = self.step + 1, self.seconds + time.monotonic() - start_s
        return round(loss.item(), 4)

    def judge(self, loss):
        scores, wrong = f1_by_au(self.network, self.inputs, self.labels, self.recipe.aus)
        self.history.append({"step": self.step, "loss": loss, "least_f1": min(scores.values()), "wrong": wrong})
        print(self.history[-1], f"{self.step * self.batch / self.seconds:.1f} images/s", flush=True)
        return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--judge-every", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    metadata = parser.parse_args()
    torch.set_num_threads(metadata.threads)
    keep_freed_memory()
    store = PreparedStore(metadata.store)
    run = Run(store, metadata.work, metadata.batch)
    if run.checkpoint.exists():
        run.load()
    while run.step < metadata.steps and not (run.history and run.history[-1]["wrong"] == 0):
        loss = run.learn()
        if run.step % metadata.judge_every == 0:
            run.judge(loss)
            run.keep()
    scores, wrong = f1_by_au(run.network, run.inputs, run.labels, run.recipe.aus)
    result = {
        "what": f"The network of the recipe paper on {FACES} rendered faces, judged on the same faces at .5.",
        "command": "python benchmarks/overfit.py STORE WORK --result results/overfit.json",
        "data": store.fingerprint,
        "commit": commit(),
        "parameters": parameter_count(run.network),
        "network": plain(run.recipe.network),
        "optimiser": {"is": "AdamW", "learning_rate": RATE},
        "batch": metadata.batch,
        "threads": metadata.threads,
        "steps": run.step,
        "minutes_of_training": round(run.seconds / 60, 1),
        "aus_with_both_classes": run.aus_with_both_classes,
        "f1": scores,
        "wrong_calls": wrong,
        "history": run.history,
    }
    metadata.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
