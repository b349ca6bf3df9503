"""An AU network and its data as a task for the trainer."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from duchenne.datasets.face_store import FaceStore, labels_of
from duchenne.errors import TrainingError
from duchenne.measures.ranking import area_under_roc
from duchenne.networks.build import build_network
from duchenne.networks.symmetric_config import SymmetricConfig
from duchenne.training.action_units.initialisation import Initialisation, begin_from
from duchenne.training.action_units.losses import LossModule, graded_weight, skew
from duchenne.training.action_units.system import DeepSystem
from duchenne.training.data.landmark_statistics import shape_statistics
from duchenne.training.data.sampler import BatchSampler
from duchenne.training.recipes.deep import DeepRecipe
from duchenne.training.run.checkpoints import identity_of
from duchenne.training.run.optimisers import build_optimiser
from duchenne.training.run.task import Batch, Task, Validation


@dataclass(frozen=True)
class AUData:
    """What an AU network learns from.

    Attributes:
        train: Faces to learn from.
        valid: Faces of other subjects, which say when to stop.
        start: Weights to begin from; None for random ones.
    """

    train: FaceStore
    valid: FaceStore
    start: Initialisation | None = None


def au_task(
    recipe: DeepRecipe, data: AUData, rank: int = 0, processes: int = 1
) -> tuple[Task, Float[np.ndarray, "49 3"] | None]:
    """Return the task, and the reference head that landmarks are pose-normalised onto if the network reads them.

    Args:
        recipe: How to train; already suited to the start.
        data: From what.
        rank: Number of this process among those that share a batch.
        processes: Their number.

    Raises:
        TrainingError: An AU has one class only, the start does not fit, or `freeze` names no parameter.
    """
    train = data.train
    network, reference = _untrained(recipe, data)
    sampler = BatchSampler(recipe, train, reference, len(train) // recipe.batch, rank, processes)
    ratio = skew(sampler.labels.occurrence, sampler.labels.known)
    weight = torch.from_numpy(ratio**recipe.skew_power).float()
    graded = graded_weight(sampler.labels.grade, recipe.grade_spread, recipe.graded_skew_power)
    loss = LossModule(network, recipe, weight, graded)
    steps_per_epoch = len(train) // recipe.batch
    steps = max(2, round(recipe.epochs * steps_per_epoch))
    learned = [values for values in network.parameters() if values.requires_grad]
    optimiser, schedule = build_optimiser(recipe.optimiser, learned, steps)

    def batch(step: int) -> Batch:
        inputs, labels = sampler.read(step)
        return inputs, tuple(vars(labels).values())

    def validate(network: nn.Module) -> Validation:
        score = validation_score(DeepSystem(recipe, network, reference, {}), data.valid)
        return Validation(score, {"validation_mean_area_under_roc": score})

    task = Task(
        network,
        loss,
        optimiser,
        steps,
        batch,
        recipe.batch,
        identity_of(
            recipe, train.fingerprint, data.valid.fingerprint, "" if data.start is None else data.start.hash
        ),
        schedule,
        seed=recipe.seed,
        average=recipe.average,
        validate=validate,
        validate_every=max(1, round(recipe.validate_every * steps_per_epoch)),
        patience=recipe.patience,
        keep_every_s=recipe.keep_every_s,
    )  # fmt: skip
    return task, reference


def _untrained(recipe: DeepRecipe, data: AUData) -> tuple[nn.Module, Float[np.ndarray, "49 3"] | None]:
    torch.manual_seed(recipe.seed)
    reference, spread = None, None
    if recipe.network.view.shape or recipe.network.view.frontal:
        symmetric = isinstance(recipe.network, SymmetricConfig)
        reference, spread = shape_statistics(data.train.points, data.train.pose_deg, recipe.seed, symmetric)
    network = build_network(recipe.network, reference, spread)
    if data.start is not None:
        reference = begin_from(data.start, network, recipe.aus, reference)
    _freeze(network, recipe.freeze)
    return network, reference


def validation_score(system: DeepSystem, valid: FaceStore) -> float:
    """Return the mean area under the ROC over the AUs that have both classes among the known labels.

    Raises:
        TrainingError: None has.
    """
    scores = system.scores(valid)
    found = []
    for column, name in enumerate(system.aus):
        known, truth = labels_of(valid, name)
        area = area_under_roc(truth, scores[known, column])
        if area is not None:
            found.append(area)
    if not found:
        raise TrainingError("No AU has both present and absent faces in validation. Give validation more faces.")
    return float(np.mean(found))


def _freeze(network: nn.Module, beginnings: tuple[str, ...]) -> None:
    for beginning in beginnings:
        names = [name for name, _ in network.named_parameters() if name.startswith(beginning)]
        if not names:
            known = sorted({name.split(".")[0] for name, _ in network.named_parameters()})
            raise TrainingError(f"No parameter begins with {beginning!r}. They begin with: {', '.join(known)}.")
        for name, values in network.named_parameters():
            if name in names:
                values.requires_grad_(False)
