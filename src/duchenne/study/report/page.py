"""From results to the page: what its template shows, as text and drawings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
from jaxtyping import Bool

from duchenne.facs import AU_BY_NAME
from duchenne.results.result_record import package_version
from duchenne.study.colours import colour_of
from duchenne.study.cooccurrence import cooccurrence
from duchenne.study.exclusion import Exclusion
from duchenne.study.face_map import face_svg, is_dark, shade
from duchenne.study.judgeable import turned_away
from duchenne.study.judged import judged, left_out
from duchenne.study.peaks import Peak, peaks
from duchenne.study.pictures import cut_faces
from duchenne.study.presence_table import presence
from duchenne.study.provenance import CITATIONS, Origin
from duchenne.study.report.forest import INTENSITY, RATE, forest
from duchenne.study.report.timelines import Timeline, data_address, timelines
from duchenne.study.results import PERSON, aus_of, file_name
from duchenne.study.summary_table import Blocks, summary

if TYPE_CHECKING:
    import pandas as pd

FACE_SIDE_PX = 112
_LEAST_RATE, _MOST_TOGETHER = 0.02, 12
_NOTHING = "–"


@dataclass(frozen=True)
class Study:
    """What a report is about.

    Attributes:
        title: Above the page.
        table: A result with `person`.
        exclude: Stretches that do not count.
        origins: The files.
        remarks: What is to be known before reading, such as warnings while people were named.
        faces: Whether pictures of faces at peaks are shown.
        blocks: How intervals are made.
        tables: Further tables, such as of agreement: title and rows, the first of them heads.
    """

    title: str
    table: "pd.DataFrame"
    origins: tuple[Origin, ...]
    exclude: Exclusion | None = None
    remarks: tuple[str, ...] = ()
    faces: bool = False
    blocks: Blocks = field(default_factory=Blocks)
    tables: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = ()


def page(study: Study) -> tuple[str, list[str]]:
    """Return the page as HTML, and what could not be read for it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found, problems = _content(study)
    files = {
        "style": "page.css", "plot_style": "vendor/uPlot.min.css", "plot_script": "vendor/uPlot.iife.min.js",
        "plot_licence": "vendor/uPlot-LICENSE.txt", "script": "page.js",
    }  # fmt: skip
    texts = {name: (folder / path).read_text(encoding="utf-8") for name, path in files.items()}
    return environment.get_template("page.html.j2").render(**found, **texts), problems


def _content(study: Study) -> tuple[dict[str, Any], list[str]]:
    table = study.table
    people = sorted({str(name) for name in table[PERSON].unique()})
    found = summary(table, exclude=study.exclude, blocks=study.blocks)
    lines = timelines(table, study.exclude)
    strongest = peaks(table, exclude=study.exclude)
    pictures, problems = _thumbnails(strongest) if study.faces else ({}, [])
    has_intensity = bool(found["intensity"].notna().any())
    content = {
        "title": study.title,
        "version": package_version(),
        "people": [{"name": name, "colour": colour_of(k)} for k, name in enumerate(people)],
        "sources": sorted({str(name) for name in table["source"].unique()}),
        "remarks": study.remarks,
        "presence": _presence_rows(study),
        "frames_known": all(name in _frames_of(study) for name in table["source"].unique()),
        "forests": [forest(found, people, scale) for scale in ((RATE, INTENSITY) if has_intensity else (RATE,))],
        "rates": [_rate_row(row) for row in found.to_dict("records")],
        "level": f"{100 * study.blocks.bootstrap.level:.0f}%",
        "block_s": f"{study.blocks.seconds:g}",
        "maps": _maps(found, people),
        "lines": [_line(line, strongest, pictures) for line in lines],
        "line_data": [line.data() for line in lines],
        "faces": study.faces,
        "together": _together(study, found),
        "not_judged": _not_judged(table, people),
        "left_out": _left_out(study),
        "tables": study.tables,
        "origins": study.origins,
        "citations": [text.format(version=package_version()) for text in CITATIONS],
    }
    return content, problems


def _share(part: SupportsFloat, whole: SupportsFloat) -> str:
    return f"{100 * float(part) / float(whole):.0f}%" if float(whole) else _NOTHING


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def _frames_of(study: Study) -> dict[str, int]:
    """Return how many frames of each source were looked at, as far as the results' descriptions say."""
    return {name: count for origin in study.origins for name, count in origin.frames.items()}


def _presence_rows(study: Study) -> list[dict[str, Any]]:
    rows = []
    for row in presence(study.table, _frames_of(study)).to_dict("records"):
        shares = {name: row[name] / row["frames"] for name in ("clear", "hidden", "turned")}
        rows.append({
            "person": row["person"], "source": file_name(row["source"]), "frames": row["frames"],
            "first": _clock(row["first_s"]), "last": _clock(row["last_s"]),
            "found": f"{row['found']} ({_share(row['found'], row['frames'])})",
            "bar": [(name, f"{100 * share:.2f}") for name, share in shares.items()],
            "clear_share": _share(row["clear"], row["found"]), "hidden_share": _share(row["hidden"], row["found"]),
            "turned": _share(row["turned"], row["found"]),
            "confidence": _NOTHING if np.isnan(row["confidence"]) else f"{row['confidence']:.2f}",
        })  # fmt: skip
    return rows


