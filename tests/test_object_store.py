"""Results in an object store: a server of another project (moto) holds them, and its own client (boto3) reads them."""

import json
import sys
import tempfile
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from clips import write_clip
from duchenne import AUDetector
from duchenne.cluster import ray_finder
from duchenne.cluster.ray_finder import RayFinder
from duchenne.commands import run
from duchenne.detection import RunOptions, run_detection
from duchenne.diagnosis import SAMPLE
from duchenne.errors import OutputError
from duchenne.media import expand_sources
from duchenne.results.object_folder import ObjectFolder
from test_cluster import InOneProcess, Quiet

BUCKET = "study"


@pytest.fixture(scope="module")
def server():
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(server, monkeypatch, tmp_path):
    """Return a client of a server with an empty bucket; files are made below `tmp_path`."""
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temp"))
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket=BUCKET)
    yield client
    empty(client)
    client.delete_bucket(Bucket=BUCKET)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("store") / "study"
    (folder / "day1").mkdir(parents=True)
    face = Image.open(SAMPLE).convert("RGB").resize((96, 96))
    face.save(folder / "a.png")
    Image.fromarray(np.full((64, 64, 3), 118, np.uint8)).save(folder / "b.png")
    write_clip(folder / "day1" / "c.avi", 6, codec="mjpeg", pixels="yuvj420p")
    return folder


def objects(client) -> dict[str, bytes]:
    """Return what the bucket holds, by name."""
    names = [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    return {name: client.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in names}


def empty(client) -> None:
    for name in objects(client):
        client.delete_object(Bucket=BUCKET, Key=name)


def left_here(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "temp").rglob("*") if path.is_file())


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def results(found: dict[str, bytes]) -> dict[str, bytes]:
    """Return tables as they are, and of records what does not depend on the clock."""
    told = {}
    for name, data in found.items():
        stored = json.loads(data) if name.endswith(".json") else {}
        told[name] = {key: stored[key] for key in ("sha256", "sources", "counts")} if stored else data
    return told


def detected(study, at=lambda _: None, finder=None, **asked) -> Quiet:
    told, detector = Quiet(at), AUDetector(aus=[6, 12], workers=1)
    options = RunOptions(groups=("box", "aus"), store=f"s3://{BUCKET}/r", **asked)
    found = None if finder is None else finder(detector, options, "local")
    run_detection(detector, expand_sources([study])[0], options, told, found)
    return told


def test_a_folder_in_a_store_holds_what_a_folder_here_does(study, store, tmp_path):
    words = ["detect", str(study), "--quiet", "--output-dir"]
    assert run([*words, f"s3://{BUCKET}/r"]) == run([*words, str(tmp_path / "here")]) == 0
    here = results({f"r/{name}": data for name, data in files(tmp_path / "here").items()})
    assert results(objects(store)) == here
    assert len(here) == 6
    assert not left_here(tmp_path)


def test_what_is_finished_in_the_store_is_not_done_again(study, store, tmp_path):
    detected(study, output_dir=Path())
    store.delete_object(Bucket=BUCKET, Key="r/a.csv")
    store.put_object(Bucket=BUCKET, Key="r/elsewhere.csv", Body=b"not ours")
    assert detected(study, output_dir=Path()).frames == 1
    assert "r/a.csv" in objects(store)
    assert objects(store)["r/elsewhere.csv"] == b"not ours"
    assert not left_here(tmp_path)


def test_a_result_of_another_run_stays(study, store, capsys):
    words = ["detect", str(study / "a.png"), "--quiet", "--output"]
    assert run([*words, f"s3://{BUCKET}/deep/all.csv"]) == 0
    first = objects(store)
    assert set(first) == {"deep/all.csv", "deep/all.csv.json"}
    assert run([*words, f"s3://{BUCKET}/deep/all.csv", "--sides"]) == 2
    assert f"s3://{BUCKET}/deep/all.csv: the object exists" in capsys.readouterr().err
    words[2:3] = ["--output-dir", f"s3://{BUCKET}/deep", "--sides"]
    store.copy_object(Bucket=BUCKET, Key="deep/a.csv", CopySource=f"{BUCKET}/deep/all.csv")
    assert run(words[:-1]) == 2
    assert f"s3://{BUCKET}/deep/a.csv: a result is there" in capsys.readouterr().err
    assert {name: data for name, data in objects(store).items() if name != "deep/a.csv"} == first
    assert (
        run(["detect", str(study / "a.png"), "-q", "-o", f"s3://{BUCKET}/deep/all.csv", "--sides", "--overwrite"]) == 0
    )
    assert objects(store)["deep/all.csv"] != first["deep/all.csv"]


