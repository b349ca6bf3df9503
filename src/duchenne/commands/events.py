"""`duchenne events`: onset, apex, offset and strength of each action unit of each person."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole

if TYPE_CHECKING:
    import pandas as pd

    from duchenne.study.au_events import EventSettings
    from duchenne.study.exclusion import Exclusion


def events(
    *results: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    elan: Path | None = None,
    boris: Path | None = None,
    aus: str | None = None,
    thresholds: Annotated[Sequence[str], Parameter(negative=())] = (),
    leave: float = 0.8,
    min_duration: float = 0.1,
    max_gap: float = 0.2,
    exclude: Annotated[Sequence[str], Parameter(negative=())] = (),
    exclude_aus: str | None = None,
    mark: Annotated[bool, Parameter(negative=())] = False,
    media: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Turn results into events: onset, apex, offset, duration and intensity of each action unit of each person.

    An event begins when an action unit counts as present, and ends when its probability falls below a share of the
    lowest probability that counts. Without a file to write, prints the number of events. Examples:

    `duchenne events interviews.csv --output events.csv`

    `duchenne events interviews.csv --elan coded/ --boris study.boris`

    `duchenne events interviews.csv --output events.csv --exclude talk.eaf:speech`

    Parameters
    ----------
    results
        Results of duchenne detect: .csv, .parquet or .jsonl.
    output
        Write a row for each event to this .csv file; docs/study.md explains the columns.
    elan
        Write an .eaf file for each video into this folder: a tier for each person and action unit, the video linked.
    boris
        Write a project for BORIS, with an observation for each video, to this .boris file.
    aus
        Only these action units, for example 6,12.
    thresholds
        Probability from which an action unit counts, in the form that detect takes; default: those of the result.
    leave
        An event lasts while the probability stays above this share of the lowest that counts; 1: no hysteresis.
    min_duration
        Drop events shorter than this, in seconds.
    max_gap
        Join events that are no further apart than this, in seconds. A longer time without a face ends an event.
    exclude
        Leave out the stretches of FILE:TIER, such as speech: a tier of an ELAN file, a behaviour of BORIS, or rows of a
        table with onset_s and offset_s. May be given several times.
    exclude_aus
        Action units for which these stretches are left out, or all; default: those of mouth and chin.
    mark
        Keep events whole; excluded_share is the share of each that lies in those stretches.
    media
        Folder of the videos to which .eaf and .boris link, if they have been moved since detection.
    overwrite
        Replace existing files.
    """
    from duchenne.chosen_thresholds import thresholds_from
    from duchenne.errors import UsageError
    from duchenne.facs import AU_NAMES, parse_aus
    from duchenne.results.output_path import check_output_path
    from duchenne.study.au_events import EventSettings
    from duchenne.study.event_files import coding_of_events, write_coder_files
    from duchenne.study.exclusion import excluded_aus, read_exclusion
    from duchenne.study.writing import write_text

    for path, ending in ((output, ".csv"), (boris, ".boris")):
        if path is not None:
            check_output_path(path, (ending,), overwrite)
    named = None if aus is None else parse_aus(aus)
    chosen = thresholds_from(thresholds, named or AU_NAMES)
    if isinstance(chosen, str):
        raise UsageError(f"The set {chosen!r} belongs to weights; a result does not hold it. Name numbers or a file.")
    exclusion = read_exclusion(exclude, excluded_aus(exclude_aus))
    settings = EventSettings(leave, min_duration, max_gap, chosen)
    console = PlainConsole(stderr=True)
    table, found = _found(console, results, named, settings, exclusion, mark)
    written = []
    if output is not None:
        write_text(output, found.to_csv(index=False, lineterminator="\n"))
        written.append(str(output))
    if elan is not None or boris is not None:
        written += write_coder_files(coding_of_events(found, table), elan, boris, media, overwrite)
    if not written:
        _print_summary(found)
    console.say(
        f"{len(found)} events of {found['au'].nunique()} action units; at least {min_duration:g} s long, gaps up to "
        f"{max_gap:g} s closed" + (f"; wrote {', '.join(written)}." if written else ".")
    )
    return 0


def _found(
    console: PlainConsole,
    results: Sequence[Path],
    aus: tuple[str, ...] | None,
    settings: "EventSettings",
    exclusion: "Exclusion",
    mark: bool,
) -> tuple["pd.DataFrame", "pd.DataFrame"]:
    """Return the result and its events; what has none, and what is left out, is said."""
    from duchenne.study.au_events import events as find_events
    from duchenne.study.au_events import picture_sources
    from duchenne.study.results import Wanted, read_results

    table = read_results(results, Wanted(aus, others=("confidence",)))
    if pictures := picture_sources(table):
        console.say(f"{pictures} sources are single frames; pictures have no events.")
    if exclusion.tiers:
        console.say(_excluded(table, exclusion, mark))
    return table, find_events(table, settings, exclusion, mark)


def _excluded(table: "pd.DataFrame", exclusion: "Exclusion", mark: bool) -> str:
    from duchenne.study.tracks import frame_tracks

    out = whole = 0.0
    for source, _, track in frame_tracks(table):
        out += float(exclusion.inside(source, track.times_s + track.frame_s / 2).sum()) * track.frame_s
        whole += len(track) * track.frame_s
    share = 100 * out / whole if whole else 0.0
    what = "marked in" if mark else "left out of"
    return f"{', '.join(exclusion.tiers)}: {out:.1f} of {whole:.1f} s ({share:.0f}%) {what} {' '.join(exclusion.aus)}."


def _print_summary(found: "pd.DataFrame") -> None:
    import math

    from rich.table import Table
    from rich.text import Text

    from duchenne.files.shown_text import shown_name
    from duchenne.study.results import file_name

    table = Table(box=None, pad_edge=False)
    for heading in ("source", "person", "AU", "events", "median duration", "mean peak"):
        table.add_column(heading, justify="left" if heading in ("source", "person", "AU") else "right")
    for (source, person, au), group in found.groupby(["source", "person", "au"], sort=True):
        peak = group["peak_intensity"].mean()
        table.add_row(
            Text(shown_name(file_name(str(source)))),
            Text(shown_name(str(person))),
            str(au),
            str(len(group)),
            f"{group['duration_s'].median():.2f} s",
            "-" if math.isnan(peak) else f"{peak:.1f}",
        )
    PlainConsole().print(table)
