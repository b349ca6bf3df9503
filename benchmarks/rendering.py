"""Time the renderer: pictures a second on one core and on two, and where the time of one picture goes.

    python benchmarks/rendering.py --pictures 60 --people 6

Each worker draws 256 x 256 stills with shadow and 2 x 2 antialiasing, as `duchenne render --protocol stills` does. Load
on the machine counts against it: CPU seconds of the workers are printed beside the clock's.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from duchenne.synthesis.head import head
from duchenne.synthesis.scene import scene
from duchenne.synthesis.sets import shots, stills

STAGES = {
    "identity, skin, habit (once a person)": (stills, "make_head"),
    "expression and normals": (head.Head, "move"),
    "depth buffers": (scene, "fill_buffers"),
    "shadow": (scene, "_shadow"),
    "textures and wrinkles": (scene, "_textures"),
    "shading": (scene, "shade"),
    "background": (shots, "draw_background"),
    "camera effects": (stills, "photograph"),
    "JPEG": (stills, "encode_jpeg"),
}


def draw(people: range, pictures: int) -> tuple[float, float, float]:
    """Return clock seconds, CPU seconds and peak memory (MB) for pictures of each person, once compiled."""
    stills.draw_row(stills.make_head(people[0]), stills.draw_shots(people[0], 1)[0], 0)
    clock, cpu = time.perf_counter(), time.process_time()
    for subject in people:
        face = stills.make_head(subject)
        for picture, shot in enumerate(stills.draw_shots(face.identity.subject, pictures)):
            stills.draw_row(face, shot, picture)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.perf_counter() - clock, time.process_time() - cpu, peak_mb


def timed(function: Callable[..., Any], spent: dict[str, float], stage: str) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            spent[stage] += time.process_time() - start

    return wrapper


def stages(people: range, pictures: int) -> dict[str, float]:
    """Return CPU seconds by stage; the shadow's own depth buffer counts in both."""
    spent: dict[str, float] = defaultdict(float)
    for stage, (owner, name) in STAGES.items():
        setattr(owner, name, timed(getattr(owner, name), spent, stage))
    stills.draw_row(stills.make_head(people[0]), stills.draw_shots(people[0], 1)[0], 0)
    spent.clear()
    draw(people, pictures)
    return dict(spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--pictures", type=int, default=10, help="of each person")
    arguments = parser.parse_args()
    people, count = range(980_000, 980_000 + arguments.people), arguments.people * arguments.pictures
    clock, cpu, peak_mb = draw(people, arguments.pictures)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(draw, people, arguments.pictures) for _ in range(2)]
        both = [job.result() for job in jobs]
    spent = stages(people, arguments.pictures)
    report = {
        "pictures_per_s_one_worker": round(count / clock, 1),
        "pictures_per_cpu_s": round(count / cpu, 1),
        "pictures_per_s_two_workers": round(sum(count / b[0] for b in both), 1),
        "peak_memory_mb": round(peak_mb),
        "cpu_ms_per_picture": {stage: round(1000 * s / count, 1) for stage, s in spent.items()},
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
