"""The review server: who may ask, what is kept, what a blind coder can learn, and what the exports hold."""

import io
import json
import os
import time
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pympi
import pytest
from PIL import Image
from starlette.testclient import TestClient

import duchenne
from duchenne.errors import OutputError, StudyError, UsageError
from duchenne.media import Frame, Source, SourceKind
from duchenne.review import detection_queue
from duchenne.review.access import MAX_BODY_BYTES, Access, Guarded
from duchenne.review.changes import change_from, line_of
from duchenne.review.coder_journal import CoderJournal, journal_path
from duchenne.review.review_session import ReviewOptions, ReviewSession
from duchenne.review.routes import application
from duchenne.study import agree, read_codes, read_results
from review_files import result_table, running, write_strange_video, write_video

HOST, TOKEN = "127.0.0.1:8123", "t0ken"
OWN = {"origin": f"http://{HOST}"}
EVENT = {
    "do": "event", "id": "e1", "file": "anna.mp4", "person": "face 0", "au": "AU12", "onset_s": 0.2, "offset_s": 0.8,
    "grade": "C", "side": "L", "proposal": "", "blind": False,
}  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "anna.mp4", 0.4)
    result_table("anna.mp4", faces=2, aus=("AU06", "AU12")).to_csv(tmp_path / "r.csv", index=False)
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


@pytest.fixture
def opened(folder):
    sessions = []

    def open_review(*paths, **options):
        session = ReviewSession(
            [folder / name for name in paths or ("r.csv",)], ReviewOptions(folder / "out", **options)
        )
        sessions.append(session)
        app = Guarded(application(session, TOKEN), Access(8123, TOKEN))
        return TestClient(app, base_url=f"http://{HOST}/{TOKEN}", headers=OWN)

    yield open_review
    for session in sessions:
        session.close()


def save(client, *changes, coder="Kim"):
    return client.post("/api/codes", json={"coder": coder, "changes": list(changes)})


def test_only_the_printed_address_is_answered(opened):
    client = opened()
    assert client.get("/").status_code == 200
    for path in ("/", "/api/state", "/wrong/", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/api/state", "/api/videos/0/media"):
        assert client.get(f"http://{HOST}{path}").status_code == 403, path


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:8123", ""]
)
def test_other_names_of_this_machine_are_refused(opened, host):
    """DNS rebinding: a page of evil.example whose name now points here."""
    client, local = opened(), {"host": "localhost:8123", "origin": "http://localhost:8123"}
    assert client.get("/api/state", headers={"host": host, "origin": f"http://{host}"}).status_code == 403
    assert client.get("/api/state", headers=local).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8123"])
def test_changes_of_other_pages_are_refused(opened, origin):
    client = opened()
    answer = client.post("/api/codes", json={"coder": "Kim", "changes": [EVENT]}, headers={"origin": origin})
    assert answer.status_code == 403
    assert client.get("/api/videos/0/codes?coder=Kim").json()["changes"] == []


def test_a_change_needs_an_origin_json_and_a_length(opened):
    client = opened()
    client.headers.pop("origin")
    assert client.post("/api/codes", json={"coder": "Kim", "changes": []}).status_code == 403
    assert client.get("/api/state", headers={"sec-fetch-site": "same-site"}).status_code == 403
    assert client.post("/api/codes", content=b"{}", headers={**OWN, "content-type": "text/plain"}).status_code == 415
    large = {**OWN, "content-length": str(MAX_BODY_BYTES + 1)}
    assert client.post("/api/camera", content=b"x", headers=large).status_code == 413
    endless = {**OWN, "content-length": "9" * 5000}  # More digits than Python makes a number of.
    assert client.post("/api/camera", content=b"x", headers=endless).status_code == 413


@pytest.mark.parametrize(
    "path", ["../secret.txt", "..%2fsecret.txt", "%2e%2e/%2e%2e/secret.txt", "api/videos/../../secret.txt",
             "secret.txt",
             "review.css/../../access.py", "..%5csecret.txt", "api/videos/-1/media", "api/videos/1e9/media"],
)  # fmt: skip
def test_nothing_but_the_page_and_the_videos_is_served(opened, path):
    answer = opened().get(f"http://{HOST}/{TOKEN}/{path}")
    assert answer.status_code in (403, 404)
    assert "secret" not in answer.text


def test_answers_forbid_other_hosts(opened):
    headers = opened().get("/").headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "http" not in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def test_parts_of_a_video_are_served(opened, folder):
    answer = opened().get("/api/videos/0/media", headers={"range": "bytes=10-19"})
    assert answer.status_code == 206
    assert answer.content == (folder / "anna.mp4").read_bytes()[10:20]


