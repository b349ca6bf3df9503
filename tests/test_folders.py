"""Folders as people have them: links, pipes, odd names, full disks; what a run leaves alone, and what it records."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clips import write_clip
from duchenne.commands import run
from duchenne.diagnosis import SAMPLE
from duchenne.errors import MediaError, OutputError, UsageError
from duchenne.files.shown_text import shown_name
from duchenne.files.whole_files import beside, write_whole
from duchenne.media import expand_sources, open_video, read_picture
from duchenne.media.content import content_of
from duchenne.overlay.files import VideoFile, write_picture
from duchenne.results.columns import Columns
from duchenne.results.destinations import OneFile
from duchenne.results.result_file import ResultFile
from duchenne.results.result_names import result_paths
from duchenne.results.result_record import RunFacts, SourceRecord
from test_results import COLUMNS, face

DUCHENNE = [sys.executable, "-m", "duchenne"]
needs_links = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Return a folder with three small pictures of a face, one of them below."""
    small = Image.open(SAMPLE).convert("RGB").resize((256, 256))
    (tmp_path / "study" / "day2").mkdir(parents=True)
    for name in ("a.png", "b.png", "day2/a.png"):
        small.save(tmp_path / "study" / name)
    return tmp_path / "study"


def names(sources) -> list[str]:
    return [Path(source.name).name for source in sources]


# What is read


@needs_links
def test_linked_folders_are_followed_and_a_file_counts_once(pictures, tmp_path):
    shutil.copytree(pictures / "day2", tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", pictures / "linked")
    os.symlink(pictures, pictures / "day2" / "round")
    os.symlink(pictures / "a.png", pictures / "alias.png")
    os.link(pictures / "b.png", pictures / "c.png")
    sources, problems = expand_sources([pictures, pictures / "c.png", tmp_path / "elsewhere"])
    assert [Path(source.name).relative_to(pictures).as_posix() for source in sources] == [
        "a.png",
        "b.png",
        "day2/a.png",
        "linked/a.png",
    ]
    assert not problems


@needs_links
def test_pipes_and_devices_are_named_and_not_waited_for(pictures):
    os.mkfifo(pictures / "pipe.png")
    os.symlink("/dev/zero", pictures / "endless.mp4")
    os.symlink(pictures / "nowhere", pictures / "gone.png")
    remarks: list[str] = []
    sources, problems = expand_sources([pictures], remarks.append)
    assert names(sources) == ["a.png", "b.png", "a.png"]
    assert not problems
    for name, what in {"pipe.png": "pipe", "endless.mp4": "device", "gone.png": "cannot be found"}.items():
        assert any(name in remark and what in remark for remark in remarks)
    _, (problem,) = expand_sources([pictures / "pipe.png"])
    assert "pipe" in str(problem)
    with pytest.raises(MediaError, match="pipe"):
        read_picture(pictures / "pipe.png")


def test_what_a_run_writes_is_no_source_of_the_next(pictures, tmp_path, capsys):
    assert run(["detect", str(pictures / "a.png"), "--overlay", str(pictures / "a_aus.png")]) == 0
    assert run(["detect", str(pictures), "--overlay", str(pictures / "drawn"), "--quiet"]) == 0
    clip = VideoFile(pictures / "clip.mp4")
    clip.add(np.zeros((64, 64, 3), np.uint8), 0.0)
    clip.finish()
    write_picture(pictures / "photo.jpg", np.zeros((64, 64, 3), np.uint8))
    remarks: list[str] = []
    sources, _ = expand_sources([pictures], remarks.append)
    assert names(sources) == ["a.png", "b.png", "a.png"]
    assert remarks == ["6 overlays that duchenne has drawn are left out."]
    capsys.readouterr()
    assert run(["detect", str(pictures / "a_aus.png")]) == 1
    assert "overlay" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "nul\0.jpg"])
def test_a_path_that_the_system_refuses_is_named(name):
    _, (problem,) = expand_sources([name])
    assert "path cannot be used" in str(problem)


