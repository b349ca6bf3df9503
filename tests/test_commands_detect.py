"""The command line as a user meets it: good input, bad input, exit codes, files."""

import io
import json
import shutil
import sys
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from duchenne import diagnosis
from duchenne.commands import run
from duchenne.commands.detect_report import Report
from duchenne.diagnosis import SAMPLE, Finding


@pytest.fixture
def sample(tmp_path) -> Path:
    return Path(shutil.copy(SAMPLE, tmp_path / "face.jpg"))


@pytest.fixture
def empty_room(tmp_path) -> Path:
    ramp = np.linspace(40, 200, 320).astype(np.uint8)
    Image.fromarray(np.broadcast_to(ramp[None, :, None], (240, 320, 3)).copy()).save(tmp_path / "room.png")
    return tmp_path / "room.png"


def write_video(path: Path, pictures, fps: int = 25) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
        stream.bit_rate = 4_000_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def video(tmp_path) -> Path:
    face = np.asarray(Image.open(SAMPLE).convert("RGB").resize((320, 320)))
    return write_video(tmp_path / "clip.mp4", [np.roll(face, k, 1) for k in range(12)])


@pytest.fixture
def audio_only(tmp_path) -> Path:
    with av.open(str(tmp_path / "voice.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return tmp_path / "voice.mp4"


def test_a_photo_prints_a_table(sample, capsys):
    assert run(["detect", str(sample)]) == 0
    out = capsys.readouterr().out
    assert "AU12" in out
    assert "Lip corner puller" in out
    assert "yaw" in out.lower()


def test_csv_has_the_documented_columns(sample, tmp_path):
    assert run(["detect", str(sample), "--output", str(tmp_path / "r.csv"), "--aus", "12,6"]) == 0
    table = pd.read_csv(tmp_path / "r.csv")
    assert len(table) == 1
    assert list(table.columns[:4]) == ["source", "frame", "timestamp_s", "face_id"]
    columns = ["AU06_p", "AU06_c", "AU06_i", "AU12_p", "AU12_c", "AU12_i"]
    assert [c for c in table.columns if c.startswith("AU")] == columns


def test_sides_are_written_where_asked_for(sample, tmp_path):
    out = tmp_path / "r.jsonl"
    assert run(["detect", str(sample), "--output", str(out), "--aus", "12", "--sides"]) == 0
    row = json.loads(out.read_text(encoding="utf-8"))
    assert row["AU12_p"] == max(row["AU12L_p"], row["AU12R_p"])
    assert row["AU12_i"] == max(row["AU12L_i"], row["AU12R_i"])


def test_the_three_formats_hold_the_same_numbers(sample, tmp_path):
    for ending in ("csv", "parquet", "jsonl"):
        assert run(["detect", str(sample), "--output", str(tmp_path / f"r.{ending}")]) == 0
    csv = pd.read_csv(tmp_path / "r.csv")
    parquet = pd.read_parquet(tmp_path / "r.parquet")
    lines = pd.read_json(tmp_path / "r.jsonl", lines=True)
    assert list(csv.columns) == list(parquet.columns) == list(lines.columns)
    numbers = csv.select_dtypes("number").columns
    np.testing.assert_allclose(parquet[numbers].astype(float), csv[numbers].astype(float), atol=1e-4)
    np.testing.assert_allclose(lines[numbers].astype(float), csv[numbers].astype(float), atol=1e-4)


def test_a_threshold_decides_the_occurrence(sample, tmp_path):
    (tmp_path / "mine.csv").write_text("au,threshold\nAU12,1\n")
    ways = {
        "low": ["--thresholds", "0"],
        "high": ["--thresholds", "0,AU12=1"],
        "twice": ["--thresholds", "0", "--thresholds", "AU12=1"],
        "file": ["--thresholds", "0", "--thresholds", str(tmp_path / "mine.csv")],
    }
    found = {}
    for name, words in ways.items():
        assert run(["detect", str(sample), "--output", str(tmp_path / f"{name}.csv"), *words]) == 0
        found[name] = pd.read_csv(tmp_path / f"{name}.csv").filter(regex="_c$").iloc[0]
    assert found["low"].all()
    for name in ("high", "twice", "file"):
        assert (found[name].drop("AU12_c") == 1).all()
        assert found[name]["AU12_c"] == 0


def test_the_former_spelling_of_thresholds_warns_and_is_hidden(sample, tmp_path, capsys):
    words = ["detect", str(sample), "--aus", "12", "--output", str(tmp_path / "r.csv")]
    assert run([*words, "--threshold", "AU12=1"]) == 0
    assert "--threshold is now --thresholds" in capsys.readouterr().err
    assert pd.read_csv(tmp_path / "r.csv")["AU12_c"].tolist() == [0]
    assert run([*words, "--overwrite", "--thresholds=1"]) == 0
    assert "is now" not in capsys.readouterr().err
    run(["detect", "--help"])
    assert "--threshold " not in capsys.readouterr().out


def test_weights_with_one_set_of_thresholds_refuse_a_name(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("duchenne.recognition._threshold_sets", lambda *_: {})  # as files of before
    assert run(["detect", str(sample)]) == 0
    assert run(["detect", str(sample), "--thresholds", "balanced"]) == 2
    err = capsys.readouterr().err
    assert "holds one set of thresholds" in err
    assert "Leave --thresholds out" in err


def test_a_picture_without_face_is_no_error(empty_room, tmp_path, capsys):
    assert run(["detect", str(empty_room), "--output", str(tmp_path / "r.csv")]) == 0
    table = pd.read_csv(tmp_path / "r.csv")
    assert len(table) == 0
    assert "AU12_p" in table.columns
    assert "no face" in capsys.readouterr().err.lower()


def test_a_broken_file_in_a_folder_is_reported_and_the_rest_done(sample, tmp_path, capsys):
    (tmp_path / "broken.jpg").write_bytes(sample.read_bytes()[:2000])
    out = tmp_path / "out" / "r.csv"
    out.parent.mkdir()
    assert run(["detect", str(tmp_path), "--output", str(out)]) == 1
    assert list(pd.read_csv(out)["source"]) == [str(sample)]
    assert "broken.jpg" in capsys.readouterr().err


def test_a_video_gives_a_row_per_frame_and_one_identity(video, tmp_path):
    assert run(["detect", str(video), "--output", str(tmp_path / "r.csv")]) == 0
    table = pd.read_csv(tmp_path / "r.csv")
    assert list(table["frame"]) == list(range(12))
    assert set(table["face_id"]) == {0}
    np.testing.assert_allclose(table["timestamp_s"], np.arange(12) / 25, atol=1e-3)


def test_time_range_and_step(video, tmp_path):
    arguments = ["--start", "0.1", "--end", "0.4", "--step", "2"]
    assert run(["detect", str(video), "--output", str(tmp_path / "r.csv"), *arguments]) == 0
    assert list(pd.read_csv(tmp_path / "r.csv")["frame"]) == [4, 6, 8, 10]


def test_a_picture_on_standard_input(sample, monkeypatch, tmp_path):
    stdin = io.TextIOWrapper(io.BytesIO(sample.read_bytes()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert run(["detect", "-", "--output", str(tmp_path / "r.csv")]) == 0
    assert list(pd.read_csv(tmp_path / "r.csv")["source"]) == ["-"]


def test_overlay_of_a_photo_and_a_video(sample, video, tmp_path):
    assert run(["detect", str(sample), "--overlay", str(tmp_path / "o.png")]) == 0
    assert Image.open(tmp_path / "o.png").width >= Image.open(sample).width
    assert run(["detect", str(video), "--overlay", str(tmp_path / "o.mp4"), "--output", str(tmp_path / "v.csv")]) == 0
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12


def huge_png(path: Path) -> Path:
    """Write the header of a 20,000 x 20,000 picture, as a hostile file would."""
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    data[16:24] = (20000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    return path


BAD = {
    "missing": (lambda tmp, _: "absent.jpg", 1),
    "text": (lambda tmp, _: str(tmp / "text.jpg"), 1),
    "truncated": (lambda tmp, _: str(tmp / "truncated.jpg"), 1),
    "zero video": (lambda tmp, _: str(tmp / "zero.mp4"), 1),
    "audio only": (lambda tmp, audio: str(audio), 1),
    "huge": (lambda tmp, _: str(huge_png(tmp / "huge.png")), 1),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_with_cause_and_remedy(case, tmp_path, audio_only, capsys):
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "truncated.jpg").write_bytes(SAMPLE.read_bytes()[:3000])
    (tmp_path / "zero.mp4").touch()
    make, code = BAD[case]
    source = make(tmp_path, audio_only)
    assert run(["detect", source]) == code
    err = capsys.readouterr().err
    assert Path(source).name in err
    assert "Traceback" not in err
    assert len(err.strip()) > len(source) + 20


def test_a_picture_of_one_pixel_has_no_face(tmp_path, capsys):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert run(["detect", str(tmp_path / "dot.png")]) == 0
    assert "no face" in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--aus", "AU99"], "AU99"),
        (["--thresholds", "2"], "between 0 and 1"),
        (["--thresholds", "AU12=high"], "AU12=high"),
        (["--thresholds", "nowhere.csv"], "nowhere.csv cannot be read"),
        (["--thresholds", "f1", "--thresholds", "AU12=.5"], "cannot be combined"),
        (["--step", "0"], "step"),
        (["--start", "5", "--end", "2"], "end"),
        (["--output", "results.xlsx"], "xlsx"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_misuse_ends_with_2(arguments, message, sample, capsys):
    assert run(["detect", str(sample), *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_nothing_to_do_is_misuse(capsys):
    assert run(["detect"]) == 2
    assert "detect" in capsys.readouterr().err.lower()


@pytest.mark.parametrize("option", ["--output", "--overlay"])
def test_a_missing_output_folder_is_said_before_any_work(option, sample, tmp_path, capsys):
    target = tmp_path / "nowhere" / ("r.csv" if option == "--output" else "o.png")
    assert run(["detect", str(sample), option, str(target)]) in (1, 2)
    assert "nowhere" in capsys.readouterr().err
    assert not target.parent.exists()


def test_an_existing_result_is_not_overwritten_unasked(sample, tmp_path, capsys):
    target = tmp_path / "r.csv"
    target.write_text("precious")
    assert run(["detect", str(sample), "--output", str(target)]) in (1, 2)
    assert target.read_text() == "precious"
    assert "--overwrite" in capsys.readouterr().err
    assert run(["detect", str(sample), "--output", str(target), "--overwrite"]) == 0
    assert "AU12_p" in target.read_text()


def test_doctor_is_content(capsys):
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "self-check" in out
    assert "sha256" in out


@pytest.mark.parametrize("name", ["pose_correction.json", "mean_face.json", "au_real.onnx"])
def test_doctor_names_an_altered_file(name, tmp_path, monkeypatch):
    altered = shutil.copytree(diagnosis.FOLDER, tmp_path / "weights")
    assert len(list(diagnosis._weights())) == len([*altered.glob("*.onnx"), *altered.glob("*.json")]) - 1
    with (altered / name).open("ab") as file:
        file.write(b" ")
    monkeypatch.setattr(diagnosis, "FOLDER", altered)
    findings = {finding.what: finding for finding in diagnosis._weights()}
    assert "altered" in findings.pop(name).found
    assert all(finding.ok for finding in findings.values())


def test_unreliable_occurrences_are_kept_or_blanked(sample, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("duchenne.reliability.MAX_YAW_DEG", -1.0)  # as if no pose had been tested
    words = ["detect", str(sample), "--aus", "12", "--output"]
    for name, options in {"keep": [], "blank": ["--unreliable", "blank"], "old": ["--abstain"]}.items():
        assert run([*words, str(tmp_path / f"{name}.csv"), *options]) == 0
        warned = "--abstain is now --unreliable blank" in capsys.readouterr().err
        assert warned == (name == "old")
    found = {name: pd.read_csv(tmp_path / f"{name}.csv")["AU12_c"].tolist() for name in ("keep", "blank", "old")}
    assert found == {"keep": [1], "blank": [9], "old": [9]}
    assert run([*words, str(tmp_path / "r.csv"), "--unreliable", "maybe"]) == 2


def test_the_old_option_is_hidden(capsys):
    run(["detect", "--help"])
    assert "abstain" not in capsys.readouterr().out


def test_doctor_names_the_extra_to_install(capsys, monkeypatch):
    missing = "not installed (pip install 'duchenne[train]'); not needed to detect"
    monkeypatch.setattr("duchenne.diagnosis.diagnose", lambda: [Finding("extra train", missing, None)])
    assert run(["doctor"]) == 0
    assert "duchenne[train]" in capsys.readouterr().out


def test_a_verb_that_needs_an_extra_says_which_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "duchenne.synthesis.head.pack", raising=False)
    monkeypatch.setitem(sys.modules, "cv2", None)  # what the import system makes of a package that is not there
    assert run(["render", str(tmp_path / "heads"), "--count", "1"]) == 1
    message = capsys.readouterr().err
    assert "pip install 'duchenne[synthesis]'" in message.replace("\n", " ")


def test_the_shares_of_a_video_stand_under_the_end_of_their_head():
    report = Report({"AU06": 0.5, "AU12": 0.5}, has_output=False, quiet=True)
    report._occurrences["a.mp4", 0] += [3, 10]
    console = Console(file=io.StringIO(), width=80)
    console.print(report._summary("a.mp4", 0, 10))
    title, head, *rows = (line.rstrip() for line in console.file.getvalue().splitlines())
    assert title == "a.mp4, face 0: 10 frames"
    assert [row.split()[0] for row in rows] == ["AU12", "AU06"]
    assert [row[-4:] for row in rows] == ["100%", " 30%"]
    assert {len(row) for row in rows} == {len(head)}
