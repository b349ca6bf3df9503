"""The verbs of `duchenne dev` that measure networks and print what was measured."""

import re
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
    >>> command_line(["dev", "cross-fitted-sides", "--fold", "23=/data/a.onnx"])
    'duchenne dev cross-fitted-sides --fold 23=a.onnx'
    """
    return " ".join(["duchenne", *(re.sub(r"[^=]*/(?=.)", "", word) for word in arguments)])
