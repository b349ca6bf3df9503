"""The thresholds that a user asks for: a named set of the weights, a file, or numbers.

    balanced            a set of the weights, by its name
    thresholds.csv      or .json: one threshold an action unit
    0.4                 for all
    AU12=0.6,AU06=0.5   for some

A CSV has the columns `au` and `threshold`, others are not read:

    au,threshold
    AU06,0.52
    AU12,0.61

A JSON file holds the same as a list: `[{"au": "AU06", "threshold": 0.52}, {"au": "AU12", "threshold": 0.61}]`.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from duchenne.errors import UsageError
from duchenne.facs import AU_NAMES, au_name, parse_aus

ThresholdSetName = Literal["balanced", "f1"]
"""The sets that weights may hold: of the best balanced accuracy, held back on faces without any AU; of the best F1."""
SET_NAMES: tuple[str, ...] = get_args(ThresholdSetName)
AskedThresholds = str | float | Path | Mapping[str, float] | Mapping[int, float] | Sequence[str]
"""What Python may name: all that the command line takes, a number for all, or numbers by AU."""
FILE_ENDINGS = (".csv", ".json")
_AU, _THRESHOLD = "au", "threshold"


def asked_thresholds(
    asked: AskedThresholds | None, aus: Sequence[str]
) -> Mapping[str, float] | ThresholdSetName | None:
    """Return what Python asks for: the name of a set, thresholds by AU, or None.

    Args:
        asked: A number for all `aus`; numbers by AU; a file; a word such as "f1" or "AU12=0.6", or several.
        aus: For which a number for all counts.

    Example:
        >>> asked_thresholds({12: 0.6, "au6": 0.5}, ("AU06", "AU12"))
        {'AU12': 0.6, 'AU06': 0.5}
        >>> asked_thresholds(0.4, ("AU06", "AU12"))
        {'AU06': 0.4, 'AU12': 0.4}

    Raises:
        UsageError: As `thresholds_from`; or an AU is named twice, or has no number.
    """
    if asked is None or isinstance(asked, str | Path):
        return None if asked is None else thresholds_from([str(asked)], aus)
    if isinstance(asked, Mapping):
        return _by_name(asked)
    if isinstance(asked, Sequence):
        return thresholds_from(asked, aus)
    return _by_name(dict.fromkeys(aus, asked))


def _by_name(numbers: Mapping[Any, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for au, number in numbers.items():
        name = au_name(au)
        if name in found:
            raise UsageError(f"{name} has two thresholds; give each action unit one.")
        try:
            found[name] = float(number)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"The threshold {number!r} of {name} is not a number.") from None
    check_thresholds(found)
    return found


def thresholds_from(words: Sequence[str], aus: Sequence[str]) -> Mapping[str, float] | ThresholdSetName | None:
    """Return what the words of `--thresholds` ask for: the name of a set, thresholds by AU, or None without words.

    A number for one AU wins over a file, a file over a number for all.

    Example:
        >>> thresholds_from(["0.4", "AU12=0.6"], ("AU06", "AU12"))
        {'AU06': 0.4, 'AU12': 0.6}
        >>> thresholds_from(["f1"], ("AU06", "AU12"))
        'f1'

    Raises:
        UsageError: A word is none of the four, a name stands beside other words, or a file is not as it should be.
    """
    named = [word for word in words if word in SET_NAMES]
    if named and len(words) > 1:
        raise UsageError(
            f"The thresholds {named[0]!r} cannot be combined with others; also found: {' '.join(_others(words))}."
        )
    if named:
        return "balanced" if named[0] == "balanced" else "f1"
    everywhere: dict[str, float] = {}
    filed: dict[str, float] = {}
    single: dict[str, float] = {}
    for word in words:
        if Path(word).suffix.lower() in FILE_ENDINGS:
            filed |= read_thresholds(Path(word))
            continue
        for part in word.split(","):
            au, value = _number(part.strip())
            if au is None:
                everywhere = dict.fromkeys(aus, value)
            else:
                single[au] = value
    return (everywhere | filed | single) or None


def _others(words: Sequence[str]) -> list[str]:
    first = next(place for place, word in enumerate(words) if word in SET_NAMES)
    return [*words[:first], *words[first + 1 :]]


def _number(text: str) -> tuple[str | None, float]:
    """Return the AU, None for all, and the threshold of a word such as "AU12=0.6" or "0.4"."""
    name, equals, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        raise UsageError(
            f"The threshold {text!r} is not a number. Write {' or '.join(SET_NAMES)} for a set of the weights, 0.4 for "
            f"all, AU12=0.4 for one, or a file that ends in {' or '.join(FILE_ENDINGS)}."
        ) from None
    if not equals:
        return None, value
    (au,) = _one_au(name, f"The threshold {text!r}")
    return au, value


def _one_au(name: str, where: str) -> tuple[str, ...]:
    try:
        found = parse_aus(name)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if len(found) != 1:
        raise UsageError(f"{where} names {len(found)} action units; name one.")
    return found


def check_thresholds(thresholds: Mapping[str, float], where: str = "") -> None:
    """Refuse what is no threshold of an AU.

    Args:
        thresholds: By AU name.
        where: Begins the message; a file's name and a colon, for example.

    Raises:
        UsageError: There is no such AU, or the number is not between 0 and 1.
    """
    for name, value in thresholds.items():
        if name not in AU_NAMES:
            raise UsageError(
                f"{where}There is no action unit {name!r} to set a threshold for. Known: {' '.join(AU_NAMES)}."
            )
        if not 0.0 <= value <= 1.0:
            raise UsageError(f"{where}The threshold of {name} is {value:g}; a probability lies between 0 and 1.")


def read_thresholds(path: Path) -> dict[str, float]:
    """Return the thresholds by AU in a file, which the head of this module shows.

    Raises:
        UsageError: It cannot be read, is no such file, names an AU twice or one that does not exist, or a threshold is
            no number between 0 and 1.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The thresholds in {path} cannot be read ({error}).") from None
    entries = _from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)
    found: dict[str, float] = {}
    for place, (name, number) in entries:
        (au,) = _one_au(name, f"{path}, {place}")
        if au in found:
            raise UsageError(f"{path}, {place}: {au} has a threshold already; give each action unit one.")
        try:
            found[au] = float(number)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{path}, {place}: the threshold {number!r} of {au} is not a number.") from None
    if not found:
        raise UsageError(f"{path} holds no threshold; expected one line an action unit, such as AU12,0.6.")
    check_thresholds(found, f"{path}: ")
    return found