# What is written where


def test_a_file_for_each_source_holds_what_one_file_holds_of_it(pictures, tmp_path):
    words = ["detect", str(pictures), "--aus", "12", "--quiet"]
    assert run([*words, "--output", str(tmp_path / "all.csv")]) == 0
    assert run([*words, "--output-dir", str(tmp_path / "each")]) == 0
    found = sorted(path.relative_to(tmp_path / "each").as_posix() for path in (tmp_path / "each").rglob("*.csv"))
    assert found == ["a.csv", "b.csv", "day2/a.csv"]
    each = pd.concat([pd.read_csv(tmp_path / "each" / name) for name in found], ignore_index=True)
    pd.testing.assert_frame_equal(each, pd.read_csv(tmp_path / "all.csv"))


def test_a_folder_of_results_goes_on_and_leaves_other_results_alone(pictures, tmp_path, capsys):
    out = tmp_path / "each"
    words = ["detect", str(pictures), "--aus", "12", "--output-dir", str(out)]
    assert run(words) == 0
    whole = {path: path.read_bytes() for path in out.rglob("*.csv")}
    (out / "b.csv").unlink()  # as if the run had been stopped between sources
    before = (out / "a.csv").stat().st_ino
    assert run(words) == 0
    assert {path: path.read_bytes() for path in out.rglob("*.csv")} == whole
    assert (out / "a.csv").stat().st_ino == before
    capsys.readouterr()
    assert run([*words, "--min-face", "30"]) == 2
    assert "other settings" in capsys.readouterr().err
    (out / "b.csv").write_text("precious")
    assert run(words) == 2
    assert (out / "b.csv").read_text() == "precious"
    assert run([*words, "--overwrite"]) == 0
    assert {path: path.read_bytes() for path in out.rglob("*.csv")} == whole


def test_results_of_sources_with_one_name_are_told_apart(pictures):
    Image.open(pictures / "a.png").save(pictures / "a.jpg")
    sources, _ = expand_sources([pictures])
    places = [path.as_posix() for path in result_paths(Path("out"), sources, ".csv").values()]
    assert places == ["out/a.jpg.csv", "out/a.png.csv", "out/b.csv", "out/day2/a.csv"]
    twice, _ = expand_sources([pictures / "a.png", pictures / "day2" / "a.png"])
    assert [path.name for path in result_paths(Path("out"), twice, ".csv").values()] == ["a.png.csv", "a.png-2.csv"]


def test_the_record_says_how_a_result_was_made(pictures, tmp_path):
    (pictures / "broken.png").write_bytes((pictures / "a.png").read_bytes()[:500])
    out = tmp_path / "r.csv"
    assert run(["detect", str(pictures), "--aus", "12", "--thresholds", "0.3", "--output", str(out)]) == 1
    record = json.loads((tmp_path / "r.csv.json").read_text())
    assert record["command"].startswith("duchenne detect ")
    assert "--thresholds 0.3" in record["command"]
    assert record["sha256"] == content_of(out).sha256
    assert record["options"]["thresholds"] == {"AU12": 0.3}
    assert record["counts"] == {"sources": 4, "frames": 3, "faces": 3, "problems": 1}
    hashes = {Path(source["name"]).name: source["sha256"] for source in record["sources"]}
    assert hashes["b.png"] == content_of(pictures / "b.png").sha256
    assert len(record["weights"]) == 5
    assert "broken.png" in record["problems"][0]
    assert {"version", "versions", "started", "ended", "seconds", "cite"} <= set(record)


