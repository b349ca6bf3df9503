"""Videos that wait for detection, one after the other in the background; what was stopped goes on where it was."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from duchenne.errors import DuchenneError, MediaError
from duchenne.media import Frame, Source, SourceKind
from duchenne.results import FaceAUs


@dataclass(frozen=True)
class Job:
    """One video in the queue.

    Attributes:
        source: The video.
        state: "waiting", "running", "done", "stopped" or "failed".
        done: Frames that were looked at.
        frames: Frames that are expected; None where the file does not say.
        message: What went wrong, or must be told.
    """

    source: str
    state: str = "waiting"
    done: int = 0
    frames: int | None = None
    message: str = ""


class DetectionQueue:
    """A queue with one worker, which starts with the first video.

    Args:
        folder: Where results go, a .csv file for each video.
        on_done: Told the result of each video that is done.
    """

    def __init__(self, folder: Path, on_done: Callable[[str, Path], None]) -> None:
        self._folder, self._on_done = folder, on_done
        self._jobs: dict[str, Job] = {}
        self._changed, self._stopping = threading.Condition(), False
        self._thread: threading.Thread | None = None

    def jobs(self) -> list[Job]:
        """Return all jobs in the order in which they came."""
        with self._changed:
            return list(self._jobs.values())

    def add(self, source: str) -> None:
        """Queue a video; one that waits, runs or is done stays as it is."""
        with self._changed:
            if source in self._jobs and self._jobs[source].state in ("waiting", "running", "done"):
                return
            self._jobs[source] = Job(source)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="detection")
                self._thread.start()
            self._changed.notify_all()

    def stop(self, source: str) -> None:
        """Stop a video that waits or runs; its frames so far are kept."""
        with self._changed:
            job = self._jobs.get(source)
            if job is not None and job.state in ("waiting", "running"):
                self._jobs[source] = replace(job, state="stopped")

    def close(self) -> None:
        """Stop everything and wait for the worker."""
        with self._changed:
            self._stopping = True
            self._jobs = {name: replace(one, state="stopped") for name, one in self._jobs.items()}
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def update(self, source: str, **changes: object) -> bool:
        """Change a job; return whether it goes on."""
        with self._changed:
            job = self._jobs[source]
            if job.state != "stopped":
                self._jobs[source] = replace(job, **changes)  # type: ignore[arg-type]
            return job.state != "stopped"

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._next() is not None)
                source = self._next()
                if self._stopping or source is None:
                    return
                self._jobs[source] = replace(self._jobs[source], state="running")
            self._detect(source)

    def _next(self) -> str | None:
        return next((name for name, one in self._jobs.items() if one.state == "waiting"), None)

    def _detect(self, source: str) -> None:
        try:
            output = detect_into(source, self._folder, _Told(self, source))
            self._on_done(source, output)
            self.update(source, state="done")
        except KeyboardInterrupt:  # What a stopped run is ended by; its state is recorded.
            self.update(source, state="stopped")
        except DuchenneError as error:
            self.update(source, state="failed", message=str(error))
        except Exception as error:  # Whatever it is, the page says so and the next video is done.
            self.update(source, state="failed", message=repr(error))


def detect_into(source: str, folder: Path, callback: "_Told") -> Path:
    """Detect in a video, into a .csv file of the folder; return its path. A file that is whole is taken as it is."""
    from duchenne.detection import RunOptions, run_detection
    from duchenne.detector import AUDetector

    folder.mkdir(parents=True, exist_ok=True)
    output = folder / f"{Path(source).stem}.csv"
    if not output.exists():
        run_detection(AUDetector(), [Source(source, SourceKind.VIDEO)], RunOptions(output), callback)
    if callback.problems:
        raise MediaError(callback.problems[0])
    return output


class _Told:
    """The progress callback of a job."""

    def __init__(self, queue: DetectionQueue, source: str) -> None:
        self._queue, self._source, self._done = queue, source, 0
        self.problems: list[str] = []

    def begin(self, source: Source, frames: int | None, done: int) -> None:
        """A video begins."""
        self._done = done
        self._queue.update(self._source, frames=frames, done=done)

    def frame(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """A frame is done; a job that was stopped ends here."""
        self._done += 1
        if not self._queue.update(self._source, done=self._done):
            raise KeyboardInterrupt

    def problem(self, error: MediaError) -> None:
        """The video could not be read, or not to its end."""
        self.problems.append(str(error))

    def note(self, source: Source, note: str) -> None:
        """Something must be told."""
        self._queue.update(self._source, message=note)
