r"""Text from outside (names of files, messages that hold them) to text that a terminal may be given.

A file name may hold anything but a slash: sequences that clear the screen or set the window's title, characters that
turn the reading direction round, bytes that are no text. Here each of them becomes visible: `\x1b`, `\u202e`.
"""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories: controls, formatting, surrogates, separators of lines and paragraphs."""
_KEPT = {"\u200c", "\u200d"}
"""Joiners, which some scripts and emoji need; they move nothing."""


def shown_name(name: str) -> str:
    r"""Return the name on one line, everything that would not be seen as an escape.

    Example:
        >>> shown_name("a[b].png"), shown_name("two\nlines\x1b[2J")
        ('a[b].png', 'two\\nlines\\x1b[2J')
    """
    return "".join(map(_shown, name))


def shown_message(text: str) -> str:
    """As `shown_name`, but line feeds stay what they are."""
    return "\n".join(map(shown_name, text.split("\n")))


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")
