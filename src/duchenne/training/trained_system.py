"""A recipe on prepared faces, and what came of it, in one call each: what `duchenne train` runs. Imports no torch."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from duchenne.extras import extras_named
from duchenne.training.recipes.named import Recipe, recipe_named, with_settings
from duchenne.training.run.progress import ProgressCallback, silent

if TYPE_CHECKING:
    from duchenne.training.systems import System

PrecisionName = Literal["auto", "float32", "bf16"]
ConvolutionName = Literal["auto", "direct", "tiled", "compiled"]
SplitName = Literal["holdout", "three-fold", "leave-one-out", "fera17"]
SamplingName = Literal["all", "balanced"]
PathOrPaths = str | Path | Sequence[str | Path]


def paths_of(named: PathOrPaths | None) -> list[Path]:
    """Return one path or several as a list.

    Example:
        >>> [path.name for path in paths_of("stores/bp4d")], paths_of(None)
        (['bp4d'], [])
    """
    listed = [] if named is None else [named] if isinstance(named, str | Path) else named
    return [Path(one) for one in listed]


def train(
    recipe: str | Recipe,
    *,
    data: PathOrPaths,
    out: str | Path = "trained",
    valid: PathOrPaths | None = None,
    valid_share: float = 0.2,
    split: SplitName | None = None,
    fold: int = 1,
    subjects: Sequence[str] = (),
    aus: str | int | Iterable[str | int] | None = None,
    epochs: float | None = None,
    batch: int | None = None,
    seed: int | None = None,
    sampling: SamplingName | None = None,
    max_faces: int | None = None,
    start: str | Path | None = None,
    freeze: Sequence[str] = (),
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    threads: int = 0,
    precision: PrecisionName = "auto",
    convolution: ConvolutionName = "auto",
    on_note: Callable[[str], None] | None = None,
    on_progress: ProgressCallback = silent,
) -> "System":
    """Train a recipe on prepared faces and return the system; needs `pip install 'duchenne[train]'`.

    The system lies in the folder of the recipe's name in `out`. A run that was stopped, or killed, goes on where it was
    when it is called again, to the same weights. Validation never shares a subject with training.

    Example:
        >>> import duchenne, pathlib, tempfile
        >>> from duchenne.diagnosis import SAMPLE
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> lines = ["path,subject,AU12", *(f"{SAMPLE},{name},{k % 2}" for k, name in enumerate("aabbcc"))]
        >>> _ = (folder / "own.csv").write_text(chr(10).join(lines))
        >>> store = duchenne.prepare(folder / "own.csv", out=folder / "store")
        >>> system = duchenne.train("svm", data=store.folder, out=folder / "trained", aus=12)
        >>> system.name, system.aus, duchenne.load_system(folder / "trained" / "svm").aus
        ('svm', ('AU12',), ('AU12',))

    Args:
        recipe: The name of one of `duchenne.RECIPES`, or a variant of one (`dataclasses.replace`).
        data: One folder that `duchenne.prepare` has written, or several that make one set.
        out: Folder for the trained system, its checkpoint and its log; the recipe's name is added.
        valid: Folders with the faces that say when to stop; None for a share of the subjects in `data`.
        valid_share: That share.
        split: Keep the subjects of one fold out for testing: "holdout" (10 of 41), "three-fold", "leave-one-out" or
            "fera17" (its own test set); None to use all.
        fold: Which fold of the split, from 1.
        subjects: Use only these; all unless given.
        aus: Action units to learn, such as `[6, 12]`; None for the recipe's own, as in all that follows.
        epochs: Times that each face is seen, at most.
        batch: Faces in a step.
        seed: Of every random choice.
        sampling: Each face once an epoch, or faces with rare action units more often.
        max_faces: Training faces of a classical system at most; more than fit in memory lie in a file in `out`.
        start: What to begin from: a folder of a trained system, a file of duchenne export, or "pretrained".
        freeze: Beginnings of names of parameters that do not learn.
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: Processes on this machine, one device each.
        nodes: Machines that train together.
        threads: Threads of torch in each process; 0 for its own choice.
        precision: Of the layers; "auto" is bfloat16 if the recipe asks for it and the processor or card computes
            in it, otherwise float32.
        convolution: How patches are filtered on a processor: "direct", "tiled" or "compiled"; "auto" is the way of the
            run that is continued, else the fastest here.
        on_note: Told in words how many faces there are, and what is left out.
        on_progress: Told the state of the run.

    Raises:
        UsageError: There is no such recipe, or it has no such setting.
        DatasetError: A folder holds no prepared store.
        TrainingError: The data cannot teach this recipe, or the folder holds something of another one.
        MissingExtraError: A library of the extra is not installed.
    """
    chosen = with_settings(
        recipe_named(recipe) if isinstance(recipe, str) else recipe,
        aus,
        epochs=epochs,
        batch=batch,
        seed=seed,
        sampling=sampling,
        max_faces=max_faces,
        freeze=tuple(freeze) or None,
    )
    note = on_note or (lambda _: None)
    with extras_named():
        from duchenne.training.action_units.initialisation import Initialisation
        from duchenne.training.data.checks import teachable
        from duchenne.training.data.folds import FacesChoice, read_training_faces
        from duchenne.training.run.device import DeviceConfig
        from duchenne.training.systems import train_system

        choice = FacesChoice(tuple(paths_of(valid)), valid_share, split, fold, tuple(subjects))
        train_faces, valid_faces, tested = read_training_faces(paths_of(data), choice, chosen.seed, chosen.reduction)
        if tested:
            note(f"{len(tested)} subjects stay out for testing: {', '.join(tested)}.")
        if aus is None:
            chosen, left_out = teachable(chosen, train_faces)
            if left_out:
                note(f"Left out, for lack of faces with and without them: {', '.join(left_out)}.")
        note(f"{len(train_faces)} faces to learn from, {len(valid_faces)} to say when to stop.")
        device = DeviceConfig(accelerator, devices, nodes, "auto", threads, precision, convolution)
        begun = None if start is None else Initialisation(Path(start))
        return train_system(chosen, train_faces, valid_faces, Path(out) / chosen.name, on_progress, device, begun)


def load_system(folder: str | Path) -> "System":
    """Return the trained system that lies in the folder; needs `pip install 'duchenne[train]'`.

    Example:
        >>> import duchenne
        >>> try:
        ...     duchenne.load_system("nowhere")
        ... except duchenne.errors.TrainingError:
        ...     print("There is none.")
        There is none.

    Raises:
        TrainingError: There is none, or this version cannot read it.
        MissingExtraError: A library of the extra is not installed.
    """
    with extras_named():
        from duchenne.training import systems

        return systems.load_system(Path(folder))
