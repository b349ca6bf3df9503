"""The campaign: cases are drawn from a seed, read in a child process, and watched from outside.

A case fails on anything but an error of our own: another exception, the end of the process, more than `MOST_SECONDS`,
more than `MOST_BYTES`, or a sealed file that was read as something else than it held. What failed is kept with its
files and is made again by its number: `python -m fuzz --seed 1 --first 417 --cases 1`.
"""

import argparse
import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MOST_SECONDS = 20
"""Of the processor, so that a busy machine does not fail a case."""
MOST_WAIT_SECONDS = 300
"""By the clock: a case that takes so long waits for something that does not come."""
MOST_BYTES = 2_000_000_000
_LOOK_S = 0.05
_FOLDER = Path(__file__).parent.parent


@dataclass(frozen=True)
class Failure:
    """A case that failed: which, of what kind, and how."""

    case: int
    kind: str
    what: str


def plan(kinds: Sequence[Any]) -> list[int]:
    """Return the order in which the kinds take turns, each as often as its share, spread evenly."""
    turns = sorted(((k + 0.5) / kind.share, number) for number, kind in enumerate(kinds) for k in range(kind.share))
    return [number for _, number in turns]


def prepare_case(kinds: Sequence[Any], samples: Path, folder: Path, seed: int, case: int) -> int:
    """Write the damaged files of a case into an empty folder; return the number of its kind."""
    from fuzz.kinds import ONE_FILE
    from fuzz.mutation import mutated

    order = plan(kinds)
    number = order[case % len(order)]
    kind, rng = kinds[number], np.random.default_rng([seed, case])
    whole = samples / str(number)
    targets = sorted({path for pattern in kind.damaged for path in whole.glob(pattern) if path.is_file()})
    target = targets[int(rng.integers(len(targets)))]
    others = [path.read_bytes() for path in targets if path.suffix == target.suffix]
    if kind.damaged == (ONE_FILE,):
        folder.mkdir(parents=True)
    else:
        shutil.copytree(whole, folder, copy_function=shutil.copy if kind.changed else _linked)
    place = folder / target.relative_to(whole)
    place.unlink(missing_ok=True)
    place.write_bytes(mutated(target.read_bytes(), others, rng))
    return number


def _linked(source: str, target: str) -> None:
    os.link(source, target)


def child(seed: int, samples: Path) -> None:
    """Read case numbers from standard input; write one line of JSON for each."""
    from duchenne.errors import DuchenneError
    from fuzz.kinds import KINDS, warm_up

    warm_up()
    with (samples / "whole.json").open() as file:
        whole = json.load(file)
    for line in sys.stdin:
        case, folder = int(line), samples.parent / "case"
        shutil.rmtree(folder, ignore_errors=True)
        kind = KINDS[number := prepare_case(KINDS, samples, folder, seed, case)]
        name = next((path.name for path in folder.iterdir() if path.is_file()), "")
        _say({"kind": kind.name})
        _forget_peak()
        start_s, failure, outcome = time.process_time(), None, "read"
        try:
            found = kind.read(folder)
            if kind.sealed and found not in whole[str(number)].values():
                failure = f"a damaged file was read without a word ({name})"
        except DuchenneError as error:
            outcome = type(error).__name__
        except BaseException:
            failure = traceback.format_exc()
        took_s = time.process_time() - start_s
        if failure is None and took_s > MOST_SECONDS:
            failure = f"took {took_s:.0f} s"
        if failure is None and _peak_bytes() > MOST_BYTES:
            failure = f"took {_peak_bytes() / 1e9:.1f} GB"
        _say({"outcome": outcome, "failure": failure, "took_s": took_s, "peak": _peak_bytes()})


def _say(entry: dict[str, Any]) -> None:
    os.write(3, (json.dumps(entry) + "\n").encode())


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes(process: str = "self", key: str = "VmHWM") -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return 1024 * int(line.split()[1])
    return 0