def test_a_result_is_repeated_from_its_record(pictures, tmp_path, capsys):
    words = ["--aus", "12,6", "--thresholds", "0.3", "--min-face", "25", "--sides", "--quiet"]
    assert run(["detect", str(pictures), *words, "--output", str(tmp_path / "first.csv")]) == 0
    like = ["detect", "--like", str(tmp_path / "first.csv.json")]
    assert run([*like, "--output", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "first.csv").read_bytes()
    assert run([*like, str(pictures / "b.png"), "--aus", "1", "--output", str(tmp_path / "new.csv")]) == 0
    new = pd.read_csv(tmp_path / "new.csv")
    assert [name for name in new.columns if name.startswith("AU")] == ["AU01_p", "AU01_c", "AU01_i"]
    record = json.loads((tmp_path / "new.csv.json").read_text())
    assert record["options"]["min_face_px"] == 25
    (pictures / "b.png").write_bytes((pictures / "b.png").read_bytes() + b" ")
    capsys.readouterr()
    assert run([*like, "--output", str(tmp_path / "third.csv")]) == 1
    assert "has changed since" in capsys.readouterr().err
    assert run(["detect", "--like", str(tmp_path / "first.csv"), "--output", str(tmp_path / "fourth.csv")]) == 1


def test_a_checkpoint_costs_the_same_after_many_sources_as_after_few(tmp_path):
    """The sizes of what is written, not times; `benchmarks/folder.py` measures those."""
    facts = RunFacts("", {}, {}, {})
    sizes = []
    file = OneFile(tmp_path / "r.csv", Columns(("AU12",)), facts, "", overwrite=False, restart=False)
    for k in range(200):
        before = os.stat(tmp_path / "r.csv.part.journal").st_size
        file.checkpoint({"frames": 1000 + k}, None, [SourceRecord(f"{10_000 + 100 * k}.png", "picture", None, 1, 1)])
        sizes.append(os.stat(tmp_path / "r.csv.part.journal").st_size - before)
    file.close()
    assert max(sizes) == min(sizes) < 1000


def test_frames_without_a_face_leave_rows_in_files_of_either_kind_and_again_from_the_record(pictures, tmp_path):
    Image.new("RGB", (200, 200), "grey").save(pictures / "b.png")
    words, out = ["detect", str(pictures), "--aus", "12", "--columns", "aus", "--quiet"], tmp_path / "each"
    assert run([*words, "--every-frame", "--output", str(tmp_path / "all.csv")]) == 0
    rows = (tmp_path / "all.csv").read_text().splitlines()
    assert [row.split(",")[3:] == [""] * 5 for row in rows[1:]] == [False, True, False]
    assert run([*words, "--every-frame", "--output-dir", str(out)]) == 0
    assert (out / "b.csv").read_text().splitlines() == [rows[0], rows[2]]
    assert run(["detect", "--like", str(tmp_path / "all.csv"), "--output", str(tmp_path / "again.csv")]) == 0
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()


@pytest.mark.parametrize("other", ["--every-frame", "--columns=aus"])
def test_results_with_other_rows_or_columns_are_not_taken_for_those_asked_for(pictures, tmp_path, other, capsys):
    words = ["detect", str(pictures / "a.png"), "--aus", "12", "--output-dir", str(tmp_path / "each")]
    assert run(words) == 0
    assert run([*words, other]) != 0
    assert "made with other settings" in capsys.readouterr().err


# What is noticed


@pytest.fixture
def stopped(pictures, tmp_path, monkeypatch) -> list[str]:
    """Return the command of a folder run that was interrupted after its second picture."""
    from duchenne.commands.detect_report import Report

    words, told = ["detect", str(pictures), "--aus", "12", "--output", str(tmp_path / "r.csv")], []

    def interrupting(self, *what):
        told.append(what)
        if len(told) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Report, "frame", interrupting)
    assert run(words) == 130
    monkeypatch.undo()
    return words


def drawing(pictures, tmp_path, monkeypatch, *where, at) -> list[str]:
    """Return the command of a run with an overlay that is interrupted when it tells of its frame number `at`."""
    from duchenne.commands.detect_report import Report

    words, told = ["detect", str(pictures), "--aus", "12", "--overlay", str(tmp_path / "drawn"), *where], []

    def interrupting(self, *what):
        told.append(what)
        if len(told) == at:
            raise KeyboardInterrupt

    monkeypatch.setattr(Report, "frame", interrupting)
    assert run(words) == 130
    monkeypatch.undo()
    return words


