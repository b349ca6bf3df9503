"""`duchenne detect`: faces and their action units in pictures, videos or a camera."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def detect(
    *sources: str,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    overlay: Path | None = None,
    aus: str | None = None,
    threshold: Annotated[Sequence[str], Parameter(negative=())] = (),
    step: int = 1,
    start: float | None = None,
    end: float | None = None,
    largest_face: Annotated[bool, Parameter(negative=())] = False,
    min_face: float | None = None,
    sides: Annotated[bool, Parameter(negative=())] = False,
    weights: Path | None = None,
    smooth: Annotated[bool, Parameter(negative=())] = False,
    abstain: Annotated[bool, Parameter(negative=())] = False,
    neutral: Path | None = None,
    workers: Annotated[int | None, Parameter(name=["--workers", "-j"])] = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    restart: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Find faces and their action units in pictures, videos or a camera.

    Without `--output` a photo's action units are printed as a table, and of a video how often each occurred. Nothing
    leaves this machine. Examples:

    `duchenne detect portrait.jpg`

    `duchenne detect interview.mp4 --output interview.csv --overlay interview_aus.mp4`

    `duchenne detect study/ "clips/*.mov" --output all.parquet --aus 6,12 --step 3`

    Parameters
    ----------
    sources
        Pictures, videos, folders (everything in them), quoted patterns such as "clips/*.mp4", a camera (camera:0), or
        - for a picture on standard input.
    output
        Write a row for each face and frame to this .csv, .parquet or .jsonl file; docs/columns.md explains the columns.
        A run that was interrupted goes on where it stopped when the same command is given again.
    overlay
        Draw box, landmarks, pose and action units into this picture or video; for several pictures, into this folder.
        With an overlay an interrupted run starts from the beginning.
    aus
        Report only these action units, for example 6,12 or AU06,AU12.
    threshold
        Probability from which an action unit is said to occur, 0-1: a number for all, AU12=0.6 for one; may be given
        several times. The stored thresholds were chosen on rendered validation faces (see the model card).
    step
        Look at every step-th frame of a video.
    start
        Leave out what comes before this second of a video.
    end
        Leave out what comes after this second of a video.
    largest_face
        Keep only the largest face of each frame.
    min_face
        Smallest face to look for, in pixels; smaller values cost time.
    sides
        Write probability and intensity of the subject's left and right, too, of action units that FACS codes by side.
    weights
        An action unit network that `duchenne export` has written; the package's own otherwise.
    smooth
        Steady the landmarks of videos over time; fast movements are followed at once. Pictures stay as they are.
    abstain
        Write 9 for the occurrence of action units that cannot be judged, since their region is hidden or the head is
        turned beyond what was tested (60 degrees of yaw, 45 of pitch).
    neutral
        A picture or a video of the neutral face of the one person whom the sources show. It shifts the scores of those
        action units for which that helped on rendered faces (see the model card).
    workers
        Frames worked on side by side; one per core otherwise.
    overwrite
        Replace existing output files.
    restart
        Throw an interrupted run away instead of going on with it.
    quiet
        No progress and no remarks, only errors.
    """
    from duchenne.commands.detect_report import Report
    from duchenne.detection import RunOptions, run_detection, thresholds_from
    from duchenne.detector import AUDetector, DetectionOptions
    from duchenne.errors import MediaError, UsageError
    from duchenne.facs import AU_NAMES, parse_aus
    from duchenne.media import expand_sources

    if not sources:
        raise UsageError(
            "Nothing to detect in. Name a picture, a video, a folder or camera:0; see duchenne detect --help."
        )
    if workers is not None and workers < 1:
        raise UsageError(f"The number of workers is {workers}; it must be at least 1.")
    options = RunOptions(output, overlay, start, end, step, overwrite, restart)
    names = parse_aus(aus) if aus is not None else None
    chosen = DetectionOptions(
        names,
        thresholds_from(threshold, names or AU_NAMES),
        largest_face,
        min_face,
        sides,
        weights,
        smooth,
        abstain,
        neutral,
    )
    detector = AUDetector(chosen, workers)
    found, problems = expand_sources(sources)
    with Report(detector.thresholds, has_output=output is not None, quiet=quiet) as report:
        for problem in problems:
            report.problem(problem if isinstance(problem, MediaError) else MediaError(str(problem)))
        if not found:
            return 1
        state = run_detection(detector, found, options, report)
        report.end(state, output, overlay)
    return 1 if problems or state.problems else 0