def test_pictures_of_what_browsers_do_not_play_are_served(opened, folder):
    write_strange_video(folder / "ben.avi")
    client = opened("ben.avi")
    assert client.get("/api/videos/0/film").json() == {"width": 320, "height": 180, "fps": 25.0, "duration_s": 4.0}
    for time_ms in (3010, 20, 1530):
        answer = client.get(f"/api/videos/0/picture?time_ms={time_ms}&width=200")
        picture = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert picture.shape[1] == 200
        assert picture.mean() == pytest.approx(40 + 10 * time_ms / 1000, abs=1.5)
        assert float(answer.headers["x-begins-s"]) == pytest.approx(time_ms / 1000, abs=0.04)
    assert client.get("/api/videos/0/picture?time_ms=-1").status_code == 422
    (folder / "ben.avi").write_bytes(b"RIFF of nothing")
    assert "not that of a video" in opened("ben.avi").get("/api/videos/0/film").json()["error"]


def test_times_and_scores_are_those_of_the_result(opened, folder):
    client, table = opened(), read_results(folder / "r.csv")
    own = table[table["face_id"] == 1]
    data = client.get("/api/videos/0/faces/1").content
    assert np.frombuffer(data[:4], "<u4")[0] == len(own)
    assert np.frombuffer(data[8 : 8 + 8 * len(own)], "<f8") == pytest.approx(own["timestamp_s"])
    scores = np.frombuffer(client.get("/api/videos/0/scores/1").content, np.uint8).reshape(2, -1)
    assert scores[1] / 250 == pytest.approx(own["AU12_p"], abs=0.002)
    assert client.get("/api/videos/0/scores/2").status_code == 422


def test_a_blind_review_tells_nothing_of_the_result(opened):
    client = opened(blind=True)
    assert client.get("/api/videos/0/events").json() == []
    assert client.get("/api/videos/0/scores/0").status_code == 403
    assert client.get("/api/videos/0/agreement?coder=Kim").status_code == 403
    save(client, EVENT)
    assert client.get("/api/state").json()["coders"] == []
    assert opened().get("/api/videos/0/events").json() != []


def test_codes_are_kept_by_coder(opened):
    client = opened()
    assert save(client, EVENT).json()["saved"] == 1
    save(client, {**EVENT, "grade": "E"}, coder="Lee")
    assert client.get("/api/videos/0/codes?coder=kim").json()["changes"] == [EVENT]
    assert client.get("/api/videos/0/codes?coder=Lee").json()["changes"][0]["grade"] == "E"
    assert sorted(client.get("/api/state").json()["coders"]) == ["Kim", "Lee"]


@pytest.mark.parametrize(
    "wrong", [{"au": "AU99"}, {"offset_s": 0.1}, {"onset_s": -1}, {"onset_s": "0"}, {"grade": "F"}, {"side": "X"},
              {"id": "a/b"}, {"do": "x"}, {"offset_s": True}],
)  # fmt: skip
def test_what_cannot_be_coded_is_refused_whole(opened, wrong):
    client = opened()
    assert save(client, {**EVENT, "id": "e0"}, EVENT | wrong).status_code == 422
    assert client.get("/api/videos/0/codes?coder=Kim").json()["changes"] == []


@pytest.mark.parametrize("name", ["../kim", "", "a/b", ".kim", "ki\nm", "k" * 41])
def test_names_that_are_no_files_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match="cannot be a coder's name"):
        journal_path(tmp_path, name)


def test_a_journal_gives_back_what_was_added(tmp_path):
    lines = [
        EVENT,
        {"do": "looked-for", "file": "a", "person": "p", "au": "AU06", "done": True},
        {"do": "reject", "file": "a", "proposal": "AU06@p@1.000", "done": True},
        {"do": "span", "file": "a", "person": "", "onset_s": 0.0, "offset_s": 2.0, "weight": 2.5, "done": True},
        {**EVENT, "id": "e2", "grade": "ns"},
        {"do": "delete", "id": "e1"},
        {"do": "reject", "file": "a", "proposal": "AU06@p@1.000", "done": False},
    ]  # fmt: skip
    assert [line_of(change_from(one)) for one in lines] == lines
    journal = CoderJournal(tmp_path / "kim.codes.jsonl", "Kim")
    journal.add(map(change_from, lines))
    again = CoderJournal(tmp_path / "kim.codes.jsonl").codes
    assert again == journal.codes
    assert list(again.events) == ["e2"]
    assert not again.rejected
    assert [one.weight for one in again.spans] == [2.5]


