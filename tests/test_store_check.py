"""Prepared stores that were damaged or copied in part, and Parquet files of stills: named, never read."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import PrepareOptions, prepare
from duchenne.datasets.store import PreparedStore
from duchenne.errors import DatasetError
from duchenne.training.data.dataset import FaceDataset
from toy_faces import stills, write_stills

EXACT = PrepareOptions(landmarks="exact")
FLIPS = 160
"""Of bits, as many as were tried on the version before; it read 156 of them."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stills")
    for number in range(2):
        write_stills(stills(6, number, f"s{number}-"), folder / f"stills-0000{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def whole(shards):
    folder = shards.parent / f"{shards.name}-store"
    prepare([load(shards)], folder, EXACT)
    return folder


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "store")


@pytest.fixture
def former(copy):
    """A store as version 0.1.0 wrote it: without hashes."""
    path = copy / "store.json"
    about = json.loads(path.read_text())
    del about["files"], about["seal"]
    path.write_text(json.dumps(about, indent=1) + "\n")
    return copy


def flip(path, place, bit):
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def read_all(folder):
    store = PreparedStore(folder)
    columns = [store.points, store.occurrence, store.known, store.intensity, store.subject, store.frame, store.pose_deg]
    return [*(np.array(values).tolist() for values in columns), store.crops(np.arange(len(store))).tolist()]


def places(folder, count=FLIPS, left_out=()):
    """Yield one bit after another, as often from a small file as from a large one."""
    rng = np.random.default_rng(1)
    paths = sorted(path for path in folder.iterdir() if path.name not in left_out)
    for k in range(count):
        path = paths[k % len(paths)]
        yield path, int(rng.integers(path.stat().st_size)), int(rng.integers(8))


def test_a_flipped_bit_anywhere_is_noticed(copy):
    assert len(PreparedStore(copy)) == 12
    for path, place, bit in places(copy):
        flip(path, place, bit)
        with pytest.raises(DatasetError):
            PreparedStore(copy)
        flip(path, place, bit)
    assert len(PreparedStore(copy)) == 12


def test_a_flipped_bit_in_a_former_store_is_noticed_or_changes_nothing(former, whole):
    expected = read_all(whole)
    assert read_all(former) == expected
    noticed = 0
    for path, place, bit in places(former, 40, left_out=("report.json",)):
        flip(path, place, bit)
        try:
            assert read_all(former) == expected
        except DatasetError:
            noticed += 1
        flip(path, place, bit)
    assert noticed > 30


@pytest.mark.parametrize("kind", ["copy", "former"])
@pytest.mark.parametrize("name", ["crops.bin", "crops.offsets.npy", "points.npy", "subject.names.json"])
def test_a_store_that_was_copied_in_part_is_named(name, kind, request):
    folder = request.getfixturevalue(kind)
    path = folder / name
    held = path.read_bytes()
    path.write_bytes(held[: len(held) // 2])
    with pytest.raises(
        DatasetError, match=rf"not a complete store: .*(of {len(held)} bytes|altered|agree with).*Copy it again"
    ):
        PreparedStore(folder)
    path.unlink()
    with pytest.raises(DatasetError, match=rf"not a complete store: {name} is missing"):
        PreparedStore(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"version": 1}', '{"version": 1, "faces": "x"}'])
def test_a_damaged_description_is_named(text, copy):
    (copy / "store.json").write_text(text)
    with pytest.raises(DatasetError, match=r"store\.json is damaged|is a store of version"):
        PreparedStore(copy)


def test_a_store_is_read_once_however_often_it_is_opened(whole, monkeypatch):
    store = PreparedStore(whole)
    monkeypatch.setattr("duchenne.datasets.store_files.sha256_of", lambda path: pytest.fail("read again"))
    assert len(store.subset(np.arange(3))) == len(PreparedStore(whole, 4).subset(np.arange(3))) == 3


@pytest.mark.parametrize("name", ["plan.json", "000000.npz"])
def test_a_damaged_preparation_is_named(name, shards, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("duchenne.datasets.preparing.prepare._finish", lambda *_: pytest.skip("interrupted"))
        with pytest.raises(pytest.skip.Exception):
            prepare([load(shards)], tmp_path, EXACT)
    path = tmp_path / "shards" / name
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DatasetError, match=rf"{name} is damaged"):
        prepare([load(shards)], tmp_path, EXACT)


def test_a_parquet_file_with_a_byte_missing_is_named(shards, tmp_path):
    """In a process of its own: the version before ended it with signal 11."""
    held = (shards / "stills-00000.parquet").read_bytes()
    rng = np.random.default_rng(2)
    for k, place in enumerate([5, len(held) // 2, len(held) - 20, *rng.integers(0, len(held), 20).tolist()]):
        (tmp_path / f"stills-{k:05d}.parquet").write_bytes(held[:place] + held[place + 1 :])
    code = (
        "import sys; from duchenne.datasets.loaders import load; found = load(sys.argv[1]);"
        "[list(r.pictures.read(r.labels.frame)) for r in found.recordings];"
        "print(len(found.recordings), len(found.problems))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "23"]


def test_several_stores_are_one_with_every_column_part_after_part(whole):
    store = PreparedStore(whole)
    names = store.extra_names
    assert names
    both = FaceDataset([store, store])
    assert (len(both), both.extra_names) == (24, tuple(sorted(names)))
    for name in names:
        assert both.extra(name).tolist() == 2 * np.asarray(store.extra(name)).tolist(), name
    assert (both.crops(np.array([13, 2])) == store.crops(np.array([1, 2]))).all()
    assert both.subset(np.arange(24) >= 11).extra(names[0]).tolist() == both.extra(names[0])[11:].tolist()
