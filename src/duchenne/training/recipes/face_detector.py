"""How the face detector is trained."""

import math
from dataclasses import dataclass

from duchenne.errors import TrainingError


@dataclass(frozen=True)
class FaceDetectorRecipe:
    """How the face detector is trained; by default from nothing.

    Attributes:
        steps: Optimiser steps.
        batch: Canvases in a step.
        side_px: Side of a canvas.
        peak_rate: Highest learning rate of AdamW; it rises over `warmup` steps and falls along a cosine to 1/100.
        warmup: Steps.
        weight_decay: Of AdamW.
        average: Decay of the running average of the weights, which is what gets exported.
        gradient_norm: Longer gradients are cut to this length.
        score_weight: Weight of the loss of the scores.
        box_weight: Weight of the loss of the boxes.
        points_weight: Weight of the loss of the keypoints.
        seed: Of weights and canvases.
        bf16: Whether layers compute in bfloat16.
        keep_every_s: Least seconds between checkpoints, more where writing one takes long; 0 for one after each step.
    """

    steps: int = 5650
    batch: int = 32
    side_px: int = 256
    peak_rate: float = 3e-3
    warmup: int = 200
    weight_decay: float = 1e-3
    average: float = 0.998
    gradient_norm: float = 5.0
    score_weight: float = 1.0
    box_weight: float = 1.5
    points_weight: float = 1.0
    seed: int = 1
    bf16: bool = True
    keep_every_s: float = 60.0

    def __post_init__(self) -> None:
        if self.side_px % 32 or not 64 <= self.side_px <= 320:
            raise TrainingError(f"A canvas of {self.side_px} px: its side must be a multiple of 32 from 64 to 320.")
        if min(self.steps, self.batch, self.warmup) < 1:
            raise TrainingError(
                f"Steps, batch and warmup must be at least 1; got {self.steps}, {self.batch} and {self.warmup}."
            )

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step.

        Example:
            >>> recipe = FaceDetectorRecipe(steps=1000, warmup=100, peak_rate=1e-2)
            >>> [round(recipe.rate_at(step), 5) for step in (0, 99, 500, 1000)]
            [0.0001, 0.00976, 0.00505, 0.0001]
        """
        rise = min(1.0, (step + 1) / self.warmup)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.peak_rate * rise * (0.01 + 0.99 * fall)
