"""From faces in Python to a table file, in one call and without pandas."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from duchenne.results.columns import Columns
from duchenne.results.face_aus import FaceAUs
from duchenne.results.result_file import ResultFile


def write_table(
    results: Iterable[FaceAUs], path: str | Path, columns: Columns | None = None, *, overwrite: bool = False
) -> int:
    """Write faces to a .csv, .jsonl or .parquet file (docs/columns.md), one row each, and return how many.

    Faces are taken one after the other, so that memory does not grow with the length of a video. The file appears when
    it is whole.

    Args:
        results: Faces, for example from `AUDetector.detect` or `detect_video`.
        path: The file; its ending decides the format.
        columns: Of the table, for example `AUDetector.columns`; None for those of the first face, or of the package's
            weights where there is none.
        overwrite: Whether a file of this name may be replaced.

    Raises:
        UsageError: The ending is unknown, the file exists, or a face holds something else than the table.
        OutputError: The file cannot be written.
        MissingExtraError: Parquet is asked for and pyarrow is not installed.

    Example:
        >>> import tempfile
        >>> write_table([], Path(tempfile.mkdtemp()) / "nobody.csv")
        0
    """
    faces = iter(results)
    if columns is None and (first := next(faces, None)) is not None:
        columns, faces = first.columns, chain([first], faces)
    with ResultFile.open(path, columns or Columns(), {}, overwrite=overwrite, restart=True) as file:
        try:
            for face in faces:
                file.write([face])
            file.finish()
        except BaseException:
            file.discard()
            raise
    return file.rows
