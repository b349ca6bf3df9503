"""`duchenne explain`: which patches each action unit rests on."""

from pathlib import Path

from rich.progress import Progress

from duchenne.commands.plain_console import PlainConsole


def explain(system: Path, /, *, data: list[Path], out: Path, faces: int = 30_000) -> int:
    """Show which patches of a region network each action unit's score rests on.

    One patch at a time is silenced; the map shows how far each score changes in the mean. It is checked on other
    subjects: scores without the most significant patches must fall further than without the least significant. Writes
    figure3.png, figure3.svg and significance.json. Needs the extras train, report and synthesis.

    Parameters
    ----------
    system
        Folder of a trained region network, for example one with all 49 patches.
    data
        Folders that `duchenne prepare` has written; to make one set of several, give --data again for each.
    out
        Folder for the map.
    faces
        At most so many make the map, and as many of other subjects check it.
    """
    from duchenne.datasets.store import PreparedStore
    from duchenne.evaluation.explain.significance_files import explain_system
    from duchenne.training.data.dataset import FaceDataset
    from duchenne.training.systems import load_system

    console = PlainConsole(stderr=True)
    trained = load_system(system)
    store = FaceDataset([PreparedStore(folder, trained.recipe.reduction) for folder in data])
    with Progress(console=console) as progress:
        task = progress.add_task("silencing patches", total=min(faces, len(store) // 2))
        record = explain_system(trained, store, out, faces, lambda done: progress.advance(task, done))
    for name, landmarks in record.most.items():
        print(f"{name}: patches {' '.join(map(str, landmarks))}")
    checked = record.faithfulness
    console.print(
        f"Mean area under the ROC {checked.intact:.3f}; without the {checked.silenced} most significant patches "
        f"{checked.without_most:.3f}, without the least {checked.without_least:.3f}. Map: {out / 'figure3.png'}",
        markup=False,
    )
    return 0
