"""Results with their column `person`, written as they were read."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from duchenne.errors import OutputError, StudyError
from duchenne.extras.parquet import opened_parquet
from duchenne.files.whole_files import whole_file, write_whole
from duchenne.results.output_path import check_output_path
from duchenne.results.result_file import RESULT_ENDINGS
from duchenne.results.result_record import package_version, record_path
from duchenne.study.people_table import with_people
from duchenne.study.provenance import description_beside, read_description
from duchenne.study.results import BOX, PERSON, Wanted, columns_in, read_results
from duchenne.weights import sha256_of

if TYPE_CHECKING:
    import pandas as pd

_ROWS_AT_ONCE = 20_000


def write_named(results: Sequence[Path], people: Path, output: Path, overwrite: bool = False) -> dict[str, int]:
    """Write results with the column `person` behind `face_id` into one file; return the rows of each person.

    All other columns stay as they were. Faces whose person is empty are left out. A description is kept beside it
    (OUTPUT.json): the hashes of the results and of the table, and the descriptions of the results' runs.

    Raises:
        UsageError: The output's ending is unknown, or it exists and `overwrite` is not set.
        OutputError: It cannot be written.
        StudyError: As `with_people`; or the results hold different columns.
    """
    ending = check_output_path(output, RESULT_ENDINGS, overwrite)
    rows = with_people(read_results(results, Wanted(kinds="c", others=BOX)), people)
    counts = {str(name): int(count) for name, count in rows[PERSON].value_counts(sort=False).items()}
    keys = rows.drop_duplicates(["source", "face_id"])
    names = {(str(s), int(f)): str(p) for s, f, p in zip(keys["source"], keys["face_id"], keys[PERSON], strict=True)}
    if any(columns_in(path) != columns_in(results[0]) for path in results[1:]):
        raise StudyError("The results hold different columns. Run detect with the same options, or name them apart.")
    try:
        with whole_file(output, overwrite) as file:
            buffered = io.BufferedWriter(cast(io.RawIOBase, file))
            _WRITERS[ending](buffered, (_named(chunk, names) for path in results for chunk in _chunks(path)))
            buffered.detach()
        write_whole(record_path(output), _description(results, people, output).encode())
    except (OSError, ValueError) as error:
        raise OutputError(f"{output} cannot be written ({error}). Choose another place.") from error
    return counts


def _description(results: Sequence[Path], people: Path, output: Path) -> str:
    """Return what is kept beside the result: of which results and which table it was made, and what describes these."""
    sources = []
    for path in results:
        beside = description_beside(path)
        run = None if beside is None else read_description(beside)
        sources.append({"result": path.name, "sha256": sha256_of(path), "run": run})
    said = {
        "format": "duchenne named result 1", "result": output.name, "sha256": sha256_of(output),
        "version": package_version(), "people": {"table": people.name, "sha256": sha256_of(people)},
        "named_from": sources,
    }  # fmt: skip
    return json.dumps(said, indent=1) + "\n"


def _named(chunk: "pd.DataFrame", names: Mapping[tuple[str, int], str]) -> "pd.DataFrame":
    import numpy as np

    chunk = chunk[chunk["face_id"].notna() & (chunk["face_id"] != "")]  # Others are frames without a face.
    keys = zip(chunk["source"].astype(str), chunk["face_id"].astype(int), strict=True)
    person = np.array([names.get(key, "") for key in keys], dtype=object)
    chunk = chunk.drop(columns=PERSON, errors="ignore")[person != ""].copy()
    chunk.insert(list(chunk.columns).index("face_id") + 1, PERSON, person[person != ""])
    return chunk


def _chunks(path: Path) -> "Iterator[pd.DataFrame]":
    """Yield the rows of a result; the cells of text formats as they are written."""
    import pandas as pd

    if path.suffix.lower() == ".csv":
        text = pd.read_csv(path, dtype=str, keep_default_na=False, chunksize=_ROWS_AT_ONCE, encoding="utf-8-sig")
        yield from text
    elif path.suffix.lower() == ".parquet":
        with opened_parquet(path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                batch.validate(full=True)
                yield batch.to_pandas()
    else:
        with pd.read_json(path, lines=True, chunksize=_ROWS_AT_ONCE, dtype=False) as parts:
            yield from parts


def _write_csv(file: BinaryIO, chunks: "Iterator[pd.DataFrame]") -> None:
    for number, chunk in enumerate(chunks):
        file.write(chunk.to_csv(index=False, header=number == 0, lineterminator="\n").encode())


def _write_json_lines(file: BinaryIO, chunks: "Iterator[pd.DataFrame]") -> None:
    for chunk in chunks:
        for row in _typed(chunk).to_dict("records"):
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def _write_parquet(file: BinaryIO, chunks: "Iterator[pd.DataFrame]") -> None:
    import pyarrow
    import pyarrow.parquet

    writer = None
    for chunk in chunks:
        part = pyarrow.Table.from_pandas(_typed(chunk), preserve_index=False)
        writer = writer or pyarrow.parquet.ParquetWriter(file, part.schema)
        writer.write_table(part.cast(writer.schema))
    if writer is not None:
        writer.close()


def _typed(chunk: "pd.DataFrame") -> "pd.DataFrame":
    """Return rows with numbers as numbers, where they come from text."""
    from duchenne.results.columns import Columns

    types = Columns(sides=True).types
    return chunk.astype({name: types[name] for name in chunk.columns if name in types})


_WRITERS = {".csv": _write_csv, ".parquet": _write_parquet, ".jsonl": _write_json_lines, ".ndjson": _write_json_lines}
