"""`duchenne export`: a trained network as the ONNX file that detection reads."""

from pathlib import Path

from duchenne.commands.plain_console import PlainConsole


def export(
    system: Path,
    /,
    *,
    valid: list[Path],
    rendered: list[Path] | None = None,
    neutral_heads: list[Path] | None = None,
    out: Path = Path("au.onnx"),
) -> int:
    """Write a trained region network as an ONNX file for `duchenne detect --weights`.

    The file also holds the names of the AUs, the layout of the windows, two sets of thresholds (`duchenne detect
    --thresholds balanced` or `f1`) and the fingerprint of the training data. Before it is kept, its output is compared
    with that of the trained network.

    Parameters
    ----------
    system
        Folder written by `duchenne train`.
    valid
        Folders of `duchenne prepare` on whose faces thresholds are chosen; neither training nor test faces.
    rendered
        Rendered faces for the same purpose, used for action units that fewer than 25 of the other faces show.
    neutral_heads
        Rendered heads without any action unit; each action unit is reported on at most 8% of them, and of such faces
        in the others. Default: those among the rendered faces.
    out
        ONNX file to write.
    """
    from duchenne.datasets.store import PreparedStore
    from duchenne.training.action_units.export import ChoosingFaces, export_system
    from duchenne.training.data.dataset import FaceDataset
    from duchenne.training.systems import load_system

    def opened(folders: list[Path] | None) -> FaceDataset | None:
        return FaceDataset([PreparedStore(folder) for folder in folders]) if folders else None

    chosen_on = ChoosingFaces(opened(valid), opened(rendered), opened(neutral_heads))
    done = export_system(load_system(system), chosen_on, out)
    console = PlainConsole(stderr=True)
    console.print(f"{done.size_bytes / 1e6:.2f} MB; ONNX Runtime differs from torch by at most {done.difference:.1e}.")
    if few := [one.au for one in done.sets.aus if one.few_positives]:
        whose = "those of rendered faces" if rendered else "chosen on these all the same"
        console.print(f"Fewer than 25 validation faces have {' '.join(few)}; their thresholds are {whose}.")
    print(done.path)
    return 0
