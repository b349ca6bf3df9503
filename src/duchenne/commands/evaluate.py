"""`duchenne evaluate`: test a trained system, or a file of scores, on prepared faces."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from duchenne.commands.plain_console import PlainConsole

if TYPE_CHECKING:
    from rich.table import Table

    from duchenne.datasets.preparing.source_preparation import PreparedFaces
    from duchenne.evaluation.runs import Run


def evaluate(
    system: Path,
    /,
    *,
    data: list[Path],
    out: Path,
    valid: list[Path] | None = None,
    name: str | None = None,
    protocol: str = "all faces of the set",
    role: Literal["within", "across", "poses", "clips", "disfa", "other"] = "other",
    subjects: str | None = None,
    learnt_people: Literal["refuse", "leave-out", "mark"] = "refuse",
    draws: int = 1000,
    seed: int | None = None,
) -> int:
    """Test a trained system on prepared faces; one JSON file with every measure, by AU, pose and subject.

    Parameters
    ----------
    system
        Folder of a trained system (`duchenne train`); real or rendered for the package's own network, or a file of
        duchenne export, both with their own thresholds and intensities; or a CSV or Parquet file with a column AU01_p,
        ... for each action unit and one row for each face, in the order of the faces.
    data
        Folder written by `duchenne prepare`; give --data several times to join several. A data set as it was released
        (BP4D, FERA 2017, DISFA, DISFA+, CK+) is prepared first, into a store beside --out.
    out
        JSON file to write.
    valid
        Prepared faces of other subjects on which thresholds are chosen. Without them, and for a file of scores, scores
        at validation thresholds are left out.
    name
        Name of the data: "train to test", or one name for both; default: the names of the folders.
    protocol
        How faces were split and sampled, in words; stored with the numbers.
    role
        Table of the report to which the run belongs: within (Table 2), across (Table 3), poses (Table 4, Figures 6 and
        7), clips (faces in time).
    subjects
        Test only these subjects, for example F001,M003.
    learnt_people
        What to do with subjects of the system's training or validation. refuse: nothing is tested. leave-out: only the
        others are tested. mark: all are tested, and the run says so.
    draws
        Number of resamplings of the subjects for the intervals; 0: no intervals.
    seed
        Seed of the system's training; stored with the numbers.
    """
    from duchenne.commands.subject_names import names_in
    from duchenne.evaluation import evaluated_run
    from duchenne.evaluation.runs import MEASURES

    console = PlainConsole(stderr=True)
    with console.status("scoring and evaluating"):
        run = evaluated_run.evaluate(
            system,
            data=data,
            out=out,
            valid=valid,
            name=name,
            protocol=protocol,
            role=role,
            subjects=names_in(subjects),
            learnt_people=learnt_people,
            draws=draws,
            seed=seed,
            command=shlex.join(["duchenne", *sys.argv[1:]]),
            on_prepared=lambda done: _say_prepared(console, done),
        )
    console.say(f"Wrote {out}: {run.faces} faces of {run.subjects} subjects.")
    if run.origin.learnt_from is None and system.is_dir():
        console.say(f"{system} does not say whom it learnt from; whether these are others nobody has checked.")
    elif run.origin.learnt_from:
        console.say(f"{run.origin.system} learnt from {len(run.origin.learnt_from)} of them: scores are too high.")
    for left_out in run.mean.left_out:
        console.say(f"{left_out} is not in the means: {run.aus[left_out].missing}.")
    from duchenne.evaluation.evaluate_weights import names_weights

    if names_weights(system):
        PlainConsole().print(_agreement_table(run))
    means = {measure: run.mean.curve.of(measure) for measure in MEASURES}
    print("  ".join(f"{measure} {value:.3f}" for measure, value in means.items() if value is not None))
    return 0


def _say_prepared(console: PlainConsole, done: "PreparedFaces") -> None:
    for problem in done.problems:
        console.say(f"duchenne: {problem}")
    console.say(f"Prepared {done.kept} faces of {done.labelled} frames in {done.folder}.")


def _agreement_table(run: "Run") -> "Table":
    """Return the agreement of a network with coders by AU, at its own thresholds."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "faces", "present", "F1", "kappa", "AROC", "ICC"):
        table.add_column(heading, justify="left" if not heading else "right")
    for au, found in run.aus.items():
        at = None if found.at is None else found.at.validation
        numbers = (None, None) if at is None else (at.f1, at.kappa)
        shown = ["-" if value is None else f"{value:.3f}" for value in (*numbers, found.curve.aroc, found.icc)]
        table.add_row(au, str(found.positives + found.negatives), str(found.positives), *shown)
    mean = [
        "-" if value is None else f"{value:.3f}"
        for value in (run.mean.f1_validation, run.mean.curve.aroc, run.mean.icc)
    ]
    table.add_row("mean", "", "", mean[0], "", *mean[1:])
    return table
