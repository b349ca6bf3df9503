"""Parquet files: any damage is our own error in a process that lives on; extras are named where they lack."""

import base64
import random
import subprocess
import sys
import zlib

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest

from duchenne.datasets.stills import load_stills
from duchenne.errors import DatasetError, DuchenneError, EvaluationError, MissingExtraError, ParquetError, TrainingError
from duchenne.evaluation.evaluate_system import read_scores
from duchenne.extras import EXTRA_OF, needed, parquet
from duchenne.extras.parquet import column_names, read_parquet, write_parquet
from duchenne.synthesis.sets.stills import STILLS_TYPES
from duchenne.training.pictures.rendered_heads import rendered_faces
from toy_faces import stills, write_stills

TYPES = {"name": "str", "data": "bytes", "count": "int64", "part": "float32"}
GROUPS = [
    {"name": ["a", "ü😀"], "data": [b"", b"\0\xff"], "count": [1, 2**40], "part": [0.5, 0.1]},
    {"name": ["c"], "data": [b"x" * 1000], "count": np.array([3]), "part": np.array([1e-3])},
]


def test_another_reader_finds_what_was_written_and_we_find_what_another_wrote(tmp_path):
    write_parquet(tmp_path / "ours.parquet", TYPES, GROUPS)
    found = pd.read_parquet(tmp_path / "ours.parquet")
    assert found["name"].tolist() == ["a", "ü😀", "c"]
    assert found["data"].tolist() == [b"", b"\0\xff", b"x" * 1000]
    assert found["count"].tolist() == [1, 2**40, 3]
    assert found["part"].tolist() == [0.5, float(np.float32(0.1)), float(np.float32(1e-3))]
    found.to_parquet(tmp_path / "theirs.parquet")
    assert column_names(tmp_path / "theirs.parquet") == tuple(TYPES)
    again = read_parquet(tmp_path / "theirs.parquet", ["count", "data"])
    assert again["count"].tolist() == found["count"].tolist()
    assert again["data"].tolist() == found["data"].tolist()


def test_stills_of_the_earlier_writer_are_read(tmp_path):
    """It wrote Parquet's first version: no logical types, no checksums, text as UTF8 and pictures as plain bytes."""
    table = stills(4, 1, "p")
    file = tmp_path / "stills-00000.parquet"
    arrow = pyarrow.Table.from_pandas(table)
    pyarrow.parquet.write_table(
        arrow, file, version="1.0", compression="none", use_dictionary=False, store_schema=False
    )
    (recording,) = load_stills(file).recordings
    assert recording.subject == "p0"
    left = np.stack([np.frombuffer(cell, np.float32) for cell in table["au_left"]])
    np.testing.assert_array_equal(recording.labels.intensity[:, :, 0], left)
    assert len(list(rendered_faces(file))) == 4


def test_empty_cells_and_lacking_columns_are_named(tmp_path):
    write_parquet(tmp_path / "t.parquet", {"a": "float64", "b": "int64"}, [{"a": [1.0, None], "b": [1, 2]}])
    with pytest.raises(ParquetError, match="empty cells in a;"):
        read_parquet(tmp_path / "t.parquet", ["a", "b"])
    assert np.isnan(read_parquet(tmp_path / "t.parquet", ["a"], empty=True)["a"]).tolist() == [False, True]
    with pytest.raises(ParquetError, match="columns c are missing"):
        read_parquet(tmp_path / "t.parquet", ["a", "c"])


def test_a_changed_bit_of_a_page_is_noticed(tmp_path):
    data = random.Random(1).randbytes(5000)
    write_parquet(tmp_path / "t.parquet", {"data": "bytes"}, [{"data": [data]}])
    whole = (tmp_path / "t.parquet").read_bytes()
    place = whole.index(data) + 2500
    (tmp_path / "t.parquet").write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
    with pytest.raises(ParquetError, match=r"t\.parquet cannot be read as Parquet"):
        read_parquet(tmp_path / "t.parquet", ["data"])


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MOST_BYTES", 10_000_000)
    write_parquet(
        tmp_path / "t.parquet", {"data": "bytes", "n": "int64"}, [{"data": [bytes(4_000_000)] * 3, "n": [1] * 3}]
    )
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    with pytest.raises(ParquetError, match=r"unpacks to 1[0-9]{7} bytes"):
        read_parquet(tmp_path / "t.parquet", ["data"])
    assert read_parquet(tmp_path / "t.parquet", ["n"])["n"].tolist() == [1, 1, 1]


