"""Our own table of codes, CSV: one event a row -> `Coding`, and back.

    file,person,au,onset_s,offset_s,grade,side,coder
    anna.mp4,anna,AU12,3.20,4.85,C,,kim
    anna.mp4,anna,AU15,,,,,kim               AU15 was looked for and is nowhere
    anna.mp4,anna,coded,0,60,,,kim           the first minute was coded, the rest was not

`file`, `au`, `onset_s` and `offset_s` are needed. `source` stands for `file`, so that the events of `duchenne events`
are codes, too. A grade is A to E, or ns for not scorable.
"""

import csv
import io
from pathlib import Path

from duchenne.study.codings.au_labels import NOT_SCORABLE, grade_of, parse_labels
from duchenne.study.codings.coding import CODED, CodedAU, CodedEvent, CodedSpan, Coding, coding_from, labelled
from duchenne.study.codings.delimited import Rows
from duchenne.study.writing import write_text

COLUMNS = ("file", "person", "au", "onset_s", "offset_s", "grade", "side", "coder")


def is_code_table(columns: list[str]) -> bool:
    """Return whether these are the columns of a table of codes."""
    return {"au", "onset_s", "offset_s"} <= set(columns) and bool({"file", "source"} & set(columns))


def read_code_table(rows: Rows) -> Coding:
    """Return the codes in a table.

    Raises:
        StudyError: A time is not a number, or no file is named.
    """
    events: list[CodedEvent] = []
    coded: list[CodedAU] = []
    spans: list[CodedSpan] = []
    strange: set[str] = set()
    for row in rows.rows:
        file, person, coder = rows.file(row), row.get("person", ""), row.get("coder", "")
        labels = parse_labels(row["au"])
        if not row["onset_s"] and not row["offset_s"]:
            coded += [CodedAU(file, person, label.au, coder) for label in labels]
            continue
        start, end = rows.number(row, "onset_s"), rows.number(row, "offset_s")
        if row["au"].lower() == CODED:
            weight = rows.number(row, "weight") if row.get("weight") else 1.0
            spans.append(CodedSpan(file, person, start, end, weight))
            continue
        if not labels:
            strange.add(row["au"])
        grade = row.get("grade", "")
        where = CodedEvent(
            file,
            person,
            "",
            start,
            end,
            float(grade_of(grade) or "nan"),
            row.get("side", "").upper(),
            coder,
            grade.lower() not in NOT_SCORABLE,
        )
        events += [labelled(label, where) for label in labels]
    notes = [f"{rows.path.name}: {', '.join(map(repr, sorted(strange)))} left out; no action unit."] if strange else []
    return coding_from(events, coded, spans, notes)


def write_code_table(coding: Coding, path: Path) -> None:
    """Write codes as a table; `read_code_table` gives them back.

    Raises:
        OutputError: It cannot be written.
    """
    weighted = any(span.weight != 1.0 for span in coding.spans)
    no_weight = [""] if weighted else []
    rows: list[list[object]] = []
    for span in coding.spans:
        more = [f"{span.weight:.6g}"] if weighted else []
        rows.append([span.file, span.person, CODED, f"{span.onset_s:.3f}", f"{span.offset_s:.3f}", "", "", "", *more])
    for one in coding.coded:
        if not any(
            (e.file, e.person, e.au, e.coder) == (one.file, one.person, one.au, one.coder) for e in coding.events
        ):
            rows.append([one.file, one.person, one.au, "", "", "", "", one.coder, *no_weight])
    for event in coding.events:
        times = [f"{event.onset_s:.3f}", f"{event.offset_s:.3f}"]
        rows.append([event.file, event.person, event.au, *times, event.letter, event.side, event.coder, *no_weight])
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[*COLUMNS, *(["weight"] if weighted else [])], *rows])
    write_text(path, text.getvalue())
