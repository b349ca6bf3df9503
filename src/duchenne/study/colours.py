"""Colours of people in drawings, told apart by colour-blind readers and dark enough on white."""

PERSON_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07A00", "#3A9AD9", "#000000", "#7F7F7F")
"""Source: after Okabe and Ito, Color Universal Design (2008). Ours: orange and sky blue are darker here."""


def colour_of(number: int) -> str:
    """Return the colour of the person of this number, from 0; with more than eight people colours come again.

    Example:
        >>> colour_of(8) == colour_of(0)
        True
    """
    return PERSON_COLOURS[number % len(PERSON_COLOURS)]
