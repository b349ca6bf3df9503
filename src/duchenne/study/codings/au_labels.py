"""How coders write action units: "12", "AU12", "AU12C", "L12D", "6B+12C" -> AU, grade, side.

Source: Ekman, Friesen and Hager, FACS (2002): letters A to E after the number; L, R (one side), B (both), T (top) and
U (unilateral) before it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from duchenne.facs import AU_BY_NAME

LETTERS = "ABCDE"
NOT_SCORABLE = ("ns", "not scorable", "not-scorable", "?", "9")
"""What coders write where an action unit cannot be judged."""
_ONE = re.compile(
    r"^(?P<side>[LRBTU])?(?:AU)?[ _-]?0*(?P<number>\d{1,3})[ _-]?(?P<last>[LR])?[ _-]?(?P<grade>[A-E1-5])?$"
)
_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])(?P<side>[LRBTU])?AU[ _-]?0*(?P<number>\d{1,3})(?P<last>[LR])?(?![A-Za-z0-9])", re.I
)


@dataclass(frozen=True)
class AULabel:
    """An action unit as a coder wrote it.

    Attributes:
        au: Its name, whether this package knows it or not: "AU12".
        grade: 1 (A) to 5 (E); None where only its occurrence is coded.
        side: "L" or "R" of the subject; "" for both, or not said.
    """

    au: str
    grade: int | None = None
    side: str = ""

    @property
    def known(self) -> bool:
        """Whether this package has the action unit."""
        return self.au in AU_BY_NAME


@lru_cache(maxsize=4096)
def parse_labels(text: str) -> tuple[AULabel, ...]:
    """Return the action units in a label; none where a part of it is none.

    AU45 (a blink) is AU43 while it lasts, as in results.

    Example:
        >>> parse_labels("L12C + 6")
        (AULabel(au='AU12', grade=3, side='L'), AULabel(au='AU06', grade=None, side=''))
        >>> parse_labels("smile")
        ()
    """
    parts = [part for part in re.split(r"[\s,;+&/]+", re.sub(r"(?i)\bAU[ _-]+(?=\d)", "AU", text.strip())) if part]
    found = [_ONE.match(part.upper()) for part in parts]
    if not found or not all(found):
        return ()
    return tuple(
        AULabel(au_of_number(match["number"]), grade_of(match["grade"] or ""), _side(match)) for match in found if match
    )


def label_in_name(text: str) -> tuple[AULabel | None, str]:
    """Return the one action unit in the name of a tier, and what else stands there: the person.

    Example:
        >>> label_in_name("anna AU12")
        (AULabel(au='AU12', grade=None, side=''), 'anna')
        >>> label_in_name("speech")
        (None, 'speech')
    """
    found = list(_IN_NAME.finditer(text))
    if len(found) == 1:
        rest = (text[: found[0].start()] + " " + text[found[0].end() :]).strip(" _-@:/.")
        return AULabel(au_of_number(found[0]["number"]), None, _side(found[0])), rest
    whole = parse_labels(text)
    return (AULabel(whole[0].au, None, whole[0].side), "") if len(whole) == 1 else (None, text.strip())


def grade_of(text: str) -> int | None:
    """Return the grade of a letter A to E or a number 1 to 5; None of anything else.

    Example:
        >>> grade_of("C"), grade_of("3"), grade_of("")
        (3, 3, None)
    """
    word = text.strip().upper()
    if len(word) == 1 and word in LETTERS:
        return LETTERS.index(word) + 1
    return int(word) if word in {"1", "2", "3", "4", "5"} else None


def au_of_number(number: str) -> str:
    """Return the name of a coder's number; AU45 (a blink) is AU43 while it lasts, as in results.

    Example:
        >>> au_of_number("6"), au_of_number("45")
        ('AU06', 'AU43')
    """
    return "AU43" if int(number) == 45 else f"AU{int(number):02d}"


def _side(match: re.Match[str]) -> str:
    side = (match["side"] or match["last"] or "").upper()
    return side if side in {"L", "R"} else ""
