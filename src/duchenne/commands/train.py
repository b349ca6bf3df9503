"""`duchenne train`: a recipe on prepared faces."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole
from duchenne.commands.training_progress import training_progress
from duchenne.training.recipes.named import RECIPES

_OLD_PRETRAINED = "shipped"
_RECIPES_HELP = "What is trained, and how. " + " ".join(f"{name}: {recipe.what}" for name, recipe in RECIPES.items())


def train(
    recipe: Annotated[str, Parameter(help=_RECIPES_HELP)],
    /,
    *,
    data: list[Path],
    out: Path = Path("trained"),
    valid: list[Path] | None = None,
    valid_share: float = 0.2,
    aus: str | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    seed: int | None = None,
    sampling: Literal["all", "balanced"] | None = None,
    graded_share: float | None = None,
    rest_times: int | None = None,
    start: Path | None = None,
    freeze: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    threads: int = 0,
) -> int:
    """Train a recipe on prepared faces.

    A run that was stopped, or killed, goes on where it was when the same command is given again, to the same weights.
    The log folder can be read by TensorBoard. Validation never shares a subject with training.

    Parameters
    ----------
    recipe
        What is trained, and how.
    data
        Folders that `duchenne prepare` has written; to make one set of several, give --data again for each.
    out
        Folder for the trained system, its checkpoint and its log; the recipe's name is added.
    valid
        Folders with the faces that say when to stop; a share of the subjects in --data unless given.
    valid_share
        Share of the subjects that are kept for validation where --valid is not given.
    aus
        Action units to learn, for example 1,2,4; the recipe's own unless given.
    epochs
        Times that each face is seen, at most; the recipe's own unless given.
    batch
        Faces in a step; the recipe's own unless given.
    seed
        Of every random choice; the recipe's own unless given.
    sampling
        all: each face once an epoch. balanced: faces with rare action units more often.
    graded_share
        Share of each batch that are faces with mean grades, where some faces have them and others do not; the recipe's
        own unless given.
    rest_times
        How often faces with mean grades but without any AU are seen for each time that the others are; the recipe's own
        unless given.
    start
        What to begin from, for fine-tuning: a folder of a trained system, a file of duchenne export, or the word
        pretrained for the package's own network (recipe symmetric).
    freeze
        Beginnings of names of parameters that do not learn, for example patch_layers.
    accelerator
        auto, cpu, cuda or mps, as Lightning Fabric names them.
    devices
        Processes on this machine, one device each.
    nodes
        Machines that train together.
    threads
        Threads of torch in each process; 0 takes those of the run that is continued, else torch's choice.
    """
    from duchenne.training import trained_system

    console = PlainConsole(stderr=True)

    def say_faces(train_faces: int, valid_faces: int) -> None:
        console.print(f"{train_faces} faces to learn from, {valid_faces} to say when to stop.")

    with training_progress(console) as report:
        trained_system.train(
            recipe,
            data=data,
            out=out,
            valid=valid,
            valid_share=valid_share,
            aus=aus,
            epochs=epochs,
            batch=batch,
            seed=seed,
            sampling=sampling,
            graded_share=graded_share,
            rest_times=rest_times,
            start=None if start is None else with_new_name(start),
            freeze=freeze,
            accelerator=accelerator,
            devices=devices,
            nodes=nodes,
            threads=threads,
            on_faces=say_faces,
            on_progress=report,
        )
    print(out / recipe)
    return 0


def with_new_name(start: Path) -> Path:
    """Return what to begin from; the former word for the package's own network is understood, with a warning."""
    from duchenne.commands.renamed_options import warn_of_old_name
    from duchenne.training.action_units.initialisation import PRETRAINED

    if str(start) != _OLD_PRETRAINED:
        return start
    warn_of_old_name(f"--start {_OLD_PRETRAINED}", f"--start {PRETRAINED}")
    return Path(PRETRAINED)
