"""Install a wheel into an environment of its own, away from the checkout, and see what it costs and whether it works.

    python scripts/check_wheel.py dist/duchenne-0.2.0-py3-none-any.whl

The core is what pip leaves in a fresh environment, bytecode included, without pip and setuptools themselves; in MB of
10^6 bytes, in blocks as du counts. Fails if it is larger than 345 MB or, without bytecode (as uv leaves it), larger
than 320 MB, has more than 20 packages, or does not work. The table that is printed says why it is not below 320 MB with
bytecode: 285 MB are FFmpeg, ONNX Runtime, numpy and Pillow, without which nothing is detected.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

MOST_MB, MOST_MB_UNCOMPILED, MOST_PACKAGES = 345, 320, 20
_NOT_CORE = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
PROGRAM = """
from pathlib import Path
import duchenne
from duchenne import AUDetector, write_table
sample = Path(duchenne.__file__).parent / "samples" / "face.jpg"
faces = AUDetector().detect(sample)
assert len(faces) == 1 and faces[0].probability_of("AU12") > 0.5, faces
assert write_table(faces, "faces.csv") == 1
print(sample)
"""


def megabytes(paths: Iterable[Path]) -> float:
    """Return the size of files, in blocks of 4 KiB as the disk has them."""
    return sum(-(-path.lstat().st_size // 4096) * 4096 for path in paths) / 1e6


def files_by_package(folder: Path) -> dict[str, list[Path]]:
    """Return the files of an environment by the folder under site-packages; "" holds those outside."""
    found: dict[str, list[Path]] = {}
    for path in folder.rglob("*"):
        if not path.is_dir():
            parts = path.parts
            inside = parts[parts.index("site-packages") + 1] if "site-packages" in parts else ""
            package = inside.split("-")[0].removesuffix(".libs").lower()
            found.setdefault({"pil": "pillow", "google": "protobuf"}.get(package, package), []).append(path)
    return {name: paths for name, paths in found.items() if name not in _NOT_CORE}


def table(packages: dict[str, list[Path]]) -> str:
    """Return what each package costs, the largest first, and how much of it is bytecode."""
    sizes = {name: (megabytes(paths), megabytes(bytecode(paths))) for name, paths in packages.items()}
    rows = sorted(sizes.items(), key=lambda row: -row[1][0])
    return "\n".join(
        f"{name or '(Python)':20} {size:6.1f} MB, {code:4.1f} of it bytecode" for name, (size, code) in rows
    )


def bytecode(paths: Iterable[Path]) -> list[Path]:
    """Return those of the files that are bytecode."""
    return [path for path in paths if path.suffix == ".pyc"]


def main(wheel: Path) -> int:
    """Return 0 if the wheel keeps what is promised."""
    if not wheel.name.endswith("-py3-none-any.whl"):
        sys.exit(f"{wheel.name} is for some machines only.")
    constraints = Path(__file__).parents[1] / "constraints.txt"
    with tempfile.TemporaryDirectory() as room:
        subprocess.run([sys.executable, "-m", "venv", "env"], cwd=room, check=True)
        folder, python = Path(room) / "env", str(Path(room) / "env/bin/python")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-q", "-c", constraints.resolve(), wheel.resolve()], cwd=room, check=True)
        # The core is what pip would list without itself.
        names = [one["name"] for one in json.loads(subprocess.check_output([*pip, "list", "--format=json"], cwd=room))]
        packages = [name for name in names if name not in ("pip", "setuptools")]
        held, clean = files_by_package(folder), {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        files = [path for paths in held.values() for path in paths]
        size, compiled = megabytes(files), megabytes(bytecode(files))
        print(table(held))
        sample = subprocess.check_output([python, "-c", PROGRAM], cwd=room, env=clean, text=True).strip()
        start = time.perf_counter()
        command = [str(folder / "bin/duchenne"), "detect", sample, "--output", "result.csv", "--quiet"]
        subprocess.run(command, cwd=room, env=clean, check=True)
        took = time.perf_counter() - start
        print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB; core {size:.0f} MB with bytecode, ", end="")
        print(f"{size - compiled:.0f} MB without, in {len(packages)} packages; ", end="")
        print(f"duchenne detect on a picture {took:.1f} s: {' '.join(packages)}")
        return int(size > MOST_MB or size - compiled > MOST_MB_UNCOMPILED or len(packages) > MOST_PACKAGES)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
