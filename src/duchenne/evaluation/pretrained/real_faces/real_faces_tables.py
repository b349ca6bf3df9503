"""The tables of a result on real people's faces, in Markdown; over each stands who coded."""

from collections.abc import Iterator

from duchenne.evaluation.pretrained.cards.table import fraction, table
from duchenne.evaluation.pretrained.real_faces.group_areas import FEWEST_FACES
from duchenne.evaluation.pretrained.real_faces.real_faces_result import (
    AreaPair,
    BlendshapeComparison,
    Estimate,
    MeanEstimate,
    RealFacesResult,
    SideAccuracy,
)

_BY_AU = (
    "AU", "kappa of codes", "present", "absent", "clear", "area", "clear", "recall", "balanced", "calibration error",
    "rank correlation", "called without any AU",
)  # fmt: skip


def real_faces_tables(result: RealFacesResult) -> str:
    """Return all tables."""
    return "\n\n".join(_sections(result))


def _sections(result: RealFacesResult) -> Iterator[str]:
    yield _about(result)
    yield _headed("Means over AUs", result, _means(result))
    yield _headed("By AU", result, _by_au(result))
    yield _headed(f"Area by group; nothing is claimed on fewer than {FEWEST_FACES} faces", result, _groups(result))
    yield _headed("Called on faces without any AU", result, _alarms(result))
    yield _headed("Sides", result, sides_table(result.sides))
    if result.blendshapes is not None:
        yield _headed("Beside MediaPipe's blendshapes, area on the same faces", result, _pairs(result.blendshapes))


def _about(result: RealFacesResult) -> str:
    labels = result.present_labels_without_a_face
    return (
        f"{result.weights} on the persons who {result.part}: {result.faces} faces of {result.people} people in "
        f"{result.pictures} pictures; no face found in {result.without_a_face} (with {labels} present AUs), which "
        f"count for nothing below. Intervals of {result.interval['level']:.0%} over persons: "
        f"{result.interval['draws']:.0f} draws, seed {result.interval['seed']:.0f}."
    )


def _headed(title: str, result: RealFacesResult, content: str) -> str:
    return f"### {title}\n{result.coded_by}\n\n{content}"


def _means(result: RealFacesResult) -> str:
    means, never = result.means, result.always_negative
    measures: tuple[tuple[str, MeanEstimate, float | None], ...] = (
        ("area, present against absent", means.area, never.area),
        ("area, clear against absent", means.area_clear, never.area),
        ("balanced accuracy", means.balanced_accuracy, never.balanced_accuracy),
        ("accuracy", means.accuracy, never.accuracy),
        ("calibration error", means.calibration_error, never.calibration_error),
        ("rank correlation with the grade", means.rank_correlation, None),
    )
    rows = [(name, _with_interval(one), fraction(never), _numbers(one.left_out)) for name, one, never in measures]
    least = ("least area", _named(means.least_area, means.least_area_au), None, None)
    return table(("mean of " + _numbers(means.aus), result.weights, "always negative", "left out"), [*rows, least])


def _by_au(result: RealFacesResult) -> str:
    rows = [
        (
            au, fraction(one.kappa, 2), one.present, one.absent, one.clear, _with_interval(one.area),
            _with_interval(one.area_clear), fraction(one.recall.value, 2), fraction(one.balanced_accuracy.value),
            fraction(one.calibration_error.value), fraction(one.rank_correlation.value),
            fraction(result.false_alarms.aus[au].value),
        )
        for au, one in result.aus.items()
    ]  # fmt: skip
    return table(_BY_AU, rows)


def _groups(result: RealFacesResult) -> str:
    rows = [
        (f"{kind}: {name}", g.faces, g.people, _with_interval(g.area), fraction(g.area_of_all), _numbers(g.aus))
        for kind, groups in result.groups.items()
        for name, g in groups.items()
    ]
    return table(("group", "faces", "people", "area", "of all faces", "AUs"), rows)


def _alarms(result: RealFacesResult) -> str:
    found = [one for one in (result.false_alarms, result.neutral_heads) if one is not None]
    rows = [
        (one.what, one.faces, one.people, one.without_a_face, fraction(one.mean), _named(one.most, one.most_au))
        for one in found
    ]
    summary = table(("faces", "found", "people", "not found", "mean over AUs", "most"), rows)
    columns = tuple(f"{kind} called" for kind in ("real", "rendered")[: len(found)])
    by_au = [(au, *(_with_interval(one.aus[au]) for one in found)) for au in result.false_alarms.aus]
    return f"{summary}\n\n{table(('AU', *columns), by_au)}"


def sides_table(sides: SideAccuracy | None) -> str:
    """Return the table of named sides, in Markdown."""
    if sides is None:
        return "The weights tell no sides."
    digits = " ".join(map(str, sides.last_digits))
    rows = [(f"all, persons whose numbers end in {digits}", sides.notes, sides.right, _with_interval(sides.share))]
    counts = {"of these with the AU present": sides.present, **sides.aus}
    rows += [(name, one.notes, one.right, fraction(one.share)) for name, one in counts.items()]
    return table(("one-sided codes", "notes", "right", "share"), rows)


def _pairs(beside: BlendshapeComparison) -> str:
    mean = (f"mean of {_numbers(beside.mean_aus)}", None, None, beside.network, beside.blendshapes, beside.difference)
    rows = [mean, *(_pair(au, one) for au, one in beside.aus.items())]
    body = [(*row[:3], *map(_with_interval, row[3:])) for row in rows]
    return f"{beside.faces} faces\n\n" + table(
        ("AU", "present", "absent", "network", "blendshapes", "difference"), body
    )


def _pair(au: str, one: AreaPair) -> tuple[str, int | None, int | None, Estimate, Estimate, Estimate]:
    return au, one.present, one.absent, one.network, one.blendshapes, one.difference


def _with_interval(estimate: Estimate | MeanEstimate) -> str | None:
    if estimate.value is None or estimate.interval is None:
        return fraction(estimate.value)
    low, high = estimate.interval
    return f"{fraction(estimate.value)} ({fraction(low)} to {fraction(high)})"


def _named(value: float | None, au: str | None) -> str | None:
    return None if value is None else f"{fraction(value)} ({au})"


def _numbers(aus: tuple[str, ...]) -> str:
    return " ".join(au.removeprefix("AU").lstrip("0") for au in aus)