def test_two_processes_can_add_to_one_journal(tmp_path):
    first, second = (CoderJournal(tmp_path / "kim.codes.jsonl", "Kim") for _ in range(2))
    first.add([change_from(EVENT)])
    second.add([change_from({**EVENT, "id": "e2"})])
    first.add([change_from({**EVENT, "id": "e3"})])
    assert list(first.codes.events) == ["e1", "e2", "e3"]


def test_half_a_line_is_cut_off_and_a_damaged_one_named(tmp_path):
    path = tmp_path / "kim.codes.jsonl"
    CoderJournal(path, "Kim").add([change_from(EVENT)])
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"do": "event", "id"')
    journal = CoderJournal(path)
    assert path.read_bytes() == whole
    assert "never confirmed" in journal.notes[0]
    assert list(journal.codes.events) == ["e1"]
    path.write_bytes(whole + b'{"do": "event"}\n')
    with pytest.raises(StudyError, match="line 3"):
        CoderJournal(path)


def test_a_full_disk_is_said_and_nothing_half_is_kept(tmp_path, monkeypatch):
    journal = CoderJournal(tmp_path / "kim.codes.jsonl", "Kim")
    whole = journal.path.read_bytes()

    write = os.write
    monkeypatch.setattr("duchenne.review.coder_journal.os.write", lambda file, data: write(file, data[:20]))
    with pytest.raises(OutputError, match="not saved"):
        journal.add([change_from(EVENT)])
    assert journal.path.read_bytes() == whole
    assert not journal.codes.events


def test_what_was_confirmed_survives_a_kill(folder):
    """Each change that the server has answered is there after kill -9, and the review goes on from it."""
    with running(folder, "r.csv", "-o", "out") as (address, process):
        origin = address.split("/", 3)
        for k in range(20):
            said = {"coder": "Kim", "changes": [{**EVENT, "id": f"e{k}"}]}
            head = {"Content-Type": "application/json", "Origin": "/".join(origin[:3])}
            asked = urllib.request.Request(f"{address}api/codes", json.dumps(said).encode(), head)
            assert json.load(urllib.request.urlopen(asked))["saved"] == 1
        process.kill()
        process.wait()
    assert list(CoderJournal(folder / "out" / "kim.codes.jsonl").codes.events) == [f"e{k}" for k in range(20)]


def test_exports_are_read_by_others_and_by_us(opened, folder):
    client = opened()
    looked = {"do": "looked-for", "file": "anna.mp4", "person": "face 0", "au": "AU06", "done": True}
    save(client, EVENT, {**EVENT, "id": "e2", "onset_s": 1.0, "offset_s": 1.5, "grade": "ns", "side": ""}, looked)
    assert len(client.post("/api/export", json={"coder": "Kim"}).json()["written"]) == 3
    tiers = pympi.Elan.Eaf(str(folder / "out" / "kim_elan" / "anna.eaf"))
    (name,) = [one for one in tiers.get_tier_names() if "AU12" in one]
    assert sorted(tiers.get_annotation_data_for_tier(name)) == [(200, 800, "LC"), (1000, 1500, "ns")]
    assert tiers.get_linked_files()[0]["MEDIA_URL"].endswith("/anna.mp4")
    events = json.loads((folder / "out" / "kim.boris").read_text())["observations"].popitem()[1]["events"]
    assert [one[:4] for one in events[:2]] == [[0.2, "face 0", "AU12", "C|L"], [0.8, "face 0", "AU12", "C|L"]]
    for file in ("kim.csv", "kim_elan/anna.eaf", "kim.boris"):
        coding = read_codes([folder / "out" / file])
        found = [(one.au, one.onset_s, one.offset_s, one.letter, one.side) for one in coding.events]
        assert found == [("AU12", 0.2, 0.8, "C", "L"), ("AU12", 1.0, 1.5, "ns", "")], file
        assert {one.au for one in coding.coded} == {"AU06", "AU12"}


def test_formats_that_are_not_asked_for_are_not_written(opened, folder):
    client = opened()
    save(client, EVENT)
    assert len(client.post("/api/export", json={"coder": "Kim", "formats": ["boris"]}).json()["written"]) == 1
    assert [path.name for path in (folder / "out").iterdir() if path.suffix != ".jsonl"] == ["kim.boris"]


