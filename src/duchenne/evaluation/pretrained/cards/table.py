"""A table in Markdown, and numbers as they stand in it."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[object]], numbers_right: bool = False) -> str:
    """Return a table; a cell of None stays empty.

    Args:
        header: Its first row.
        rows: The others.
        numbers_right: All columns but the first are set to the right.

    >>> print(table(("", "faces"), [("all", 3), ("turned", None)]))
    |  | faces |
    | --- | --- |
    | all | 3 |
    | turned |  |
    """
    rule = "---:" if numbers_right else "---"
    lines: list[Sequence[object]] = [header, ["---", *[rule] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join("" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def fraction(value: float | None, decimals: int = 3) -> str | None:
    """Return a number without the zero before its point.

    >>> fraction(0.5), fraction(-0.25, 2), fraction(1.0), fraction(None)
    ('.500', '-.25', '1.000', None)
    """
    if value is None:
        return None
    text = f"{value:.{decimals}f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text
