"""Numbers stay while the house is rebuilt: results recorded before, through the command line alone.

`python tests/test_unchanged.py` records them.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

RECORD = Path(__file__).parent / "data" / "unchanged" / "record.json"
VIDEO = Path(__file__).parent / "data" / "unchanged" / "heads.mp4"
PICTURE = Path(__file__).parent.parent / "src" / "duchenne" / "samples" / "face.jpg"


def duchenne(*words: object) -> None:
    command = [sys.executable, "-m", "duchenne", *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]


def numbers(table: pd.DataFrame) -> dict[str, object]:
    return json.loads(table.select_dtypes("number").to_json(orient="split", double_precision=12))


def results(folder: Path) -> dict[str, object]:
    """Return what detection, preparation, a short training and evaluation give."""
    found: dict[str, object] = {}
    for name, source in (("picture", PICTURE), ("video", VIDEO)):
        duchenne("detect", source, "--sides", "--output", folder / f"{name}.csv")
        found[name] = numbers(pd.read_csv(folder / f"{name}.csv"))
    release = folder / "rendered_bp4d"
    duchenne("render", "--protocol", "bp4d", "--subjects", 4, "--seconds", 1.2, "--seed", 7, release)
    duchenne("prepare", release, "--step", 5, "--out", folder / "store")
    from duchenne.datasets.store import PreparedStore

    store = PreparedStore(folder / "store", 1)
    found["store"] = {
        "faces": len(store),
        "points": np.asarray(store.points, float).mean(0).ravel().round(9).tolist(),
        "occurrence": np.asarray(store.occurrence).mean(0).tolist(),
        "pixels": float(store.crops(np.arange(len(store))).astype(float).mean()),
    }
    common = ("--data", folder / "store", "--threads", 1, "--out", folder / "trained", "--aus", "6,12,10")
    duchenne("train", "svm", *common[:2], *common[4:])
    duchenne("train", "compact", *common, "--batch", 8, "--epochs", 1, "--accelerator", "cpu")
    for system in ("svm", "compact"):
        run = folder / f"{system}.json"
        duchenne("evaluate", folder / "trained" / system, "--data", folder / "store", "--out", run, "--draws", 0)
        found[system] = json.loads(run.read_text())["mean"]
    return found


@pytest.mark.slow
def test_nothing_changed(tmp_path):
    compare(json.loads(RECORD.read_text()), results(tmp_path), "")


def compare(before: object, after: object, place: str) -> None:
    if isinstance(before, dict):
        assert isinstance(after, dict)
        assert sorted(before) == sorted(after), place
        for name in before:
            compare(before[name], after[name], f"{place}/{name}")
    elif isinstance(before, list):
        assert isinstance(after, list)
        assert len(before) == len(after), place
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            compare(one, other, f"{place}/{number}")
    elif isinstance(before, float):
        assert after == pytest.approx(before, abs=1e-6), place
    else:
        assert before == after, place


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        RECORD.write_text(json.dumps(results(Path(name)), indent=0))
