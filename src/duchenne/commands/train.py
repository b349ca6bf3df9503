"""`duchenne train`: a recipe on prepared faces."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole
from duchenne.commands.progress_bar import training_progress
from duchenne.commands.subject_names import names_in
from duchenne.training import trained_system
from duchenne.training.recipes.assignments import with_assignments
from duchenne.training.recipes.named import RECIPES, recipe_named

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
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    max_faces: int | None = None,
    start: Path | None = None,
    freeze: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    threads: int = 0,
    precision: Literal["auto", "float32", "bf16"] = "auto",
    convolution: Literal["auto", "direct", "tiled", "compiled"] = "auto",
) -> int:
    """Train a recipe on prepared faces.

    The same command continues an interrupted run and reaches the same weights. TensorBoard can read the log folder.
    Validation never shares a subject with training.

    Parameters
    ----------
    recipe
        Network or method, with its settings.
    data
        Folder written by `duchenne prepare`; give --data several times to join several.
    out
        Folder for the trained system, its checkpoint and its log, in a subfolder named after the recipe.
    valid
        Folders with the validation faces; default: a share of the subjects in --data.
    valid_share
        Share of the subjects for validation, without --valid.
    split
        Keep the subjects of one fold out for testing. holdout: 10 of 41. three-fold: the usual folds of BP4D, for other
        data every third subject. leave-one-out: one. fera17: FERA 2017's own test set. Test them with: duchenne
        evaluate --learnt-people leave-out.
    fold
        Which fold of the split, from 1.
    subjects
        Use only these subjects, for example F001,M003.
    aus
        Action units to learn, for example 1,2,4; default: the recipe's.
    epochs
        Largest number of passes over the faces; default: the recipe's.
    batch
        Faces in a batch; default: the recipe's.
    seed
        Seed of every random choice; default: the recipe's.
    sampling
        all: each face once in an epoch. balanced: faces with rare action units more often.
    set_
        Change any other setting of the recipe, for example graded_share=0.25 or optimiser.learning_rate=0.001. The page
        on training lists them.
    max_faces
        Training faces of a classical system at most, drawn by the seed; default: 20,000. Histograms of more faces than
        fit in memory are kept in a temporary file in --out (5 GB for 415,000).
    start
        Initial weights, for fine-tuning: a folder of a trained system, a file of duchenne export, or the word
        pretrained for the package's own network (recipe symmetric).
    freeze
        Keep the parameters whose names begin like this, for example patch_layers.
    accelerator
        auto, cpu, cuda or mps, as Lightning Fabric names them.
    devices
        Number of devices of this machine, one process each.
    nodes
        Number of machines.
    threads
        Threads of torch in each process; 0: as in the run that is continued, else torch's default.
    precision
        Number format of the layers. auto: bfloat16 if the recipe asks for it and the processor or graphics card
        computes in it, otherwise float32.
    convolution
        How networks that read patches filter them on a processor, and the paper's convnet the whole face. direct:
        torch's convolutions. tiled: large kernels of patches (recipes paper and grid) by transforms. compiled: by a
        kernel that a C++ compiler builds once, small kernels of patches too.
        auto: as in the run that is continued, else compiled if it was built before, else tiled.
    """
    console = PlainConsole(stderr=True)
    with training_progress(console) as report:
        trained_system.train(
            with_assignments(recipe_named(recipe), set_),
            data=data,
            out=out,
            valid=valid,
            valid_share=valid_share,
            split=split,
            fold=fold,
            subjects=names_in(subjects),
            aus=aus,
            epochs=epochs,
            batch=batch,
            seed=seed,
            sampling=sampling,
            max_faces=max_faces,
            start=None if start is None else with_new_name(start),
            freeze=freeze,
            accelerator=accelerator,
            devices=devices,
            nodes=nodes,
            threads=threads,
            precision=precision,
            convolution=convolution,
            on_note=console.say,
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
