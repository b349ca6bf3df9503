"""`duchenne sample`: which segments to code by hand."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole


def sample(
    *results: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    elan: Path | None = None,
    boris: Path | None = None,
    width: float = 0.2,
    kappa: float = 0.6,
    length: float = 10.0,
    over: Literal["sequence", "person", "segment"] = "sequence",
    aus: str | None = None,
    seed: int = 0,
    media: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Choose segments to code by hand: as many as a confidence interval of kappa of a given width needs.

    Segments are drawn by person, by head pose and by the rarest action unit that the result reports in them, so that
    rare ones are coded too. Coders get files with the segments and empty tiers, without anything of the result.
    Example:

    `duchenne sample interviews.csv --output plan.csv --elan to_code/ --boris to_code.boris`, and when they are coded

    `duchenne agree interviews.csv plan.csv to_code/*.eaf`

    Parameters
    ----------
    results
        Results of duchenne detect: .csv, .parquet or .jsonl.
    output
        Write the plan to this .csv file: the segments and their weights. Pass it to agree together with the codes. Do
        not show it to coders, since the weights reveal results.
    elan
        Write an .eaf file for each video into this folder: a tier "coded" with the segments, an empty tier for each
        person and action unit.
    boris
        Write a project for BORIS: a state "coded" over each segment, the action units as behaviours.
    width
        Width of the 95% interval of kappa, from end to end.
    kappa
        Kappa that you expect.
    length
        Length of a segment, in seconds.
    over
        Unit that agree will resample: a person in one video (sequence), a person in all videos, or a segment. With few
        persons only segments give narrow intervals, which then apply to these persons only.
    aus
        Action units that will be coded, for example 6,12; default: all.
    seed
        Seed of the random choice of segments.
    media
        Folder of the videos, if they have been moved since detection.
    overwrite
        Replace existing files.
    """
    import math

    from rich.table import Table

    from duchenne.errors import UsageError
    from duchenne.facs import parse_aus
    from duchenne.results.output_path import check_output_path
    from duchenne.study.coding_sample import SampleSettings
    from duchenne.study.coding_sample import sample as draw_sample
    from duchenne.study.event_files import write_sample
    from duchenne.study.results import POSE, Wanted, read_results

    check_output_path(output, (".csv",), overwrite)
    if boris is not None:
        check_output_path(boris, (".boris",), overwrite)
    if not results:
        raise UsageError("No result is named. Write: duchenne sample RESULT --output plan.csv.")
    named = None if aus is None else parse_aus(aus)
    table = read_results(results, Wanted(named, kinds="c", others=("confidence", *POSE)))
    settings = SampleSettings(width, kappa, length, over, seed)
    found = draw_sample(table, settings)
    shown = Table(box=None, pad_edge=False)
    for heading in ("AU", "called", "width", "if all were coded"):
        shown.add_column(heading, justify="left" if heading == "AU" else "right")
    for au, rate, expected, full in found.table.itertuples(index=False):
        cells = ["-" if math.isinf(one) else f"{one:.2f}" for one in (expected, full)]
        shown.add_row(au, f"{100 * rate:.1f}%", *cells)
    PlainConsole().print(shown)
    console = PlainConsole(stderr=True)
    wide = [str(one) for one in found.table["au"][found.table["width_of_all"] > width]]
    if wide:
        console.say(
            f"{' '.join(wide)}: an interval of {width:g} is out of reach with these videos; code more {over}s with "
            "them."
        )
    paths = write_sample(found.coding, output, elan, boris, media, overwrite)
    spans = len(found.coding.spans)
    console.say(
        f"{spans} of {found.segments} segments, {spans * length / 60:.0f} minutes; expected at a kappa of {kappa:g}, "
        f"if all {over}s agree alike: expect wider intervals where they do not. Wrote {', '.join(paths)}."
    )
    return 0
