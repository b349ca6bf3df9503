"""`AUDetector.detect_batch` against `detect` in a loop, on the same pictures in turn.

    python benchmarks/batch.py --pictures 32 --rounds 9

Rounds take the two ways one after the other, in turns of order; the figure is the median of their ratios, so that other
work on the machine counts for both. `wall` compares elapsed time, `cpu` the processor's time of all threads:
with several workers the batch uses their cores, which a loop cannot; with one worker only what is saved in the networks
is left. The pictures are the package's rendered sample.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from duchenne import AUDetector
from duchenne.diagnosis import SAMPLE
from duchenne.media import frame_from_array

SIZES = {"512 x 512": (512, 512), "1280 x 720": (1280, 720)}


def pictures_of(size: tuple[int, int], count: int) -> list[np.ndarray]:
    """Return pictures of one face, each turned a little otherwise."""
    side, out = int(0.8 * min(size)), []
    head = Image.open(SAMPLE).convert("RGB").resize((side, side))
    for k in range(count):
        wall = Image.new("RGB", size, (120, 120, 120))
        wall.paste(head.rotate(k % 7 - 3, Image.Resampling.BILINEAR), ((size[0] - side) // 2, (size[1] - side) // 2))
        out.append(np.asarray(wall))
    return out


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return elapsed and processor's seconds."""
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start_s, time.process_time() - start_cpu_s


def compared(detector: AUDetector, pictures: Sequence[np.ndarray], rounds: int) -> dict[str, float]:
    """Return how many times as fast a batch is as the two other ways, in the median of the rounds."""
    ways = {
        "loop": lambda: [detector.detect(picture) for picture in pictures],
        "batch": lambda: detector.detect_batch(pictures),
        "detect_pictures": lambda: list(detector.detect_pictures(map(frame_from_array, pictures))),
    }
    for work in ways.values():
        work()
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for k in range(rounds):
        for name in list(ways)[:: 1 if k % 2 else -1]:
            spent[name].append(timed(ways[name]))

    def ratio(name: str, which: int) -> float:
        pairs = zip(spent[name], spent["batch"], strict=True)
        return round(statistics.median(other[which] / batch[which] for other, batch in pairs), 2)

    return {
        "over_loop_wall": ratio("loop", 0),
        "over_loop_cpu": ratio("loop", 1),
        "over_detect_pictures_wall": ratio("detect_pictures", 0),
        "batch_cpu_ms_a_picture": round(1000 * min(cpu for _, cpu in spent["batch"]) / len(pictures), 1),
    }


def largest_difference(detector: AUDetector, pictures: Sequence[np.ndarray]) -> float:
    """Return the largest difference of a probability between the two ways."""
    pairs = zip(detector.detect_batch(pictures), map(detector.detect, pictures), strict=True)
    both = ((face, other) for faces, others in pairs for face, other in zip(faces, others, strict=True))
    return max(float(np.abs(face.probability - other.probability).max()) for face, other in both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    rows = []
    for name, size in SIZES.items():
        pictures = pictures_of(size, arguments.pictures)
        for workers in arguments.workers:
            detector = AUDetector(workers=workers)
            row = {"size": name, "workers": workers, **compared(detector, pictures, arguments.rounds)}
            rows.append({**row, "largest_difference": largest_difference(detector, pictures)})
    print(json.dumps({"processor": platform.machine(), "pictures": arguments.pictures, "rows": rows}, indent=2))


if __name__ == "__main__":
    main()
