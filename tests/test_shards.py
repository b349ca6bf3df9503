"""Runs that share the work of one: shards, their manifests, and what `duchenne merge` makes of them."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from duchenne.commands import detect, run
from duchenne.diagnosis import SAMPLE
from duchenne.errors import UsageError
from duchenne.media import expand_sources
from duchenne.media.content import content_of
from duchenne.results.shards import Shard
from duchenne.synthesis.rendering import render

ROOT = Path(__file__).parents[1]
AUS = ["--aus", "6,12", "--min-face", "60", "--step", "2", "--quiet"]


@pytest.fixture(scope="module", autouse=True)
def _one_detector():
    """Open the networks once for all runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detect, "_detector", functools.cache(detect._detector))
        yield


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Return a folder with three pictures, one of them below and one without a face, and a video."""
    folder = tmp_path_factory.mktemp("shards") / "study"
    (folder / "day2").mkdir(parents=True)
    face = np.asarray(Image.open(SAMPLE).convert("RGB").resize((192, 192)))
    Image.fromarray(face).save(folder / "a.png")
    Image.fromarray(np.roll(face, 9, 1)).save(folder / "day2" / "a.png")
    Image.new("RGB", (64, 64), "grey").save(folder / "c.png")
    with av.open(str(folder / "b.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 192, 192, "yuv420p", 2_000_000
        for k in range(7):
            picture = np.ascontiguousarray(np.roll(face, k, 1))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return folder


@pytest.fixture(scope="module", params=["csv", "parquet"])
def once(request, study, tmp_path_factory) -> Path:
    """Return the result of one run over all sources, with small row groups."""
    output = tmp_path_factory.mktemp("once") / f"all.{request.param}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("duchenne.results.parquet_rows.ROW_GROUP", 3)
        assert run(["detect", str(study), *AUS, "--output", str(output)]) == 0
    return output


@pytest.fixture(scope="module")
def shards(study, tmp_path_factory) -> Path:
    """Return a folder with the results of three shards of the run."""
    folder = tmp_path_factory.mktemp("three") / "results"
    for number in (3, 1, 2):
        assert shard(study, folder, f"{number}/3") == 0
    return folder


def shard(study: Path, folder: Path, which: str, *more: str) -> int:
    return run(["detect", str(study), *AUS, "--output-dir", str(folder), "--shard", which, *more])


def lying(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_merged_shards_have_the_bytes_and_the_record_of_one_run(study, once, tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.results.merged_results.ROW_GROUP", 3)
    form, folders = once.suffix[1:], [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders, 1):
        assert shard(study, folder, f"{number}/2", "--format", form) == 0
    merged = tmp_path / once.name
    assert run(["merge", *map(str, folders), "--output", str(merged)]) == 0
    assert merged.read_bytes() == once.read_bytes()
    one, other = (json.loads(Path(f"{path}.json").read_text()) for path in (once, merged))
    for name in ("sha256", "options", "weights", "fingerprint", "counts", "problems", "notes", "versions"):
        assert other[name] == one[name], name
    assert sorted(other["sources"], key=str) == sorted(one["sources"], key=str)
    assert lying(tmp_path) >= {once.name, f"{once.name}.json"}
    assert not [name for name in lying(tmp_path) if "part" in name]


def test_lines_of_json_are_joined_too(study, tmp_path):
    words = ["detect", str(study / "a.png"), str(study / "day2"), *AUS]
    assert run([*words, "--output", str(tmp_path / "once.jsonl")]) == 0
    for which in ("1/2", "2/2"):
        assert run([*words, "--output-dir", str(tmp_path / "out"), "--format", "jsonl", "--shard", which]) == 0
    assert run(["merge", str(tmp_path / "out"), "--output", str(tmp_path / "all.jsonl")]) == 0
    assert (tmp_path / "all.jsonl").read_bytes() == (tmp_path / "once.jsonl").read_bytes()


def test_a_manifest_names_sources_by_content_settings_and_results(study, shards):
    stored = json.loads((shards / "manifest-1-of-3.json").read_text())
    assert [source["name"] for source in stored["sources"]] == [str(study / "a.png"), str(study / "day2" / "a.png")]
    first = stored["sources"][0]
    assert first["record"]["sha256"] == content_of(study / "a.png").sha256
    assert first["result_sha256"] == content_of(shards / first["result"]).sha256
    assert stored["counts"] == {"sources": 2, "frames": 2, "faces": 2, "problems": 0}
    assert stored["options"]["aus"] == ["AU06", "AU12"]
    assert "version of onnxruntime" in stored["rests_on"]
    assert stored["ended"] >= stored["started"]


def test_shards_share_every_source_once(study):
    sources, _ = expand_sources([study])
    dealt = [source for number in (1, 2, 3) for source in Shard(number, 3).share(sources)]
    assert sorted(source.name for source in dealt) == sorted(source.name for source in sources)
    assert Shard(5, 9).share(sources) == []


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"])
def test_what_is_no_shard_is_refused(text, study, tmp_path, capsys):
    with pytest.raises(UsageError, match="no shard"):
        Shard.parse(text)
    assert run(["detect", str(study), "--output-dir", str(tmp_path / "out"), f"--shard={text}"]) == 2
    assert not (tmp_path / "out").exists()


def test_a_shard_goes_with_a_folder_and_without_an_overlay(study, tmp_path, capsys):
    assert run(["detect", str(study), "--output", str(tmp_path / "r.csv"), "--shard", "1/2"]) == 2
    words = ["--output-dir", str(tmp_path / "r"), "--overlay", str(tmp_path / "o"), "--shard", "1/2"]
    assert run(["detect", str(study), *words]) == 2
    assert capsys.readouterr().err.count("--output-dir") == 2


def test_a_finished_shard_does_nothing_again(study, shards):
    before = {path: path.stat().st_mtime_ns for path in shards.rglob("*.csv*")}
    assert shard(study, shards, "2/3") == 0
    assert {path: path.stat().st_mtime_ns for path in shards.rglob("*.csv*")} == before


def test_a_missing_shard_is_named(shards, tmp_path, capsys):
    two = shutil.copytree(shards, tmp_path / "two")
    (two / "manifest-2-of-3.json").unlink()
    assert run(["merge", str(two), "--output", str(tmp_path / "all.csv")]) == 1
    assert "The shard 2/3 is missing" in capsys.readouterr().err
    assert lying(tmp_path) == {f"two/{name}" for name in lying(two)}
    (two / "manifest-3-of-3.json").unlink()
    assert run(["merge", str(two), "--output", str(tmp_path / "all.csv")]) == 1
    assert "The shards 2/3, 3/3 are missing" in capsys.readouterr().err


def test_a_missing_or_altered_result_is_named(study, shards, tmp_path, capsys):
    some = shutil.copytree(shards, tmp_path / "some")
    (some / "b.csv").write_text("another table\n")
    assert run(["merge", str(some), "--output", str(tmp_path / "all.csv")]) == 1
    assert "b.csv: its content is not what shard 2/3 wrote" in " ".join(capsys.readouterr().err.split())
    (some / "b.csv").unlink()
    (some / "c.csv").unlink()
    assert run(["merge", str(some), "--output", str(tmp_path / "all.csv")]) == 1
    said = capsys.readouterr().err
    assert f"{study / 'b.mp4'} (shard 2/3)" in said
    assert f"{study / 'c.png'} (shard 3/3)" in said
    assert not (tmp_path / "all.csv").exists()


def test_a_stopped_shard_names_what_it_has_not_done(study, tmp_path, monkeypatch, capsys):
    from duchenne.commands.detect_report import Report

    def interrupting(self, source, *what):
        if Path(source.name).parent.name == "day2":
            raise KeyboardInterrupt

    monkeypatch.setattr(Report, "frame", interrupting)
    out = tmp_path / "out"
    assert [shard(study, out, which, "--workers", "1") for which in ("1/3", "2/3", "3/3")] == [130, 0, 0]
    monkeypatch.undo()
    merging = ["merge", str(out), "--output", str(tmp_path / "all.csv")]
    assert run(merging) == 1
    said = capsys.readouterr().err
    assert f"The source {study / 'day2' / 'a.png'} (shard 1/3) is missing" in " ".join(said.split())
    assert shard(study, out, "1/3") == 0
    assert run(merging) == 0


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("rests_on", {"step": 5}, "other settings than that of"),
        ("rests_on", {"version of onnxruntime": "0"}, "(version of onnxruntime)"),
        ("rests_on", {"weights landmarker.onnx": "0"}, "(weights landmarker.onnx)"),
        ("all_sources", "0", "another list of sources"),
    ],
)
def test_shards_of_different_runs_are_refused(shards, tmp_path, capsys, key, value, said):
    other = shutil.copytree(shards, tmp_path / "other")
    path = other / "manifest-2-of-3.json"
    stored = json.loads(path.read_text())
    stored[key] = {**stored[key], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(stored))
    assert run(["merge", str(other), "--output", str(tmp_path / "all.csv")]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "all.csv").exists()


def test_a_shard_with_other_options_does_not_join_a_folder(study, shards, tmp_path, capsys):
    out = shutil.copytree(shards, tmp_path / "out")
    for path in out.rglob("*.csv*"):
        path.unlink()
    assert shard(study, out, "1/3", "--largest-face") == 2
    assert "other settings" in capsys.readouterr().err
    (out / "manifest-1-of-3.json").write_text("precious")
    assert shard(study, out, "1/3") == 2
    assert (out / "manifest-1-of-3.json").read_text() == "precious"


def test_a_broken_source_is_reported_and_the_rest_is_merged(study, tmp_path, capsys):
    whole = shutil.copytree(study, tmp_path / "study")
    (whole / "a.png").write_bytes((study / "a.png").read_bytes()[:300])
    (whole / "b.mp4").write_bytes((study / "b.mp4").read_bytes()[:-900])
    assert run(["detect", str(whole), *AUS, "--output", str(tmp_path / "once.csv")]) == 1
    assert [shard(whole, tmp_path / "out", f"{k}/2") for k in (1, 2)] == [1, 1]
    assert run(["merge", str(tmp_path / "out"), "--output", str(tmp_path / "all.csv")]) == 1
    assert (tmp_path / "all.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()
    one, other = (json.loads((tmp_path / f"{name}.csv.json").read_text()) for name in ("once", "all"))
    assert sorted(other["problems"]) == sorted(one["problems"])
    assert other["counts"] == one["counts"]


def test_a_merged_result_takes_nobodys_place(shards, tmp_path, capsys):
    output = tmp_path / "all.csv"
    for path in (output, tmp_path / "all.csv.json"):
        path.write_text("precious")
        assert run(["merge", str(shards), "--output", str(output)]) == 2
        assert path.read_text() == "precious"
        path.unlink()
    output.write_text("precious")
    assert run(["merge", str(shards), "--output", str(output), "--overwrite"]) == 0
    assert output.read_text().startswith("source,")


def test_what_cannot_be_merged_is_explained(shards, tmp_path, capsys):
    assert run(["merge", str(tmp_path), "--output", str(tmp_path / "all.csv")]) == 2
    assert "no manifest" in capsys.readouterr().err
    assert run(["merge", str(shards), "--output", str(tmp_path / "all.jsonl")]) == 2
    assert "the shards hold .csv files" in capsys.readouterr().err
    assert run(["merge", str(shards), str(shards), "--output", str(tmp_path / "all.csv")]) == 2
    assert "are there twice" in capsys.readouterr().err
    assert run(["merge", str(shards)]) == run(["merge"]) == 2


# Rendered heads


@pytest.fixture
def drawn_quickly(monkeypatch):
    """Write the number of the file, or the name of the clip, instead of drawing it."""
    from duchenne.synthesis.sets import protocols, stills

    def still(plan, folder, number):
        (folder / stills.file_name(number)).write_text(f"{plan.seed} {number}")

    def clip(plan, folder, take):
        path = protocols._labels(plan, folder, take)
        for place in (folder / take.name / f"T{take.task}" / "1.jpg", path):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{plan.seed} {take.stem} {take.subject} {take.person.sex}")

    monkeypatch.setattr(stills, "_draw_file", still)
    monkeypatch.setattr(protocols, "_write", clip)


STILLS = ["--protocol", "stills", "--seed", "3"]
CLIPS = ["--protocol", "bp4d", "--seed", "3"]


@pytest.mark.parametrize(
    ("words", "whole", "shares"),
    [
        (STILLS, ["--count", "1200"], (["--count", "500"], ["--first", "500", "--count", "700"])),
        (CLIPS, ["--subjects", "5"], (["--subjects", "2"], ["--first", "2", "--subjects", "3"])),
    ],
)
def test_shares_of_a_rendered_set_are_the_files_of_one_rendering(tmp_path, drawn_quickly, words, whole, shares):
    assert run(["render", str(tmp_path / "once"), *words, *whole]) == 0
    expected = {name: (tmp_path / "once" / name).read_bytes() for name in lying(tmp_path / "once")}
    assert len(expected) > 5
    for number, share in enumerate(shares):
        assert run(["render", str(tmp_path / f"part{number}"), *words, *share]) == 0
        assert run(["render", str(tmp_path / "shared"), *words, *share]) == 0
    parts = [str(tmp_path / "part1"), str(tmp_path / "part0")]
    assert run(["merge", *parts, "--output-dir", str(tmp_path / "all")]) == 0
    for folder in ("all", "shared"):
        assert {name: (tmp_path / folder / name).read_bytes() for name in lying(tmp_path / folder)} == expected
    assert run(["merge", parts[0], "--output-dir", str(tmp_path / "some")]) == 1
    assert not (tmp_path / "some").exists()


def test_sets_that_do_not_belong_together_are_refused(tmp_path, drawn_quickly, capsys):
    one, other = tmp_path / "one", tmp_path / "other"
    assert run(["render", str(one), *STILLS, "--count", "250"]) == 0
    assert run(["render", str(other), "--seed", "4", "--first", "250", "--count", "250"]) == 0
    assert run(["merge", str(one), str(other), "--output-dir", str(tmp_path / "all")]) == 2
    assert "another plan" in capsys.readouterr().err
    twin = shutil.copytree(one, tmp_path / "twin")
    (twin / "stills-00000.parquet").write_text("another picture")
    assert run(["merge", str(one), str(twin), "--output-dir", str(tmp_path / "all")]) == 1
    assert "differ" in capsys.readouterr().err
    assert run(["merge", str(tmp_path), "--output-dir", str(tmp_path / "all")]) == 2
    assert run(["render", str(one), *STILLS, "--first", "100"]) == 2
    assert "within a file" in capsys.readouterr().err
    assert run(["render", str(one), "--protocol", "interviews", "--first", "1"]) == 2


def test_a_plan_without_any_picture_lacks_its_first_file(tmp_path, drawn_quickly, capsys):
    assert run(["render", str(tmp_path / "part"), *STILLS, "--count", "250"]) == 0
    (tmp_path / "part" / "stills-00000.parquet").unlink()
    assert run(["merge", str(tmp_path / "part"), "--output-dir", str(tmp_path / "all")]) == 1
    assert "stills-00000.parquet: missing" in capsys.readouterr().err


def test_what_was_drawn_is_named(tmp_path, drawn_quickly):
    for protocol in ("bp4d", "fera17"):
        assert render(tmp_path / protocol, protocol=protocol, subjects=1).what == "clips"
    assert render(tmp_path / "stills", count=1).what == "pictures"


def test_a_stopped_clip_is_named(tmp_path, drawn_quickly, capsys):
    assert run(["render", str(tmp_path / "part"), *CLIPS, "--subjects", "2"]) == 0
    (last,) = tmp_path.rglob("M001_T8.csv")
    last.unlink()
    assert run(["merge", str(tmp_path / "part"), "--output-dir", str(tmp_path / "all")]) == 1
    assert "M001_T8: missing" in capsys.readouterr().err


def test_a_share_leaves_what_another_is_writing(tmp_path, drawn_quickly):
    tmp_path.joinpath(".stills-00000.parquet.99").write_text("being written")
    tmp_path.joinpath(".stills-00001.parquet.98").write_text("left behind")
    assert run(["render", str(tmp_path), *STILLS, "--first", "250", "--count", "250"]) == 0
    assert lying(tmp_path) == {".stills-00000.parquet.99", "plan.json", "stills-00001.parquet"}


# The scripts of the documentation

SCRIPTS = ROOT / "docs" / "cluster"
DUCHENNE = """#!/bin/sh
exec {python} -c "import sys; sys.argv[0] = 'duchenne'; from duchenne.commands import main; main()" "$@"
"""


@pytest.fixture
def shell(study, tmp_path) -> dict[str, str]:
    """Return an environment in which `duchenne` is this one and the study is where the scripts look for it."""
    command = tmp_path / "bin" / "duchenne"
    command.parent.mkdir()
    command.write_text(DUCHENNE.format(python=sys.executable))
    command.chmod(0o755)
    (tmp_path / "videos").symlink_to(study)
    return {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_slurm_script_does_one_shard_for_each_task(study, tmp_path, shell):
    script = str(SCRIPTS / "detect_array.sh")
    subprocess.run(["bash", "-n", script], check=True)
    for task in ("1", "2"):
        told = {**shell, "SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1"}
        subprocess.run(["bash", script], check=True, cwd=tmp_path, env=told, capture_output=True)
    subprocess.run(["duchenne", "merge", "results", "-o", "all.csv", "-q"], check=True, cwd=tmp_path, env=shell)
    assert (tmp_path / "all.csv").read_text().count("videos/b.mp4") == 7


def test_the_snakemake_rules_name_every_shard_and_what_duchenne_understands(tmp_path, shell):
    text = (SCRIPTS / "Snakefile").read_text()
    for word in ("duchenne detect", "--shard {wildcards.shard}/", "--output-dir", "duchenne merge results"):
        assert word in text
    snakemake = shutil.which("snakemake")
    if snakemake is None:
        pytest.skip("needs snakemake to try the rules")
    words = [snakemake, "--snakefile", str(SCRIPTS / "Snakefile"), "--dry-run", "--cores", "1"]
    done = subprocess.run(words, check=True, cwd=tmp_path, env=shell, capture_output=True, text=True)
    assert "merge" in done.stdout
