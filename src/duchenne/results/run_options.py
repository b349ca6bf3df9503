"""What a run is asked for, how far it is, and whom it tells."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from duchenne.errors import MediaError, UsageError
from duchenne.media import Frame, Source
from duchenne.media.hardware_decoding import OFF, check_hardware_decoding, hardware_for
from duchenne.results.columns import GROUPS
from duchenne.results.face_aus import FaceAUs
from duchenne.results.shards import Shard


@dataclass(frozen=True)
class RunOptions:
    """How sources are read and where results go.

    Attributes:
        output: File of results; None for none.
        overlay: Picture, video or folder to draw into; None for none.
        start_s: Leave out what comes before in videos.
        end_s: Leave out what comes after in videos.
        step: Take every step-th frame of a video.
        overwrite: Whether existing files may be replaced.
        restart: Throw an interrupted run away.
        groups: Which groups of columns results have.
        output_dir: Folder for a file of results of each source; None for none.
        output_format: Ending of those files.
        command: The words of the command line, for the records of the results.
        every_frame: Write a row for each frame that was looked at and shows no face.
        shard: The share of the sources that is done; None for all. Goes with a folder of results.
        ray: Address of the Ray cluster whose machines find the faces; None for this process.
        store: URL of the folder of an object store that takes the results; `output` and `output_dir` are below it then.
            None for folders of this machine.
        hardware_decoding: What decodes videos: "off" for the processor, FFmpeg's name of a kind of device ("cuda"), or
            "auto" for the first that starts. Cameras and pictures are always decoded by the processor.
    """

    output: Path | None = None
    overlay: Path | None = None
    start_s: float | None = None
    end_s: float | None = None
    step: int = 1
    overwrite: bool = False
    restart: bool = False
    groups: tuple[str, ...] = GROUPS
    output_dir: Path | None = None
    output_format: str = ".csv"
    command: str = ""
    every_frame: bool = False
    shard: Shard | None = None
    ray: str | None = None
    store: str | None = None
    hardware_decoding: str = OFF

    def __post_init__(self) -> None:
        if self.output is not None and self.output_dir is not None:
            raise UsageError("Results go into one file or into a file for each source. Name one of the two.")
        if self.shard is not None and (self.output_dir is None or self.overlay is not None):
            raise UsageError("A shard goes with --output-dir, and without --overlay.")
        if self.step < 1:
            raise UsageError(f"The frame step is {self.step}; it must be 1 (every frame) or more.")
        if self.start_s is not None and not self.start_s >= 0:
            raise UsageError(f"The start is {self.start_s:g} s; it must not be negative.")
        if self.end_s is not None and not self.end_s > (self.start_s or 0.0):
            raise UsageError(f"The end, {self.end_s:g} s, must come after the start, {self.start_s or 0.0:g} s.")
        check_hardware_decoding(self.hardware_decoding)

    def on_this_machine(self) -> "RunOptions":
        """Return the same with the device that decodes videos here in the place of "auto".

        Raises:
            DeviceError: It was asked for by name and cannot be used here.

        Warns:
            DeviceWarning: "auto" found none.
        """
        return replace(self, hardware_decoding=hardware_for(self.hardware_decoding))

    @property
    def reading(self) -> dict[str, Any]:
        """How sources are read: what numbers depend on, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _WHERE_TO}


_WHERE_TO = {
    "output",
    "overlay",
    "overwrite",
    "restart",
    "output_dir",
    "output_format",
    "command",
    "shard",
    "ray",
    "store",
}
"""Options that no number depends on."""


@runtime_checkable
class ProgressCallback(Protocol):
    """What a run calls to report its progress."""

    def begin(self, source: Source, frames: int | None, done: int) -> None:
        """A source begins; `frames` are expected, `done` of them were done by an earlier run."""

    def frame(self, source: Source, frame: Frame, faces: Sequence[FaceAUs]) -> None:
        """A frame is done."""

    def problem(self, error: MediaError) -> None:
        """A source could not be read, or not to its end."""

    def note(self, source: Source, note: str) -> None:
        """Something was mended, lost or chosen while a video was read."""


@dataclass(frozen=True)
class RunState:
    """How far a run is; what a continued run starts from.

    Attributes:
        current: Name of the video that is being worked on.
        content: What its file holds.
        next_frame: Index of the frame of it that comes next.
        source_frames: Frames of it that are done.
        source_faces: Faces in them.
        tracker: State of its face tracker.
        smoother: State of its landmark smoother.
        small_faces: In how many of its frames smaller faces than those looked for are likely.
        frames: Frames done, in all sources.
        faces: Faces in them.
        read: Sources of which anything could be read.
        problems: Sources that could not be read, or not to their end.
        notes: Names of sources, each with something that was mended, lost or chosen while it was read. Of a run that
            has ended; until then they are kept with the sources that are done.
    """

    current: str | None = None
    content: dict[str, Any] | None = None
    next_frame: int = 0
    source_frames: int = 0
    source_faces: int = 0
    tracker: dict[str, Any] | None = None
    smoother: dict[str, Any] | None = None
    small_faces: dict[str, Any] | None = None
    frames: int = 0
    faces: int = 0
    read: int = 0
    problems: int = 0
    notes: tuple[tuple[str, str], ...] = ()


BETWEEN_VIDEOS: dict[str, Any] = {
    field.name: field.default
    for field in fields(RunState)
    if field.name not in ("frames", "faces", "read", "problems", "notes")
}
"""The state of a run that is not in the middle of a video."""
