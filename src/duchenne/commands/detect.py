"""`duchenne detect`: faces and their action units in pictures, videos or a camera."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from duchenne.commands.plain_console import COMMAND_LINE

if TYPE_CHECKING:
    from duchenne.cluster.ray_finder import RayFinder
    from duchenne.detection import RunOptions
    from duchenne.detector import AUDetector
    from duchenne.results.detection_options import DetectionOptions


def detect(
    *sources: str,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    output_dir: str | None = None,
    output_format: Annotated[Literal["csv", "parquet", "jsonl"], Parameter(name="--format")] = "csv",
    shard: str | None = None,
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
    device: Literal["auto", "cpu", "cuda", "coreml", "openvino", "directml"] = "auto",
    workers: Annotated[int | None, Parameter(name=["--workers", "-j"])] = None,
    hardware_decoding: str = "off",
    ray: str | None = None,
    overwrite: Annotated[bool, Parameter(negative=())] = False,
    restart: Annotated[bool, Parameter(negative=())] = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative=())] = False,
) -> int:
    """Find faces and their action units in pictures, videos or a camera.

    Without `--output` prints a table: for a picture the action units of each face, for a video how often each occurred.
    Nothing leaves this machine but results that `--output` sends to a URL. Examples:

    `duchenne detect portrait.jpg`

    `duchenne detect interview.mp4 --output interview.csv --overlay interview_aus.mp4`

    `duchenne detect study/ "clips/*.mov" --output all.parquet --aus 6,12 --step 3`

    Parameters
    ----------
    sources
        Pictures, videos, folders (everything in them), quoted patterns such as "clips/*.mp4", a camera (camera:0), or
        `-` for a picture on standard input. Linked folders are followed; overlays that duchenne has drawn are left out.
    output
        Write one row for each face in each frame to this .csv, .parquet or .jsonl file; docs/columns.md explains the
        columns. The same command continues an interrupted run. Parquet needs pip install 'duchenne[parquet]'. A record
        beside it (FILE.json) holds version, options, hashes of weights and sources, counts, problems, what to cite.
        A URL puts it into an object store (s3://bucket/all.csv, gs://), whole when it is done; docs/cluster.md says
        what holds there. Needs pip install 'duchenne[cluster]'.
    output_dir
        Write one file for each source into this folder instead, each with its record. Files that an earlier run with
        the same options has finished are kept and not made again. May be a URL, too (s3://bucket/results).
    output_format
        Format of the files in `--output-dir`.
    shard
        Do only this share of the sources, for example 2/10, beside `--output-dir`. Ten such commands on machines that
        share a folder do the work of one; `duchenne merge` makes one result of theirs.
    like
        Use the options of an earlier result, from its record (FILE.json); options given on the command line take
        precedence. Without sources, run again on those of the record, whose content must be unchanged.
    overlay
        Draw box, landmarks, pose and action units into this picture or video; for several pictures, into this folder.
        With the overlay of a video an interrupted run starts from the beginning.
    columns
        Write only these groups of columns, for example aus,pose. Groups: box, pose, aus, landmarks; default: all.
        source, frame, timestamp_s, face_id and confidence are always written.
    aus
        Report only these action units, for example 6,12 or AU06,AU12.
    thresholds
        Probability from which an action unit counts as present. balanced: best balanced accuracy, with each action unit
        reported on at most 8% of the faces without any. f1: best F1. Both were chosen on faces that the network was not
        trained on (see the model card); balanced is the default if the weights hold both. Or your own: a .csv or .json
        file with au and threshold (docs/columns.md), AU12=0.6,AU06=0.5 for some action units, 0.4 for all. May be given
        several times; a value for one action unit takes precedence.
    step
        Use every step-th frame of a video.
    start
        Start at this second of a video.
    end
        Stop at this second of a video.
    every_frame
        Also write a row for each frame without a face, in which only source, frame and timestamp_s are filled.
    largest_face
        Keep only the largest face of each frame.
    min_face
        Smallest face to look for, in pixels of its box; smaller values are slower. Default: in pictures 1/60 of the
        shorter side (50 px of 3000) or 32 px, whichever is larger; in videos, for speed, 1/20 of it (54 px of 1080) or
        12 px. A remark says where smaller faces are likely.
    sides
        Also write probability and intensity of the subject's left and right, for action units that FACS codes by side.
    weights
        The action unit network. real: trained on real and rendered faces. rendered: trained on rendered faces only. Or
        a file written by `duchenne export`. [default: real]
    smooth
        Smooth the landmarks of videos over time, without delaying fast movements. Pictures are not changed.
    unreliable
        What to write for the occurrence of an action unit whose region is hidden, or of a head turned beyond what was
        tested (60 degrees of yaw, 45 of pitch). keep: the result as found. blank: 9.
    abstain
        The former name of --unreliable blank.
    neutral
        The neutral face of the person in the sources, as a picture or a video. For several people: a folder with a
        picture named after each person (anna.jpg for clips/anna_2.mp4), or a .csv with person or source, and picture
        (docs/columns.md). It corrects the scores of those action units for which this improved the results (see the
        model card).
    device
        Where the networks are computed. auto: the first of CUDA, DirectML and OpenVINO that is installed and works,
        else the CPU. The record of the result names the device; docs/devices.md says how to install each.
    workers
        Number of frames processed in parallel; default: one per core.
    hardware_decoding
        Decode videos on a graphics card: FFmpeg's name of its kind (cuda, vaapi, videotoolbox, d3d11va, ...), auto for
        the first that works, or off for the CPU. Pixels and scores may differ a little from those of the CPU; the
        record of the result names what was taken. A video that the card cannot decode is decoded by the CPU, with a
        remark. `duchenne doctor` lists what works here.
    ray
        Find the faces on the machines of a Ray cluster, which must see the sources under the same paths: its address,
        auto for the one of this machine, or local for `--workers` processes. Long videos are divided. Results are those
        of one machine, byte for byte. Needs pip install 'duchenne[cluster]'.
    overwrite
        Replace existing output files.
    restart
        Discard an interrupted run instead of continuing it.
    quiet
        Print only errors, no progress and no remarks.
    """
    from duchenne.chosen_thresholds import thresholds_from
    from duchenne.commands.renamed_options import warn_of_old_name
    from duchenne.detection import RunOptions
    from duchenne.errors import UsageError
    from duchenne.facs import AU_NAMES, parse_aus
    from duchenne.results.detection_options import DetectionOptions
    from duchenne.results.shards import Shard

    if not sources and like is None:
        raise UsageError(
            "There is no source. Name a picture, a video, a folder or camera:0; see duchenne detect --help."
        )
    if abstain:
        warn_of_old_name("--abstain", "--unreliable blank")
    groups = _chosen_groups(columns, every_frame, has_output=output is not None or output_dir is not None)
    file, folder, store = _places(output, output_dir)
    options = RunOptions(
        file, overlay, start, end, step, overwrite, restart, groups, folder, f".{output_format}",
        COMMAND_LINE.get(), every_frame, None if shard is None else Shard.parse(shard), ray, store, hardware_decoding,
    )  # fmt: skip
    names = parse_aus(aus) if aus is not None else None
    chosen = DetectionOptions(
        names, thresholds_from(thresholds, names or AU_NAMES), largest_face, min_face, sides, weights, smooth,
        "blank" if abstain else unreliable, device,
    )  # fmt: skip
    if like is not None:
        return _run_like(like, (chosen, neutral, workers), sources, options, quiet)
    return _run(*_detector(chosen, neutral, workers), sources, options, quiet)


def _places(output: str | None, output_dir: str | None) -> tuple[Path | None, Path | None, str | None]:
    """Return file and folder of results, and the URL of the object store below which they are."""
    from duchenne.results.object_folder import is_url

    if output is not None and output_dir is None and is_url(output):
        store, _, name = output.rpartition("/")
        return Path(name), None, store
    if output_dir is not None and output is None and is_url(output_dir):
        return None, Path(), output_dir
    return None if output is None else Path(output), None if output_dir is None else Path(output_dir), None


def _detector(options: "DetectionOptions", neutral: Path | None, workers: int | None) -> "tuple[AUDetector, list[str]]":
    """Return the detector, and what is to be known of how the neutral faces were read."""
    import warnings

    from duchenne.detector import AUDetector

    detector = AUDetector.from_options(options, workers)
    if neutral is None:
        return detector, []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        detector = detector.with_neutral(neutral)
    return detector, [str(warning.message) for warning in caught]


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
    like_it, told = of.detection_options_like(record, chosen), of.neutral_like(record, neutral)
    detector, remarks = _detector(like_it, told, workers)
    remarks += of.check_like(record, detector)
    return _run(detector, remarks, words or of.sources_like(record), of.run_options_like(record, options), quiet)


def _run(
    detector: "AUDetector", remarks: Sequence[str], words: Sequence[str], options: "RunOptions", quiet: bool
) -> int:
    from duchenne.commands.detect_report import Report
    from duchenne.detection import run_detection
    from duchenne.errors import MediaError
    from duchenne.media import expand_sources

    if detector.device.name != "cpu":
        remarks = [*remarks, f"Networks run on {detector.device.name} ({detector.device.provider})."]
    options, told = _on_this_machine(options)
    remarks = [*remarks, *told]
    has_output = options.output is not None or options.output_dir is not None
    with Report(detector.thresholds, has_output=has_output, quiet=quiet) as report:
        for remark in remarks:
            report.remark(remark)
        found, problems = expand_sources(words, report.remark)
        for problem in problems:
            report.problem(problem if isinstance(problem, MediaError) else MediaError(str(problem)))
        if not found:
            return 1
        with nullcontext() if options.ray is None else _ray_finder(detector, options, options.ray) as finder:
            state = run_detection(detector, found, options, report, finder)
        report.end(state, options)
    return 1 if problems or state.problems else 0


def _on_this_machine(options: "RunOptions") -> "tuple[RunOptions, list[str]]":
    """Return the options with the device that decodes videos here, and what is to be known of it."""
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = options.on_this_machine()
    if options.hardware_decoding != "off":
        return options, [f"Videos are decoded on {options.hardware_decoding}."]
    return options, [str(warning.message) for warning in caught]


def _ray_finder(detector: "AUDetector", options: "RunOptions", address: str) -> "RayFinder":
    from duchenne.cluster.ray_finder import RayFinder

    return RayFinder(detector, options, address)
