"""Names of subjects on the command line."""


def names_in(words: str | None) -> tuple[str, ...]:
    """Return the names between commas.

    Example:
        >>> names_in("F001, M003")
        ('F001', 'M003')
    """
    return tuple(name for word in (words or "").split(",") if (name := word.strip()))
