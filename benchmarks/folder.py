"""How the cost of a picture depends on how many were done before: journal, checkpoint and continuation of a folder run.

    python benchmarks/folder.py            # 3,000 against 25,000 against 100,000 pictures
    python benchmarks/folder.py --pictures # real pictures of 64 x 64 with a stub in place of the networks' work

What is timed is all that a run does for a picture but the networks: content, rows, state, checkpoints (one a second of
a real run; here one for every hundred pictures), and what a continued run does before its first picture.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from duchenne import AUDetector
from duchenne.detection import RunOptions, run_detection
from duchenne.diagnosis import SAMPLE
from duchenne.media import expand_sources
from duchenne.media.content import content_of
from duchenne.results.destinations import OneFile
from duchenne.results.result_record import RunFacts, SourceRecord
from duchenne.results.run_facts import changed_sources

SIZES = (3_000, 25_000, 100_000)
PER_CHECKPOINT = 100
FACTS = RunFacts("", {}, {}, {})


class Silent:
    """A callback that says nothing."""

    def begin(self, source, frames, done):
        pass

    def frame(self, source, frame, faces):
        pass

    def problem(self, error):
        print(error)


def journal_alone(folder: Path, count: int) -> tuple[float, float, float]:
    """Return milliseconds a picture over all and over the last tenth, and the seconds of opening it again."""
    (face,) = AUDetector(workers=1).detect(SAMPLE)
    path = folder / f"{count}.csv"
    file = OneFile(path, face.columns, FACTS, "", overwrite=False, restart=False)
    content, unrecorded, started = content_of(SAMPLE), [], time.perf_counter()
    last_tenth_s = started
    for k in range(count):
        if k == count - count // 10:
            last_tenth_s = time.perf_counter()
        file.file.write([replace(face, source=f"{k}.jpg")])
        unrecorded.append(SourceRecord(str(SAMPLE), "picture", content, 1, 1))
        if k % PER_CHECKPOINT == PER_CHECKPOINT - 1:
            file.checkpoint({"frames": k}, None, unrecorded)
            unrecorded = []
    ended = time.perf_counter()
    file.close()
    again = OneFile(path, face.columns, FACTS, "", overwrite=False, restart=False)
    assert not changed_sources(again.done.values())
    opened_s = time.perf_counter() - ended
    again.close()
    path.with_name(path.name + ".part").unlink()
    return 1000 * (ended - started) / count, 1000 * (ended - last_tenth_s) / (count // 10), opened_s


def whole_runs(folder: Path, count: int) -> tuple[float, float]:
    """Return milliseconds a picture of a run over real files whose detector finds nothing, and of finding them."""
    pictures = folder / f"pictures{count}"
    pictures.mkdir()
    data = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    for k in range(count):
        Image.fromarray(data).save(pictures / f"{k}.jpg")
    started = time.perf_counter()
    sources, _ = expand_sources([pictures])
    found = time.perf_counter()
    detector = AUDetector(workers=1)
    detector.detect_frame = lambda frame: []  # type: ignore[method-assign]
    run_detection(detector, sources, RunOptions(folder / f"pictures{count}.csv"), Silent())
    return 1000 * (time.perf_counter() - found) / count, 1000 * (found - started) / count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", action="store_true", help="real files, with a stub in place of the networks")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for count in chosen.sizes:
            if chosen.pictures:
                done_ms, found_ms = whole_runs(Path(folder), count)
                print(f"{count:7d} pictures: {done_ms:.3f} ms each to do, {found_ms:.3f} ms each to find", flush=True)
            else:
                all_ms, last_ms, opened_s = journal_alone(Path(folder), count)
                print(
                    f"{count:7d} pictures: {all_ms:.3f} ms each, {last_ms:.3f} ms each in the last tenth; "
                    f"opened again in {opened_s:.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
