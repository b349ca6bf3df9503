"""The verbs of `duchenne dev` that make and measure the AU networks."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from duchenne.commands.dev.measuring import LIST, command_line, progress_display


def grade_by_blendshapes(*, faces: Path, labels: Path, out: Path) -> int:
    """Grade the uncoded pictures of persons who teach by MediaPipe's blendshapes.

    Ten AUs have a blendshape that follows them. A curve for each, learnt on the coded pictures of the same persons,
    turns it into a grade; the other AUs stay unknown. The table is one for duchenne prepare.

    Parameters
    ----------
    faces
        Folder of pictures with index.csv (file, person) and codes.csv.
    labels
        The teachers' labels of these pictures, from duchenne dev label-faces.
    out
        The CSV to write.
    """
    from duchenne.training.pictures.blendshape_grades import write_blendshape_grades

    count = write_blendshape_grades(faces, labels, out)
    print(f"{count} pictures graded: {out}")
    return 0


def release_au_network(
    system: Path,
    /,
    *,
    choose: Path,
    poses: Path,
    pairs: Path,
    free: Path,
    prototypes: Path,
    choose_neutral: Path,
    choose_rest: Path,
    free_neutral: Path,
    weights: Path,
    result: Path,
    real_choose: Path | None = None,
    real_teach: Path | None = None,
) -> int:
    """Calibrate, export and measure a trained AU network, on rendered people that nothing was chosen on.

    The first store chooses the late fusion weight of each action unit (how much the landmarks alone count), calibrates
    probabilities and chooses thresholds; the others are for the reported scores only. No person may be in two of the
    stores, but the neutral ones show the people of the store that they are named after. scripts/au_network.sh makes the
    stores and the network, and ends in this command.

    Parameters
    ----------
    system
        Folder that duchenne train has written: symmetric or compact.
    choose
        Store of stills with a mix of co-occurrences in free poses.
    poses
        Store of stills of independent action units, each face under the fifteen poses of the grid.
    pairs
        Store of frontal stills in pairs that differ in one movement.
    free
        Store of stills of independent action units in free poses.
    prototypes
        Store of stills of emotion prototypes in free poses.
    choose_neutral
        Store of neutral frontal stills of people of the first.
    choose_rest
        Store of neutral stills of the same people in free poses; thresholds call each action unit on few of them.
    free_neutral
        Store of neutral frontal stills of people of the free one.
    weights
        ONNX file to write.
    result
        JSON file to write.
    real_choose
        Store of coded pictures of the persons who choose: probabilities are calibrated and thresholds chosen on them
        for each action unit that at least 25 have; rendered faces do it for the others.
    real_teach
        Store of coded pictures of persons who teach: with the rendered neutral stills they say how much of a neutral
        face is taken off. To be given with --real-choose.
    """
    import json

    from duchenne.errors import UsageError
    from duchenne.evaluation.json_record import to_json
    from duchenne.evaluation.pretrained import au_network
    from duchenne.evaluation.pretrained.au_result import summary_of
    from duchenne.evaluation.pretrained.result_json import write_result

    stores = au_network.StoreFolders(choose, poses, pairs, free, prototypes, choose_neutral, choose_rest, free_neutral)
    if (real_choose is None) != (real_teach is None):
        raise UsageError("Only one store of real people was named; give --real-choose and --real-teach, or neither.")
    real = au_network.RealFolders(real_choose, real_teach) if real_choose and real_teach else None
    made_by = "sh scripts/au_network.sh WORK FACES LABELS"
    measured = au_network.release_au_network(system, stores, weights, real, made_by)
    write_result(measured, result)
    print(json.dumps(to_json(summary_of(measured)), indent=1))
    return 0


def real_faces(
    codes: Path,
    /,
    *,
    out: Path,
    part: Literal["judge", "choose"] = "judge",
    weights: Path | None = None,
    labels: Path | None = None,
    neutral_heads: Path | None = None,
    side_digits: Annotated[tuple[int, ...], LIST] = (0, 1),
    coded_by: str | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> int:
    """Measure an AU network on real people's faces with mean grades.

    By AU: area under the ROC, balanced accuracy at the file's thresholds, calibration error, rank correlation of the
    intensity with the grade, false alarms on faces without any AU; sides; by pose, colour and size of the face; all
    with intervals over persons, beside calling nothing. Persons whose number ends in 5 are left out. Of several faces
    in a picture the largest counts. Prints tables in Markdown; docs/measures.md explains them.

    Parameters
    ----------
    codes
        CSV of mean grades: file (as seen from the CSV's folder), person, AU01, AU02 ..., and perhaps one_sided.
    out
        The JSON to write.
    part
        Whose faces: judge (person's number ends in 0) or choose (ends in 1).
    weights
        An AU network that `duchenne export` has written; the package's own unless given.
    labels
        The teachers' labels of these pictures, from duchenne dev label-faces, to set MediaPipe's blendshapes beside.
    neutral_heads
        Folder of rendered stills; false alarms are counted on those that show no AU, too.
    side_digits
        Last digits of the persons over whom sides are measured. The weights must not have learnt from them: weights
        that learnt from all but some digits are measured on these, and the counts of several such weights added.
    coded_by
        Who coded, in a sentence that stands over every table; that of the project's own codes unless given.
    draws
        Resamplings of the persons for intervals; 0 makes none.
    seed
        Of the resampling.
    """
    from duchenne.datasets.person_split import Part
    from duchenne.evaluation.pretrained.real_faces.real_faces_tables import real_faces_tables
    from duchenne.evaluation.pretrained.real_faces.real_faces_trial import RealFacesTrial, measure_real_faces
    from duchenne.evaluation.pretrained.result_json import write_result
    from duchenne.measures.intervals import Bootstrap
    from duchenne.results.output_path import check_output_path

    check_output_path(out, (".json",), overwrite=True)
    bootstrap, command = Bootstrap(draws, seed=seed), command_line(sys.argv[1:])
    trial = RealFacesTrial(codes, Part(part), weights, labels, neutral_heads, side_digits, coded_by, bootstrap, command)
    with progress_display() as on_progress:
        result = measure_real_faces(trial, on_progress)
    write_result(result, out)
    print(real_faces_tables(result))
    return 0


def cross_fitted_sides(
    codes: Path, /, *, fold: Annotated[tuple[str, ...], LIST], out: Path, draws: int = 1000, seed: int = 0
) -> int:
    """Measure on real people how often the stronger side is named, also on those who teach.

    Sides were noted rarely, so the persons who judge are too few to say much. Each fold names weights that did not
    learn from its persons; the faces of all folds are counted together. scripts/cross_fitted_sides.sh trains them.

    Parameters
    ----------
    codes
        CSV of mean grades with the columns file, person and one_sided.
    fold
        Last digits of persons and weights that did not learn from them, such as 23=fold_23.onnx; several.
    out
        The JSON to write.
    draws
        Resamplings of the persons for intervals; 0 makes none.
    seed
        Of the resampling.
    """
    from duchenne.evaluation.pretrained.real_faces import cross_fitted_sides as sides
    from duchenne.evaluation.pretrained.real_faces.real_faces_tables import sides_table
    from duchenne.evaluation.pretrained.result_json import write_result
    from duchenne.measures.intervals import Bootstrap
    from duchenne.results.output_path import check_output_path

    check_output_path(out, (".json",), overwrite=True)
    folds = [sides.fold_from(words) for words in fold]
    with progress_display() as on_progress:
        result = sides.cross_fitted_sides(
            codes, folds, Bootstrap(draws, seed=seed), command_line(sys.argv[1:]), on_progress
        )
    write_result(result, out)
    print(f"{result.coded_by}\n\n{sides_table(result.sides)}")
    return 0


def measure_au_network(
    *weights: Path, out: Path, poses: Path | None = None, free: Path | None = None, prototypes: Path | None = None
) -> int:
    """Measure exported AU networks on prepared rendered heads, side by side.

    Areas frontal, over poses and within emotion prototypes, intensities and sides. The heads must show people whom no
    network has seen.

    Parameters
    ----------
    weights
        Files that duchenne export has written, or real and rendered, the package's own.
    out
        The JSON to write.
    poses
        Store of stills of independent action units, each face under the fifteen poses of the grid.
    free
        Store of stills of independent action units in free poses.
    prototypes
        Store of stills of emotion prototypes.
    """
    from duchenne.evaluation.pretrained.au_file import HeadStores, measure_au_files
    from duchenne.evaluation.pretrained.result_json import write_result

    result = measure_au_files(weights, HeadStores(poses, free, prototypes), command_line(sys.argv[1:]))
    write_result(result, out)
    print(out)
    return 0
