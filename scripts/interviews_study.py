"""The study of docs/study.md on rendered interviews, by commands alone, and its errors against the rendered truth.

    python scripts/interviews_study.py out/interviews --seconds 60 --record results/interviews_study.json

Videos and detection that are there are not made again. Figures by person are compared twice: with the truth's own
labels in place of the detected ones, where only what counts as judged can differ, and with detection.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from duchenne.facs import AU_NAMES
from duchenne.study import read_results, summary
from duchenne.weights import sha256_of

PEOPLE = "\n".join(
    ["source,side,person"]
    + [f"interview_{number}.mp4,{side},P{1 + (place + number + 1) % 2}"
       for number in (1, 2, 3) for place, side in enumerate(("left", "right"))]
)  # fmt: skip
TRUE_PEOPLE = "source,face_id,person\n*,0,P1\n*,1,P2\n"


def duchenne(folder: Path, *words: str) -> str:
    """Run a command in a folder and return what it printed."""
    print("$ duchenne", *words, flush=True)
    command = [sys.executable, "-m", "duchenne", *words]
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    print(done.stdout + done.stderr)
    return done.stdout


def study(folder: Path, seconds: float) -> None:
    """Run the study's commands."""
    if not (folder / "interviews" / "truth.csv").exists():
        duchenne(
            folder, "render", "interviews", "--protocol", "interviews", "--subjects", "2", "--seconds", f"{seconds:g}"
        )
    if not (folder / "study.csv").exists():
        videos = [f"interviews/interview_{number}.mp4" for number in (1, 2, 3)]
        duchenne(folder, "detect", *videos, "--output", "study.csv")
    (folder / "people.csv").write_text(PEOPLE, encoding="utf-8")
    (folder / "true_people.csv").write_text(TRUE_PEOPLE, encoding="utf-8")
    again = "--overwrite"
    duchenne(folder, "people", "study.csv", "--table", "people.csv", "--output", "named.csv", again)
    duchenne(folder, "people", "interviews/truth.csv", "--table", "true_people.csv", "--output", "truth.csv", again)
    duchenne(folder, "events", "truth.csv", "--elan", "true_events", again)
    duchenne(
        folder, "events", "named.csv", "--output", "events.csv", "--elan", "coded", "--boris", "study.boris", again
    )
    codes = [f"true_events/interview_{number}.eaf" for number in (1, 2, 3)]
    duchenne(folder, "agree", "truth.csv", *codes, "--output", "truth_agreement.csv", again)
    duchenne(folder, "agree", "named.csv", "truth.csv", "--output", "agreement.csv", again)
    duchenne(folder, "report", "named.csv", "--agreement", "agreement.csv", "--output", "study.html", again)


def true_rates(folder: Path) -> pd.Series:
    """Return the share of frames of each person and AU, by nothing but the table, where the head can be judged."""
    truth = pd.read_csv(folder / "truth.csv")
    judged = truth[(truth["yaw_deg"].abs() <= 60) & (truth["pitch_deg"].abs() <= 45)]
    return judged.groupby("person")[[f"{au}_c" for au in AU_NAMES]].mean().rename(columns=lambda name: name[:4]).stack()


def measured(folder: Path) -> dict[str, object]:
    """Return the figures of the study."""
    true = true_rates(folder)
    own, found = (summary(read_results(folder / name)).set_index(["person", "au"])["rate"] for name in
                  ("truth.csv", "named.csv"))  # fmt: skip
    agreement = pd.read_csv(folder / "agreement.csv").set_index("au")
    exact = pd.read_csv(folder / "truth_agreement.csv")["kappa"]
    labels, detected = ((one - true).abs() for one in (own, found))
    return {
        "cells": len(true), "own_labels_mean_error": float(labels.mean()), "own_labels_max_error": float(labels.max()),
        "own_labels_lowest_kappa": float(exact.min()), "detection_mean_error": float(detected.mean()),
        "detection_median_error": float(detected.median()), "detection_max_error": float(detected.max()),
        "worst": ["{} {}".format(*cell) for cell in detected.sort_values(ascending=False).index[:5]],
        "frames": int(agreement["frames"].max()), "mean_kappa": float(agreement["kappa"].mean()),
        "median_kappa": float(agreement["kappa"].median()),
        "kappa": {au: [None if np.isnan(one) else round(float(one), 3) for one in row] for au, row in
                  zip(agreement.index, agreement[["kappa", "kappa_low", "kappa_high"]].to_numpy(), strict=True)},
        "share_true": agreement["share_second"].round(4).to_dict(),
        "share_found": agreement["share_first"].round(4).to_dict(),
    }  # fmt: skip


def main() -> None:
    """Run the study, print its errors and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--record", type=Path)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    study(given.folder, given.seconds)
    figures = measured(given.folder)
    figures |= {"seconds": given.seconds, "truth_sha256": sha256_of(given.folder / "interviews" / "truth.csv")}
    figures["weights_sha256"] = json.loads((given.folder / "study.csv.json").read_text(encoding="utf-8"))["weights"]
    print(json.dumps(figures, indent=1))
    if given.record:
        given.record.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