def nodes(folder) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


@pytest.mark.parametrize("where", [("--output", "r.csv"), ("--output-dir", "each")])
def test_an_interrupted_run_over_pictures_goes_on_with_its_overlays(pictures, tmp_path, monkeypatch, where, capsys):
    where = (where[0], str(tmp_path / where[1]))
    words = drawing(pictures, tmp_path, monkeypatch, *where, at=3)
    drawn = nodes(tmp_path / "drawn")
    assert sorted(drawn) == ["a-2.png", "a.png", "b.png"]  # The third is drawn, and not yet recorded.
    third = tmp_path / "drawn" / "a-2.png"
    whole = third.read_bytes()
    third.write_bytes(b"precious")
    assert run(words) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert third.read_bytes() == b"precious"
    third.write_bytes(whole)
    assert run(words) == 0
    assert nodes(tmp_path / "drawn") == drawn


@pytest.mark.parametrize("where", [("--output", "r.csv"), ("--output-dir", "each")])
def test_an_overlay_that_is_missing_is_drawn(pictures, tmp_path, monkeypatch, where):
    """As where a run was begun without overlays."""
    where = (where[0], str(tmp_path / where[1]))
    words = drawing(pictures, tmp_path, monkeypatch, *where, at=3)
    (tmp_path / "drawn" / "a.png").unlink()
    assert run(words) == 0
    assert len(nodes(tmp_path / "drawn")) == 3
    rows = sum(len(pd.read_csv(path)) for path in tmp_path.rglob("*.csv"))
    assert rows == 3


def test_an_interrupted_video_in_a_folder_of_results_is_drawn_whole(tmp_path, monkeypatch):
    write_clip(tmp_path / "a.mp4", 12, "mpeg4")
    where = ("--output-dir", str(tmp_path / "each"))
    monkeypatch.setattr("duchenne.detection.CHECKPOINT_S", 0.0)
    words = drawing(tmp_path / "a.mp4", tmp_path, monkeypatch, *where, at=9)
    assert run(words) == 0
    with open_video(tmp_path / "drawn" / "a.mp4") as video:
        assert sum(1 for _ in video) == 12


def test_another_content_is_noticed_whatever_size_and_time_say(stopped, pictures, capsys):
    path = pictures / "a.png"
    data, before = path.read_bytes(), path.stat()
    path.write_bytes(data[:-20] + bytes(20))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert run(stopped) == 2
    assert "a.png has changed since" in capsys.readouterr().err
    path.write_bytes(data)  # touched, but the same
    assert run(stopped) == 0


def test_another_library_or_code_is_noticed(stopped, monkeypatch, capsys):
    monkeypatch.setattr("duchenne.results.run_facts.versions", lambda: {"onnxruntime": "0.1"})
    assert run(stopped) == 2
    assert "version of onnxruntime" in capsys.readouterr().err


# What stays


@pytest.mark.parametrize("suffix", [".part", ".part.journal", ".part.parquet", ".json"])
@pytest.mark.parametrize("more", [[], ["--restart"]])
def test_files_that_no_run_made_stay(pictures, tmp_path, suffix, more, capsys):
    out = tmp_path / "r.csv"
    precious = tmp_path / f"r.csv{suffix}"
    precious.write_text("precious")
    words = ["detect", str(pictures / "a.png"), "--aus", "12", "--output", str(out), *more]
    assert run(words) == 2
    assert precious.read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == [precious.name, "study"]
    assert "--overwrite" in capsys.readouterr().err
    assert run([*words, "--overwrite"]) == 0
    assert len(pd.read_csv(out)) == 1


