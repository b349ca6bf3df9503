"""The report: one page that works offline, holds what the results say and shows nobody unless asked."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import pandas as pd
import pytest
from PIL import Image

from duchenne.commands import run
from duchenne.study import results
from duchenne.study.report import pdf
from test_study_people import WHO, two_videos


class Page(HTMLParser):
    """Collects the addresses, the text, the tags and the rows of tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.in_cell = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data") and value]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.in_cell = True

    def handle_data(self, data):
        self.text.append(data)
        if self.in_cell:
            self.rows[-1][-1] += data.strip()

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("td", "th")


@pytest.fixture
def named(tmp_path):
    table = two_videos()
    table.insert(4, "person", ["anna"] * 4 + ["<img src=x>"] * 8 + ["anna"] * 4)
    table.to_csv(tmp_path / "study.csv", index=False)
    return tmp_path / "study.csv"


def written(path, *more: str) -> Page:
    output = path.with_name("report.html")
    assert run(["report", str(path), "--output", str(output), "--overwrite", *more]) == 0
    return Page(output.read_text(encoding="utf-8"))


def test_the_page_asks_nothing_of_the_network(named):
    page = written(named)
    assert [address for address in page.addresses if not address.startswith(("data:image/", "#"))] == []
    assert "link" not in page.tags
    assert "default-src 'none'" in named.with_name("report.html").read_text(encoding="utf-8")


def test_the_page_says_what_the_result_says(named):
    rows = written(named).rows
    smiles = next(row for row in rows if row[:2] == ["anna", "AU12"])
    assert smiles[3:5] == ["8", "12.5%"]
    assert next(row for row in rows if row[:2] == ["<img src=x>", "AU12"])[4] == "37.5%"
    assert next(row for row in rows if row[:2] == ["anna", "a.mp4"])[4:6] == ["4", "4 (100%)"]


def test_names_are_text_and_never_markup(named):
    page = written(named)
    assert page.tags.count("img") == 4  # The strips of the four time lines.
    data = re.search(r'id="line-data">(.*?)</script>', named.with_name("report.html").read_text(encoding="utf-8"), re.S)
    lines = json.loads(data.group(1))
    assert {line["person"] for line in lines} == {"anna", "<img src=x>"}
    smiles = {(line["person"], line["source"]): line["values"][line["aus"].index("AU12")] for line in lines}
    assert smiles["anna", "a.mp4"] == [3, 0, 0, 0]
    assert smiles["<img src=x>", "a.mp4"] == [3, 3, 0, 0]


def test_faces_are_shown_only_when_asked_for(tmp_path):
    Image.new("RGB", (100, 50), "red").save(tmp_path / "a.png")
    table = two_videos().query("source == 'a.mp4' and frame == 0").assign(source=str(tmp_path / "a.png"))
    table.to_csv(tmp_path / "one.csv", index=False)
    pictures = [sum("jpeg" in a for a in written(tmp_path / "one.csv", *more).addresses) for more in ([], ["--faces"])]
    assert pictures == [0, 2]


def test_a_source_that_is_gone_leaves_its_faces_out_with_a_word(named, capsys):
    written(named, "--faces")
    assert "a.mp4: there is no such file" in capsys.readouterr().err


def test_mixed_sources_without_people_are_said_on_the_page(tmp_path, capsys):
    two_videos().to_csv(tmp_path / "study.csv", index=False)
    page = written(tmp_path / "study.csv")
    assert "mixes 2 sources" in " ".join(page.text)
    assert "mixes 2 sources" in capsys.readouterr().err
    WHO.to_csv(tmp_path / "who.csv", index=False)
    page = written(tmp_path / "study.csv", "--people", str(tmp_path / "who.csv"))
    assert "mixes" not in " ".join(page.text)


def test_the_description_of_the_run_is_shown_or_its_absence_said(named):
    assert "No description of the run" in " ".join(written(named).text)
    facts = {"version": "0.1.0", "weights": {"au_compact.onnx": "0123abcd"}, "sources": [{"name": "a.mp4"}]}
    named.with_name("study.csv.json").write_text(json.dumps(facts))
    rows = written(named).rows
    assert ["weights.au_compact.onnx", "0123abcd"] in rows
    assert ["sources 1.name", "a.mp4"] in rows


def test_results_without_visibility_are_said_on_the_page(named):
    table = pd.read_csv(named)
    table.drop(columns=[name for name in table if name.startswith("v_")]).to_csv(named, index=False)
    assert "nothing counts as hidden" in " ".join(written(named).text)


