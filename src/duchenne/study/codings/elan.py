"""ELAN's .eaf -> `Coding`, and back: a tier for each person and action unit, the video linked.

A tier is read as an action unit where its name holds one ("AU12", "anna AU12", "AU12L"), its annotations as grades (A
to E, "ns" for not scorable, anything else as present); other tiers hold labels such as "12C+6B". A tier named "coded",
or "anna coded", says which stretches were coded. The person is the tier's participant, or else what its name holds
beside the action unit.

Files are read by pympi. It writes version 2.8 with time slots in the order of their making, so they are written here.

Source: EAF Annotation Format 3.0 (Max Planck Institute for Psycholinguistics).
"""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from duchenne.errors import StudyError
from duchenne.facs import AU_NAMES
from duchenne.files.numbers import finite_number
from duchenne.study.codings.au_labels import NOT_SCORABLE, AULabel, grade_of, label_in_name, parse_labels
from duchenne.study.codings.coding import (
    CODED,
    CodedAU,
    CodedEvent,
    CodedSpan,
    Coding,
    coding_from,
    flattened,
    labelled,
)
from duchenne.study.results import file_name
from duchenne.study.writing import write_text

_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE = "default-lt"
_MIME = {".mp4": "video/mp4", ".mpg": "video/mpeg", ".mpeg": "video/mpeg", ".mov": "video/quicktime"}


def read_elan(path: Path) -> Coding:
    """Return the codes in an .eaf file.

    Raises:
        StudyError: It cannot be read.
    """
    document = _opened(path)
    file, origin_s = _video(document, path)
    events: list[CodedEvent] = []
    coded: list[CodedAU] = []
    spans: list[CodedSpan] = []
    notes: list[str] = []
    for name, (aligned, references, attributes, _) in document.tiers.items():
        label, rest = label_in_name(name)
        person = (attributes.get("PARTICIPANT") or (rest if label else "")).strip()
        where = CodedEvent(file, person, "", 0.0, 0.0, coder=(attributes.get("ANNOTATOR") or "").strip())
        found = [
            (replace(where, onset_s=start, offset_s=end), value)
            for start, end, value in _annotations(path, document, aligned, origin_s)
        ]
        if references and not aligned:
            notes.append(f"{path.name}: tier {name!r} has no times of its own; left out.")
        elif label is None and name.lower().split()[-1:] == [CODED]:
            spans += [CodedSpan(file, person, one.onset_s, one.offset_s) for one, _ in found]
        elif label is not None:
            coded.append(CodedAU(file, person, label.au, where.coder))
            if not found:
                notes.append(f"{path.name}: tier {name!r} is empty; it counts as coded and never present.")
            events += _graded(label, found)
        else:
            events += _labelled(found, name, path, notes)
    return coding_from(events, coded, spans, notes)


