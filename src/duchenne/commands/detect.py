"""`duchenne detect`: faces and their action units in pictures, videos or a camera."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import COMMAND_LINE

if TYPE_CHECKING:
    from duchenne.detection import RunOptions
    from duchenne.detector import AUDetector
    from duchenne.results.detection_options import DetectionOptions


def detect(
    *sources: str,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    output_dir: Path | None = None,
    output_format: Annotated[Literal["csv", "parquet", "jsonl"], Parameter(name="--format")] = "csv",
    like: Path | None = None,
    overlay: Path | None = None,
    columns: str | None = None,
    aus: str | None = None,
    thresholds: Annotated[Sequence[str], Parameter(negative=())] = (),
    step: int = 1,
    start: float | None = None,
    end: float | None = None,
    every_frame: Annotated[bool, Parameter(negative=())] = False,
    largest_face: Annotated[bool, Parameter(negative=())] = False,
    min_face: float | None = None,
    sides: Annotated[bool, Parameter(negative=())] = False,
    weights: Path | None = None,
    smooth: Annotated[bool, Parameter(negative=())] = False,
    unreliable: Literal["keep", "blank"] = "keep",
    abstain: Annotated[bool, Parameter(negative=(), show=False)] = False,
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
        `-` for a picture on standard input. Linked folders are followed; overlays that duchenne has drawn are left out.
    output
        Write a row for each face and frame to this .csv, .parquet or .jsonl file; docs/columns.md explains the columns.
        A run that was interrupted goes on where it stopped when the same command is given again. Parquet needs
        pip install 'duchenne[parquet]'. FILE.json beside it says how it was made: version, options, hashes of weights
        and sources, counts, problems, what to cite.
    output_dir
        Write a file for each source into this folder instead, each with its record. What an earlier run like this one
        has finished there stays and counts as done.
    output_format
        Of the files in `--output-dir`.
    like
        Take the options of an earlier result from the record beside it (FILE.json); options that are given win. Without
        sources its own are taken, which must hold what they held.
    overlay
        Draw box, landmarks, pose and action units into this picture or video; for several pictures, into this folder.
        With an overlay an interrupted run starts from the beginning.
    columns
        Write only these groups of columns, for example aus,pose: box, pose, aus, landmarks; all otherwise. Source,
        frame, time, face_id and confidence are always there.
    aus
        Report only these action units, for example 6,12 or AU06,AU12.
    thresholds
        Probability from which an action unit counts as present. balanced: for the best balanced accuracy, but on at
        most 8% of faces without any action unit. f1: for the best F1. Both were chosen on faces that the network was
        not trained on (see the model card); balanced is the default where the weights hold both. Or your own: a .csv or
        .json with au and threshold, AU12=0.6,AU06=0.5 for some, 0.4 for all; may be given several times, and what is
        said of one action unit wins. docs/columns.md shows the file.
    step
        Take every step-th frame of a video.
    start
        Leave out what comes before this second of a video.
    end
        Leave out what comes after this second of a video.
    every_frame
        Write a row for each frame without a face, too, in which all but source, frame and timestamp_s is empty.
    largest_face
        Keep only the largest face of each frame.
    min_face
        Smallest face to look for, in pixels; smaller values cost time.
    sides
        Write probability and intensity of the subject's left and right, too, of action units that FACS codes by side.
    weights
        The action unit network. real: the package's own, learnt from real and rendered faces. rendered: the package's
        other one, learnt from rendered faces alone. Or a file that `duchenne export` has written. [default: real]
    smooth
        Steady the landmarks of videos over time; fast movements are followed at once. Pictures stay as they are.
    unreliable
        What to write for the occurrence of an action unit whose region is hidden, or of a head turned beyond what was
        tested (60 degrees of yaw, 45 of pitch). keep: what was found. blank: 9.
    abstain
        The former name of --unreliable blank.
    neutral
        A picture or a video of the neutral face of the one person whom the sources show. Of several people: a folder
        with a picture named after each person (anna.jpg for clips/anna_2.mp4), or a .csv with person or source, and
        picture (docs/columns.md). It shifts the scores of those action units for which that helped on people whom
        it was learnt on (see the model card).
    workers
        Frames worked on side by side; one per core otherwise.
    overwrite
        Replace existing output files.
    restart
        Throw an interrupted run away instead of going on with it.
    quiet
        No progress and no remarks, only errors.
    """
    from duchenne.chosen_thresholds import thresholds_from
    from duchenne.commands.renamed_options import warn_of_old_name
    from duchenne.detection import RunOptions
    from duchenne.errors import UsageError
    from duchenne.facs import AU_NAMES, parse_aus
    from duchenne.results.detection_options import DetectionOptions

    if not sources and like is None:
        raise UsageError(
            "Nothing to detect in. Name a picture, a video, a folder or camera:0; see duchenne detect --help."
        )
    if abstain:
        warn_of_old_name("--abstain", "--unreliable blank")
    groups = _chosen_groups(columns, every_frame, has_output=output is not None or output_dir is not None)
    options = RunOptions(
        output, overlay, start, end, step, overwrite, restart, groups, output_dir, f".{output_format}",
        COMMAND_LINE.get(), every_frame,
    )  # fmt: skip
    names = parse_aus(aus) if aus is not None else None
    chosen = DetectionOptions(
        names, thresholds_from(thresholds, names or AU_NAMES), largest_face, min_face, sides, weights, smooth,
        "blank" if abstain else unreliable,
    )  # fmt: skip
    if like is not None:
        return _run_like(like, (chosen, neutral, workers), sources, options, quiet)
    return _run(_detector(chosen, neutral, workers), sources, options, quiet)


