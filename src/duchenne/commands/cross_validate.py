"""`duchenne cross-validate`: a recipe trained once for each fold and tested on everybody."""

import shlex
import sys
from pathlib import Path
from typing import Literal

from duchenne.commands.plain_console import PlainConsole
from duchenne.commands.subject_names import names_in


def cross_validate(
    recipe: str,
    /,
    *,
    data: list[Path],
    split: Literal["holdout", "three-fold", "leave-one-out", "fera17"] = "three-fold",
    out: Path = Path("cross-validated"),
    subjects: str | None = None,
    aus: str | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    seed: int | None = None,
    draws: int = 1000,
) -> int:
    """Train a recipe once for each fold of a split; each subject is tested by the system that did not learn from them.

    One JSON file holds every measure over all tested faces, F1 at .5 among them. A run that was stopped goes on when
    the same command is given again. DRML's protocol on BP4D:

    `duchenne prepare /data/bp4d --sampling drml --out bp4d.store`

    `duchenne cross-validate drml --data bp4d.store`

    Parameters
    ----------
    recipe
        What is trained, and how; see duchenne train.
    data
        Folder written by `duchenne prepare`; give --data several times to join several.
    split
        three-fold: the usual folds of BP4D, for other data every third subject. leave-one-out: each subject once.
        holdout: 10 of 41 are tested. fera17: FERA 2017's own test set.
    out
        Folder for the systems and the run.
    subjects
        Use only these subjects, for example F001,M003.
    aus
        Action units to learn, for example 1,2,4; default: the recipe's.
    epochs
        Largest number of passes over the faces; default: the recipe's.
    batch
        Faces in a batch; default: the recipe's.
    seed
        Seed of every random choice in training; default: the recipe's. Folds do not depend on it.
    draws
        Number of resamplings of the subjects for the intervals; 0: no intervals.
    """
    from rich.progress import Progress

    from duchenne.evaluation.experiment.fold_trial import CrossValidation
    from duchenne.evaluation.experiment.fold_trial import cross_validate as validate
    from duchenne.evaluation.runs import MEASURES
    from duchenne.training.recipes.named import recipe_named, with_settings

    chosen = with_settings(recipe_named(recipe), aus, epochs=epochs, batch=batch, seed=seed)
    command = shlex.join(["duchenne", *sys.argv[1:]])
    asked = CrossValidation(chosen, tuple(data), split, out, names_in(subjects), draws, command)
    console = PlainConsole(stderr=True)
    with Progress(console=console) as progress:
        task = progress.add_task("folds", total=1.0)
        run, path = validate(asked, lambda share: progress.update(task, completed=share))
    console.say(f"Wrote {path}: {run.faces} faces of {run.subjects} subjects; {run.origin.protocol}.")
    for left_out in run.mean.left_out:
        console.say(f"{left_out} is not in the means: {run.aus[left_out].missing}.")
    means = [(str(measure), run.mean.curve.of(measure)) for measure in MEASURES]
    shown = [*means, ("f1 at .5", run.mean.f1_half)]
    print("  ".join(f"{name} {value:.3f}" for name, value in shown if value is not None))
    return 0
