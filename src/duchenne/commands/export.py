"""`duchenne export`: a trained network as the ONNX file that detection reads."""

from pathlib import Path

from rich.console import Console


def export(system: Path, /, *, valid: list[Path], out: Path = Path("au.onnx")) -> int:
    """Write a trained region network as an ONNX file for `duchenne detect --weights`.

    The file says of itself which AUs it knows, which windows it reads, from which probability an AU is said to occur,
    and what it was trained on. It is compared with the network that was trained before it is kept.

    Parameters
    ----------
    system
        Folder that `duchenne train` has written.
    valid
        Folders of `duchenne prepare` whose faces choose the thresholds: none trained on, none that will judge.
    out
        The file to write.
    """
    from duchenne.training.action_units.export import export_system
    from duchenne.training.data.dataset import read_datasets
    from duchenne.training.systems import load_system

    faces, _ = read_datasets(valid, valid, 0.5, 0)
    done = export_system(load_system(system), faces, out)
    Console(stderr=True, highlight=False).print(
        f"{done.size_bytes / 1e6:.2f} MB; ONNX Runtime differs from torch by at most {done.difference:.1e}."
    )
    print(done.path)
    return 0
