"""Install a wheel into an environment of its own, away from the checkout, and see what it costs and whether it works.

    python scripts/check_wheel.py dist/duchenne-0.2.0-py3-none-any.whl

Fails if the core is larger than 330 MiB (as du counts, without pip) or, without the bytecode that pip compiles, than
320 MB, has more than 20 packages, or does not work.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOST_MIB, MOST_MB_UNCOMPILED, MOST_PACKAGES = 330, 320, 20
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


def mebibytes(folder: Path) -> float:
    """Return the size of all files under a folder, in blocks of 4 KiB as the disk has them."""
    return sum(-(-path.lstat().st_size // 4096) * 4096 for path in folder.rglob("*") if not path.is_dir()) / 2**20


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
        own = sum(
            mebibytes(path) for name in ("pip", "setuptools") for path in folder.glob(f"lib/*/site-packages/{name}")
        )
        size, clean = mebibytes(folder) - own, {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        compiled = [path for path in folder.rglob("__pycache__") if not {"pip", "setuptools"} & set(path.parts)]
        uncompiled_mb = (size - sum(map(mebibytes, compiled))) * 2**20 / 1e6
        sample = subprocess.check_output([python, "-c", PROGRAM], cwd=room, env=clean, text=True).strip()
        start = time.perf_counter()
        command = [str(folder / "bin/duchenne"), "detect", sample, "--output", "result.csv", "--quiet"]
        subprocess.run(command, cwd=room, env=clean, check=True)
        took = time.perf_counter() - start
        print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB; core {size:.0f} MiB (du), ", end="")
        print(f"{uncompiled_mb:.0f} MB without bytecode, in {len(packages)} packages; ", end="")
        print(f"duchenne detect on a picture {took:.1f} s: {' '.join(packages)}")
        return int(size > MOST_MIB or uncompiled_mb > MOST_MB_UNCOMPILED or len(packages) > MOST_PACKAGES)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
