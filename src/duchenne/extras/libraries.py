"""Libraries that only some of the work needs, and which extra of the package brings each."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

from duchenne.errors import MissingExtraError

EXTRA_OF = {
    "pi_heif": "heif",
    "pyarrow": "parquet",
    "pandas": "pandas",
    "numba": "synthesis",
    "cv2": "synthesis",
    "scipy": "synthesis",
    "torch": "train",
    "onnx": "train",
    "onnxscript": "train",
    "safetensors": "train",
    "lightning_fabric": "train",
    "tensorboardX": "train",
    "sklearn": "train",
    "skglm": "baselines",
    "pycrfsuite": "baselines",
    "matplotlib": "report",
    "pympi": "study",
    "jinja2": "study",
    "threadpoolctl": "train",
    "ai_edge_litert": "teachers",
    "starlette": "review",
    "uvicorn": "review",
    "ray": "cluster",
    "fsspec": "cluster",
    "s3fs": "cluster",
}
"""The smallest extra with a library, by the name under which it is imported."""
PURPOSE_OF = {
    "heif": "HEIC pictures",
    "parquet": "Parquet files",
    "pandas": "tables in pandas",
    "synthesis": "rendered heads",
    "train": "data sets, training and evaluation",
    "baselines": "the baselines of the paper's experiment",
    "report": "figures",
    "study": "studies of results",
    "teachers": "labels by other networks",
    "review": "the page to review and code",
    "cluster": "runs on several machines and results in object stores",
}


def needed(module: str) -> ModuleType:
    """Return a library that an extra brings.

    Raises:
        MissingExtraError: It is not installed; the message names the extra.

    Example:
        >>> needed("json").dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(missing(error.name or module)) from None


@contextmanager
def without_libraries(*names: str) -> Iterator[None]:
    """Let libraries seem not installed to what the block imports; those that are imported already stay.

    Example:
        >>> with without_libraries("a_library"):
        ...     try:
        ...         import a_library
        ...     except ModuleNotFoundError:
        ...         print("not there")
        not there
    """
    hidden = [name for name in names if name not in sys.modules]
    cast(dict[str, ModuleType | None], sys.modules).update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def extras_named() -> Iterator[None]:
    """Name the extra where what the block does lacks a library.

    Example:
        >>> try:
        ...     with extras_named():
        ...         raise ModuleNotFoundError("No module named 'torch'", name="torch")
        ... except MissingExtraError as error:
        ...     print(str(error)[-30:])
        pip install 'duchenne[train]'.

    Raises:
        MissingExtraError: A library is not installed; the message names the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA_OF:
            raise
        raise MissingExtraError(missing(error.name or "")) from None


def missing(module: str) -> str:
    """Return what to say of a library that is not installed.

    Example:
        >>> missing("pandas")
        "The library pandas is not installed; tables in pandas need it: pip install 'duchenne[pandas]'."
    """
    library = module.partition(".")[0]
    extra = EXTRA_OF.get(library)
    if extra is None:
        return f"The library {library} is not installed. Install the package again: pip install duchenne."
    what = PURPOSE_OF[extra]
    return f"The library {library} is not installed; {what} need it: pip install 'duchenne[{extra}]'."
