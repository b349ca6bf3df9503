"""Settings of the classical systems, without their solvers."""

from dataclasses import dataclass

from duchenne.errors import UsageError
from duchenne.facs import PAPER_AUS


@dataclass(frozen=True)
class Svm:
    """LSVM: linear SVMs on gradient histograms at the 49 landmarks.

    Attributes:
        penalties: Tried on validation, C of scikit-learn.
    """

    penalties: tuple[float, ...] = (1e-5, 1e-4, 1e-3)


@dataclass(frozen=True)
class PatchChoice:
    """APL: group lasso over patches of a uniform grid, then linear SVMs on the patches that it keeps.

    Attributes:
        strength: Of the group lasso, as a share of the strength that drops every patch.
        components: Principal components by which a patch enters the choice.
        penalties: Tried on validation, C of scikit-learn.
    """

    strength: float = 0.4
    components: int = 8
    penalties: tuple[float, ...] = (1e-5, 1e-4, 1e-3)


@dataclass(frozen=True)
class Joint:
    """JPML: logistic models with a group lasso over 49 patches, and terms for pairs of AUs.

    Attributes:
        strength: Of the group lasso, as a share of the strength that drops every patch.
        components: Principal components of each patch.
    """

    strength: float = 0.15
    components: int = 16


@dataclass(frozen=True)
class Chain:
    """The FERA 2017 baseline: landmark geometry and a chain over time, each view a video of its own.

    Pictures that do not follow one another (rendered stills, CK+'s peaks) are linked by no chain.

    Attributes:
        components: Principal components of the geometry.
        ridge: Weight of the squared coefficients.
    """

    components: int = 60
    ridge: float = 1.0


@dataclass(frozen=True)
class ClassicalRecipe:
    """How a classical system is trained.

    Attributes:
        name: The word on the command line.
        what: One line for `--help`.
        method: Its settings.
        aus: The AUs that it learns.
        max_faces: Training faces at most, drawn by the seed (whole sequences where the order in time counts).
        seed: Of every random choice.
    """

    name: str
    what: str
    method: Svm | PatchChoice | Joint | Chain
    aus: tuple[str, ...] = PAPER_AUS
    max_faces: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise UsageError(f"A system needs at least one training face; got max_faces {self.max_faces}.")

    @property
    def reduction(self) -> int:
        """Whole number by which the 200 x 200 crop can be reduced before this system reads it."""
        return 1
