"""`duchenne train`: a recipe on prepared faces."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole
from duchenne.commands.training_progress import training_progress
from duchenne.training.recipes.named import RECIPES, Recipe

if TYPE_CHECKING:
    from duchenne.training.data.dataset import FaceDataset
    from duchenne.training.data.folds import FacesChoice

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
    split: Literal["holdout", "three-fold", "leave-one-out", "fera17"] | None = None,
    fold: int = 1,
    subjects: str | None = None,
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
    precision: Literal["auto", "float32", "bf16"] = "auto",
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
    split
        Keep the subjects of one fold out for testing. holdout: 10 of 41. three-fold: the usual folds of BP4D, for other
        data every third subject. leave-one-out: one. fera17: FERA 2017's own test set. Test them with: duchenne
        evaluate --learnt-people leave-out.
    fold
        Which fold of the split, from 1.
    subjects
        Take the faces of these subjects alone, for example F001,M003.
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
    precision
        Of the layers. auto: bfloat16 where the recipe asks for it and the processor or card computes in it, otherwise
        float32.
    """
    from duchenne.commands.subject_names import names_in
    from duchenne.training.action_units.initialisation import Initialisation
    from duchenne.training.data.folds import FacesChoice
    from duchenne.training.recipes.named import recipe_named, with_settings
    from duchenne.training.run.device import DeviceConfig
    from duchenne.training.systems import train_system

    choice = FacesChoice(tuple(valid or ()), valid_share, split, fold, names_in(subjects))
    chosen = with_settings(
        recipe_named(recipe),
        aus,
        epochs=epochs,
        batch=batch,
        seed=seed,
        sampling=sampling,
        graded_share=graded_share,
        rest_times=rest_times,
        freeze=freeze or None,
    )
    console = PlainConsole(stderr=True)
    chosen, train_faces, valid_faces = _with_faces(chosen, data, choice, aus is None, console)
    folder = out / chosen.name
    device_config = DeviceConfig(accelerator, devices, nodes, threads=threads, precision=precision)
    with training_progress(console) as report:
        initial = Initialisation(with_new_name(start)) if start else None
        train_system(chosen, train_faces, valid_faces, folder, report, device_config, initial)
    print(folder)
    return 0


def _with_faces(
    recipe: Recipe, data: list[Path], choice: "FacesChoice", may_leave_out: bool, console: PlainConsole
) -> "tuple[Recipe, FaceDataset, FaceDataset]":
    """Return the recipe for what the faces can teach, the faces to learn from and those that say when to stop."""
    from duchenne.training.data.checks import teachable
    from duchenne.training.data.folds import read_training_faces

    train, valid, test_subjects = read_training_faces(data, choice, recipe.seed, recipe.reduction)
    if test_subjects:
        console.say(f"{len(test_subjects)} subjects stay out for testing: {', '.join(test_subjects)}.")
    if may_leave_out:
        recipe, left_out = teachable(recipe, train)
        if left_out:
            console.say(f"Left out, for lack of faces with and without them: {', '.join(left_out)}.")
    console.print(f"{len(train)} faces to learn from, {len(valid)} to say when to stop.")
    return recipe, train, valid


def with_new_name(start: Path) -> Path:
    """Return what to begin from; the former word for the package's own network is understood, with a warning."""
    from duchenne.commands.renamed_options import warn_of_old_name
    from duchenne.training.action_units.initialisation import PRETRAINED

    if str(start) != _OLD_PRETRAINED:
        return start
    warn_of_old_name(f"--start {_OLD_PRETRAINED}", f"--start {PRETRAINED}")
    return Path(PRETRAINED)