Entries = Iterable[tuple[str, tuple[str, Any]]]
"""For each threshold where it stands, in words, and its AU and number as they are written."""


def _from_csv(path: Path, text: str) -> Entries:
    table = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    columns = [name.strip() for name in table.fieldnames or []]
    if missing := [name for name in (_AU, _THRESHOLD) if columns.count(name) != 1]:
        raise UsageError(
            f"{path} needs one column {' and one column '.join(missing)}; found: {', '.join(columns) or 'none'}. "
            f"Expected the header {_AU},{_THRESHOLD} and one line an action unit."
        )
    table.fieldnames = columns
    rows = [(table.line_num, row) for row in table]
    return [(f"line {line}", ((row[_AU] or "").strip(), (row[_THRESHOLD] or "").strip())) for line, row in rows]


def _from_json(path: Path, text: str) -> Entries:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON ({error}).") from None
    whole = isinstance(values, list) and all(isinstance(one, dict) and {_AU, _THRESHOLD} <= set(one) for one in values)
    if not whole:
        raise UsageError(f'{path} is not a list of thresholds; expected [{{"au": "AU12", "threshold": 0.6}}, ...].')
    return [(f"entry {k}", (str(one[_AU]), one[_THRESHOLD])) for k, one in enumerate(values, 1)]
