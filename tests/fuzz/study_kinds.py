"""What studies read: results, codes of ELAN, BORIS and other programmes, people, speech, and journals of coders."""

from pathlib import Path

from fuzz.file_kind import ONE_FILE, FileKind, digest_of

_FRAMES = 4


def _make_tables(folder: Path) -> None:
    from review_files import result_table

    table = result_table("a.mp4", seconds=0.4, fps=10, aus=("AU06", "AU12"))
    table.to_csv(folder / "a.csv", index=False)
    table.to_parquet(folder / "b.parquet", index=False)
    table.to_json(folder / "c.jsonl", orient="records", lines=True)


def _read_tables(folder: Path) -> str:
    from duchenne.study.results import read_results

    (path,) = folder.iterdir()
    return digest_of([read_results(path).astype(str).to_csv()])


def _coding() -> object:
    from duchenne.study.codings.coding import CodedAU, CodedEvent, CodedSpan, Coding

    events = (
        CodedEvent("a.mp4", "anna", "AU12", 0.2, 1.0, 3.0, "L", "kim"),
        CodedEvent("a.mp4", "anna", "AU06", 0.5, 2.0, coder="kim"),
        CodedEvent("a.mp4", "anna", "AU12", 1.5, 1.9, scorable=False, coder="kim"),
    )
    coded = tuple(CodedAU("a.mp4", "anna", au, "kim") for au in ("AU06", "AU12", "AU15"))
    return Coding(events, coded, (CodedSpan("a.mp4", "anna", 0.0, 3.0),))


def _make_codings(folder: Path) -> None:
    from duchenne.study.codings.boris_writing import write_boris
    from duchenne.study.codings.code_table import write_code_table
    from duchenne.study.codings.elan import write_elan

    coding = _coding()
    write_elan(coding, "a.mp4", "a.mp4", folder / "a.eaf")  # type: ignore[arg-type]
    write_boris(coding, {}, folder / "b.boris")  # type: ignore[arg-type]
    write_code_table(coding, folder / "c.csv")  # type: ignore[arg-type]
    tabular = "Observation id,Media file name,Subject,Behavior,Modifier #1,Behavior type,Time\n"
    rows = [f"one,a.mp4,anna,AU12,C,{kind},{time}\n" for kind, time in (("START", 0.5), ("STOP", 1.25))]
    (folder / "d.csv").write_text(tabular + "".join(rows))
    aggregated = "Observation id\tMedia file name\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\n"
    (folder / "e.tsv").write_text(aggregated + "one\ta.mp4\tanna\tAU12\tSTATE\t0.5\t1.25\n")
    openface = [f"{k},{k / 25},1,{0.5 * k},{k % 2}" for k in range(_FRAMES)]
    (folder / "f.csv").write_text("\n".join(["frame, timestamp, success, AU12_r, AU12_c", *openface]))
    pyfeat = [f"{k},{k / 25},{0.2 * k},a.mp4" for k in range(_FRAMES)]
    (folder / "g.csv").write_text("\n".join(["frame,timestamp,AU12,input", *pyfeat]))


def _read_codings(folder: Path) -> str:
    from duchenne.study.codings.coding import Coding
    from duchenne.study.codings.reading import read_codes

    (path,) = folder.iterdir()
    found = read_codes([path])
    return digest_of([found if isinstance(found, Coding) else found.astype(str).to_csv()])


def _make_speech(folder: Path) -> None:
    (folder / "a.csv").write_text("file,label,onset_s,offset_s\na.mp4,speech,0.5,1.5\na.mp4,laughter,2,3\n")
    (folder / "b.csv").write_text("Observation id,Media file name,Subject,Behavior,Behavior type,Start (s),Stop (s)\n"
                                  "one,a.mp4,anna,speech,STATE,0.5,1.25\n")  # fmt: skip


def _read_speech(folder: Path) -> str:
    from duchenne.study.exclusion import read_exclusion

    (path,) = folder.iterdir()
    return digest_of([read_exclusion([f"{path}:speech"]).spans])


def _make_people(folder: Path) -> None:
    (folder / "a.csv").write_text("source,face_id,side,person\na.mp4,0,,anna\na.mp4,1,,ben\n")
    (folder / "b.csv").write_text("source,face_id,person\n*.mp4,,anna\n")


def _read_people(folder: Path) -> str:
    import pandas as pd

    from duchenne.study.people_table import with_people

    (path,) = folder.iterdir()
    table = pd.DataFrame({"source": ["a.mp4", "a.mp4"], "face_id": [0, 1], "timestamp_s": [0.0, 0.0]})
    return digest_of([with_people(table, path).astype(str).to_csv()])


def _make_reviews(folder: Path) -> None:
    from duchenne.review.changes import change_from
    from duchenne.review.coder_journal import CoderJournal, journal_path

    journal = CoderJournal(journal_path(folder, "kim"), "kim")
    event = {"do": "event", "id": "e1", "file": "a.mp4", "person": "anna", "au": "AU12", "onset_s": 0.2, "offset_s": 1}
    looked = {"do": "looked-for", "file": "a.mp4", "person": "anna", "au": "AU06"}
    span = {"do": "span", "file": "a.mp4", "person": "anna", "onset_s": 0, "offset_s": 3}
    reject = {"do": "reject", "file": "a.mp4", "proposal": "a.mp4 anna AU06 1.2"}
    journal.add(
        map(
            change_from,
            ({**event, "grade": "C", "side": "L"}, looked, span, reject, {"do": "delete", "id": "e1"}, event),
        )
    )
    journal.close()


def _read_reviews(folder: Path) -> str:
    from duchenne.review.coder_journal import CoderJournal

    (path,) = folder.iterdir()
    journal = CoderJournal(path)
    journal.close()
    return digest_of([journal.codes.coding()])


STUDY_KINDS = (
    FileKind("tables", _make_tables, (ONE_FILE,), _read_tables, 8),
    FileKind("codings", _make_codings, (ONE_FILE,), _read_codings, 14),
    FileKind("speech", _make_speech, (ONE_FILE,), _read_speech, 4),
    FileKind("people", _make_people, (ONE_FILE,), _read_people, 4),
    FileKind("reviews", _make_reviews, (ONE_FILE,), _read_reviews, 6),
)
