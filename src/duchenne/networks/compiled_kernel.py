"""The compiled convolutions, `spectral.cpp` and `grouped.cpp`: built once where a C++ compiler is, and kept.

They are part of the package as source, so the wheel holds no binaries; what is built lies in the user's cache folder.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

SOURCES = tuple(Path(__file__).with_name(name) for name in ("spectral.cpp", "grouped.cpp"))
_OPTIONS = (
    "-O3", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros",
    "-ffp-contract=fast", "-fno-tree-loop-distribute-patterns",
)  # fmt: skip
"""None of them lets the compiler change the order of sums or assume that no value is NaN."""
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


class Places(ctypes.Structure):
    """`Places` of the source: floats from one face, group, row and pixel to the next."""

    _fields_ = [(name, ctypes.c_long) for name in ("face", "group", "row", "pixel")]


class Grouped(ctypes.Structure):
    """`Grouped` of the source."""

    _fields_ = [
        *((name, _POINTER) for name in ("maps", "out", "weight", "bias")),
        *((name, Places) for name in ("maps_at", "out_at")),
        *((name, ctypes.c_long) for name in ("weight_group", "bias_group")),
        *(
            (name, _INT)
            for name in (
                "faces",
                "first_group",
                "last_group",
                "side",
                "kernel",
                "stride",
                "inputs",
                "outputs",
                "rectify",
            )
        ),
    ]


@dataclass(frozen=True)
class GroupedGradient:
    """What the gradient of a layer with small kernels needs and writes.

    Attributes:
        turned: Weights with outputs before inputs; None where the maps need no gradient.
        shown: The outputs, laid as their gradient, where they were rectified.
        maps: Gradient of the maps, to be written; None as `turned`.
        weight: Of the weights, of each patch, zero at first.
        bias: Likewise, None where there is none.
    """

    turned: Tensor | None
    shown: Tensor | None
    maps: Tensor | None
    weight: Tensor
    bias: Tensor | None


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
        self._grouped_forward, self._grouped_backward = library.grouped_forward, library.grouped_backward
        self._grouped_forward.argtypes = (ctypes.POINTER(Grouped),)
        self._grouped_backward.argtypes = (ctypes.POINTER(Grouped), *(_POINTER,) * 5)
        self._grouped_forward.restype = self._grouped_backward.restype = None
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

    def grouped_forward(self, layer: Grouped) -> None:
        """Write the outputs of a layer with small kernels."""
        self._grouped_forward(ctypes.byref(layer))

    def grouped_backward(self, layer: Grouped, found: GroupedGradient) -> None:
        """Write the gradients of maps, weights and bias; `layer.out` holds that of the outputs."""
        values = (found.turned, found.shown, found.maps, found.weight, found.bias)
        pointers = (None if value is None else value.data_ptr() for value in values)
        self._grouped_backward(ctypes.byref(layer), *pointers)


def _at_once(layer: Layer) -> int:
    """Return how many items of the maps are worked on together: eight faces, whose slabs stay near the processor."""
    return max(1, _FACES_AT_ONCE // int(layer.packed))


@cache
def compiled_kernel() -> Kernel | None:
    """Return the kernel, built if need be; None where there is no compiler, or what it builds does not run."""
    return _kernel(build=True)


@cache
def built_kernel() -> Kernel | None:
    """Return the kernel if it was built before; nothing is written."""
    return _kernel(build=False)


def _kernel(build: bool) -> Kernel | None:
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None or not sys.platform.startswith(("linux", "darwin")):
        return None
    options = (*_OPTIONS, *_INSTRUCTIONS.get(torch.backends.cpu.get_cpu_capability(), ()))
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
        told = "\n".join(
            [version, platform.machine(), *options, *(source.read_text(encoding="utf-8") for source in SOURCES)]
        )
        path = _cache_folder() / f"spectral-{hashlib.sha256(told.encode()).hexdigest()[:20]}.so"
        if not path.exists() and not build:
            return None
        if not path.exists():
            _build(compiler, options, path)
        return Kernel(path)
    except (OSError, subprocess.SubprocessError):
        return None


def _build(compiler: str, options: tuple[str, ...], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with TemporaryDirectory(dir=path.parent) as folder:
        draft = Path(folder) / path.name
        command = [compiler, *options, "-o", str(draft), str(SOURCES[0])]
        subprocess.run(command, capture_output=True, check=True, timeout=_MOST_S)
        draft.replace(path)


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "duchenne"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "duchenne"
