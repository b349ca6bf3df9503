"""A trained system, or a file of scores, tested on prepared faces, in one call: what `duchenne evaluate` runs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from duchenne.errors import DatasetError
from duchenne.extras import extras_named
from duchenne.training.trained_system import PathOrPaths, paths_of

if TYPE_CHECKING:
    from duchenne.datasets.preparing.source_preparation import PreparedFaces
    from duchenne.evaluation.runs import Run

LearntPeople = Literal["refuse", "leave-out", "mark"]
RoleName = Literal["within", "across", "poses", "clips", "disfa", "other"]


def evaluate(
    system: str | Path,
    *,
    data: PathOrPaths,
    out: str | Path | None = None,
    valid: PathOrPaths | None = None,
    name: str | None = None,
    protocol: str = "all faces of the set",
    role: RoleName = "other",
    subjects: Sequence[str] = (),
    learnt_people: LearntPeople = "refuse",
    draws: int = 1000,
    seed: int | None = None,
    command: str = "",
    on_prepared: Callable[["PreparedFaces"], None] = lambda _: None,
) -> "Run":
    """Test a trained system on prepared faces and return every measure; needs `pip install 'duchenne[train]'`.

    Example:
        >>> import duchenne, pathlib, tempfile
        >>> from duchenne.diagnosis import SAMPLE
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> lines = ["path,subject,AU12", *(f"{SAMPLE},{name},{k % 2}" for k, name in enumerate("aabbcc"))]
        >>> _ = (folder / "own.csv").write_text(chr(10).join(lines))
        >>> store = duchenne.prepare(folder / "own.csv", out=folder / "store")
        >>> _ = (folder / "scores.csv").write_text(chr(10).join(["AU12_p", *"010101"]))
        >>> run = duchenne.evaluate(folder / "scores.csv", data=store.folder, draws=0)
        >>> run.faces, run.subjects, run.mean.curve.of("aroc")
        (6, 3, 1.0)

    Args:
        system: Folder of a trained system; the package's own network, "real" or "rendered", or a file of duchenne
            export, with its own thresholds; or a CSV or Parquet file with a column AU01_p, ... for each action unit and
            one row for each face, in the order of the faces.
        data: One folder that `duchenne.prepare` has written, or several that make one set; also a data set as it was
            released, which is prepared first, into a store beside `out`.
        out: The JSON file; None to write none.
        valid: Prepared faces of other subjects on which thresholds are chosen; None to leave that rule out.
        name: Of the data; None for the folders' names.
        protocol: How faces were split and sampled, in words, to be kept with the numbers.
        role: Which table of the report it belongs to.
        subjects: Test only these; all unless given.
        learnt_people: What to do with subjects of the training or validation: refuse to test, leave them out, or test
            all and mark the run.
        draws: Resamplings of the subjects for the intervals; 0 makes none.
        seed: Of the system's training, to be kept with the numbers.
        command: That asked for it, to be kept with the numbers.
        on_prepared: Told what became of a data set that had to be prepared.

    Raises:
        DuchenneError: The system or a set of faces cannot be read, they do not fit each other, or validation and test
            share a subject.
        EvaluationError: The file cannot be written.
        MissingExtraError: A library of the extra is not installed.
    """
    tested = Path(system)
    with extras_named():
        folders = [_store_of(folder, out, on_prepared) for folder in paths_of(data)]
        from duchenne.evaluation.evaluate_system import evaluate_scores, evaluate_system
        from duchenne.evaluation.evaluate_weights import evaluate_weights, names_weights
        from duchenne.evaluation.run_files import commit_here, write_run
        from duchenne.evaluation.runs import RunOrigin
        from duchenne.evaluation.tested_people import PeopleChoice
        from duchenne.measures.intervals import Bootstrap

        named = name or " + ".join(folder.name for folder in folders)
        origin = RunOrigin(tested.stem, named, protocol, role, seed, command, commit_here())
        people = PeopleChoice(tuple(subjects), learnt_people)
        if names_weights(system):
            run = evaluate_weights(system, folders, paths_of(valid), origin, Bootstrap(draws), people)
        else:
            evaluate_one = evaluate_system if tested.is_dir() else evaluate_scores
            run = evaluate_one(tested, folders, paths_of(valid), origin, Bootstrap(draws), people)
        if out is not None:
            write_run(run, Path(out))
    return run


def _store_of(folder: Path, out: str | Path | None, on_prepared: Callable[["PreparedFaces"], None]) -> Path:
    """Return the store: the folder itself, or that which a released data set is prepared into."""
    from duchenne.datasets.loaders import kind_of_release
    from duchenne.datasets.preparing.source_preparation import prepare
    from duchenne.datasets.store_files import SHARDS_NAME, STORE_NAME

    if (folder / STORE_NAME).exists() or (folder / SHARDS_NAME).exists() or out is None or not folder.exists():
        return folder
    try:
        kind_of_release(folder)
    except DatasetError:
        return folder
    store = Path(out).with_name(f"{Path(out).stem}.{folder.name}.store")
    on_prepared(prepare(folder, out=store))
    return store
