"""The check of the built documentation finds dead links and what other hosts would be asked for."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "check_site.py"


@pytest.fixture
def faults():
    spec = importlib.util.spec_from_file_location("check_site", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.faults


@pytest.fixture
def site(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="deep/page.html#part">x</a> <a href="https://example.org/">x</a> <a href="#top">x</a><p id="top">x</p>'
        '<link rel="canonical" href="https://example.org/"><link rel="stylesheet" href="style.css">'
    )
    (tmp_path / "deep" / "page.html").write_text('<h2 id="part">x</h2> <a href="..">x</a>')
    (tmp_path / "style.css").write_text("p { background: url(picture.png) }")
    return tmp_path


def test_a_sound_site_has_no_faults(faults, site):
    assert faults(site) == []


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<a href="gone.html">x</a>', "gone.html leads nowhere"),
        ('<a href="index.html#gone">x</a>', "index.html#gone leads nowhere"),
        ('<img src="gone.png">', "gone.png leads nowhere"),
        ('<script src="https://example.org/x.js"></script>', "https://example.org/x.js is loaded from another host"),
        ('<img src="//example.org/x.png">', "//example.org/x.png is loaded from another host"),
    ],
)
def test_what_is_wrong_is_named(faults, site, page, expected):
    (site / "wrong.html").write_text(page)
    assert faults(site) == [f"wrong.html: {expected}"]


def test_styles_ask_no_other_host(faults, site):
    (site / "style.css").write_text("@import 'https://example.org/a.css'; p { background: url(//example.org/b.png) }")
    assert faults(site) == [
        "style.css: //example.org/b.png is loaded from another host",
        "style.css: https://example.org/a.css is loaded from another host",
    ]


def test_an_empty_folder_is_no_site(faults, tmp_path):
    assert len(faults(tmp_path)) == 1


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_outside_the_site_lead_to_files(page):
    """Or to addresses of the project, of which pyproject.toml holds none yet: none is invented."""
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("urls", {}).values()
    links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists() and not link.startswith(tuple(urls))] == []
