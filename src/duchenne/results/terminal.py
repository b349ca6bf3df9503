"""What the terminal shows of the faces of a picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from duchenne.facs import AU_BY_NAME
from duchenne.results.face_aus import FaceAUs

_BAR_CELLS = 24


def terminal_table(faces: Sequence[FaceAUs], thresholds: Mapping[str, float]) -> "TerminalTable":
    """Return what `rich` prints for the faces of a picture: pose, then AUs, those present first; 80 columns wide.

    Beside each AU stand its probability and, where it occurs, the letter of its intensity.
    """
    return TerminalTable(tuple(faces), dict(thresholds))


@dataclass(frozen=True)
class TerminalTable:
    """Faces as blocks of text; plain ASCII where the terminal knows no more.

    Attributes:
        faces: What to print.
        thresholds: The tick on each bar, by AU name.
    """

    faces: tuple[FaceAUs, ...]
    thresholds: Mapping[str, float]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield lines; called by rich."""
        marks = ("#", ".", "|", "*") if options.ascii_only else ("█", "·", "│", "●")
        for number, face in enumerate(self.faces):
            if number:
                yield Text("")
            yield from self._block(face, marks)

    def _block(self, face: FaceAUs, marks: tuple[str, str, str, str]) -> Iterable[Text]:
        pose = face.pose
        yield Text(
            f"face {face.face_id}, confidence {face.box.confidence:.2f}   "
            f"yaw {pose.yaw_deg:+.1f}  pitch {pose.pitch_deg:+.1f}  roll {pose.roll_deg:+.1f} degrees"
        )
        order = sorted(range(len(face.aus)), key=lambda k: (not face.occurrence[k], -face.probability[k]))
        mask = face.reliable
        for k in order:
            yield self._line(face, k, marks, bool(mask[k]))
        if not mask.all():
            yield Text("?  unreliable: its region is hidden, or the pose is beyond what was tested")

    def _line(self, face: FaceAUs, k: int, marks: tuple[str, str, str, str], is_reliable: bool) -> Text:
        name, probability, present = face.aus[k], float(face.probability[k]), bool(face.occurrence[k])
        full, empty, tick, dot = marks
        bar = list(empty * _BAR_CELLS)
        for cell in range(round(probability * _BAR_CELLS)):
            bar[cell] = full
        if name in self.thresholds:
            bar[min(int(self.thresholds[name] * _BAR_CELLS), _BAR_CELLS - 1)] = tick
        mark = "?" if not is_reliable else dot if present else " "
        letter = "" if face.intensity is None else face.letter_of(name)
        line = f"{mark} {name}  {AU_BY_NAME[name].title:<22} {''.join(bar)} {probability:.2f} {letter}".rstrip()
        return Text(line, style="bold" if present else "dim", no_wrap=True)
