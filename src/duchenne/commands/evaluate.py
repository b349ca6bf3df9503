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
    role: Literal["within", "across", "poses", "other"] = "other",
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
        Folders that `duchenne prepare` has written; to make one set of several, give --data again for each.
    out
        The JSON file.
    valid
        Prepared faces of other subjects on which thresholds are chosen. Without them the third rule is left out; for
        a file of scores there is no such rule.
    name
        Of the data, as "train to test" or one name for both; the folders' names unless given.
    protocol
        How faces were split and sampled, in words, to be kept with the numbers.
    role
        Which table of the report it belongs to: within (Table 2), across (Table 3), poses (Table 4, Figures 6 and 7).
    draws
        Resamplings of the subjects for the intervals; 0 makes none.
    seed
        Of the system's training, to be kept with the numbers.
    """
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
            draws=draws,
            seed=seed,
            command=shlex.join(["duchenne", *sys.argv[1:]]),
        )
    console.say(f"Wrote {out}: {run.faces} faces of {run.subjects} subjects.")
    for left_out in run.mean.left_out:
        console.say(f"{left_out} is not in the means: {run.aus[left_out].missing}.")
    means = {measure: run.mean.curve.of(measure) for measure in MEASURES}
    print("  ".join(f"{measure} {value:.3f}" for measure, value in means.items() if value is not None))
    return 0
