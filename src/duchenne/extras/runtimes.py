"""Which packages bring ONNX Runtime: each for other devices, all into one folder, so that only one may be installed."""

from importlib.metadata import PackageNotFoundError, version

PLAIN_RUNTIME = "onnxruntime"
RUNTIME_OF = {"cuda": "onnxruntime-gpu", "openvino": "onnxruntime-openvino", "directml": "onnxruntime-directml"}
"""The package with a device, by the device and the extra of the same name."""


def installed_runtimes() -> dict[str, str]:
    """Return the versions of those packages that are installed, by their names.

    Example:
        >>> len(installed_runtimes()) >= 1
        True
    """
    found = {}
    for name in (PLAIN_RUNTIME, *RUNTIME_OF.values()):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def how_to_get(extra: str) -> str:
    """Return the commands that put one of those packages in the place of the core's.

    Example:
        >>> how_to_get("openvino").splitlines()[-1]
        'pip install --no-deps onnxruntime-openvino'
    """
    package = RUNTIME_OF[extra]
    return (
        f"pip install 'duchenne[{extra}]'\n"
        f"pip uninstall --yes {PLAIN_RUNTIME} {package}\n"
        f"pip install --no-deps {package}"
    )