def test_agreement_is_that_of_agree(opened, folder):
    client, table = opened(), read_results(folder / "r.csv")
    nothing = client.get("/api/videos/0/agreement?coder=Kim").json()
    assert nothing["rows"] == []
    assert nothing["notes"]
    save(client, {**EVENT, "grade": "", "side": ""})
    save(client, {**EVENT, "grade": "", "side": "", "offset_s": 1.0}, coder="Lee")
    client.post("/api/export", json={"coder": "Kim"})
    told = client.get("/api/videos/0/agreement?coder=Kim").json()
    expected = agree(table, read_codes([folder / "out" / "kim.csv"])).table
    assert told["rows"][0][0] == "AU12"
    assert told["rows"][0][3] == pytest.approx(expected["kappa"].iloc[0], abs=0.001)
    assert told["others"] == ["Lee"]
    between = client.get("/api/videos/0/agreement?coder=Kim&with=Lee").json()
    assert between["rows"][0][3] == pytest.approx(6 / 11, abs=0.001)  # Of 25 moments both say 15, neither 5.


def test_a_plan_gives_segments_and_its_weights_are_kept(opened, folder):
    plan = pd.DataFrame(
        {
            "file": ["anna.mp4"],
            "person": ["face 0"],
            "au": "coded",
            "onset_s": 0.5,
            "offset_s": 1.5,
            "grade": "",
            "side": "",
            "coder": "",
            "weight": 3,
        }
    )
    plan.to_csv(folder / "plan.csv", index=False)
    client = opened(codes=(folder / "plan.csv",))
    assert client.get("/api/state").json()["videos"][0]["segments"] == [[0.5, 1.5, "face 0", 3.0]]
    save(client, EVENT)
    assert "no segment is marked" in client.post("/api/export", json={"coder": "Kim"}).json()["error"]
    save(
        client,
        {
            "do": "span",
            "file": "anna.mp4",
            "person": "face 0",
            "onset_s": 0.5,
            "offset_s": 1.5,
            "weight": 3.0,
            "done": True,
        },
    )
    client.post("/api/export", json={"coder": "Kim"})
    assert read_codes([folder / "out" / "kim.csv"]).spans[0].weight == 3


def test_a_camera_picture_gives_faces_and_nonsense_an_error(opened):
    client = opened()
    picture = (Path(duchenne.__file__).parent / "samples" / "face.jpg").read_bytes()
    (face,) = client.post("/api/camera", content=picture).json()
    assert len(face["points"]) == 49
    assert set(face["grade"].values()) <= set("ABCDE") | {""}
    assert any(0.001 <= share <= 0.999 for share in face["probability"].values())  # Not rounded to 0 and 1.
    answer = client.post("/api/camera", content=b"no picture")
    assert (answer.status_code, "error" in answer.json()) == (422, True)


def test_the_queue_detects_and_the_video_gets_its_events(opened, folder, monkeypatch):
    video = Source("anna.mp4", SourceKind.VIDEO)

    def detect_into(source, results, callback):
        callback.begin(video, 50, 0)
        callback.frame(video, Frame(source, 0, 0.0, np.zeros((4, 4, 3), np.uint8)), [])
        results.mkdir(parents=True, exist_ok=True)
        result_table(source, aus=("AU12",)).to_csv(results / "anna.csv", index=False)
        return results / "anna.csv"

    monkeypatch.setattr(detection_queue, "detect_into", detect_into)
    client = opened("anna.mp4")
    assert client.get("/api/videos/0/events").json() == []
    client.post("/api/videos/0/detect", json={})
    for _ in range(600):
        time.sleep(0.05)
        (job,) = client.get("/api/queue").json()
        if job["state"] in ("done", "failed"):
            break
    assert (job["frames"], job["done"]) == (50, 1)
    assert len(client.get("/api/videos/0/events").json()) == 2
    assert client.post("/api/videos/0/detect", json={}).status_code == 422


def test_what_is_no_result_and_no_video_is_named(tmp_path):
    with pytest.raises(UsageError, match="neither a video nor a result"):
        ReviewSession([tmp_path / "a.txt"], ReviewOptions(tmp_path))


def test_a_result_of_another_video_of_the_same_name_is_not_taken(opened, folder):
    (folder / "out" / "results").mkdir(parents=True)
    result_table("elsewhere/anna.mp4", aus=("AU12",)).to_csv(folder / "out" / "results" / "anna.csv", index=False)
    client = opened("anna.mp4")
    client.post("/api/videos/0/detect", json={})
    for _ in range(600):
        time.sleep(0.05)
        (job,) = client.get("/api/queue").json()
        if job["state"] in ("done", "failed"):
            break
    assert "same name" in job["message"]
    assert client.get("/api/videos/0/events").json() == []
