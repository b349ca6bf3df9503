"""`duchenne evaluate`: test a trained system, or a file of scores, on prepared faces."""

import shlex
import sys
from pathlib import Path
from typing import Literal

from duchenne.commands.plain_console import PlainConsole


def evaluate(
    system: Path,
    /,
    *,
    data: list[Path],
    out: Path,
    valid: list[Path] | None = None,
    name: str | None = None,
    protocol: str = "all faces of the set",
    role: Literal["within", "across", "poses", "clips", "other"] = "other",
    subjects: str | None = None,
    learnt_people: Literal["refuse", "leave-out", "mark"] = "refuse",
    draws: int = 1000,
    seed: int | None = None,
) -> int:
    """Test a trained system on prepared faces; one JSON file with every measure, by AU, pose and subject.

    Parameters
    ----------
    system
        Folder of a trained system (`duchenne train`), or a CSV or Parquet file with a column AU01_p, ... for each
        action unit and one row for each face, in the order of the faces.
    data
        Folder written by `duchenne prepare`; give --data several times to join several.
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
        )
    console.say(f"Wrote {out}: {run.faces} faces of {run.subjects} subjects.")
    if run.origin.learnt_from is None and system.is_dir():
        console.say(f"{system} does not say whom it learnt from; whether these are others nobody has checked.")
    elif run.origin.learnt_from:
        console.say(f"{run.origin.system} learnt from {len(run.origin.learnt_from)} of them: scores are too high.")
    for left_out in run.mean.left_out:
        console.say(f"{left_out} is not in the means: {run.aus[left_out].missing}.")
    means = {measure: run.mean.curve.of(measure) for measure in MEASURES}
    print("  ".join(f"{measure} {value:.3f}" for measure, value in means.items() if value is not None))
    return 0
