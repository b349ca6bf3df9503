"""Print the lowest versions that pyproject.toml declares, as constraints for pip: `numpy>=1.26` becomes `numpy==1.26`.

    python scripts/lowest_versions.py parquet pandas > lowest.txt

The arguments are extras; what every installation needs is always among them.
"""

import re
import sys
import tomllib
from pathlib import Path

_DECLARED = re.compile(r"([A-Za-z0-9._-]+)(?:\[([a-z,]+)\])?(?:>=([0-9.]+))?")


def lowest(extras: list[str], project: dict) -> dict[str, str]:
    """Return the lowest version of each library that the extras declare themselves."""
    found: dict[str, str] = {}
    for text in (
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ):
        name, inner, version = _DECLARED.match(text).groups()
        if name == project["name"]:
            found |= lowest(inner.split(","), {**project, "dependencies": []})
        elif version is not None:
            found[name] = version
    return found


if __name__ == "__main__":
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, version in lowest(sys.argv[1:], declared).items():
        print(f"{name}=={version}")
