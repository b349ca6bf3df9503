"""Print the tables of docs/cards/landmarker.md from the landmarker's measurement.

python scripts/landmarker_card.py results/landmarker.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header))]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def share(value: float, decimals: int = 4) -> str:
    """Return a number below 1 without the zero before the point."""
    return f"{value:.{decimals}f}".removeprefix("0")


def on_real_faces(real: dict[str, Any]) -> str:
    """Return the errors on held-out people, together, by yaw and by source."""
    parts = {"all": real["all"]}
    parts |= {f"yaw {name}": part for name, part in real["by_yaw"].items()}
    parts |= {f"source {name}": part for name, part in real["by_source"].items()}
    keys = ("median", "p90", "share_above_0.10")
    rows = [(name, part["faces"], *(share(part[key]) for key in keys)) for name, part in parts.items() if part["faces"]]
    return table(("", "faces", "median", "90%", "share above .10"), rows)


def by_pose(grid: dict[str, Any]) -> str:
    """Return the errors of rendered heads in each pose."""
    rows = []
    for name, part in grid["by_pose"].items():
        pose = part["pose_error"]
        angles = [
            pose["median_turn_deg"],
            *(pose[f"{axis}_deg"]["median_absolute"] for axis in ("yaw", "pitch", "roll")),
        ]
        errors = [share(part[key]) for key in ("median", "p90", "share_above_0.10", "shape_median")]
        rows.append((name, f"{part['faces']} of {part['heads']}", *errors, *(f"{angle:.1f}" for angle in angles)))
    header = ("pose", "found", "median", "90%", "above .10", "shape", "turn", "yaw", "pitch", "roll")
    return table(header, rows)


def responses(rendered: dict[str, Any]) -> str:
    """Return by how much what is found grows with the truth."""
    metadata = rendered["frontal_responses"]
    sides = metadata["left_against_right"]
    rows = [
        (name, share(value, 2), share(sides[name], 2) if name in sides else "")
        for name, value in metadata["both_sides"].items()
    ]
    return table((f"{told['faces']} faces", "both sides together", "left against right"), rows)


def main() -> None:
    """Print the card's tables."""
    result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    grid = result["rendered_grid"]
    groups = ", ".join(f"{name.replace('_', ' ')} {share(v)}" for name, v in grid["all"]["median_by_group"].items())
    print(on_real_faces(result["held_out_real"]), by_pose(grid), groups, responses(result["rendered"]), sep="\n\n")


if __name__ == "__main__":
    main()
