"""The tables of docs/cards/face_detector.md."""

from collections.abc import Mapping

from duchenne.evaluation.pretrained.cards.table import table
from duchenne.evaluation.pretrained.face_detector_result import FaceDetectorResult, FalseFaces, Recall


def face_detector_card(result: FaceDetectorResult) -> str:
    """Return what is found on real people, where there is nothing to find, and on rendered heads."""
    parts = [on_real_faces(result), on_photographs(result.false_faces.all), on_rendered_heads(result)]
    return "\n\n".join(part for part in parts if part)


def on_real_faces(result: FaceDetectorResult) -> str:
    """Return what is found on held-out people: as they are, shrunk, covered, in crowds."""
    return _table(
        {"as they are: all": result.recall}
        | _named("source {}", result.recall_by_source)
        | _named("face side, px: {}", result.recall_by_side_px)
        | _named("hidden: {}", result.recall_partly_hidden)
        | _named("crowd of {}", result.recall_in_crowds)
    )


def on_photographs(false: FalseFaces) -> str:
    """Return on how many pictures without a face one is found, in words."""
    return f"{false.with_a_false_face} of {false.pictures} pictures without a face ({false.share:.1%})"


def on_rendered_heads(result: FaceDetectorResult) -> str:
    """Return what is found on rendered heads by angle and by pose; nothing where they were not measured."""
    parts: dict[str, Recall] = {}
    if angles := result.recall_rendered:
        parts = _named("yaw {}", angles.by_abs_yaw_deg) | _named("pitch {}", angles.by_abs_pitch_deg)
    parts |= result.recall_rendered_by_pose or {}
    return _table(parts) if parts else ""


def _named(pattern: str, parts: Mapping[str, Recall]) -> dict[str, Recall]:
    return {pattern.format(name): part for name, part in parts.items()}


def _table(parts: Mapping[str, Recall]) -> str:
    rows = [
        (name, part.faces, f"{part.recall:.1%}", part.mean_iou)
        for name, part in parts.items()
        if part.recall is not None
    ]
    return table(("", "faces", "found", "mean IoU of those found"), rows)
