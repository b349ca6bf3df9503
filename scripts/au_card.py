"""Print the tables of docs/cards/au_compact.md from the result of the AU network's release.

python scripts/au_card.py results/au_compact.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PAPER_AUS = tuple(f"AU{number:02d}" for number in (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24))


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; numbers with three decimals, nothing where there is none."""
    lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: object) -> str:
    """Return a value as it stands in a table."""
    if value is None:
        return ""
    return f"{value:.3f}".replace("0.", ".", 1) if isinstance(value, float) and abs(value) < 1 else str(value)


def by_au(result: dict[str, Any]) -> str:
    """Return one row an action unit."""
    grades = result["intensity_and_calibration"]
    neutral = result["with_the_neutral_face_of_the_person"]["area_under_roc"]
    alone, lookalikes = result["pairs_that_differ_in_one_au"], result["pairs_of_lookalikes"]
    poses = result["area_under_roc_by_pose"]["poses"]
    rows = []
    for name, frontal in result["area_under_roc_frontal"]["aus"].items():
        turned = [poses[f"yaw {yaw} pitch 0"]["aus"][name] for yaw in (-40, 40)]
        sides = [value for value in turned if value is not None]
        rows.append(
            (
                name + ("*" if name in PAPER_AUS else ""),
                frontal,
                sum(sides) / len(sides) if sides else None,
                grades["icc_3_1"][name],
                grades["calibration_error"][name],
                result["f1_at_thresholds"]["f1"][name],
                result["f1_at_thresholds"]["f1_all_positive"][name],
                result["stronger_side_told"]["share"][name],
                *of_pairs(alone, name),
                *of_pairs(lookalikes, name),
                neutral[name]["share"],
                neutral[name]["with"] - neutral[name]["without"] if neutral[name]["with"] is not None else None,
            )
        )
    header = (
        "AU", "frontal", "yaw 40", "ICC(3,1)", "ECE", "F1", "F1, all positive", "side", "alone", "pairs",
        "look-alike", "pairs", "neutral: share", "neutral: gain",
    )  # fmt: skip
    return table(header, rows)


def of_pairs(pairs: dict[str, Any], name: str) -> tuple[float | None, int | None]:
    """Return the share of pairs in which the right face scores higher and how many pairs there are."""
    return pairs["right_share"][name], pairs["pairs"][name] or None


def by_pose(result: dict[str, Any]) -> str:
    """Return the mean over the paper's AUs by yaw (columns) and pitch (rows)."""
    poses = result["area_under_roc_by_pose"]["poses"]
    rows = [
        (f"pitch {pitch:+d}", *(poses[f"yaw {yaw} pitch {pitch}"]["mean_12"] for yaw in (-40, 0, 40)))
        for pitch in (40, 20, 0, -20, -40)
    ]
    return table(("", "yaw -40", "yaw 0", "yaw +40"), rows)


def by_group(result: dict[str, Any]) -> str:
    """Return the mean over the paper's AUs by tone, sex, age, angle and size of the face."""
    rows: list[tuple[object, ...]] = []
    for kind, metadata in result["area_under_roc_by_person"].items():
        rows += [(f"{kind}: {name}", group["faces"], group["mean_12"]) for name, group in metadata["groups"].items()]
    for kind in ("angle", "face_size"):
        groups = result[f"area_under_roc_by_{kind}"]
        rows += [(f"{kind}: {name}", group["faces"], group["mean_12"]) for name, group in groups.items()]
    return table(("group", "faces", "mean of 12"), rows)


if __name__ == "__main__":
    read = json.loads(Path(sys.argv[1]).read_text())
    print(by_pose(read), by_au(read), by_group(read), sep="\n\n")
