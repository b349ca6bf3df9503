"""The verbs of `duchenne dev` that measure networks and print what was measured."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

LIST = Parameter(consume_multiple=True, negative="")


def measure_face_detector(
    *,
    faces: Path,
    labels: Path,
    backgrounds: Annotated[tuple[Path, ...], LIST],
    out: Path,
    without: Annotated[tuple[str, ...], LIST] = (),
    rendered: Path | None = None,
    grid: Path | None = None,
    weights: Path | None = None,
) -> int:
    """Measure a face detector on people it has never seen.

    Recall on the real faces of held-out persons (id ends in 0): as they are, shrunk, partly hidden, many in one frame;
    false faces on photographs that show none; recall on rendered heads by pose. `duchenne dev card face-detector`
    prints the tables.

    Parameters
    ----------
    faces
        Folder of real faces with index.csv (file, person).
    labels
        The teachers' labels of these faces, from duchenne dev label-faces.
    backgrounds
        Photographs without faces that training has not seen, or folders of them.
    out
        The JSON to write.
    without
        Stems of photographs to leave out: they show a face or another photograph.
    rendered
        Folder of rendered heads that were not trained on.
    grid
        Folder of such heads under a grid of poses.
    weights
        The face detector to measure; the package's own unless given.
    """
    from duchenne.evaluation.pretrained import face_detector
    from duchenne.evaluation.pretrained.result_json import write_result

    trial = face_detector.FaceDetectorTrial(
        faces, labels, backgrounds, without, rendered, grid, weights, command_line(sys.argv[1:])
    )
    write_result(face_detector.measure_face_detector(trial), out, indent=2)
    print(out)
    return 0


def measure_landmarks(
    *,
    out: Path,
    faces: Path | None = None,
    labels: Path | None = None,
    rendered: Path | None = None,
    grid: Path | None = None,
    photographs: Annotated[tuple[Path, ...], LIST] = (),
    without: Annotated[tuple[str, ...], LIST] = (),
    weights: Path | None = None,
    boxes: Literal["face_detector", "true"] = "face_detector",
) -> int:
    """Measure a landmarker on people it has never seen.

    On real faces of held-out persons (id ends in 0) the teacher's points are the measure; rendered heads have exact
    points, pose and visibility; in photographs without a face it is counted how often a place looks like one. Name at
    least one of --faces, --rendered, --grid and --photographs. `duchenne dev card landmarks` prints the tables.

    Parameters
    ----------
    out
        The JSON to write.
    faces
        Folder of real faces with index.csv (file, person).
    labels
        The teachers' labels of these faces, from duchenne dev label-faces.
    rendered
        Folder of rendered heads of other people than in training.
    grid
        Folder of such heads under a grid of poses.
    photographs
        Photographs without a face, or folders of them.
    without
        Stems of photographs to leave out: they show a face.
    weights
        The landmarker to measure; the package's own unless given.
    boxes
        Where boxes come from: face_detector, as in use, or true, from the known points.
    """
    from duchenne.evaluation.pretrained import landmarks
    from duchenne.evaluation.pretrained.result_json import write_result

    trial = landmarks.LandmarksTrial(
        faces, labels, rendered, grid, photographs, without, weights, boxes, command_line(sys.argv[1:])
    )
    write_result(landmarks.measure_landmarks(trial), out, indent=2)
    print(out)
    return 0


def check_portraits(faces: Path, /, *, result: Path | None = None) -> int:
    """Compare action units with rough emotion labels of real portraits.

    For pairs such as AU12 and happiness: does the action unit tell the emotion from a neutral face? Area under the ROC,
    printed as JSON. A coarse check: emotion labels are no AU labels, happy people need not smile.

    Parameters
    ----------
    faces
        Folder with the pictures and index.csv (file, person, emotion).
    result
        JSON file to write.
    """
    import json

    from duchenne.evaluation.json_record import to_json
    from duchenne.evaluation.pretrained import portraits
    from duchenne.evaluation.pretrained.result_json import write_result

    checked = portraits.check_portraits(faces)
    print(json.dumps(to_json(checked), indent=1))
    if result is not None:
        write_result(checked, result)
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


@contextmanager
def progress_display() -> Iterator[Callable[[str, int, int], None]]:
    """Show on standard error what is done of each stage, and the time left; yield what is to be called."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as progress:

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage)
            progress.update(tasks[stage], completed=done, total=total)

        yield update


def measure_synthesis(result: Path, /) -> int:
    """Measure what holds of the rendered heads.

    Label statistics, the direction of every action unit in many people, what it moves elsewhere, which skin visibly
    changes, projection against OpenCV and visibility against rays cast through the triangles. Takes about two minutes
    and needs the extra synthesis.

    Parameters
    ----------
    result
        JSON file to write, such as results/synthesis.json.
    """
    from duchenne.evaluation.pretrained.result_json import write_result
    from duchenne.synthesis.checks.measure import measure

    write_result({"command": command_line(sys.argv[1:]), **measure()}, result, indent=2)
    print(result)
    return 0


def measure_movements(*, people: int = 40, intensity: float = 5.0) -> int:
    """Print how far each action unit moves brows, lids and lips of rendered heads.

    Mean and spread over people, in hundredths of the distance between the outer eye corners. Needs the extra synthesis.

    Parameters
    ----------
    people
        How many.
    intensity
        Of the action unit on both sides, 0-5.
    """
    from duchenne.synthesis.checks.travel import travel_lines

    for line in travel_lines(people, intensity):
        print(line)
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


def card(network: Literal["face-detector", "landmarks", "au-network", "real-faces"], result: Path, /) -> int:
    """Print the tables of a network's card, in Markdown.

    The cards in docs/cards hold these tables of results/face_detector.json, results/landmarker.json, and for each AU
    network of results/au_real.json (on rendered heads) and results/au_real_on_real_faces.json.

    Parameters
    ----------
    network
        Which network; real-faces for an AU network on the faces of real people.
    result
        The JSON that measured it.
    """
    from duchenne.evaluation.pretrained.cards import card as card_of

    print(card_of(network, result))
    return 0


def command_line(arguments: list[str]) -> str:
    """Return the command with the last name of each path only: where data lies on a machine is no result.

    >>> command_line(["dev", "measure-landmarks", "--grid", "/data/nine", "--out", "new.json"])
    'duchenne dev measure-landmarks --grid nine --out new.json'
    """
    return " ".join(["duchenne", *(Path(word).name if "/" in word else word for word in arguments)])
