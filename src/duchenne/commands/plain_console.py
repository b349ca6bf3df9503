"""Consoles of the command line: control characters in names and messages are shown as text."""

from contextvars import ContextVar

from rich.console import Console
from rich.text import Text

from duchenne.files.shown_text import shown_message

COMMAND_LINE: ContextVar[str] = ContextVar("command line", default="")
"""The words with which the command was called, as a shell takes them."""


class PlainConsole(Console):
    """A console whose `say` prints text as it is: no markup, control characters, highlighting or wrapping."""

    def __init__(self, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False)

    def say(self, text: str, style: str = "") -> None:
        """Print text from outside."""
        self.print(Text(shown_message(text), style=style), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Let the error through, which the library would swallow together with the command."""
        raise BrokenPipeError


def counted(number: int, thing: str) -> str:
    """Return a number with its noun in singular or plural.

    Example:
        >>> counted(1, "face"), counted(2, "face")
        ('1 face', '2 faces')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
