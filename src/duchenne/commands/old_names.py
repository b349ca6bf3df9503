"""Former spellings of options: understood for one release, with a warning."""

from rich.console import Console


def warn_of_old_name(old: str, new: str) -> None:
    """Say on standard error that an option has another name now."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(
        f"duchenne: {old} is now called {new}; the old name will be gone after the next release.", markup=False
    )
