"""Results in Google's object store: an emulator of another project holds them, and its own client reads them.

The emulator does not know conditions (`ifGenerationMatch`), so what appears meanwhile is tested with S3 alone.
"""

import socket

import pytest
from gcp_storage_emulator.server import create_server
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from duchenne.commands import run
from test_object_store import files, results, study

__all__ = ["study"]
BUCKET = "study"


@pytest.fixture
def store(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket=BUCKET)
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    yield storage.Client(project="test", credentials=AnonymousCredentials()).bucket(BUCKET)
    server.stop()


def objects(bucket) -> dict[str, bytes]:
    return {blob.name: blob.download_as_bytes() for blob in bucket.list_blobs()}


def test_a_folder_in_the_store_holds_what_a_folder_here_does(study, store, tmp_path):
    words = ["detect", str(study), "--quiet", "--output-dir"]
    assert run([*words, f"gs://{BUCKET}/r"]) == run([*words, str(tmp_path / "here")]) == 0
    here = results({f"r/{name}": data for name, data in files(tmp_path / "here").items()})
    assert results(objects(store)) == here
    assert len(here) == 6


def test_finished_results_stay_and_another_runs_too(study, store, capsys):
    words = ["detect", str(study), "--quiet", "--output-dir", f"gs://{BUCKET}/r"]
    assert run(words) == 0
    first = objects(store)
    store.blob("r/a.csv").delete()
    assert run(words) == 0
    assert results(objects(store)) == results(first)
    store.blob("r/b.csv").upload_from_string(b"another's")
    assert run(words) == 2
    assert f"gs://{BUCKET}/r/b.csv" in capsys.readouterr().err
    assert objects(store)["r/b.csv"] == b"another's"


def test_shards_merge_into_the_bytes_of_one_run(study, store, tmp_path):
    words = ["detect", str(study), "--quiet"]
    for shard in ("1/2", "2/2"):
        assert run([*words, "--output-dir", f"gs://{BUCKET}/r", "--shard", shard]) == 0
    assert run(["merge", f"gs://{BUCKET}/r", "-o", str(tmp_path / "merged.csv"), "-q"]) == 0
    assert run([*words, "-o", str(tmp_path / "once.csv")]) == 0
    assert (tmp_path / "merged.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()


def test_a_bucket_that_is_missing_is_said(study, store, capsys):
    assert run(["detect", str(study / "a.png"), "--output", "gs://nobody/all.csv"]) == 1
    assert "gs://nobody: no bucket nobody answers" in capsys.readouterr().err
