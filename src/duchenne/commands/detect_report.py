"""What `duchenne detect` shows while it works and at the end: progress on standard error, tables on standard output."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from duchenne.commands.plain_console import PlainConsole, counted
from duchenne.detection import RunOptions, RunState
from duchenne.errors import MediaError
from duchenne.facs import AU_BY_NAME
from duchenne.files.shown_text import shown_name
from duchenne.media import Frame, Source, SourceKind
from duchenne.results import FaceAUs, terminal_table


class _Speed(ProgressColumn):
    """Frames per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} frames/s" if task.speed else "")


class Report:
    """The progress callback of a run; a context manager that owns the progress display."""

    def __init__(self, thresholds: Mapping[str, float], has_output: bool, quiet: bool) -> None:
        self._thresholds, self._has_output, self._quiet = thresholds, has_output, quiet
        self._out, self._err = PlainConsole(), PlainConsole(stderr=True)
        # Four columns of text keep the line within 80 characters.
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:.0f}"),
        )
        shown = self._err.is_terminal and not quiet
        self._progress = Progress(*columns, _Speed(), TimeRemainingColumn(), console=self._err, disable=not shown)
        self._tasks: dict[str, TaskID] = {}
        self._videos = 0
        self._occurrences: dict[tuple[str, int], np.ndarray] = defaultdict(lambda: np.zeros(len(thresholds)))
        self._seen: dict[tuple[str, int], int] = defaultdict(int)

    def __enter__(self) -> "Report":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, source: Source, frames: int | None, done: int) -> None:
        """Show a bar for a video, or one for all pictures."""
        name = Path(source.name).name if source.kind is SourceKind.VIDEO else source.kind.value
        if source.kind in (SourceKind.PICTURE, SourceKind.STDIN):
            if "pictures" not in self._tasks:
                self._tasks["pictures"] = self._progress.add_task("pictures", total=0)
            task = self._progress.tasks[self._tasks["pictures"]]
            self._progress.update(task.id, total=(task.total or 0) + 1)
            return
        self._videos += 1
        self._tasks[source.name] = self._progress.add_task(shown_name(name)[:24], total=frames, completed=done)

    def frame(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """Advance the bar; print the table of a photo when no file is written."""
        still = source.kind in (SourceKind.PICTURE, SourceKind.STDIN)
        self._progress.advance(self._tasks["pictures" if still else source.name])
        if still and not faces and not self._quiet:
            self._err.say(f"{shown_name(source.name)}: no face found.")
        if self._has_output:
            return
        if still and faces:
            self._out.say(shown_name(source.name), style="bold underline")
            self._out.print(terminal_table(faces, self._thresholds))
        for face in [] if still else faces:
            self._occurrences[source.name, face.face_id] += face.occurrence
            self._seen[source.name, face.face_id] += 1

    def problem(self, error: MediaError) -> None:
        """Say what could not be read."""
        self._err.say(f"duchenne: {error}")

    def note(self, source: Source, note: str) -> None:
        """Say what was mended, lost or chosen."""
        if not self._quiet:
            self._err.say(f"{shown_name(source.name)}: {note}.")

    def remark(self, text: str) -> None:
        """Say what was left out, and the like."""
        if not self._quiet:
            self._err.say(text)

    def end(self, state: RunState, options: RunOptions) -> None:
        """Print what videos held, and what was written where."""
        self._progress.stop()
        for (source, face_id), frames in self._seen.items():
            self._out.print(self._summary(source, face_id, frames))
        if self._quiet:
            return
        if state.frames > 1 and not state.faces:
            self._err.say("No face was found in any frame.")
        if written := _written(state, options):
            counts = f"{counted(state.frames, 'frame')}, {counted(state.faces, 'face')}"
            problems = f", {counted(state.problems, 'problem')}" if state.problems else ""
            self._err.say(f"{counts}{problems}; wrote {' and '.join(written)}")
        if options.output is not None and self._videos > 1:
            self._err.say(
                f"face_id starts again in each of the {self._videos} videos. "
                f"Assign faces to people: duchenne people {options.output}"
            )

    def _summary(self, source: str, face_id: int, frames: int) -> Table:
        title = Text(f"{shown_name(source)}, face {face_id}: {counted(frames, 'frame')}")
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for heading in ("AU", "name", "share of frames"):
            table.add_column(heading, justify="right" if heading == "share of frames" else "left")
        shares = self._occurrences[source, face_id] / frames
        names = list(self._thresholds)
        for k in np.argsort(-shares):
            table.add_row(names[k], AU_BY_NAME[names[k]].title, f"{100 * shares[k]:.0f}%")
        return table


def _written(state: RunState, options: RunOptions) -> list[str]:
    """Return the names of what was written: the results, and overlays."""
    own = [path for path in (options.output, options.output_dir) if path is not None]
    if options.store is None:
        return [str(path) for path in (*own, options.overlay) if path is not None and path.exists()]
    urls = [options.store if path == Path() else f"{options.store}/{path}" for path in own if state.frames]
    return urls + [str(path) for path in [options.overlay] if path is not None and path.exists()]
