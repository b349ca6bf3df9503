"""Whose neutral face belongs to which source, and what it takes off the scores there.

`read_neutral` takes one of three:

    anna.jpg       a picture or a video of the one person whom all sources show
    neutral/       a folder: anna.jpg, ben.mp4, or a folder anna/ with several of hers
    neutral.csv    a table with the columns `person` or `source`, and `picture` (beside the table, or absolute):

        person,picture
        anna,faces/anna_1.jpg
        anna,faces/anna_2.jpg
        ben,faces/ben.jpg

A source belongs to the person whose name is, as a whole word, in the name of the file, or else in that of its folder,
or of the folder around that: anna in `anna_2.mp4` and in `anna/002.jpg`, but not in `joanna.mp4`. Where the table has
the column `source`, that is a pattern for the end of the path instead: `anna*.mp4`, `session1/*`, `camera:0`.
"""

import csv
import hashlib
import io
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
from jaxtyping import Float

from duchenne.errors import DuchenneError, PictureWarning, UsageError
from duchenne.media import Frame, SourceKind, expand_sources, kind_of, open_video, read_picture
from duchenne.recognition import NeutralRule
from duchenne.weights import sha256_of

TABLE_ENDING = ".csv"
_PERSON, _SOURCE, _PICTURE = "person", "source", "picture"
_MOST_FRAMES = 300
"""Of a video of a neutral face."""

ProbabilityOf = Callable[[Frame], Float[np.ndarray, "k a"]]
"""Gives the probabilities of the face of a frame that counts: (1, a), or (0, a) where there is none."""


@dataclass(frozen=True)
class NeutralFaces:
    """The neutral pictures and videos of one or several people.

    Attributes:
        path: That was named.
        pictures: By name of the person, or by pattern.
        told_by: What tells to whom a source belongs: nothing (one person, to whom all belong), the person's name in the
            source's, or a pattern of the table.
    """

    path: Path
    pictures: Mapping[str, tuple[Path, ...]]
    told_by: Literal["nothing", "person", "source"]

    def person_of(self, source: str) -> str:
        """Return the key of `pictures` to which a source belongs.

        Raises:
            UsageError: It belongs to nobody, or to several.
        """
        if self.told_by == "nothing":
            return next(iter(self.pictures))
        found = self._by_pattern(source) if self.told_by == "source" else self._by_name(source)
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{source} belongs to {' and '.join(found)} of {self.path}; it must belong to one.")
        raise UsageError(f"{source} belongs to nobody of {self.path}, which has {_some(list(self.pictures))}.")

    def check(self, sources: Sequence[str]) -> None:
        """Refuse sources, by their names, of which it is not plain to whom they belong.

        Raises:
            UsageError: There are such sources; each is named.
        """
        problems = []
        for source in sources:
            try:
                self.person_of(source)
            except UsageError as error:
                problems.append(str(error))
        if problems:
            raise UsageError("\n".join(problems))

    @cached_property
    def fingerprint(self) -> str:
        """Hexadecimal digits that change with the content of the table and of the pictures, and with whose they are."""
        digest = hashlib.sha256(self.told_by.encode())
        if self.path.suffix.lower() == TABLE_ENDING:
            digest.update(sha256_of(self.path).encode())
        for name, paths in sorted(self.pictures.items()):
            digest.update("\0".join(["", name if self.told_by != "nothing" else "", *map(sha256_of, paths)]).encode())
        return digest.hexdigest()

    def _by_pattern(self, source: str) -> list[str]:
        return [pattern for pattern in self.pictures if source == pattern or PurePath(source).match(pattern)]

    def _by_name(self, source: str) -> list[str]:
        path = PurePath(source)
        for part in (path.stem, *(folder.name for folder in path.parents)):
            if found := [name for name in self.pictures if _is_word_of(name, part)]:
                return found
        return []