@needs_links
@pytest.mark.parametrize("suffix", [".part", ".part.journal"])
def test_links_in_place_of_temporary_files_are_not_followed(tmp_path, suffix):
    target, path = tmp_path / "precious", tmp_path / "r.csv"
    target.write_text("precious")
    os.symlink(target, tmp_path / f"r.csv{suffix}")
    with pytest.raises(UsageError, match="did not make it"):
        ResultFile.open(path, COLUMNS, {})
    (tmp_path / f"r.csv{suffix}").unlink()
    with ResultFile.open(path, COLUMNS, {}) as file:
        file.write([face()])
        file.checkpoint({"next": 1})
    shutil.move(tmp_path / f"r.csv{suffix}", tmp_path / "moved")
    os.symlink(tmp_path / "moved" if suffix == ".part" else target, tmp_path / f"r.csv{suffix}")
    with pytest.raises((OutputError, UsageError), match=r"link|did not make it"):
        ResultFile.open(path, COLUMNS, {})
    os.symlink(target, tmp_path / "o.mp4.part")
    with pytest.raises(UsageError, match="did not make it"):
        VideoFile(tmp_path / "o.mp4", overwrite=False)
    assert target.read_text() == "precious"


@needs_links
def test_a_dangling_link_counts_as_a_file(tmp_path):
    os.symlink(tmp_path / "nowhere", tmp_path / "r.csv")
    with pytest.raises(UsageError, match="exists"):
        ResultFile.open(tmp_path / "r.csv", COLUMNS, {})


def test_a_result_that_appears_during_the_run_stays(tmp_path):
    path = tmp_path / "r.csv"
    with ResultFile.open(path, COLUMNS, {}) as file:
        file.write([face()])
        file.checkpoint({"next": 1})
        path.write_text("precious")
        with pytest.raises(OutputError, match="appeared during the run"):
            file.finish()
    assert path.read_text() == "precious"
    path.unlink()
    with ResultFile.open(path, COLUMNS, {}) as file:
        assert file.state == {"next": 1}
        file.finish()
    assert len(pd.read_csv(path)) == 1


def test_two_runs_do_not_write_one_result(tmp_path):
    pytest.importorskip("fcntl")
    with (
        ResultFile.open(tmp_path / "r.csv", COLUMNS, {}),
        pytest.raises(OutputError, match="another run"),
    ):
        ResultFile.open(tmp_path / "r.csv", COLUMNS, {})


@needs_links
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_new_files_follow_the_umask(pictures, tmp_path, mask):
    from duchenne.training.run.checkpoints import write_tensors

    before = os.umask(mask)
    try:
        for out in ("r.csv", "r.parquet"):
            words = ["detect", str(pictures / "a.png"), "--aus", "12", "--output", str(tmp_path / out), "--overwrite"]
            assert run([*words, "--overlay", str(tmp_path / "o.png")]) == 0
        clip = VideoFile(tmp_path / "o.mp4")
        clip.add(np.zeros((64, 64, 3), np.uint8), 0.0)
        clip.finish()
        write_tensors(tmp_path / "t.safetensors", {}, {})
    finally:
        os.umask(before)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.is_file()}
    assert len(found) == 7
    assert set(found.values()) == {0o666 & ~mask}


# What is shown

HOSTILE = [
    "[bold]x[red].png",
    "\x1b]0;owned\x07\x1b[2Jx.png",
    "a\rb.png",
    "\u202egnp.exe",
    "caf\udce9.png",
    "=1+1.png",
]