@pytest.mark.parametrize("finder", [None, RayFinder])
def test_a_stopped_run_shows_nothing_and_goes_on_with_the_same_bytes(study, store, tmp_path, monkeypatch, finder):
    def stop(frames):
        if frames == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(ray_finder, "RayTasks", InOneProcess)
    with pytest.raises(KeyboardInterrupt):
        detected(study, stop, finder, output=Path("all.csv"))
    assert not objects(store)
    assert detected(study, finder=finder, output=Path("all.csv")).frames == 8 - 4
    continued = objects(store)["r/all.csv"]
    empty(store)
    detected(study, output=Path("all.csv"))
    assert objects(store)["r/all.csv"] == continued
    assert not left_here(tmp_path)


@pytest.mark.parametrize("asked", [{"output": Path("all.csv")}, {"output_dir": Path()}], ids=["file", "folder"])
def test_what_the_store_did_not_take_is_kept_and_put_by_the_same_command(study, store, tmp_path, asked):
    def gone(frames):
        if frames == 8:
            empty(store)
            store.delete_bucket(Bucket=BUCKET)

    with pytest.raises(OutputError, match=r"s3://study/r/.* did not do what was asked .* is whole in .*; run the same"):
        detected(study, gone, **asked)
    store.create_bucket(Bucket=BUCKET)
    assert detected(study, **asked).frames == (0 if "output" in asked else 2)
    assert {name for name in objects(store) if name.endswith(".csv")} == (
        {"r/all.csv"} if "output" in asked else {"r/a.csv", "r/b.csv", "r/day1/c.csv"}
    )
    assert not left_here(tmp_path)


def test_an_object_that_appears_meanwhile_stays(study, store):
    def appear(frames):
        if frames == 8:
            store.put_object(Bucket=BUCKET, Key="r/all.csv", Body=b"another run's")

    with pytest.raises(OutputError, match=r"s3://study/r/all.csv: an object has appeared meanwhile and stays"):
        detected(study, appear, output=Path("all.csv"))
    assert objects(store)["r/all.csv"] == b"another run's"


def test_shards_in_a_store_merge_into_the_bytes_of_one_run(study, store, tmp_path):
    words = ["detect", str(study), "--quiet"]
    for shard in ("1/2", "2/2"):
        assert run([*words, "--output-dir", f"s3://{BUCKET}/r", "--shard", shard]) == 0
    assert {"r/manifest-1-of-2.json", "r/manifest-2-of-2.json", "r/day1/c.csv.json"} <= set(objects(store))
    assert not left_here(tmp_path)
    assert run(["merge", f"s3://{BUCKET}/r", "-o", str(tmp_path / "merged.csv"), "-q"]) == 0
    assert run([*words, "-o", str(tmp_path / "once.csv")]) == 0
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()


def test_what_cannot_take_results_is_said_before_any_work(study, store, tmp_path, capsys):
    words = ["detect", str(study / "a.png"), "--output"]
    assert run([*words, "s3://nobody/all.csv"]) == 1
    assert "s3://nobody: no bucket nobody answers. Make it first" in capsys.readouterr().err
    assert run([*words, "nonsense://b/all.csv"]) == 2
    assert "no such kind of object store is known" in capsys.readouterr().err
    assert not left_here(tmp_path)


def test_a_library_that_is_missing_is_named(study, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "adlfs", None)  # fsspec keeps those that other tests have asked for.
    assert run(["detect", str(study / "a.png"), "--output", "abfs://bucket/all.csv"]) == 1
    assert "Install adlfs" in capsys.readouterr().err


def test_a_folder_that_somebody_else_laid_out_is_not_written_to(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    here = ObjectFolder("memory://r").here
    assert here.stat().st_mode & 0o777 == 0o700
    here.rmdir()
    (tmp_path / "other").mkdir()
    here.symlink_to(tmp_path / "other")
    with pytest.raises(OutputError, match="not a folder of this user"):
        ObjectFolder("memory://r")
