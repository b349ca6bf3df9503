"""How the landmark network is trained."""

from dataclasses import dataclass

from duchenne.errors import TrainingError


@dataclass(frozen=True)
class LandmarkerRecipe:
    """How the landmarker is trained.

    Attributes:
        steps: Optimiser steps.
        real: Real faces in a batch.
        rendered: Rendered heads in a batch; 0 trains on real faces alone.
        empty: Places without a face in a batch.
        turned_share: Share of the rendered heads that are drawn from those turned far away, beside what chance brings.
            Of real faces so few are turned, and the teacher errs so much there, that they keep their own share.
        uneven_share: Share of the rendered heads that are drawn from those whose sides differ, likewise.
        peak_rate: Learning rate of AdamW at the top of the one-cycle schedule.
        warm_up: Share of the steps in which the rate rises.
        weight_decay: Of AdamW.
        gradient_norm: Longer gradients are cut to this length.
        depth_weight: Weight of depth beside x and y.
        shape_weight: Weight of the shape of each group of points, wherever the group lies, beside x and y.
        gap_weight: Weight of the distances between features that action units change, beside x and y (`loss`).
        side_weight: Weight of how far these differ between left and right, beside x and y.
        visibility_weight: Weight of the visibilities' loss.
        presence_weight: Weight of the face presence's loss.
        validate_every: Steps between measurements on the watched faces.
        seed: Of every random choice.
        bf16: Whether layers compute in bfloat16.
        keep_every_s: Least seconds between checkpoints, more where writing one takes long; 0 for one after each step.
    """

    steps: int = 8000
    real: int = 18
    rendered: int = 26
    empty: int = 4
    turned_share: float = 0.35
    uneven_share: float = 0.25
    peak_rate: float = 3e-3
    warm_up: float = 0.15
    weight_decay: float = 0.02
    gradient_norm: float = 1.0
    depth_weight: float = 0.5
    shape_weight: float = 0.7
    gap_weight: float = 1.5
    side_weight: float = 1.5
    visibility_weight: float = 0.05
    presence_weight: float = 0.05
    validate_every: int = 500
    seed: int = 1
    bf16: bool = True
    keep_every_s: float = 60.0

    def __post_init__(self) -> None:
        if self.steps < 1 or min(self.real, self.rendered, self.empty) < 0 or self.real + self.rendered < 1:
            raise TrainingError(
                f"The recipe needs at least one step and one face in a batch; got {self.steps} steps, {self.real} real "
                f"and {self.rendered} rendered faces, {self.empty} places without one."
            )

    @property
    def batch(self) -> int:
        """Crops in a step."""
        return self.real + self.rendered + self.empty
