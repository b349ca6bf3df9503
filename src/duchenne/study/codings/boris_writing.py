"""`Coding` -> a project of BORIS.

Source: BORIS user guide (Friard and Gamba 2016), project format 7.0.
"""

import json
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from duchenne.errors import MediaError
from duchenne.facs import AU_BY_NAME, AU_NAMES
from duchenne.media import open_video
from duchenne.study.codings.au_labels import LETTERS, NOT_SCORABLE
from duchenne.study.codings.coding import CODED, CodedEvent, Coding, flattened
from duchenne.study.writing import write_text


def write_boris(coding: Coding, media: dict[str, str], path: Path, name: str = "Facial action units") -> None:
    """Write codes as a project that BORIS opens, one observation a video.

    Args:
        coding: Codes.
        media: The path of each video, by its name in the codes.
        path: Where to write; ends in .boris.
        name: Of the project.

    Raises:
        OutputError: It cannot be written.
    """
    aus = [au for au in AU_NAMES if any(one.au == au for one in coding.coded)]
    persons = sorted({one.person for one in coding.coded if one.person})
    project = {
        "time_format": "hh:mm:ss",
        "project_date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "project_name": name,
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {str(k): {"key": "", "name": person, "description": ""} for k, person in enumerate(persons)},
        "behaviors_conf": {str(k): _behaviour(code) for k, code in enumerate([*aus, CODED])},
        "observations": {file: _observation(coding, file, media.get(file, file)) for file in coding.files},
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }
    write_text(path, json.dumps(project, indent=1, ensure_ascii=False))


def _behaviour(code: str) -> dict[str, Any]:
    graded = code != CODED
    sets = (("intensity", [*LETTERS, NOT_SCORABLE[0]]), ("side", ["L", "R"])) if graded else ()
    modifiers = {
        str(k): {"name": name, "description": "", "type": 0, "ask at stop": False, "values": values}
        for k, (name, values) in enumerate(sets)
    }
    return {
        "type": "State event",
        "key": "",
        "code": code,
        "description": AU_BY_NAME[code].title if graded else "a stretch that was coded",
        "color": "",
        "category": "",
        "modifiers": modifiers,
        "excluded": "",
        "coding map": "",
    }


def _observation(coding: Coding, file: str, media: str) -> dict[str, Any]:
    events: list[list[Any]] = []
    for event in _without_overlaps(coding, file):
        modifiers = f"{event.letter or 'None'}|{event.side or 'None'}"
        for time in (event.onset_s, event.offset_s):
            events.append([round(time, 3), event.person, event.au, modifiers, ""])
    for span in (one for one in coding.spans if one.file == file):
        for time in (span.onset_s, span.offset_s):
            events.append([round(time, 3), span.person, CODED, "", ""])
    players = {str(k): [media] if k == 1 else [] for k in range(1, 9)}
    return {
        "file": players,
        "type": "MEDIA",
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "description": "",
        "time offset": 0.0,
        "events": sorted(events, key=lambda event: event[0]),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "close_behaviors_between_videos": False,
        "media_info": _media_info(media),
    }


def _without_overlaps(coding: Coding, file: str) -> list[CodedEvent]:
    """Return the events of a video; a state ends before it begins again. Left and right are states of their own."""
    own = sorted((one for one in coding.events if one.file == file), key=_state)
    return [one for _, group in groupby(own, key=_state) for one in flattened(group)]


def _state(one: CodedEvent) -> tuple[str, str, str]:
    return one.person, one.au, one.side


def _media_info(media: str) -> dict[str, dict[str, Any]]:
    """Return what BORIS keeps of a video, without which it exports nothing; of one that is not there, nothing.

    BORIS asks for it when the observation is opened with its video.
    """
    told: dict[str, dict[str, Any]] = {"length": {}, "fps": {}, "hasVideo": {media: True}, "hasAudio": {}}
    try:
        with open_video(media) as video:
            told["hasAudio"][media] = video.has_sound
            if video.duration_s is not None and video.fps is not None:
                told["length"][media], told["fps"][media] = round(video.duration_s, 3), round(video.fps, 3)
    except MediaError:
        pass
    return told | {"offset": {"1": 0.0}}
