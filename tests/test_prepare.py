"""From stills to a store and back: same bytes whatever happened on the way, same faces as detection sees."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

import duchenne
from duchenne import weights
from duchenne.alignment import align
from duchenne.commands import run
from duchenne.datasets.face_store import FaceStore
from duchenne.datasets.loaders import load
from duchenne.datasets.preparing import prepare as preparing
from duchenne.datasets.preparing.prepare import PrepareOptions, prepare
from duchenne.datasets.stills import load_stills
from duchenne.datasets.store import PreparedStore
from duchenne.detector import AUDetector
from duchenne.errors import DatasetError, UsageError
from duchenne.geometry import scale_of, transform_points
from duchenne.media import read_picture
from toy_faces import stills, write_stills

EXACT = PrepareOptions(landmarks="exact")
SAMPLE = Path(duchenne.__file__).parent / "samples"


def everything(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stills")
    for number in range(3):
        write_stills(stills(12, number, f"s{number}-"), folder / f"stills-0000{number}.parquet")
    return folder


@pytest.fixture(scope="module")
def whole(shards):
    """The store of an undisturbed preparation, made one recording a batch."""
    folder = shards.parent / f"{shards.name}-store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "BATCH_FRAMES", 1)
        prepare([load(shards)], folder, EXACT)
    return folder


@pytest.fixture(scope="module")
def sample_still(tmp_path_factory):
    """The rendered face of the package as a still, and its truth."""
    truth = json.loads((SAMPLE / "face.json").read_text())
    table = stills(1, 0, "a")
    points = np.array(truth["landmarks"], np.float32)
    table["image"] = [(SAMPLE / "face.jpg").read_bytes()]
    table["landmarks"] = [points.tobytes()]
    table["landmarks_3d"] = [np.column_stack([points, np.zeros(49)]).astype(np.float32).tobytes()]
    path = tmp_path_factory.mktemp("sample") / "stills-00000.parquet"
    write_stills(table, path)
    return path


def test_a_store_is_a_face_store(whole):
    store = PreparedStore(whole)
    assert isinstance(store, FaceStore)
    assert len(store) == 36 == len(store.subject)
    assert set(store.subject) == {f"s{n}-{k}" for n in range(3) for k in range(3)}
    assert store.occurrence.shape == store.known.shape == store.intensity_known.shape == (36, 23)


def test_columns_are_those_of_the_stills(shards, whole):
    store, tables = PreparedStore(whole), [pd.read_parquet(p) for p in sorted(shards.glob("*.parquet"))]
    table = pd.concat(tables, ignore_index=True)
    left = np.stack([np.frombuffer(v, np.float32) for v in table["au_left"]])
    assert_array_equal(store.intensity[:, :, 0], left)
    assert_array_equal(store.intensity[:, :, 1], 0)
    assert store.sides_known.all()
    assert_allclose(store.pose_deg, table[["yaw_deg", "pitch_deg", "roll_deg"]].to_numpy(), rtol=1e-6)
    assert store.extra("tone").tolist() == table["tone"].tolist()
    assert store.extra("sex").tolist() == table["sex"].tolist()
    assert_allclose(store.extra("true_points"), store.points, atol=1e-3)


def test_crops_show_what_alignment_shows(sample_still, tmp_path):
    prepare([load_stills(sample_still)], tmp_path / "store")
    pixels = read_picture(SAMPLE / "face.jpg").pixels
    face = AUDetector().detect(pixels)[0]
    aligned = align(pixels, face.landmarks.points)
    store = PreparedStore(tmp_path / "store")
    assert_allclose(store.points[0, :, :2], aligned.landmarks, atol=1e-3)
    assert_allclose(store.points[0, :, 2], face.landmarks.depth * scale_of(aligned.crop_from_image), atol=1e-3)
    corner = -transform_points(store.crop_from_stored, np.zeros((1, 2)))[0].astype(int)
    inner = store.crops(np.array([0]))[0, corner[1] : corner[1] + 200, corner[0] : corner[0] + 200]
    error = inner.astype(float) - aligned.pixels
    assert np.sqrt((error**2).mean()) < 3
    error_px = np.linalg.norm(store.extra("true_points")[0, :, :2] - store.points[0, :, :2], axis=1)
    assert error_px.mean() < 4


@pytest.mark.parametrize("reduction", [2, 4])
def test_reduced_crops_are_block_averages(whole, reduction):
    full, small = PreparedStore(whole), PreparedStore(whole, reduction)
    rows = np.array([3, 0])
    blocks = full.crops(rows).astype(float).reshape(2, small.side_px, reduction, small.side_px, reduction, 3)
    assert np.abs(blocks.mean((2, 4)) - small.crops(rows)).mean() < 1.5
    corner = np.array([[0.0, 0.0], [10.0, 20.0]])
    full_px = transform_points(full.crop_from_stored, corner * reduction)
    assert_allclose(transform_points(small.crop_from_stored, corner), full_px)


def test_a_subset_keeps_rows_together(whole):
    store = PreparedStore(whole, 4)
    chosen = store.subset(np.array([7, 2, 20])).subset(np.array([True, False, True]))
    assert len(chosen) == 2
    assert chosen.subject.tolist() == store.subject[[7, 20]].tolist()
    assert_array_equal(chosen.crops(np.array([1])), store.crops(np.array([20])))
    assert_array_equal(chosen.points, store.points[[7, 20]])
    assert chosen.fingerprint not in (store.fingerprint, store.subset(np.array([20, 7])).fingerprint)


def test_workers_change_no_byte(shards, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "BATCH_FRAMES", 5)
    prepare([load(shards)], tmp_path / "two", EXACT, workers=2)
    assert everything(tmp_path / "two") == everything(whole)


def test_a_killed_preparation_goes_on_and_ends_with_the_same_bytes(shards, whole, tmp_path):
    folder = tmp_path / "store"
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom duchenne.datasets.preparing import prepare as p\n"
        "from duchenne.datasets.loaders import load\np.BATCH_FRAMES = 1\n"
        "wait = lambda frames: time.sleep(0.5)\n"
        "p.prepare([load(sys.argv[1])], Path(sys.argv[2]), p.PrepareOptions('exact'), on_frames=wait)"
    )
    started = subprocess.Popen([sys.executable, "-c", code, shards, folder])
    until = time.monotonic() + 60
    while len(list(folder.glob("shards/0*.npz"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    done = sorted(path.name for path in folder.glob("shards/0*.npz"))
    assert 2 <= len(done) < 9
    assert not (folder / "store.json").exists()
    with pytest.raises(DatasetError, match="stopped; run the same command again"):
        PreparedStore(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "BATCH_FRAMES", 1)
        frames = []
        prepare([load(shards)], folder, EXACT, on_frames=frames.append)
    assert sum(frames) == 36 - 4 * len(done)
    assert everything(folder) == everything(whole)


def test_another_content_is_noticed_at_a_continuation(tmp_path, monkeypatch):
    """The picture keeps its name, size and time; the part that it was for is done, and another is not."""
    folder, sources = tmp_path / "store", tmp_path / "own"
    sources.mkdir()
    for name in ("a.bmp", "b.bmp"):
        Image.open(SAMPLE / "face.jpg").convert("RGB").save(sources / name)
    (sources / "own.csv").write_text("path,subject,AU12\na.bmp,anna,1\nb.bmp,ben,1\n")
    monkeypatch.setattr(preparing, "BATCH_FRAMES", 1)

    def stop(frames):
        raise KeyboardInterrupt

    def go_on():
        return prepare([load(sources / "own.csv")], folder)

    with pytest.raises(KeyboardInterrupt):
        prepare([load(sources / "own.csv")], folder, on_frames=stop)
    times, data = os.stat(sources / "a.bmp"), (sources / "a.bmp").read_bytes()
    (sources / "a.bmp").write_bytes(data[:-300] + bytes(300))
    os.utime(sources / "a.bmp", ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(UsageError, match=r"a\.bmp has changed since .* --restart"):
        go_on()
    (sources / "a.bmp").unlink()
    (sources / "a.bmp").write_bytes(data)
    assert go_on()["kept"] == 2


def test_how_pictures_were_read_is_told(tmp_path, capfd):
    """Of several pictures in a file the first is taken, which is said; a damaged JPEG is no face to learn from."""
    face = Image.open(SAMPLE / "face.jpg").convert("RGB")
    face.save(tmp_path / "a.gif", save_all=True, append_images=[face.rotate(90)])
    face.save(tmp_path / "b.tif", save_all=True, append_images=[face.rotate(90)])
    whole = (SAMPLE / "face.jpg").read_bytes()
    (tmp_path / "c.jpg").write_bytes(whole[:9000] + bytes(2000) + whole[11000:])
    (tmp_path / "own.csv").write_text("path,subject,AU12\na.gif,anna,1\nb.tif,ben,1\nc.jpg,carl,1\n")
    assert run(["prepare", str(tmp_path / "own.csv"), "--out", str(tmp_path / "store")]) == 1
    told = capfd.readouterr().err
    assert "note: it holds several pictures, of which the first alone was read" in told
    assert "(2 times)" in told
    assert "note: its code is damaged" in told
    report = json.loads((tmp_path / "store" / "report.json").read_text())
    assert (report["kept"], report["lost"]) == (2, {"picture unreadable": 1})
    assert sorted(note["count"] for note in report["notes"]) == [1, 2]


def test_workers_end_with_a_parent_that_is_killed():
    code = (
        "import multiprocessing, os, time\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "from duchenne.workers import end_with_parent\n"
        "context = multiprocessing.get_context('spawn')\n"
        "pool = ProcessPoolExecutor(1, mp_context=context, initializer=end_with_parent)\n"
        "print(pool.submit(os.getpid).result(), flush=True)\npool.submit(time.sleep, 100).result()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    worker = Path("/proc") / parent.stdout.readline().strip()
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here to see processes in")
    assert worker.exists()
    parent.kill()
    parent.wait()
    until = time.monotonic() + 20
    while worker.exists() and "Z" not in (worker / "stat").read_text().split()[2] and time.monotonic() < until:
        time.sleep(0.05)
    assert time.monotonic() < until


def test_frames_without_a_face_are_counted_by_reason_and_subject(shards, tmp_path):
    report = prepare([load(shards / "stills-00000.parquet")], tmp_path / "none", EXACT)
    assert (report["labelled"], report["kept"], report["lost"]) == (12, 12, {})
    table = stills(4, 5, "b")
    table["image"] = [b"no picture", *table["image"][1:]]
    write_stills(table, tmp_path / "stills-00000.parquet")
    report = prepare([load(tmp_path)], tmp_path / "some", EXACT)
    assert report["lost"] == {"picture unreadable": 1}
    assert report["by_subject"] == [{"subject": "b0", "labelled": 4, "kept": 3, "lost": {"picture unreadable": 1}}]
    blank = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(blank, "PNG")
    table["image"] = [blank.getvalue()] * 4
    write_stills(table, tmp_path / "stills-00000.parquet")
    with pytest.raises(DatasetError, match="Not one face"):
        prepare([load(tmp_path)], tmp_path / "detector")


@pytest.mark.parametrize("name", weights.LOCATION_FILES)
def test_a_preparation_with_other_weights_is_not_continued(shards, whole, name, tmp_path, monkeypatch):
    altered = shutil.copytree(weights.FOLDER, tmp_path / "weights")
    with (altered / name).open("ab") as file:
        file.write(b" ")
    monkeypatch.setattr(weights, "FOLDER", altered)
    with pytest.raises(UsageError, match=r"another preparation .* frames"):
        prepare([load(shards)], whole, EXACT)


def test_another_preparation_is_not_overwritten(shards, whole, tmp_path):
    with pytest.raises(UsageError, match=r"another preparation .* step"):
        prepare([load(shards)], whole, PrepareOptions(landmarks="exact", step=2))
    assert not (whole / "shards").exists()
    with pytest.raises(DatasetError, match="no prepared store"):
        PreparedStore(tmp_path)
    with pytest.raises(UsageError, match="reduced by 3"):
        PreparedStore(whole, 3)


def test_a_restart_leaves_nothing_of_the_store_before(shards, whole, tmp_path):
    folder = tmp_path / "store"
    prepare([load(shards)], folder, EXACT)
    prepare([load(shards)], folder, EXACT)  # changes nothing
    (folder / "extra_old.npy").write_bytes(b"old")
    only = prepare([load(shards / "stills-00001.parquet")], folder, EXACT, restart=True)
    assert only["kept"] == len(PreparedStore(folder)) == 12
    assert set(everything(folder)) == set(everything(whole))


def test_damaged_files_of_stills_are_named_and_the_rest_loaded(shards, tmp_path):
    source = shards / "stills-00000.parquet"
    data = source.read_bytes()
    (tmp_path / "stills-00000.parquet").write_bytes(data)
    (tmp_path / "stills-00001.parquet").write_bytes(data[: len(data) // 2])
    (tmp_path / "stills-00002.parquet").write_bytes(b"")
    write_stills(stills(4, 0, "z").drop(columns=["image"]), tmp_path / "stills-00003.parquet")
    release = load(tmp_path)
    assert [p.where[-8 - len("00001") :] for p in release.problems] == [f"0000{n}.parquet" for n in (1, 2, 3)]
    assert "the columns image are missing" in release.problems[2].what
    assert len(release.recordings) == 3
    with pytest.raises(DatasetError, match=r"holds no stills-\*\.parquet"):
        load_stills(tmp_path / "nowhere")


def test_the_command_prepares_and_continues(sample_still, tmp_path, capsys):
    words = ["prepare", str(sample_still), "--out", str(tmp_path / "store")]
    assert run(words) == 0
    before = everything(tmp_path / "store")
    assert run(words) == 0
    assert everything(tmp_path / "store") == before
    assert "1 faces of 1 frames" in capsys.readouterr().err
    assert run(["prepare", str(sample_still), "--out", str(tmp_path / "store"), "--step", "0"]) == 2
    assert run(["prepare", str(tmp_path / "nothing"), "--out", str(tmp_path / "store")]) == 1