def test_names_are_shown_and_not_obeyed(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in HOSTILE:
        shutil.copy(pictures / "a.png", name)
    Image.new("RGB", (64, 64)).save("[b]none.png")
    assert run(["detect", *HOSTILE, "[b]none.png", "--aus", "12"]) == 0
    shown = capsys.readouterr()
    for name in HOSTILE:
        assert shown_name(name) in shown.out
    assert "[b]none.png: no face found." in shown.err
    assert not set("\x1b\x07\r\u202e") & set(shown.out + shown.err)
    assert run(["detect", "\x1b[2Jabsent.png"]) == 1
    assert "\x1b" not in capsys.readouterr().err


def test_names_in_tables_are_no_formulas_and_cut_no_rows(pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = [*HOSTILE, "@SUM(1).png", "a;=1+1.png", "+1.png", "-1.png"]
    for name in odd:
        shutil.copy(pictures / "a.png", f"./{name}")
    words = ["detect", *(f"./{name}" if name.startswith("-") else name for name in odd), "--aus", "12", "--quiet"]
    for ending in ("csv", "jsonl", "parquet"):
        assert run([*words, "--output", f"r.{ending}"]) == 0
    lines = Path("r.csv").read_bytes().decode().split("\n")
    assert len(lines) == len(odd) + 2
    cells = [line.lstrip('"') for line in lines[1:-1]]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert '"a;=1+1.png"' in Path("r.csv").read_text()
    table = pd.read_csv("r.csv", keep_default_na=False)
    assert len(table) == len(odd)
    assert list(table["source"]) == [json.loads(line)["source"] for line in Path("r.jsonl").read_text().splitlines()]
    assert {"./=1+1.png", "./@SUM(1).png", "./+1.png", "./-1.png", "a;=1+1.png"} <= set(table["source"])


def test_a_name_as_long_as_the_file_system_allows_has_room_for_the_part(tmp_path):
    path = tmp_path / ("x" * 251 + ".csv")
    with ResultFile.open(path, COLUMNS, {}) as file:
        file.write([face()])
        file.finish()
    assert os.listdir(tmp_path) == [path.name]
    assert beside(path, ".part") != beside(tmp_path / ("x" * 250 + "y.csv"), ".part")


def test_help_shows_the_hyphen_and_no_bullet(capsys):
    assert run(["detect", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "or - for a picture on standard input" in shown
    assert "•" not in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["detect", "a.png"], ["doctor"], ["--help"]])
def test_a_full_device_and_a_closed_pipe_end_with_a_message(pictures, words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*DUCHENNE, *words], cwd=pictures, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*DUCHENNE, *words], cwd=pictures, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == 1
    assert "what reads the output has gone" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


# Full disks


@needs_links
@pytest.mark.parametrize("limit", [0, 30, 3000])
def test_a_full_disk_in_a_video_overlay_is_told(tmp_path, limit):
    code = """
import resource, sys
import numpy as np
from pathlib import Path
from duchenne.errors import DuchenneError
from duchenne.overlay.files import VideoFile
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
try:
    clip = VideoFile(Path(sys.argv[2]))
    for k in range(30):
        clip.add(np.random.default_rng(k).integers(0, 255, (64, 64, 3), np.uint8), k / 25)
    clip.finish()
except DuchenneError as error:
    sys.exit(str(error))
"""
    words = [sys.executable, "-c", code, str(limit), str(tmp_path / "o.mp4")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "o.mp4: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    assert not (tmp_path / "o.mp4").exists()


@needs_links
def test_a_full_disk_in_a_training_is_told_and_what_was_kept_stays(tmp_path):
    import errno

    import torch

    from duchenne.errors import TrainingError
    from duchenne.files import whole_files
    from duchenne.training.run.checkpoints import read_tensors, write_tensors

    path = tmp_path / "checkpoint.safetensors"
    write_tensors(path, {"a": torch.ones(3)}, {"step": 1})

    def full(file, data):
        file.write(bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(whole_files, "write_all", full)
        with pytest.raises(TrainingError, match="the disk is full"):
            write_tensors(path, {"a": torch.zeros(3)}, {"step": 2})
    assert os.listdir(tmp_path) == [path.name]
    assert read_tensors(path)[1] == {"step": 1}


def test_a_file_written_at_once_takes_nobody_s_place(tmp_path):
    write_whole(tmp_path / "a", b"one")
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a", b"two", overwrite=False)
    assert (tmp_path / "a").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]
