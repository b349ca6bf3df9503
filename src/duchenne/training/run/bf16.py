"""Layers in bfloat16, batches as they are; and which devices compute in bfloat16, so that it saves time there."""

import platform
import subprocess
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

import torch

from duchenne.training.run.fabric import Precision

CPU_INFO = Path("/proc/cpuinfo")
_INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Of x86 the first two, of Arm the last. A processor without them converts each number on its way in and out."""
_FIRST_CARD = 8
"""Compute capability of the first cards with units for bfloat16."""


@cache
def computes_bf16(device: str) -> bool:
    """Return whether a device ("cuda", "mps" or "cpu") has instructions for bfloat16; False where that is not known."""
    if device == "cuda":
        return torch.cuda.get_device_capability()[0] >= _FIRST_CARD
    return device == "mps" or _processor_computes_bf16()


def _processor_computes_bf16() -> bool:
    if platform.system() == "Darwin":
        asked = ["sysctl", "-n", "hw.optional.arm.FEAT_BF16"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "1"
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    listed = [line.partition(":")[2] for line in lines if line.lower().startswith(("flags", "features"))]
    return bool(_INSTRUCTIONS & set(listed[0].split())) if listed else False


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
