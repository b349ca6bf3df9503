"""Train a network for action units and keep it as a system."""

from pathlib import Path

from duchenne.datasets.face_store import FaceStore
from duchenne.training.action_units.initialisation import Initialisation
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.action_units.task import AUData, au_task
from duchenne.training.data.checks import require_trainable
from duchenne.training.data.learnt_people import KEY as PEOPLE
from duchenne.training.data.learnt_people import people_record
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.run.checkpoints import commit
from duchenne.training.run.device import DeviceConfig
from duchenne.training.run.progress import ProgressCallback, silent
from duchenne.training.run.trainer import Trainer


def train_au_network(
    recipe: DeepRecipe,
    train: FaceStore,
    valid: FaceStore,
    folder: Path,
    on_progress: ProgressCallback = silent,
    device: DeviceConfig | None = None,
    start: Initialisation | None = None,
) -> DeepSystem:
    """Train to the end of the recipe, from the folder's checkpoint if there is one, and keep the system there.

    Raises:
        TrainingError: The data cannot teach this recipe, the checkpoint is of another recipe or other data, or the loss
            is no longer a number.
    """
    recipe = recipe if start is None else start.suited(recipe)
    require_trainable(train, valid, recipe.aus, recipe.batch)
    trainer = Trainer(folder, device, on_progress, recipe.bf16)
    task, reference = au_task(recipe, AUData(train, valid, start), trainer.rank, trainer.processes)
    trained = trainer.train(task)
    metadata = {
        "data": train.fingerprint,
        "validation_data": valid.fingerprint,
        PEOPLE: people_record(train, valid, frozenset() if start is None else start.people),
        "precision": "bf16" if trainer.bf16 else "float32",
        "commit": commit(),
        "steps": trained.steps,
        "best_step": trained.best_step,
        "validation_score": trained.score,
        "seconds_since_last_start": round(trained.seconds, 1),
        **({"notes": list(trained.notes)} if trained.notes else {}),
    }
    system = DeepSystem(recipe, trained.network, reference, metadata)
    if trainer.rank == 0:
        system.save(folder)
    trainer.close()
    return system