def _detector(options: "DetectionOptions", neutral: Path | None, workers: int | None) -> "AUDetector":
    from duchenne.detector import AUDetector

    detector = AUDetector.from_options(options, workers)
    return detector if neutral is None else detector.with_neutral(neutral)


def _chosen_groups(columns: str | None, every_frame: bool, *, has_output: bool) -> tuple[str, ...]:
    """Return the groups of columns that are written; refuse to choose what a file holds where there is none."""
    from duchenne.errors import UsageError
    from duchenne.results.columns import GROUPS, parse_groups

    for option, is_asked_for in (("--columns", columns is not None), ("--every-frame", every_frame)):
        if is_asked_for and not has_output:
            raise UsageError(f"{option} says what a file of results holds; name the file with --output.")
    return GROUPS if columns is None else parse_groups(columns)


def _run_like(
    like: Path,
    asked: tuple["DetectionOptions", Path | None, int | None],
    words: Sequence[str],
    options: "RunOptions",
    quiet: bool,
) -> int:
    from duchenne.commands import detect_like as of
    from duchenne.results.result_record import read_record

    record, (chosen, neutral, workers) = read_record(like), asked
    detector = _detector(of.detection_options_like(record, chosen), of.neutral_like(record, neutral), workers)
    remarks = of.check_like(record, detector)
    return _run(detector, words or of.sources_like(record), of.run_options_like(record, options), quiet, remarks)


def _run(
    detector: "AUDetector", words: Sequence[str], options: "RunOptions", quiet: bool, remarks: Sequence[str] = ()
) -> int:
    from duchenne.commands.detect_report import Report
    from duchenne.detection import run_detection
    from duchenne.errors import MediaError
    from duchenne.media import expand_sources

    has_output = options.output is not None or options.output_dir is not None
    with Report(detector.thresholds, has_output=has_output, quiet=quiet) as report:
        for remark in remarks:
            report.remark(remark)
        found, problems = expand_sources(words, report.remark)
        for problem in problems:
            report.problem(problem if isinstance(problem, MediaError) else MediaError(str(problem)))
        if not found:
            return 1
        state = run_detection(detector, found, options, report)
        report.end(state, options.output, options.output_dir, options.overlay)
    return 1 if problems or state.problems else 0