def damaged(whole: bytes, number: int) -> bytes:
    """Return a file that is cut, lacks a piece, or has other bytes, most near its end, where it is described."""
    rng = random.Random(number)
    data = bytearray(whole)
    kind = number % 4
    if kind == 0:
        return bytes(data[: rng.randrange(len(data))])
    if kind == 1:
        start = rng.randrange(len(data))
        del data[start : start + rng.randrange(1, 50)]
        return bytes(data)
    for _ in range(rng.randrange(1, 6)):
        near_end = len(data) - 1 - int(rng.random() ** 3 * min(len(data) - 1, 6000))
        data[near_end if kind == 2 else rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("writer", ["ours", "pandas"])
def test_no_damage_ends_in_anything_but_our_errors(tmp_path, writer):
    table, file = stills(4, 1, "p"), tmp_path / "stills-00000.parquet"
    if writer == "ours":
        types = {**STILLS_TYPES, "subject": "str"}
        write_parquet(file, {k: types[k] for k in table}, [{name: table[name].tolist() for name in table}])
    else:
        write_stills(table, file)
    whole, refused = file.read_bytes(), 0
    for number in range(80):
        file.write_bytes(damaged(whole, zlib.crc32(writer.encode()) % 1000 + number))
        for read in (load_stills, lambda path: list(rendered_faces(path)), read_scores):
            try:
                found = read(file)
                refused += bool(getattr(found, "problems", ()))
            except (DatasetError, TrainingError, EvaluationError):
                refused += 1
    assert refused > 160


def test_a_library_that_lacks_is_named_with_its_extra(monkeypatch):
    for library, extra in EXTRA_OF.items():
        monkeypatch.setitem(sys.modules, library, None)  # What the import system makes of a package that is not there.
        with pytest.raises(MissingExtraError, match=rf"{library} is not installed.*pip install 'duchenne\[{extra}\]'"):
            needed(library)
    assert issubclass(MissingExtraError, DuchenneError)


STATISTICS_DAMAGED = (
    "c-jka3^EjD5j7BX5<PVHW;d&iD32(E00V>8R{g&U5(gQ;;OrS6yR&D`*v*<LX%A%EGcYvRi!z9ciE4<p&Ruw%TL!2}K$K0CO-6zR"
    "BnKiH8pIehka&WEKvDx_Dt9CU0~3(L!^q6saf}IS`--1u?=ymJ7lNvT*xmrP5oGfjpbO3bT>=s%({_6-woBTWGDxr$CugMQCW^8!"
    "h;pbhNw7JF8W_eG068jPj-e5dBgP{sBdMdtAS22lY0AJRAPG|@$|J@jc7svu52IR<8V7z?Na_In%OJ`G@__)5ve9IdRAb-)%Ay$z"
    "vJ%PQcT8$6Oyn9Zwt-oUM~y@52Q!1Dj0BHkP>_GP6~xC9Zy5DKz%1Pn2m&1;z}wNW+|eoB(aq5@-O(8=<>=((=;#Y#I6FFef&~z?"
    "BZTSX3g`QU01dSOGF)9Cf?z{j9pNAnY-Cu7Yh{Enkm>6KQx8%U3bGfd#RKFHu)CaK`k>}HJK`|Uu>x!!#7a+)IK*nODYgs}3I&Np"
    "g{7$_y2%9vx`{<a`Q-{_sYS(^`FRRPW_kvChLSom3=BZTAPr0=0l@450L)#g(*"
)
"""A file of two columns of numbers, found by `make fuzz`: the sizes of one say otherwise than its definition levels."""


def test_damaged_statistics_do_not_end_the_process(tmp_path):
    """pyarrow 26 does that where it is asked for a column's size."""
    (tmp_path / "a.parquet").write_bytes(zlib.decompress(base64.b85decode(STATISTICS_DAMAGED)))
    program = "import sys; from pathlib import Path; from duchenne.extras.parquet import read_parquet\n"
    program += "read_parquet(Path(sys.argv[1]), ['AU01_p', 'AU12_p'])"
    command = [sys.executable, "-c", program, tmp_path / "a.parquet"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("duchenne.errors.ParquetError")
