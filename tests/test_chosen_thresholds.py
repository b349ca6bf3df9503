"""What users ask of --thresholds: names, numbers, files; what is wrong is named."""

import json

import pytest

from duchenne.chosen_thresholds import check_thresholds, read_thresholds, thresholds_from
from duchenne.errors import UsageError

AUS = ("AU01", "AU02")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["balanced"], "balanced"),
        (["f1"], "f1"),
        (["0.3"], {"AU01": 0.3, "AU02": 0.3}),
        (["0.3", "au02=.7"], {"AU01": 0.3, "AU02": 0.7}),
        (["AU02=.7", "0.3"], {"AU01": 0.3, "AU02": 0.7}),
        (["0.3, 2=.7"], {"AU01": 0.3, "AU02": 0.7}),
        (["AU12=0.6,AU06=0.5"], {"AU12": 0.6, "AU06": 0.5}),
    ],
)
def test_words_are_read(words, expected):
    assert thresholds_from(words, AUS) == expected


def test_one_action_unit_wins_over_a_file_and_that_over_a_number_for_all(tmp_path):
    (tmp_path / "t.csv").write_text("au,threshold\nAU01,0.4\nAU12,0.5\n")
    found = thresholds_from(["AU12=0.9", str(tmp_path / "t.csv"), "0.1"], ("AU01", "AU02", "AU12"))
    assert found == {"AU01": 0.4, "AU02": 0.1, "AU12": 0.9}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["AU12=much"], "'AU12=much' is not a number"),
        (["best"], "'best' is not a number. Write balanced or f1"),
        (["f1", "0.3"], "'f1' cannot be combined with others; also found: 0.3"),
        (["balanced", "f1"], "'balanced' cannot be combined with others; also found: f1"),
        (["f1,AU12=0.3"], "'f1' is not a number"),
        (["AU99=0.3"], "AU99"),
        (["=0.3"], "action units is empty"),
        (["AU12 AU06=0.3"], "names 2 action units"),
        (["AU12=0.3,"], "'' is not a number"),
    ],
)
def test_words_that_mean_nothing_are_named(words, message):
    with pytest.raises(UsageError, match=message):
        thresholds_from(words, AUS)


@pytest.mark.parametrize(
    "content",
    [
        "au,threshold\n12,0.6\nAU06,.5\n",
        "\ufeffthreshold, kappa, au\n0.6,.9,AU12\n0.5,,au6\n",
        '"au","threshold"\r\n"AU12","0.6"\r\n"AU06","0.5"\r\n',
    ],
)
def test_a_csv_is_read(tmp_path, content):
    (tmp_path / "t.CSV").write_text(content, encoding="utf-8", newline="")
    assert read_thresholds(tmp_path / "t.CSV") == {"AU12": 0.6, "AU06": 0.5}


def test_a_json_file_is_read(tmp_path):
    records = [{"au": "AU12", "threshold": 0.6, "kappa": 1}, {"au": "AU06", "threshold": 0.5}]
    (tmp_path / "t.json").write_text(json.dumps(records))
    assert read_thresholds(tmp_path / "t.json") == {"AU12": 0.6, "AU06": 0.5}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "AU12,0.6\n", r"one column au and one column threshold; found: AU12, 0\.6"),
        ("t.csv", "", "found: none"),
        ("t.csv", "au;threshold\nAU12;0.6\n", "found: au;threshold"),
        ("t.csv", "au,threshold\n", "holds no threshold"),
        ("t.csv", "au,threshold\nAU12,\n", "line 2: the threshold '' of AU12 is not a number"),
        ("t.csv", "au,threshold\nAU12\n", "line 2: the threshold '' of AU12 is not a number"),
        ("t.csv", "au,threshold\nAU06,0.5\nAU12,1.6\n", r"t\.csv: The threshold of AU12 is 1\.6"),
        ("t.csv", "au,threshold\nAU12,nan\n", "between 0 and 1"),
        ("t.csv", "au,threshold\nAU12,.5\nAU44,.5\n", "line 3: There is no action unit 'AU44'"),
        ("t.csv", "au,threshold\nAU12,.5\n12,.6\n", "line 3: AU12 has a threshold already"),
        ("t.csv", "au,threshold\nAU6 AU12,.5\n", "line 2 names 2 action units"),
        ("t.json", "{", "is not JSON"),
        ("t.json", '{"AU12": 0.6}', "is not a list of thresholds"),
        ("t.json", '[{"au": "AU12"}]', "is not a list of thresholds"),
        ("t.json", '[{"au": "AU12", "threshold": null}]', "entry 1: the threshold None of AU12 is not a number"),
        ("t.json", "[]", "holds no threshold"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message) as error:
        read_thresholds(tmp_path / name)
    assert name in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.json cannot be read"):
        read_thresholds(tmp_path / "nowhere.json")
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"t\.csv cannot be read"):
        read_thresholds(tmp_path / "t.csv")


def test_thresholds_of_no_action_unit_and_beyond_1_are_refused():
    with pytest.raises(UsageError, match="mine: There is no action unit 'AU99'"):
        check_thresholds({"AU99": 0.5}, "mine: ")
    with pytest.raises(UsageError, match=r"AU12 is -0\.1"):
        check_thresholds({"AU12": -0.1})
