"""From folders of rendered heads that share a plan to one folder, with the files of one rendering."""

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from duchenne.errors import SynthesisError, UsageError
from duchenne.files.whole_files import whole_file
from duchenne.media.content import content_of
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.sets.protocols import ClipsPlan, sequences
from duchenne.synthesis.sets.stills import file_name

PLAN_NAME = "plan.json"
_MOST_PEOPLE, _MOST_NAMED = 999, 20


def merge_sets(folders: Sequence[Path], target: Path) -> int:
    """Copy the files of several folders of rendered heads into one; return how many.

    Args:
        folders: Drawn by `duchenne render --first` with the same seed and options; they stay as they are.
        target: Made if it is not there; may hold a part of the set already.

    Raises:
        UsageError: A folder holds no rendered pictures or clips, or is of another plan.
        SynthesisError: A picture or clip of the set is missing, two folders disagree, or the target cannot be written.
    """
    known = [folder for folder in (target, *folders) if folder in folders or (folder / PLAN_NAME).exists()]
    plan = _common_plan(known)
    paths = {folder: _files_of(folder) for folder in known}
    if missing := _missing(plan, known):
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        raise SynthesisError(
            f"{', '.join(missing[:_MOST_NAMED])}{more}: missing between what the folders hold. Draw the rest with "
            "duchenne render --first, then merge again."
        )
    try:
        return sum(_copied(folder / name, target / name) for folder in folders for name in paths[folder])
    except OSError as error:
        raise SynthesisError(f"{target} cannot be written: {error.strerror}. Name a folder with room.") from error


def _common_plan(folders: Sequence[Path]) -> dict[str, Any]:
    plans = {folder: _plan_of(folder) for folder in folders}
    first, plan = next(iter(plans.items()))
    for folder, other in plans.items():
        if other != plan:
            differing = sorted(name for name in {*plan, *other} if plan.get(name) != other.get(name))
            raise UsageError(
                f"{folder} was drawn by another plan than {first} ({', '.join(differing)}). Give all commands the "
                "same seed and options."
            )
    return plan


def _plan_of(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / PLAN_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise UsageError(
            f"{folder}: no plan of rendered pictures or clips lies there. Render some with: duchenne render."
        ) from None


def _files_of(folder: Path) -> list[Path]:
    """Return the files of a set below its folder, in the order in which they are copied: labels of clips last."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    kept = [path for path in found if not any(part.startswith(".") for part in path.parts)]
    return sorted(kept, key=lambda path: ("AU_OCC" in path.parts or "Train_Occ" in path.parts, path))


def _missing(plan: dict[str, Any], folders: Sequence[Path]) -> list[str]:
    """Return the files of stills, or the clips, that are in no folder although later ones are."""
    if "layout" not in plan:
        names = {path.name for folder in folders for path in folder.glob("stills-*.parquet")}
        last = max((int(re.sub(r"\D", "", name)) for name in names), default=0)
        return [file_name(number) for number in range(last + 1) if file_name(number) not in names]
    begun = set().union(*(_clips(folder, "F*/T*", "M*/T*", "FERA17_Train_MV/*_6.mp4") for folder in folders))
    whole = set().union(*(_clips(folder, "AUCoding/AU_OCC/*.csv", "Train_Occ/*.csv") for folder in folders))
    people = min(_MOST_PEOPLE, 2 * max((int(stem[1:4]) for stem in begun), default=0) + 1)
    clips = ClipsPlan(plan["layout"], people, plan["seed"], plan["seconds"], person=Person(sex=plan["sex"]))
    stems = [take.stem for take in sequences(clips)]
    last = max((k for k, stem in enumerate(stems) if stem in begun), default=-1)
    return [stem for stem in stems[: last + 1] if stem not in whole]


def _clips(folder: Path, *patterns: str) -> set[str]:
    """Return the clips, such as F001_T1, that stand in the names of what the patterns find."""
    names = ("_".join(path.parts[-2:]) for pattern in patterns for path in folder.glob(pattern))
    return {found.group() for name in names if (found := re.search(r"[FM]\d{3}_T\d", name)) is not None}


def _copied(source: Path, target: Path) -> bool:
    """Copy a file that is not there yet; return whether it was.

    Raises:
        SynthesisError: Another file is there.
    """
    if os.path.lexists(target):
        if content_of(source).sha256 != content_of(target).sha256:
            raise SynthesisError(f"{target} and {source} differ. Render one of the two again.")
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as read, whole_file(target, overwrite=False) as written:
        shutil.copyfileobj(read, written)
    return True
