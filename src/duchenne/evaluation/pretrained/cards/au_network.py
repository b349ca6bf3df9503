"""The tables of docs/cards/au_real.md on rendered heads."""

from collections.abc import Mapping

from duchenne.evaluation.pretrained.au_result import (
    AreaTable,
    AUNetworkResult,
    GroupAreas,
    NeutralArea,
    PairShares,
    PoseAreas,
    pose_key,
)
from duchenne.evaluation.pretrained.cards.table import fraction, table
from duchenne.facs import PAPER_AUS

_HEADER = (
    "AU", "frontal", "yaw 40", "ICC(3,1)", "ECE", "F1", "F1, all positive", "side", "alone", "pairs",
    "look-alike", "pairs", "neutral: share", "neutral: gain",
)  # fmt: skip


def au_network_card(result: AUNetworkResult) -> str:
    """Return the areas by pose, all figures by AU, and the areas by group and within prototypes."""
    return "\n\n".join([by_pose(result.by_pose), by_au(result), by_group(result), by_prototype(result)])


def by_pose(areas: PoseAreas) -> str:
    """Return the mean over the paper's AUs by yaw (columns) and pitch (rows)."""
    rows = [
        (f"pitch {pitch:+d}", *(fraction(_mean(areas.poses[pose_key(yaw, pitch)])) for yaw in (-40, 0, 40)))
        for pitch in (40, 20, 0, -20, -40)
    ]
    return table(("", "yaw -40", "yaw 0", "yaw +40"), rows, numbers_right=True)


def by_au(result: AUNetworkResult) -> str:
    """Return one row an action unit; those of the paper have a star."""
    return table(_HEADER, [_row(result, name) for name in result.frontal.aus], numbers_right=True)


def by_group(result: AUNetworkResult) -> str:
    """Return the mean over the paper's AUs by tone, sex, age, angle and size of the face."""
    kinds: Mapping[str, GroupAreas | Mapping[str, AreaTable]] = {
        **result.by_person, "angle": result.by_angle, "face_size": result.by_face_size
    }  # fmt: skip
    rows = [
        (f"{kind}: {name}", areas.faces, fraction(areas.mean_12))
        for kind, found in kinds.items()
        for name, areas in (found.groups if isinstance(found, GroupAreas) else found).items()
    ]
    return table(("group", "faces", "mean of 12"), rows, numbers_right=True)


def by_prototype(result: AUNetworkResult) -> str:
    """Return the mean over the paper's AUs within each emotion prototype."""
    areas = result.within_prototypes
    rows: list[tuple[object, ...]] = []
    for name, faces in areas.faces.items():
        found = [area for au, area in areas.areas[name].items() if au in PAPER_AUS]
        rows.append((name, faces, len(found), fraction(sum(found) / len(found) if found else None)))
    rows.append(("mean of the AUs' means", sum(areas.faces.values()), "", fraction(areas.mean_12)))
    return table(("prototype", "faces", "AUs of the 12", "mean area"), rows, numbers_right=True)


def _row(result: AUNetworkResult, au: str) -> tuple[object, ...]:
    figures = (
        result.frontal.aus[au],
        _turned(result.by_pose, au),
        result.grading.icc_3_1[au],
        result.grading.calibration_error[au],
        result.f1.f1[au],
        result.f1.f1_all_positive[au],
        result.stronger_side.share[au],
    )
    neutral = result.neutral.area_under_roc[au]
    return (
        au + ("*" if au in PAPER_AUS else ""),
        *(fraction(value) for value in figures),
        *_of_pairs(result.pairs_alone, au),
        *_of_pairs(result.pairs_of_lookalikes, au),
        fraction(neutral.share),
        fraction(_gain(neutral)),
    )


def _turned(areas: PoseAreas, au: str) -> float | None:
    """Return the mean area at yaw -40 and 40 without pitch."""
    tables = [table for yaw in (-40, 40) if (table := areas.poses[pose_key(yaw, 0)]) is not None]
    sides = [area for one in tables if (area := one.aus[au]) is not None]
    return sum(sides) / len(sides) if sides else None


def _of_pairs(pairs: PairShares, au: str) -> tuple[str | None, int | None]:
    """Return the share of pairs in which the right face scores higher and how many pairs there are."""
    share = pairs.right_share[au]
    return "1.0" if share == 1 else fraction(share), pairs.pairs[au] or None


def _gain(area: NeutralArea) -> float | None:
    return None if area.with_neutral is None or area.without is None else area.with_neutral - area.without


def _mean(areas: AreaTable | None) -> float | None:
    return None if areas is None else areas.mean_12
