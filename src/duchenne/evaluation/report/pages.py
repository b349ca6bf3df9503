"""The pages of the report: tables and figures of runs as Markdown, CSV, PNG, SVG, and all in one page."""

import base64
import html
from collections.abc import Iterable, Mapping
from pathlib import Path

from duchenne.errors import EvaluationError
from duchenne.evaluation.report.claims import claims_table
from duchenne.evaluation.report.figures import (
    by_pose_figure,
    deviation_figure,
    poses_figure,
    relations_figure,
    save_figure,
)
from duchenne.evaluation.report.paper_claims import PatchEffects, read_patch_effects
from duchenne.evaluation.report.tables import (
    MEASURE_TITLES,
    Series,
    Table,
    by_role,
    disfa_tables,
    poses_table,
    skew_table,
    system_table,
    systems_table,
)
from duchenne.evaluation.runs import Role, Run

REGION, CONVNET = "region", "convnet"
TABLE_ROLES: tuple[Role, ...] = ("within", "across", "poses", "clips", "disfa")
_ABLATIONS = ("-grid", "-shared", "-49", "-unweighted")
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:75em;margin:2em auto;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;font-size:12px}"
    "th,td{border-bottom:1px solid #ccc;padding:.2em .6em;text-align:right}"
    "th:first-child,td:first-child{text-align:left}tr:last-child td{border-bottom:2px solid #111}"
    "th{border-top:2px solid #111;border-bottom:1px solid #111}"
    ".wide{overflow-x:auto}.note{font-size:12px;margin:.3em 0}"
    "img{max-width:100%}figcaption{font-size:13px}@media print{.wide{overflow:visible}table{font-size:7px}}"
)
CAPTIONS = {
    "figure1": "Figure 1. A uniform grid loses the parts of a turned face; patches at landmarks follow them.",
    "figure2": "Figure 2. The region network at the paper's size.",
    "figure3": "Figure 3. Mean change of each AU's score when one patch is silenced, on a rendered face.",
    "figure4": "Figure 4. FERA 2017's nine poses, on a rendered face.",
    "figure5": "Figure 5. Relation matrices of labels and calls: printed, and ours.",
    "figure6": "Figure 6. Measures by pose and AU.",
    "figure6_systems": "Figure 6, all systems. Mean AROC by pose, a panel each; the bars span the seeds.",
    "figure7": "Figure 7. Standard deviation over the seven poses.",
}


def write_report(runs: Iterable[Run], folder: Path, about: Iterable[str] = (), region: str = REGION) -> list[Path]:
    """Write the report into the folder and return the paths of its pages.

    Args:
        runs: Of any number of systems, experiments and seeds; what has no run is left out, and the claims name it.
        folder: `figure3.svg` and `.png`, if `duchenne explain` has put them there, are shown too.
        about: Paragraphs before the tables: data, budget, limits.
        region: The system whose claims are tested.

    Raises:
        EvaluationError: There is no run of an experiment of the paper, or the folder cannot be written.
    """
    roles = {role: _ordered(series, region) for role, series in by_role(runs).items()}
    if not set(roles) & set(TABLE_ROLES):
        raise EvaluationError(
            "No run stands for an experiment of the paper: give --role within, across, poses, clips or disfa."
        )
    tables = tables_of(roles, region, read_patch_effects(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _draw(roles, folder, region)
        for table in tables:
            (folder / f"{table.name}.csv").write_text(table.csv(), encoding="utf-8")
        shown = [name for name in CAPTIONS if (folder / f"{name}.svg").exists()]
        pages = {
            "report.md": _markdown(tables, shown, about),
            "report.html": _page(tables, shown, about, folder),
        }
        for name, text in pages.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"The report cannot be written into {folder}: {error.strerror}.") from error
    return [folder / name for name in pages]


def tables_of(roles: Mapping[Role, Series], region: str = REGION, effects: PatchEffects | None = None) -> list[Table]:
    """Return all tables that the runs give, and for the claims the significance of patches."""
    found = [claims_table(roles, region, effects)]
    if {"within", "poses"} & set(roles):
        found.append(skew_table(roles))
    titles: dict[Role, tuple[str, str]] = {
        "within": ("table2", "Table 2. Within a set"),
        "across": ("table3", "Table 3. Across sets"),
    }
    for role, (name, title) in titles.items():
        if region in roles.get(role, {}):
            found.append(system_table(name, f"{title}: {region}", role, roles[role][region]))
    if "poses" in roles:
        everybody = roles["poses"]
        main = {name: runs for name, runs in everybody.items() if not name.endswith(_ABLATIONS)} or everybody
        for letter, (measure, title) in zip("abcde", MEASURE_TITLES.items(), strict=True):
            found.append(
                poses_table(f"table4{letter}", f"Table 4{letter}. Mean over seven poses: {title}", measure, main)
            )
    if "disfa" in roles:
        found += disfa_tables(roles["disfa"])
    return found + [systems_table(role, roles[role]) for role in TABLE_ROLES if role in roles]


def _ordered(series: Series, region: str) -> dict[str, list[Run]]:
    """Return the region network first, the convnet next, ablations last."""

    def rank(name: str) -> tuple[int, str]:
        if name.endswith(_ABLATIONS):
            return 3, name
        return {region: 0, CONVNET: 1}.get(name, 2), name

    return {name: list(series[name]) for name in sorted(series, key=rank)}


def _draw(roles: Mapping[Role, Series], folder: Path, region: str) -> None:
    relation_roles: tuple[Role, ...] = ("within", "poses")
    for role in relation_roles:
        runs = roles.get(role, {}).get(region)
        if runs and runs[0].relations.distance is not None:
            save_figure(relations_figure(runs[0]), folder, "figure5")
            break
    poses = roles.get("poses", {})
    if region in poses and poses[region][0].by_pose.poses:
        save_figure(poses_figure(poses[region][0]), folder, "figure6")
        save_figure(deviation_figure({n: poses[n] for n in (region, CONVNET) if n in poses}), folder, "figure7")
        save_figure(by_pose_figure(poses), folder, "figure6_systems")


def _markdown(tables: Iterable[Table], shown: Iterable[str], about: Iterable[str]) -> str:
    figures = [f"![{CAPTIONS[name]}]({name}.png)\n\n{CAPTIONS[name]}\n" for name in shown]
    return "\n".join(["# Report", "", *(f"{text}\n" for text in about), *(t.markdown() for t in tables), *figures])


def _page(tables: Iterable[Table], shown: Iterable[str], about: Iterable[str], folder: Path) -> str:
    figures = [_embedded(name, folder) for name in shown]
    parts = [*(f"<p>{html.escape(text)}</p>" for text in about), *(table.html() for table in tables), *figures]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Duchenne: report</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>Report</h1>\n" + "\n".join(parts) + "</body></html>\n"
    )


def _embedded(name: str, folder: Path) -> str:
    """Return a figure for the page, as drawing or as picture, whichever is smaller."""
    kinds = {"svg+xml": folder / f"{name}.svg", "png": folder / f"{name}.png"}
    kind, path = min(kinds.items(), key=lambda found: found[1].stat().st_size if found[1].exists() else float("inf"))
    data, caption = base64.b64encode(path.read_bytes()).decode(), html.escape(CAPTIONS[name])
    source = f"data:image/{kind};base64,{data}"
    return f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>'
