"""From detected faces to results: of one face, as rows of tables and files, on the terminal (docs/columns.md)."""

from duchenne.results.face_aus import FaceAUs
from duchenne.results.rows import to_dataframe, to_row
from duchenne.results.table_file import write_table
from duchenne.results.terminal import terminal_table

__all__ = ["FaceAUs", "terminal_table", "to_dataframe", "to_row", "write_table"]
