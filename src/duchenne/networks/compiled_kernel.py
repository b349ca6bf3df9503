"""The compiled convolution: `spectral.cpp`, built once for a processor where a C++ compiler is, and kept.

It is part of the package as source, so the wheel stays free of binaries; what is built lies in the user's cache folder.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

SOURCE = Path(__file__).with_name("spectral.cpp")
_OPTIONS = (
    "-O3", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros",
    "-ffp-contract=fast", "-fno-tree-loop-distribute-patterns",
)  # fmt: skip
"""None lets the order of sums be chosen, nor a value that is no number be taken for one."""
_INSTRUCTIONS = {
    "AVX2": ("-mavx2", "-mfma"),
    "AVX512": ("-mavx2", "-mfma", "-mavx512f", "-mavx512vl", "-mavx512bw", "-mavx512dq"),
}
"""By what torch itself uses, so that ATEN_CPU_CAPABILITY chooses for both."""
_MOST_S = 300
_FACES_AT_ONCE = 8
_POINTER, _INT = ctypes.c_void_p, ctypes.c_int


class Layer(ctypes.Structure):
    """`Layer` of the source."""

    _fields_ = [
        *((name, _POINTER) for name in ("maps", "spectrum", "bias", "out")),
        *((name, _INT) for name in ("faces", "packed", "width", "side", "kernel", "inputs", "outputs")),
    ]


class Gradient(ctypes.Structure):
    """`Gradient` of the source."""

    _fields_ = [(name, _POINTER) for name in ("out", "turned", "maps", "spectrum", "bias")]


class Kernel:
    """The functions of the built library; they let other Python threads run meanwhile.

    Attributes:
        lanes: Channels in a vector.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self._forward, self._backward = library.spectral_forward, library.spectral_backward
        self._forward.argtypes = (ctypes.POINTER(Layer), _INT, _INT)
        self._backward.argtypes = (ctypes.POINTER(Layer), ctypes.POINTER(Gradient), _INT, _INT)
        self._pack = library.pack
        self._pack.argtypes = (_POINTER, ctypes.c_long, _INT, ctypes.c_long, _INT, _INT, _INT, _POINTER)
        self._pack.restype = self._forward.restype = self._backward.restype = None
        self.lanes = int(library.lanes())

    def pack(self, windows: Tensor, packed: int, own: int, maps: Tensor) -> None:
        """Write one patch's windows (n, s, s, k) as maps (items, s, s, packed * own)."""
        faces, side, _, channels = windows.shape
        step, places = windows.stride(0), side * side
        self._pack(windows.data_ptr(), step, faces, places, channels, packed, own, maps.data_ptr())

    def forward(self, layer: Layer, points: int) -> None:
        """Write the layer's outputs."""
        self._forward(ctypes.byref(layer), points, _at_once(layer))

    def backward(self, layer: Layer, gradient: Gradient, points: int) -> None:
        """Write the gradients."""
        self._backward(ctypes.byref(layer), ctypes.byref(gradient), points, _at_once(layer))


def _at_once(layer: Layer) -> int:
    """Return how many items of the maps are worked on together: eight faces, whose slabs stay near the processor."""
    return max(1, _FACES_AT_ONCE // int(layer.packed))


@cache
def compiled_kernel() -> Kernel | None:
    """Return the kernel, built if need be; None where there is no compiler, or what it builds does not run."""
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or not sys.platform.startswith(("linux", "darwin")):
        return None
    options = (*_OPTIONS, *_INSTRUCTIONS.get(torch.backends.cpu.get_cpu_capability(), ()))
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
        told = "\n".join([version, platform.machine(), *options, SOURCE.read_text(encoding="utf-8")])
        path = _cache_folder() / f"spectral-{hashlib.sha256(told.encode()).hexdigest()[:20]}.so"
        if not path.exists():
            _build(compiler, options, path)
        return Kernel(path)
    except (OSError, subprocess.SubprocessError):
        return None


def _build(compiler: str, options: tuple[str, ...], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        command = [compiler, *options, "-o", str(draft), str(SOURCE)]
        subprocess.run(command, capture_output=True, check=True, timeout=_MOST_S)
        draft.replace(path)


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "duchenne"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "duchenne"