def test_frames_without_a_face_count_where_the_description_tells_of_them(named):
    sources = [{"name": "a.mp4", "frames": 40}, {"name": "b.mp4", "frames": 4}]
    named.with_name("study.csv.json").write_text(json.dumps({"named_from": [{"run": {"sources": sources}}]}))
    page = written(named)
    assert next(row for row in page.rows if row[:2] == ["anna", "a.mp4"])[4:6] == ["40", "4 (10%)"]
    assert "those that were looked at" in " ".join(page.text)


def test_what_is_left_out_is_counted(named):
    named.with_name("talk.csv").write_text("file,label,onset_s,offset_s\na.mp4,speech,0.0,0.2\n")
    rows = written(named, "--exclude", f"{named.with_name('talk.csv')}:speech").rows
    assert ["anna", "2", "25%"] in rows
    assert next(row for row in rows if row[:2] == ["anna", "AU12"])[3:5] == ["6", "0.0%"]
    assert next(row for row in rows if row[:2] == ["anna", "AU06"])[3] == "8"


def test_what_is_left_out_is_a_share_of_each_persons_own_frames(named):
    table = pd.read_csv(named)
    table[~((table["person"] != "anna") & (table["source"] == "b.mp4"))].to_csv(named, index=False)
    speech = "".join(f"{name}.mp4,speech,0.0,0.2\n" for name in "ab")
    named.with_name("talk.csv").write_text(f"file,label,onset_s,offset_s\n{speech}")
    rows = written(named, "--exclude", f"{named.with_name('talk.csv')}:speech").rows
    assert ["anna", "4", "50%"] in rows
    assert ["<img src=x>", "2", "50%"] in rows


def test_the_numbers_go_to_a_table_too(named):
    path = named.with_name("per_person.csv")
    assert ["anna", "AU12"] in [row[:2] for row in written(named, "--table", str(path)).rows]
    with path.open(newline="", encoding="utf-8") as file:
        rows = {(row["person"], row["au"]): row for row in csv.DictReader(file)}
    assert {person for person, _ in rows} == {"anna", "<img src=x>"}
    table = pd.read_csv(named)
    calls = table[table["person"] == "anna"]["AU12_c"]
    assert float(rows["anna", "AU12"]["rate"]) == pytest.approx((calls == 1).mean())
    assert run(["report", str(named), "--output", str(named.with_name("r2.html")), "--table", str(path)]) == 2


def test_tables_of_agreement_are_shown(named):
    named.with_name("agreement.csv").write_text("\ufeffau,kappa,kappa_low,kappa_high\nAU12,0.81234,0.5,1\nAU06,0.1,,\n")
    rows = written(named, "--agreement", str(named.with_name("agreement.csv"))).rows
    heads = rows.index(["au", "kappa"])
    assert rows[heads + 1 : heads + 3] == [["AU12", "0.812 (0.500 to 1)"], ["AU06", "0.100"]]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "Name the results"),
        (["gone.csv"], 1, "gone.csv cannot be read"),
        (["STUDY", "--output", "report.txt"], 2, "known are .html"),
        (["STUDY", "--agreement", "gone.csv"], 1, "gone.csv cannot be read"),
    ],
)
def test_what_cannot_be_reported_is_named(named, capsys, monkeypatch, words, code, message):
    monkeypatch.chdir(named.parent)
    assert run(["report", *(str(named) if word == "STUDY" else word for word in words)]) == code
    assert message in capsys.readouterr().err


def test_several_results_are_one_study_and_each_is_read_once(named, monkeypatch):
    table, read, paths = pd.read_csv(named), [], []
    for source, own in table.groupby("source"):
        paths.append(named.with_name(f"{source}.csv"))
        own.to_csv(paths[-1], index=False)
    whole = written(named).rows
    monkeypatch.setattr(
        results, "_read", lambda path, columns, of=results._read: read.append(path) or of(path, columns)
    )
    apart = written(paths[0], str(paths[1])).rows
    assert read == paths
    judged = [row for row in whole if len(row) > 1 and row[1].startswith("AU")]
    assert judged
    assert [row for row in apart if len(row) > 1 and row[1].startswith("AU")] == judged


def test_a_result_without_faces_is_refused(named, capsys):
    pd.read_csv(named).iloc[:0].to_csv(named, index=False)
    assert run(["report", str(named), "--output", str(named.with_name("r.html"))]) == 1
    assert "no faces" in capsys.readouterr().err


def test_without_a_browser_no_pdf_and_no_page(named, capsys, monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf, "_PLACES", ())
    output = named.with_name("r.html")
    assert run(["report", str(named), "--output", str(output), "--pdf"]) == 1
    assert "no browser was found" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser to print with")
def test_the_page_is_printed(named):
    written(named, "--pdf")
    assert named.with_name("report.pdf").read_bytes().startswith(b"%PDF-")