def _rate_row(row: dict[Any, Any]) -> dict[str, str]:
    def with_interval(name: str, factor: float, decimals: int, unit: str) -> str:
        value, low, high = (factor * row[name + end] for end in ("", "_low", "_high"))
        if np.isnan(value):
            return _NOTHING
        ends = "" if np.isnan(low) else f" ({low:.{decimals}f} to {high:.{decimals}f})"
        return f"{value:.{decimals}f}{unit}{ends}"

    return {
        "person": row["person"], "au": row["au"], "name": AU_BY_NAME[row["au"]].title, "judged": str(row["judged"]),
        "rate": with_interval("rate", 100, 1, "%"), "intensity": with_interval("intensity", 1, 2, ""),
        "present": _NOTHING if np.isnan(row["intensity_present"]) else f"{row['intensity_present']:.1f}",
        "peak": _NOTHING if np.isnan(row["peak"]) else f"{row['peak']:.1f}",
    }  # fmt: skip


def _maps(found: "pd.DataFrame", people: Sequence[str]) -> dict[str, Any]:
    highest = float(np.nanmax([*found["rate"], 0.0]))
    largest = next(end for end in (0.1, 0.25, 0.5, 1.0) if highest <= end)
    drawn = []
    for person in people:
        own = found[found["person"] == person]
        rates = {str(au): float(rate) for au, rate in zip(own["au"], own["rate"], strict=True)}
        drawn.append((person, face_svg(rates, largest, f"{person}: share of frames in which each muscle's AU occurs")))
    shades = [(share, shade(share, 1.0)) for share in (0, 0.25, 0.5, 0.75, 1)]
    ends = [
        (f"{100 * largest * share:.0f}%", colour, "#fff" if is_dark(colour) else "#000") for share, colour in shades
    ]
    return {"drawn": drawn, "scale": ends}


def _thumbnails(strongest: Sequence[Peak]) -> tuple[dict[Any, str], list[str]]:
    pictures, problems = cut_faces({peak.face for peak in strongest if peak.face is not None}, FACE_SIDE_PX)
    return {face: data_address(pixels, "JPEG") for face, pixels in pictures.items()}, problems


def _line(line: Timeline, strongest: Sequence[Peak], pictures: dict[Any, str]) -> dict[str, Any]:
    own = sorted((p for p in strongest if (p.person, p.source) == (line.person, line.source)), key=lambda p: p.time_s)
    found = [
        {"au": p.au, "name": AU_BY_NAME[p.au].title, "time": _clock(p.time_s), "strength": f"{p.strength:.1f}",
         "picture": pictures.get(p.face, "")}
        for p in own
    ]  # fmt: skip
    return {
        "person": line.person, "source": file_name(line.source), "strip": line.strip(), "aus": line.aus,
        "names": [AU_BY_NAME[au].title for au in line.aus], "end": _clock(float(line.time_s[-1])),
        "step": f"{line.step_s:.2f}", "peaks": found,
    }  # fmt: skip


def _together(study: Study, found: "pd.DataFrame") -> dict[str, Any]:
    """Return the shares of the AUs that occur often enough, the most frequent ones where they are many."""
    rates = found.groupby("au", sort=False)["rate"].max()
    often = [str(au) for au in rates[rates >= _LEAST_RATE].nlargest(_MOST_TOGETHER).index]
    names = [au for au in AU_BY_NAME if au in often]
    shares = cooccurrence(study.table, names, study.exclude).to_numpy() if len(names) > 1 else np.empty((0, 0))
    rows = []
    for k, au in enumerate(names if len(names) > 1 else []):
        cells = [
            ("", "#ffffff") if np.isnan(v) or k == j else (f"{100 * v:.0f}", shade(v, 1.0))
            for j, v in enumerate(shares[k])
        ]
        rows.append((au, [(text, colour, "dark" if is_dark(colour) else "light") for text, colour in cells]))
    return {"aus": names, "rows": rows}


def _not_judged(table: "pd.DataFrame", people: Sequence[str]) -> list[dict[str, str]]:
    names = aus_of(table, "c")
    unknown, away = ~judged(table, names), turned_away(table)
    rows = []
    for person in people:
        own = (table[PERSON] == person).to_numpy()
        counts = unknown[own & ~away].sum(0)
        worst = [f"{names[k]} {_share(counts[k], own.sum())}" for k in np.argsort(-counts) if counts[k]]
        rows.append({
            "person": person, "frames": str(int(own.sum())),
            "turned": f"{int(away[own].sum())} ({_share(away[own].sum(), own.sum())})",
            "hidden": ", ".join(worst[:8]) + (f" and {len(worst) - 8} more" if len(worst) > 8 else "") or "none",
        })  # fmt: skip
    return rows


def _left_out(study: Study) -> dict[str, Any]:
    if study.exclude is None:
        return {"tiers": "", "aus": "", "rows": []}
    people = study.table[PERSON].astype(str).to_numpy()
    out: Bool[np.ndarray, " n"] = np.asarray(left_out(study.table, study.exclude.aus, study.exclude).any(1))
    rows = [
        (name, int(out[people == name].sum()), _share(out[people == name].sum(), own))
        for name, own in zip(*np.unique(people, return_counts=True), strict=True)
    ]
    return {"tiers": ", ".join(study.exclude.tiers), "aus": ", ".join(study.exclude.aus), "rows": rows}
