"""Print the tables of docs/cards/face_detector.md from the face detector's measurement.

python scripts/face_detector_card.py results/face_detector.json
"""

import json
import sys
from pathlib import Path
from typing import Any


def table(parts: dict[str, dict[str, Any]]) -> str:
    """Return a Markdown table of how many faces there are, how many are found, and how well those are placed."""
    lines = ["| | faces | found | mean IoU of those found |", "| --- | --- | --- | --- |"]
    for name, part in parts.items():
        if part["faces"]:
            lines.append(f"| {name} | {part['faces']} | {part['recall']:.1%} | {part.get('mean_iou', '')} |")
    return "\n".join(lines)


def on_real_faces(result: dict[str, Any]) -> str:
    """Return what is found on held-out people: as they are, shrunk, covered, in crowds."""
    parts = {"as they are: all": result["recall"]}
    parts |= {f"source {name}": part for name, part in result["recall_by_source"].items()}
    parts |= {f"face side, px: {name}": part for name, part in result["recall_by_side_px"].items()}
    parts |= {f"hidden: {name}": part for name, part in result["recall_partly_hidden"].items()}
    return table(parts | {f"crowd of {name}": part for name, part in result["recall_in_crowds"].items()})


def on_rendered_heads(result: dict[str, Any]) -> str:
    """Return what is found on rendered heads by angle and by pose."""
    angles = result["recall_rendered"]
    parts = {f"yaw {name}": part for name, part in angles["by_abs_yaw_deg"].items()}
    parts |= {f"pitch {name}": part for name, part in angles["by_abs_pitch_deg"].items()}
    return table(parts | result["recall_rendered_by_pose"])


def main() -> None:
    """Print the card's tables."""
    result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    false = result["false_faces"]["all"]
    said = f"{false['with_a_false_face']} of {false['pictures']} pictures without a face ({false['share']:.1%})"
    print(on_real_faces(result), said, on_rendered_heads(result), sep="\n\n")


if __name__ == "__main__":
    main()
