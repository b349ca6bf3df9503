"""`duchenne agree`: how far a result and human codes, or two codings, agree."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import PlainConsole

if TYPE_CHECKING:
    from rich.table import Table

    from duchenne.study.agreement.agreement_table import Agreement
    from duchenne.study.agreement.settings import AgreeSettings
    from duchenne.study.codings.reading import Codes


def agree(
    result: Path,
    /,
    *codes: Path,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    advice: Path | None = None,
    rule: Literal["balanced", "f1"] = "balanced",
    aus: str | None = None,
    coder: str | None = None,
    first_coder: str | None = None,
    present_from: Literal["A", "B", "C", "D", "E"] = "B",
    tolerance: float = 0.5,
    overlap: float = 0.5,
    over: Literal["sequence", "person", "segment"] = "sequence",
    draws: int = 1000,
    exclude: Annotated[Sequence[str], Parameter(negative=())] = (),
    exclude_aus: str | None = None,
    shift: Annotated[Sequence[str], Parameter(negative=())] = (),
    fps: float | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Compare a result with human codes, or one coder with another: kappa and more, by action unit, with intervals.

    Codes are matched by name of the video, time and person. Whatever cannot be matched is named, and the rest is
    compared. Only times that both have judged count; stretches that were not coded are left out. Examples:

    `duchenne agree interviews.csv codes/*.eaf --output agreement.csv`

    `duchenne agree interviews.csv codes.boris --advice mine.csv`, then `duchenne detect ... --thresholds mine.csv`

    `duchenne agree kim.eaf lee.eaf`

    Parameters
    ----------
    result
        A result of duchenne detect (.csv, .parquet, .jsonl), or codes, to be compared.
    codes
        The reference: ELAN (.eaf), BORIS (.boris, or exports of tabular or aggregated events), tables of codes
        (docs/study.md), tables with one row a frame (OpenFace, py-feat), results; or a folder of them.
    output
        Write the table to this .csv file: one row for each action unit, every measure with its interval.
    advice
        Write thresholds that fit these codes to this .csv file, for detect --thresholds. Only those are written that
        gave a better agreement on sequences that they were not chosen on.
    rule
        How thresholds are chosen: best balanced accuracy, or best F1.
    aus
        Which action units were coded, for codes that name only those that were found (exports of BORIS, labels such as
        12C+6B on one tier). Others are left out.
    coder
        Use only the codes of this coder; needed if a file holds several.
    first_coder
        The same for RESULT, if that is codes too.
    present_from
        Lowest letter that counts as present. Results count from B on.
    tolerance
        Largest difference between two matching onsets, or offsets, in seconds.
    overlap
        Share of their common time that two events must overlap to match.
    over
        Unit that is resampled for the intervals: a person in one video (sequence), a person in all videos, or a coded
        stretch (segment; see duchenne sample), which gives intervals for these persons only.
    draws
        Number of resamplings for the intervals; 0: no intervals.
    exclude
        Leave out the stretches of FILE:TIER, such as speech: a tier of an ELAN file, a behaviour of BORIS, or rows of a
        table with onset_s and offset_s. May be given several times.
    exclude_aus
        Action units for which these stretches are left out, or all; default: those of mouth and chin.
    shift
        Seconds by which the codes are shifted before they are compared: -2.4 for all, anna.mp4=-2.4 for one video, auto
        for the difference that is found. A constant difference of the clocks is always looked for and reported.
    fps
        Frames per second, for tables of frames without times.
    overwrite
        Replace existing files.
    """
    from duchenne.measures.intervals import Bootstrap
    from duchenne.results.output_path import check_output_path
    from duchenne.study.agreement.advice import write_advice
    from duchenne.study.agreement.agreement_table import agree as agree_codes
    from duchenne.study.agreement.settings import AgreeSettings
    from duchenne.study.exclusion import excluded_aus, read_exclusion
    from duchenne.study.writing import write_text

    for path in (output, advice):
        if path is not None:
            check_output_path(path, (".csv",), overwrite)
    shifts, find = _shifts(shift)
    settings = AgreeSettings(
        present_from,
        tolerance,
        overlap,
        over=over,
        bootstrap=Bootstrap(draws),
        exclude=read_exclusion(exclude, excluded_aus(exclude_aus)),
        shifts=shifts,
        find_shifts=find,
        rule=rule,
    )
    first, second = _read(result, codes, (first_coder, coder), aus, fps)
    found = agree_codes(first, second, settings)
    console, err = PlainConsole(), PlainConsole(stderr=True)
    for table in tables(found):
        console.print(table)
    _remarks(err, found, settings)
    if output is not None:
        write_text(output, found.table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
        err.say(f"Wrote {output}: {len(found.table)} action units.")
    if advice is not None:
        err.say(f"Wrote {advice}: {write_advice(found.thresholds, advice)} thresholds.")
    return 0


def _shifts(words: Sequence[str]) -> tuple[dict[str, float], bool]:
    from duchenne.errors import UsageError

    shifts: dict[str, float] = {}
    for word in words:
        name, _, seconds = word.rpartition("=")
        try:
            shifts |= {} if word == "auto" else {name: float(seconds)}
        except ValueError:
            raise UsageError(f"--shift {word}: write seconds, FILE=SECONDS or auto.") from None
    return shifts, "auto" in words


def _read(
    result: Path, codes: Sequence[Path], coders: tuple[str | None, str | None], aus: str | None, fps: float | None
) -> tuple["Codes", "Codes"]:
    """Return both codings; of a result only the columns of action units that the codes hold."""
    from duchenne.errors import UsageError
    from duchenne.facs import AU_NAMES, parse_aus
    from duchenne.study.codings.coding import Coding
    from duchenne.study.codings.reading import read_codes
    from duchenne.study.codings.selection import of_coder, with_aus
    from duchenne.study.results import Wanted

    if not codes:
        raise UsageError("No codes are named. Write: duchenne agree RESULT CODES; see duchenne agree --help.")
    named = None if aus is None else parse_aus(aus)
    lean = Wanted(others=("confidence",))
    second = read_codes(codes, Wanted(named, others=("confidence",)), fps)
    if isinstance(second, Coding):
        second = with_aus(of_coder(second, coders[1], "--coder"), named)
        coded = {one.au for one in second.coded}
        lean = Wanted(tuple(au for au in AU_NAMES if au in coded), others=("confidence",), lenient=True)
    first = read_codes([result], lean, fps)
    if isinstance(first, Coding):
        first = with_aus(of_coder(first, coders[0], "--first-coder"), named)
    return first, second


def tables(found: "Agreement") -> list["Table"]:
    """Return what the terminal shows: occurrence, events, and grades where there are any."""
    import math

    from rich.table import Table

    level = "" if found.units < 2 else " [95% interval]"
    kinds = {
        f"Occurrence, moment by moment{level}": "kappa ac1 alpha",
        f"Occurrence, as detection{level}": "f1 area percent_agreement",
        f"Events{level}": "facs_ratio onset_agreement offset_agreement",
        f"Grades{level}": "icc weighted_kappa within_one_letter",
    }
    made = []
    for title, words in kinds.items():
        measures = words.split()
        rows = found.table
        if title.startswith("Grades"):
            rows = rows[rows["weighted_kappa"].notna()]
        if rows.empty:
            continue
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        counts = ("events_first", "events_second") if title.startswith("Events") else ("share_first", "share_second")
        for heading in ("AU", "first", "codes", *measures):
            table.add_column(
                heading.replace("_agreement", "").replace("_", " "), justify="left" if heading == "AU" else "right"
            )
        for _, row in rows.iterrows():
            cells = [f"{row[name]:.0f}" if name.startswith("events") else f"{100 * row[name]:.1f}%" for name in counts]
            for name in measures:
                low, high, value = (row[f"{name}{end}"] for end in ("_low", "_high", ""))
                missing = value is None or math.isnan(value)
                between = "" if low is None or math.isnan(low) else f" [{low:.2f} {high:.2f}]"
                cells.append("-" if missing else f"{value:.2f}{between}")
            table.add_row(str(row["au"]), *cells)
        made.append(table)
    return made


def _remarks(console: PlainConsole, found: "Agreement", settings: "AgreeSettings") -> None:
    """Say what was not compared, and on what the numbers rest."""
    for note in found.notes:
        console.say(note)
    rest = found.left_out
    if settings.exclude.tiers:
        out, whole = rest["left_out_s"].sum(), rest["left_out_s"].sum() + rest["compared_s"].sum()
        share = 100 * out / whole if whole else 0.0
        console.say(
            f"{', '.join(settings.exclude.tiers)}: left out of {' '.join(settings.exclude.aus)}, {out:.1f} of "
            f"{whole:.1f} seconds of action units ({share:.0f}%)."
        )
    units = f"{found.units} {settings.over}{'' if found.units == 1 else 's'}"
    console.say(
        f"{units}; present from {settings.present_from} on; events share {settings.overlap:.0%} of their time; onsets "
        f"and offsets within {settings.tolerance_s:g} s. F1 is the positive agreement, too."
    )
