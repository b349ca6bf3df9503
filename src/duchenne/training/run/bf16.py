"""Layers in bfloat16, batches as they are."""

from contextlib import AbstractContextManager

import torch
from lightning_fabric.plugins.precision import Precision


class Bf16Layers(Precision):
    """Autocast to bfloat16, for Fabric.

    Fabric's own plugin also rounds the floating-point values of a batch, so that a box at 200 px would be known to a
    pixel only.

    Attributes:
        device_type: Of the device that computes, as torch names it.
    """

    device_type = "cpu"

    def forward_context(self) -> AbstractContextManager[object]:
        """Return the context in which the loss module is called."""
        return torch.autocast(self.device_type, dtype=torch.bfloat16)
