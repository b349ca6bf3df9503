"""The tables of docs/cards/landmarker.md."""

from collections.abc import Mapping

from duchenne.evaluation.pretrained.cards.table import fraction, table
from duchenne.evaluation.pretrained.landmark_result import (
    HeadsError,
    LandmarksResult,
    PointErrors,
    PoseHeads,
    RealErrors,
    Responses,
)


def landmarks_card(result: LandmarksResult) -> str:
    """Return the errors on real people and on rendered heads by pose and group, and the responses to movements."""
    parts = []
    if result.held_out_real:
        parts.append(on_real_faces(result.held_out_real))
    if grid := result.rendered_grid:
        parts += [by_pose(grid.by_pose or {}), by_group(grid.all)]
    if result.rendered and result.rendered.frontal_responses:
        parts.append(by_movement(result.rendered.frontal_responses))
    return "\n\n".join(parts)


def on_real_faces(real: RealErrors) -> str:
    """Return the errors on held-out people, together, by yaw and by source."""
    parts = {"all": real.all}
    parts |= {f"yaw {name}": part for name, part in real.by_yaw.items()}
    parts |= {f"source {name}": part for name, part in real.by_source.items()}
    rows = [(name, part.faces, *_errors(part)) for name, part in parts.items() if part.faces]
    return table(("", "faces", "median", "90%", "share above .10"), rows)


def by_pose(poses: Mapping[str, PoseHeads]) -> str:
    """Return the errors of rendered heads in each pose."""
    header = ("pose", "found", "median", "90%", "above .10", "shape", "turn", "yaw", "pitch", "roll")
    rows = [
        (
            name,
            f"{part.errors.points.faces} of {part.heads}",
            *_errors(part.errors.points),
            *_shape_and_pose(part.errors),
        )
        for name, part in poses.items()
    ]
    return table(header, rows)


def by_group(errors: HeadsError) -> str:
    """Return the median error of each group of points, in words."""
    groups = errors.median_by_group or {}
    return ", ".join(f"{name.replace('_', ' ')} {fraction(value, 4)}" for name, value in groups.items())


def by_movement(found: Responses) -> str:
    """Return by how much what is found grows with the truth."""
    rows = [
        (name, fraction(value, 2), fraction(found.left_against_right.get(name), 2))
        for name, value in found.both_sides.items()
    ]
    return table((f"{found.faces} faces", "both sides together", "left against right"), rows)


def _errors(points: PointErrors) -> tuple[str | None, ...]:
    return tuple(fraction(value, 4) for value in (points.median, points.p90, points.share_far))


def _shape_and_pose(errors: HeadsError) -> tuple[str | None, ...]:
    if errors.pose is None:
        return (None,) * 5
    pose = errors.pose
    angles = (pose.median_turn_deg, *(axis.median_absolute for axis in (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)))
    return (fraction(errors.shape_median, 4), *(f"{angle:.1f}" for angle in angles))
