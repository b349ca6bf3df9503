"""Codings and tables are whole or not there."""

import pytest

from duchenne.errors import OutputError
from duchenne.study.codings.code_table import write_code_table
from duchenne.study.codings.coding import coding_from
from duchenne.study.writing import write_text


def test_what_cannot_be_encoded_leaves_the_old_table_whole(tmp_path):
    path = tmp_path / "codes.csv"
    write_text(path, "before")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "after \ud800")
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["codes.csv"]


def test_a_folder_that_is_not_there_is_our_error(tmp_path):
    with pytest.raises(OutputError, match=r"codes.csv cannot be written \(No such file"):
        write_code_table(coding_from([], []), tmp_path / "none" / "codes.csv")