def _is_word_of(name: str, text: str) -> bool:
    """Return whether the name stands in the text with no letter or digit beside it."""
    return re.search(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", text) is not None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def read_neutral(path: Path) -> NeutralFaces:
    """Return the neutral faces that a picture, a video, a folder or a table names; pictures are not read yet.

    Raises:
        MediaError: The folder holds no picture.
        UsageError: The table cannot be read, or names files that do not exist.
    """
    if path.is_dir():
        return NeutralFaces(path, _of_folder(path), "person")
    if path.suffix.lower() == TABLE_ENDING:
        return _of_table(path)
    return NeutralFaces(path, {path.stem: (path,)}, "nothing")


def _of_folder(folder: Path) -> dict[str, tuple[Path, ...]]:
    sources, problems = expand_sources([folder])
    if problems:
        raise problems[0]
    found: dict[str, tuple[Path, ...]] = {}
    for source in sources:
        path = Path(source.name)
        first = path.relative_to(folder).parts[0]
        name = path.stem if first == path.name else first
        found[name] = (*found.get(name, ()), path)
    return found


def _of_table(path: Path) -> NeutralFaces:
    try:
        table = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), skipinitialspace=True)
        columns = [name.strip() for name in table.fieldnames or []]
        table.fieldnames = columns
        rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The table of neutral faces {path} cannot be read ({error}).") from None
    told_by: Literal["person", "source"] = "source" if _SOURCE in columns else "person"
    if _PICTURE not in columns or told_by not in columns:
        raise UsageError(
            f"{path} needs the columns {_PERSON} (or {_SOURCE}) and {_PICTURE}; found: {', '.join(columns) or 'none'}."
        )
    found: dict[str, tuple[Path, ...]] = {}
    problems = []
    for line, row in rows:
        name, picture = ((row[column] or "").strip() for column in (told_by, _PICTURE))
        if not name or not picture:
            problems.append(f"line {line} lacks the {_PICTURE if name else told_by}")
        elif not os.path.isfile(path.parent / picture):  # A name may be too long to be one.
            problems.append(f"line {line}: there is no file {str(path.parent / picture)[:200]}")
        found[name] = (*found.get(name, ()), path.parent / picture)
    if problems or not rows:
        raise UsageError(f"{path}: {'; '.join(problems) or 'the table has no line below its header'}.")
    return NeutralFaces(path, found, told_by)


def neutral_shifts(
    faces: NeutralFaces, rule: NeutralRule, probability_of: ProbabilityOf
) -> dict[str, Float[np.ndarray, " a"]]:
    """Return what is taken off the latents of each person, by the keys of `faces.pictures`.

    Args:
        faces: Of which every picture, and of every video at least one frame, must show a face.
        rule: Of the weights.
        probability_of: The largest face's.

    Warns:
        PictureWarning: What is to be known of how a picture was read: the first of several, for example.

    Raises:
        MediaError: The one picture that was named cannot be read.
        UsageError: There is no face in it; or the pictures that cannot be used, each with the reason.
    """
    found, problems = {}, []
    for name, paths in faces.pictures.items():
        parts = []
        for path in paths:
            try:
                parts.append(_probabilities(path, probability_of))
            except DuchenneError as error:
                problems.append(error)
        if len(parts) == len(paths):
            found[name] = rule.shift(np.concatenate(parts))
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise UsageError(f"{len(problems)} neutral pictures cannot be used:\n" + "\n".join(map(str, problems)))
    return found


def _probabilities(path: Path, probability_of: ProbabilityOf) -> Float[np.ndarray, "k a"]:
    found = np.concatenate([probability_of(frame) for frame in _frames_of(path)])
    if not len(found):
        raise UsageError(f"There is no face in {path}, which should show a neutral one.")
    return found


def _frames_of(path: Path) -> Iterator[Frame]:
    if kind_of(path) is SourceKind.VIDEO:
        with open_video(path) as video:
            yield from islice(video, _MOST_FRAMES)
            notes = video.notes
    else:
        picture = read_picture(path)
        yield picture
        notes = picture.notes
    for note in notes:
        warnings.warn(f"{path}: {note}.", PictureWarning, stacklevel=2)
