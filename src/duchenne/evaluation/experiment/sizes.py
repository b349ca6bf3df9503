"""How large the experiment is: people, epochs, networks."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from duchenne.errors import UsageError

NetworkSize = Literal["compact", "paper"]
_MOST_TEST = 100
"""People that test in nine poses, unless a size says more: each shows 36 pictures."""


@dataclass(frozen=True)
class ExperimentSize:
    """How large an experiment is.

    Attributes:
        name: "quick" or "full", or what was asked for.
        people_in_domain: Rendered people of the in-domain set, ten faces each.
        people_shifted: Of the shifted set, those who train and validate, ten faces each.
        people_shifted_test: Of the same, those who test.
        faces_shifted_test: Of each of them, each under nine poses.
        epochs: Times that a network sees each face.
        systems: Those that take part; empty for all.
        draws: Resamplings for intervals.
        networks: "compact", for a processor, or "paper", with the settings of their own recipes.
    """

    name: str
    people_in_domain: int
    people_shifted: int
    people_shifted_test: int
    faces_shifted_test: int
    epochs: float
    systems: tuple[str, ...] = ()
    draws: int = 1000
    networks: NetworkSize = "compact"

    def settled(self) -> dict[str, Any]:
        """Return what all systems of an experiment share, so that it cannot change between them."""
        return {key: value for key, value in vars(self).items() if key not in {"name", "systems", "draws"}}


SIZES = {
    size.name: size
    for size in (
        ExperimentSize("quick", 100, 100, 25, 4, 8.0, draws=500),
        ExperimentSize("full", 500, 700, 100, 4, 28.0),
    )
}


def resized(
    size: ExperimentSize, people: int | None = None, epochs: float | None = None, networks: NetworkSize = "compact"
) -> ExperimentSize:
    """Return the size with another number of people or of epochs (None leaves it), and networks of a size.

    Raises:
        UsageError: Under eight people, who could not be split, or no epoch.
    """
    if people is not None and people < 8:
        raise UsageError(f"An experiment needs 8 people or more, so that they can be split; got {people}.")
    if epochs is not None and epochs <= 0:
        raise UsageError(f"An experiment needs epochs above 0; got {epochs:g}.")
    changed: dict[str, Any] = {}
    if people is not None:
        test = min(_MOST_TEST, max(2, people // 4))
        changed |= {"people_in_domain": people, "people_shifted": people, "people_shifted_test": test}
    if epochs is not None:
        changed["epochs"] = epochs
    if networks != size.networks:
        changed["networks"] = networks
    return replace(size, name=f"{size.name}, resized" if changed else size.name, **changed)