def write_elan(coding: Coding, file: str, media: str, path: Path) -> None:
    """Write the codes of one video as .eaf 3.0.

    Args:
        coding: Codes; those of other videos are left out.
        file: The video's name in it.
        media: Path of the video, which the file links to.
        path: Where to write.

    Raises:
        OutputError: It cannot be written.
    """
    tiers = _tiers(coding, file)
    times = sorted({time for _, annotations in tiers for start, end, _ in annotations for time in (start, end)})
    slots = {time: f"ts{number}" for number, time in enumerate(times, 1)}
    stamp = datetime.now(UTC).isoformat(timespec="seconds")
    attributes = {"AUTHOR": "", "DATE": stamp, "FORMAT": "3.0", "VERSION": "3.0", f"{{{_XSI}}}{_LOCATION}": _SCHEMA}
    root = ET.Element("ANNOTATION_DOCUMENT", attributes)
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    ET.SubElement(header, "MEDIA_DESCRIPTOR", _media(media, path))
    count = sum(len(annotations) for _, annotations in tiers)
    ET.SubElement(header, "PROPERTY", NAME="lastUsedAnnotationId").text = str(count)
    order = ET.SubElement(root, "TIME_ORDER")
    for time, slot in slots.items():
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=slot, TIME_VALUE=str(time))
    number = 0
    for names, annotations in tiers:
        tier = ET.SubElement(root, "TIER", {"LINGUISTIC_TYPE_REF": _TYPE, **names})
        for start, end, value in annotations:
            number += 1
            ids = {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": slots[start], "TIME_SLOT_REF2": slots[end]}
            alignable = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", ids)
            ET.SubElement(alignable, "ANNOTATION_VALUE").text = value
    ET.SubElement(root, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID=_TYPE, TIME_ALIGNABLE="true", GRAPHIC_REFERENCES="false")
    ET.indent(root)
    ET.register_namespace("xsi", _XSI)
    write_text(path, ET.tostring(root, encoding="UTF-8", xml_declaration=True).decode())


def elan_intervals(path: Path, tier: str) -> list[tuple[str, float, float]]:
    """Return video, onset and offset in seconds of each annotation of a tier, whatever it says.

    Raises:
        StudyError: The file cannot be read, or has no such tier.
    """
    document = _opened(path)
    if tier not in document.tiers:
        raise StudyError(f"{path}: no tier {tier!r}; found: {', '.join(document.tiers) or 'none'}.")
    file, origin_s = _video(document, path)
    return [(file, start, end) for start, end, _ in _annotations(path, document, document.tiers[tier][0], origin_s)]


_LOCATION = "noNamespaceSchemaLocation"
_Annotation = tuple[int, int, str]


def _opened(path: Path) -> Any:
    import pympi

    try:
        return pympi.Elan.Eaf(str(path), suppress_version_warning=True)
    except Exception as error:  # pympi raises what comes: KeyError, IndexError, bare Exception.
        raise StudyError(f"{path} cannot be read as an ELAN file ({error or error!r}). Does ELAN open it?") from None


def _video(document: Any, path: Path) -> tuple[str, float]:
    """Return the name of the linked video, or of the .eaf file without one, and where in it ELAN's time begins."""
    for media in document.media_descriptors:
        link = media.get("RELATIVE_MEDIA_URL") or media.get("MEDIA_URL") or ""
        if link and not media.get("MIME_TYPE", "").startswith("audio"):
            origin_ms = finite_number(media.get("TIME_ORIGIN") or 0)
            if origin_ms is None:
                raise StudyError(f"{path}: the TIME_ORIGIN of {link} is no number of milliseconds. Does ELAN open it?")
            return file_name(unquote(link)), origin_ms / 1000
    return path.stem, 0.0


def _annotations(path: Path, document: Any, aligned: dict[str, Any], origin_s: float) -> list[tuple[float, float, str]]:
    """Return onset, offset and value of the annotations of a tier that have both times, in order of time.

    Raises:
        StudyError: A time is no number.
    """
    found = []
    for first, second, value, _ in aligned.values():
        times = document.timeslots.get(first), document.timeslots.get(second)
        if None in times:
            continue
        start_ms, end_ms = map(finite_number, times)
        if start_ms is None or end_ms is None:
            raise StudyError(f"{path}: a time slot is no number of milliseconds. Does ELAN open it?")
        found.append((start_ms / 1000 + origin_s, end_ms / 1000 + origin_s, value.strip()))
    return sorted(found)


def _graded(label: AULabel, found: list[tuple[CodedEvent, str]]) -> list[CodedEvent]:
    """Return the events of a tier of one action unit, whose values are grades.

    A tier whose only number is 1 tells occurrence; 1 is the grade A where there are other numbers.
    """
    occurrence = {value for _, value in found if value.isdigit()} <= {"0", "1"}
    events = []
    for where, value in found:
        match = re.fullmatch(r"(?i)([LR])?\s*([A-E1-5]?)", value)
        side, grade = (match[1] or "", match[2]) if match else ("", "")
        if value == "0":
            continue
        if occurrence and grade.isdigit():
            grade = ""
        whole = replace(where, side=side.upper(), scorable=value.lower() not in NOT_SCORABLE)
        events.append(labelled(replace(label, grade=grade_of(grade)), whole))
    return events


def _labelled(found: list[tuple[CodedEvent, str]], tier: str, path: Path, notes: list[str]) -> list[CodedEvent]:
    """Return the events of a tier whose values name action units; what names none is noted, once a tier."""
    strange = sorted({value for _, value in found if not parse_labels(value)})
    if strange:
        some = ", ".join(map(repr, strange[:5])) + (f" and {len(strange) - 5} more" if len(strange) > 5 else "")
        notes.append(f"{path.name}: tier {tier!r}: {some} left out; no action unit.")
    return [labelled(label, where) for where, value in found for label in parse_labels(value)]


def _tiers(coding: Coding, file: str) -> list[tuple[dict[str, str], list[_Annotation]]]:
    spans = [one for one in coding.spans if one.file == file]
    tiers: list[tuple[dict[str, str], list[_Annotation]]] = []
    for person in sorted({one.person for one in spans}):
        name = {"TIER_ID": f"{person} {CODED}".strip()} | ({"PARTICIPANT": person} if person else {})
        own = [one for one in spans if one.person == person]
        tiers.append((name, [_annotation(one, str(number)) for number, one in enumerate(own, 1)]))
    for coded in sorted(
        (one for one in coding.coded if one.file == file), key=lambda one: (one.person, AU_NAMES.index(one.au))
    ):
        several = len({one.coder for one in coding.coded if (one.file, one.person) == (file, coded.person)}) > 1
        for side, lane in _lanes([one for one in coding.events if _is_of(one, coded)]):
            words = (coded.person, coded.au + side, coded.coder if several else "")
            name = {"TIER_ID": " ".join(word for word in words if word)}
            name |= {"PARTICIPANT": coded.person} if coded.person else {}
            name |= {"ANNOTATOR": coded.coder} if coded.coder else {}
            tiers.append((name, [_annotation(one, _value(one)) for one in lane]))
    return tiers


def _lanes(events: list[CodedEvent]) -> list[tuple[str, list[CodedEvent]]]:
    """Return the events as tiers can hold them, which allow no overlap: one tier, or one for each side."""
    by_side = {side: flattened(one for one in events if one.side == side) for side in ("", "L", "R")}
    whole = sorted((one for own in by_side.values() for one in own), key=lambda one: one.onset_s)
    if all(one.offset_s <= other.onset_s for one, other in pairwise(whole)):
        return [("", whole)]
    return [(side, own) for side, own in by_side.items() if own]


def _is_of(event: CodedEvent, coded: CodedAU) -> bool:
    return (event.file, event.person, event.au, event.coder) == (coded.file, coded.person, coded.au, coded.coder)


def _annotation(one: CodedEvent | CodedSpan, value: str) -> _Annotation:
    start = round(one.onset_s * 1000)
    return start, max(start + 1, round(one.offset_s * 1000)), value


def _value(event: CodedEvent) -> str:
    return event.side + event.letter if event.scorable else event.letter


def _media(media: str, path: Path) -> dict[str, str]:
    whole = Path(media).absolute()
    ending = whole.suffix.lower()
    try:
        relative = "./" + whole.relative_to(path.absolute().parent).as_posix()
    except ValueError:
        relative = ""
    named = {"MEDIA_URL": whole.as_uri(), "MIME_TYPE": _MIME.get(ending, "unknown")}
    return named | ({"RELATIVE_MEDIA_URL": relative} if relative else {})