class Child:
    """The process that reads cases; started anew when a case ends it."""

    def __init__(self, seed: int, samples: Path, module: str = "fuzz") -> None:
        read, write = os.pipe()
        code = (
            f"import os, sys; os.dup2({write}, 3); sys.path.insert(0, {str(_FOLDER)!r})\n"
            f"from {module}.campaign import child; from pathlib import Path; child({seed}, Path({str(samples)!r}))"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=(write,), text=True, errors="replace",
        )  # fmt: skip
        os.close(write)
        self._lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._stderr: list[str] = []
        threading.Thread(target=self._read, args=(read,), daemon=True).start()
        threading.Thread(target=self._drain, daemon=True).start()

    def _read(self, pipe: int) -> None:
        with os.fdopen(pipe) as lines:
            for line in lines:
                self._lines.put(json.loads(line))
        self._lines.put(None)

    def _drain(self) -> None:
        for line in self._process.stderr or ():
            self._stderr = [*self._stderr[-20:], line]

    def run(self, case: int) -> dict[str, Any]:
        """Return what became of a case; "ended" says that the child is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{case}\n")
        self._process.stdin.flush()
        entry: dict[str, Any] = {"kind": "?"}
        start_s, before_s = None, 0.0
        while True:
            try:
                said = self._lines.get(timeout=_LOOK_S)
            except queue.Empty:
                if start_s is not None and time.monotonic() - start_s > MOST_WAIT_SECONDS:
                    return entry | {"failure": f"waited for more than {MOST_WAIT_SECONDS} s", "ended": self.end()}
                if start_s is not None and self._processor_s() - before_s > MOST_SECONDS:
                    return entry | {"failure": f"took more than {MOST_SECONDS} s", "ended": self.end()}
                if _peak_bytes(str(self._process.pid), "VmRSS") > 1.5 * MOST_BYTES:
                    return entry | {"failure": "takes more and more memory", "ended": self.end()}
                continue
            if said is None:
                code = self._process.wait()
                return entry | {"failure": f"the process ended with {code}\n{''.join(self._stderr)}", "ended": True}
            entry |= said
            if start_s is None:
                start_s, before_s = time.monotonic(), self._processor_s()
            if "outcome" in said:
                return entry

    def _processor_s(self) -> float:
        """Return the time that the child has had on a processor; 0 where the system does not tell."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return 0.0

    def end(self) -> bool:
        """End the process."""
        self._process.kill()
        self._process.wait()
        return True


def make_samples(folder: Path) -> None:
    """Write a whole sample of every kind, and what its reader gives for each."""
    from fuzz.kinds import KINDS, ONE_FILE

    whole: dict[str, dict[str, str]] = {}
    for number, kind in enumerate(KINDS):
        place = folder / str(number)
        place.mkdir(parents=True)
        kind.make(place)
        whole[str(number)] = {}
        files = sorted(place.iterdir()) if kind.damaged == (ONE_FILE,) else [place]
        for path in files:
            alone = folder / "alone"
            if path.is_file():
                alone.mkdir()
                shutil.copy(path, alone)
            else:
                shutil.copytree(path, alone)
            whole[str(number)][path.name] = kind.read(alone)
            shutil.rmtree(alone)
    (folder / "whole.json").write_text(json.dumps(whole))


def run_cases(seed: int, cases: Sequence[int], scratch: Path, kept: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what became of each case; the files of those that failed are kept.

    Args:
        seed: Of the damage.
        cases: Their numbers.
        scratch: An empty folder.
        kept: Where failures go, made if there are any.
    """
    make_samples(scratch / "samples")
    reader = Child(seed, scratch / "samples")
    try:
        for case in cases:
            entry = reader.run(case)
            if entry["failure"]:
                shutil.rmtree(kept / str(case), ignore_errors=True)
                kept.mkdir(parents=True, exist_ok=True)
                if (scratch / "case").exists():  # The child may have ended before it wrote the case.
                    shutil.copytree(scratch / "case", kept / str(case))
                (kept / f"{case}.txt").write_text(f"{entry['kind']}\n{entry['failure']}\n")
            if entry.get("ended"):
                reader = Child(seed, scratch / "samples")
            yield case, entry
    finally:
        reader.end()


def main() -> None:
    """Run the campaign; the exit code is 1 where a case failed."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description="Damaged files of every kind, read and watched."
    )
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=Path, default=Path("out/fuzz"), help="where the files of failures go")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; says where")
    asked = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    failures: list[Failure] = []
    slowest, largest, start_s, done = 0.0, 0, time.monotonic(), 0
    with tempfile.TemporaryDirectory() as scratch:
        numbers = range(asked.first, asked.first + asked.cases)
        for case, entry in run_cases(asked.seed, numbers, Path(scratch), asked.kept):
            done += 1
            counts[entry["kind"], "failed" if entry["failure"] else entry["outcome"]] += 1
            slowest, largest = max(slowest, entry.get("took_s", 0.0)), max(largest, entry.get("peak", 0))
            if entry["failure"]:
                failures.append(Failure(case, entry["kind"], entry["failure"].strip().splitlines()[-1]))
                print(failures[-1], flush=True)
            if time.monotonic() - start_s > asked.seconds:
                break
    for (kind, outcome), count in sorted(counts.items()):
        print(f"{kind:12} {outcome:20} {count}")
    print(
        f"{done} cases from {asked.first} of seed {asked.seed}: {len(failures)} failed; slowest {slowest:.1f} s, "
        f"largest {largest / 1e9:.2f} GB, {time.monotonic() - start_s:.0f} s."
    )
    sys.exit(1 if failures else 0)
