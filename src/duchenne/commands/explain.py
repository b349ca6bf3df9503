"""`duchenne explain`: which patches each action unit rests on."""

from pathlib import Path

from rich.progress import Progress

from duchenne.commands.plain_console import PlainConsole


def explain(
    system: Path, /, *, data: list[Path], out: Path, check: list[Path] | None = None, faces: int = 30_000
) -> int:
    """Show which patches of a region network each action unit's score depends on.

    Each patch in turn is set to zero; the map shows the mean change of each score. It is checked on other subjects:
    removing the most significant patches must lower the scores more than removing the least significant. Writes
    figure3.png, figure3.svg and significance.json. Needs the extras train, report and synthesis.

    Parameters
    ----------
    system
        Folder of a trained region network, for example one with all 49 patches.
    data
        Folder written by `duchenne prepare`; give --data several times to join several.
    out
        Folder for the map.
    check
        Likewise, faces of other subjects that check the map; best of some whom the system did not learn from, such as
        those that tested it. Default: a third of the subjects of --data, who then do not make the map.
    faces
        Largest number of faces for the map, and for its check.
    """
    from duchenne.datasets.store import PreparedStore
    from duchenne.evaluation.explain.significance_files import explain_system
    from duchenne.training.data.dataset import FaceDataset
    from duchenne.training.systems import load_system

    console = PlainConsole(stderr=True)
    trained = load_system(system)

    def opened(folders: list[Path]) -> FaceDataset:
        return FaceDataset([PreparedStore(folder, trained.recipe.reduction) for folder in folders])

    store, judges = opened(data), opened(check) if check else None
    thirds = (2 * len(store) // 3, len(store) // 3)  # about: subjects are never parted
    making, checking = thirds if judges is None else (len(store), len(judges))
    with Progress(console=console) as progress:
        total = min(faces, making) + min(faces, checking)
        task = progress.add_task("silencing patches", total=total)
        record = explain_system(trained, store, out, faces, lambda done: progress.advance(task, done), judges)
        progress.update(task, completed=total)
    for name, landmarks in record.most.items():
        print(f"{name}: patches {' '.join(map(str, landmarks))}")
    checked = record.faithfulness
    console.print(
        f"Mean area under the ROC {checked.intact:.3f}; without the {checked.silenced} most significant patches "
        f"{checked.without_most:.3f}, without the least {checked.without_least:.3f}. Map: {out / 'figure3.png'}",
        markup=False,
    )
    if record.known is None:
        console.say(f"{system} does not say whom it learnt from; whether these are others nobody has checked.")
    elif record.known:
        console.say(f"{trained.name} learnt from {record.known} subjects of the check: these areas are too high.")
    return 0
