"""Of a coding: the part of one coder, and the action units that were coded."""

from collections.abc import Sequence
from dataclasses import replace

from duchenne.errors import UsageError
from duchenne.study.codings.coding import EVERYBODY, CodedAU, Coding


def of_coder(coding: Coding, coder: str | None, option: str) -> Coding:
    """Return what one coder coded.

    Args:
        coding: Of one or several coders.
        coder: The name; None where there is one coder only.
        option: That names the coder, for the message.

    Raises:
        UsageError: There are several and none is named.
        StudyError: Nobody of that name coded anything.
    """
    if coder is not None:
        return coding.by(coder)
    if len(coding.coders) > 1:
        named = ", ".join(name or "(no name)" for name in coding.coders)
        raise UsageError(f"The codes are by several coders: {named}. Name one with {option}.")
    return coding


def with_aus(coding: Coding, aus: Sequence[str] | None) -> Coding:
    """Return a coding in which these action units, and no others, were coded of everybody; None changes nothing."""
    if aus is None:
        return coding
    who = {(one.file, one.person) for one in coding.coded} or {(file, EVERYBODY) for file in coding.files}
    coder = coding.coders[0] if coding.coders else ""
    return replace(
        coding,
        events=tuple(one for one in coding.events if one.au in aus),
        coded=tuple(CodedAU(file, person, au, coder) for file, person in sorted(who) for au in aus),
    )
