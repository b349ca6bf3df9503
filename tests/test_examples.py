"""The examples of docs/examples run: a camera that is none, a client without a network, an asyncio program."""

import asyncio
import importlib.util
import itertools
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from duchenne import AUDetector, to_row
from duchenne.diagnosis import SAMPLE
from duchenne.media import Frame, read_picture

FOLDER = Path(__file__).parents[1] / "docs" / "examples"


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    return read_picture(SAMPLE).pixels


@pytest.fixture(scope="module")
def service():
    pytest.importorskip("fastapi")
    return loaded("service")


def test_the_webcam_example_prints_the_faces_and_leaves_out_what_comes_too_late(sample, monkeypatch, capsys):
    webcam, now = loaded("webcam"), 0.0

    @contextmanager
    def camera(number):
        def frames():
            nonlocal now
            for k, late_s in enumerate((0.0, 0.0, 0.5, 0.05)):
                now = k / 25 + late_s
                yield Frame(f"camera:{number}", k, k / 25, sample)

        yield frames()

    monkeypatch.setattr(webcam, "open_camera", camera)
    monkeypatch.setattr(webcam, "time", SimpleNamespace(monotonic=lambda: now))
    webcam.main(3)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" s ")[0].strip() for line in lines] == ["0.00", "0.04", "0.12"]
    [face] = AUDetector(smooth=True).detect(sample)
    surest = face.aus[int(face.probability.argmax())]
    assert all(f"face 0: {surest} " in line for line in lines)


def test_the_webcam_example_has_at_most_30_lines():
    assert len((FOLDER / "webcam.py").read_text(encoding="utf-8").splitlines()) <= 30


def test_the_service_gives_the_rows_of_a_picture(service):
    client = TestClient(service.app)
    answer = client.post("/faces", content=SAMPLE.read_bytes())
    assert answer.status_code == 200
    [row], [face] = answer.json(), AUDetector().detect(SAMPLE.read_bytes())
    assert row == to_row(face)


def test_the_service_refuses_what_is_no_picture_or_too_large(service, monkeypatch):
    client = TestClient(service.app)
    for body in (b"", b"no picture", SAMPLE.read_bytes()[:500]):
        assert client.post("/faces", content=body).status_code == 415
    monkeypatch.setattr(service, "MOST_BYTES", 1000)
    assert client.post("/faces", content=SAMPLE.read_bytes()).status_code == 413


def test_faces_of_a_live_source_keep_their_number(service, tmp_path, monkeypatch):
    times_s = itertools.count(0.0, 0.04)
    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: next(times_s)))
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
    pictures = SAMPLE.read_bytes(), (tmp_path / "nobody.png").read_bytes()
    with TestClient(service.app).websocket_connect("/live") as socket:
        found = []
        for picture in (pictures[0], pictures[1], pictures[0]):
            socket.send_bytes(picture)
            found.append(socket.receive_json())
        assert [len(rows) for rows in found] == [1, 0, 1]
        assert [(row["frame"], row["face_id"]) for rows in found for row in rows] == [(0, 0), (2, 0)]
        socket.send_bytes(b"no picture")
        assert socket.receive()["code"] == 1003


def test_the_asyncio_example_watches_two_sources_at_once(capsys):
    asyncio.run(loaded("live_async").main())
    lines = capsys.readouterr().out.splitlines()
    [face] = AUDetector(aus=12).detect(SAMPLE)
    for line, source in zip(lines, ("left", "right"), strict=True):
        assert line == str([(source, k, round(face["AU12"].probability, 2)) for k in range(3)])
