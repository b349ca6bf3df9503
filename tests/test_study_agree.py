"""Agreement, events and samples of results whose truth is known, since the results are made of it."""

import csv
import itertools

import numpy as np
import pandas as pd
import pympi
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from duchenne.chosen_thresholds import read_thresholds
from duchenne.commands import run
from duchenne.errors import StudyError, UsageError
from duchenne.measures.intervals import Bootstrap
from duchenne.study import agree, events, read_codes, read_results, results, sample, summary, with_people
from duchenne.study.agreement.settings import AgreeSettings
from duchenne.study.au_events import EventSettings
from duchenne.study.coding_sample import SampleSettings
from duchenne.study.codings.coding import CodedAU, CodedEvent, CodedSpan, coding_from
from duchenne.study.exclusion import Exclusion
from duchenne.study.judgeable import VISIBILITY
from duchenne.study.matched_files import match_files
from duchenne.study.results import Wanted

FPS = 25
QUICK = AgreeSettings(bootstrap=Bootstrap(50))


def grades(seed, frames=1000, events=8):
    """Return a grade 0-5 for each frame: some events of a second or two."""
    rng, found = np.random.default_rng(seed), np.zeros(frames, int)
    for start in rng.integers(0, frames - 60, events):
        found[start : start + int(rng.integers(15, 50))] = rng.integers(2, 6)
    return found


def result_of(truth, source="clips/anna.mp4", face=0, seed=0, noise=0.8):
    """Return a result that sees the grades of each AU with noise."""
    n = len(next(iter(truth.values())))
    rng = np.random.default_rng(seed)
    table = {"source": source, "frame": np.arange(n), "timestamp_s": np.round(np.arange(n) / FPS, 6), "face_id": face}
    table |= {"confidence": 0.9, "yaw_deg": 0.0, "pitch_deg": 0.0, "roll_deg": 0.0}
    for au, graded in truth.items():
        seen = np.clip(graded + rng.normal(0, noise, n), 0, 5)
        probability = np.round(1 / (1 + np.exp(2 - 1.5 * seen)), 4)
        table |= {f"{au}_p": probability, f"{au}_c": (probability >= 0.5).astype(int), f"{au}_i": seen.round(2)}
    return pd.DataFrame(table)


def codes_of(truth, file="anna.mp4", person="", late_s=0.0):
    """Return the codes of somebody who sees the grades as they are."""
    found = []
    for au, graded in truth.items():
        edges = np.flatnonzero(np.diff(graded, prepend=-1, append=-1))
        for start, end in itertools.pairwise(edges):
            if graded[start]:
                times = (start / FPS + late_s, end / FPS + late_s)
                found.append(CodedEvent(file, person, au, *times, float(graded[start])))
    return coding_from(found, [CodedAU(file, person, au) for au in truth])


TRUTH = {"AU06": grades(1), "AU12": grades(2), "AU15": np.zeros(1000, int)}


def row_of(found, au):
    return found.table.set_index("au").loc[au]


@pytest.mark.parametrize(("videos", "named"), [(5, "v0, v1, v2, v3, v4."), (6, "v0, v1, v2, v3, v4 ...")])
def test_the_first_five_uncoded_videos_are_named(videos, named):
    (note,) = match_files([*(f"v{number}" for number in range(videos)), "coded"], ["coded"]).notes
    assert note.startswith(f"{videos} of {videos + 1} videos")
    assert named in note


def test_measures_are_those_of_scikit_learn_frame_by_frame():
    table = result_of(TRUTH)
    row = row_of(agree(table, codes_of(TRUTH), QUICK), "AU12")
    truth = TRUTH["AU12"] > 0
    assert row["frames"] == 1000
    assert row["kappa"] == pytest.approx(cohen_kappa_score(truth, table["AU12_c"]))
    assert row["area"] == pytest.approx(roc_auc_score(truth, table["AU12_p"]))
    letters = np.floor(table["AU12_i"] + 0.5).astype(int)
    assert row["weighted_kappa"] == pytest.approx(
        cohen_kappa_score(TRUTH["AU12"], letters, weights="quadratic"), abs=1e-6
    )


def test_an_action_unit_that_nobody_sees_has_no_kappa():
    row = row_of(agree(result_of(TRUTH, noise=0.0), codes_of(TRUTH), QUICK), "AU15")
    assert pd.isna(row["kappa"])
    assert pd.isna(row["facs_ratio"])
    assert row["percent_agreement"] == 1.0


def test_codes_are_counted_only_where_they_were_made():
    codes = coding_from(codes_of(TRUTH).events, codes_of(TRUTH).coded, [CodedSpan("anna.mp4", "", 10.0, 20.0)])
    found = agree(result_of(TRUTH), codes, QUICK)
    assert set(found.table["frames"]) == {250}
    table = result_of(TRUTH).iloc[250:500]
    assert row_of(found, "AU12")["kappa"] == pytest.approx(
        cohen_kappa_score(TRUTH["AU12"][250:500] > 0, table["AU12_c"])
    )


def test_weights_of_a_sample_count_frames_several_times():
    spans = [CodedSpan("anna.mp4", "", 0.0, 20.0, 3.0), CodedSpan("anna.mp4", "", 20.0, 40.0, 1.0)]
    codes = coding_from(codes_of(TRUTH).events, codes_of(TRUTH).coded, spans)
    weight = np.repeat([3, 1], 500)
    expected = cohen_kappa_score(TRUTH["AU12"] > 0, result_of(TRUTH)["AU12_c"], sample_weight=weight)
    assert row_of(agree(result_of(TRUTH), codes, QUICK), "AU12")["kappa"] == pytest.approx(expected)


def test_what_is_not_scorable_or_hidden_is_left_out():
    table = result_of(TRUTH)
    table.loc[:99, "AU12_c"] = 9
    unseen = CodedEvent("anna.mp4", "", "AU12", 36.0, 40.0, scorable=False)
    codes = coding_from([*codes_of(TRUTH).events, unseen], codes_of(TRUTH).coded)
    found = agree(table, codes, QUICK)
    assert row_of(found, "AU12")["frames"] == 800
    assert row_of(found, "AU06")["frames"] == 1000


@pytest.mark.parametrize("late_s", [2.4, -3.2])
def test_clocks_that_differ_are_found_and_offered(late_s):
    codes = codes_of(TRUTH, late_s=late_s)
    found = agree(result_of(TRUTH), codes, QUICK)
    assert [one.seconds for one in found.shifts] == pytest.approx([-late_s], abs=0.05)
    assert any(f"--shift {-late_s:+.2f}" in note for note in found.notes)
    moved = agree(result_of(TRUTH), codes, AgreeSettings(bootstrap=Bootstrap(0), find_shifts=True))
    plain = agree(result_of(TRUTH), codes_of(TRUTH), QUICK)
    assert row_of(moved, "AU12")["kappa"] == pytest.approx(row_of(plain, "AU12")["kappa"], abs=0.03)
    assert not plain.shifts


def test_what_has_no_partner_is_named_and_the_rest_is_done():
    table = pd.concat([result_of(TRUTH), result_of(TRUTH, "clips/ben.mp4"), result_of(TRUTH, "clips/ben.mp4", face=1)])
    both = [codes_of(TRUTH, file) for file in ("anna.mp4", "ben.mp4", "carl.mp4")]
    codes = coding_from([one for each in both for one in each.events], [one for each in both for one in each.coded])
    found = agree(table.reset_index(drop=True), codes, QUICK)
    told = "\n".join(found.notes)
    assert found.units == 1
    assert "carl.mp4: coded, but not in the result" in told
    assert "ben.mp4: who is who is not clear" in told
    with pytest.raises(StudyError, match=r"carl\.mp4: coded, but not in the result"):
        agree(result_of(TRUTH), both[2], QUICK)


def test_persons_are_matched_by_name():
    other = {au: graded[::-1].copy() for au, graded in TRUTH.items()}
    table = pd.concat([result_of(TRUTH), result_of(other, face=1)], ignore_index=True)
    table["person"] = pd.Series(np.where(table["face_id"] == 0, "Anna", "ben"), dtype="category")
    both = [codes_of(TRUTH, person="anna"), codes_of(other, person="ben")]
    codes = coding_from([one for each in both for one in each.events], [one for each in both for one in each.coded])
    found = agree(table, codes, QUICK)
    assert found.units == 2
    assert row_of(found, "AU12")["kappa"] > 0.7
    assert row_of(found, "AU12")["kappa_low"] <= row_of(found, "AU12")["kappa"] <= row_of(found, "AU12")["kappa_high"]


def test_coder_against_coder_and_against_frames():
    codes = codes_of(TRUTH)
    assert row_of(agree(codes, codes, QUICK), "AU12")["kappa"] == 1.0
    late = agree(codes, codes_of(TRUTH, late_s=0.2), QUICK)
    assert row_of(late, "AU12")["onset_difference_s"] == pytest.approx(-0.2)
    assert row_of(late, "AU12")["onset_agreement"] == 1.0
    strict = agree(codes, codes_of(TRUTH, late_s=0.2), AgreeSettings(tolerance_s=0.1, bootstrap=Bootstrap(0)))
    assert row_of(strict, "AU12")["onset_agreement"] < 0.5
    table = result_of(TRUTH)
    assert row_of(agree(table, result_of(TRUTH, "anna.csv"), QUICK), "AU12")["kappa"] == 1.0


def test_stretches_of_speech_are_left_out_of_the_lower_face():
    out = Exclusion({"anna.mp4": np.array([[0.0, 8.0]])})
    found = agree(result_of(TRUTH), codes_of(TRUTH), AgreeSettings(exclude=out, bootstrap=Bootstrap(0)))
    assert row_of(found, "AU12")["frames"] == 800
    assert row_of(found, "AU06")["frames"] == 1000
    seconds = found.left_out.set_index("au")["left_out_s"]
    assert seconds.to_dict() == {"AU06": 0.0, "AU12": 8.0, "AU15": 8.0}


def test_advice_is_kept_only_where_it_helps_on_others(tmp_path):
    tables, codings = [], []
    for k in range(5):
        truth = {"AU06": grades(10 + k), "AU12": grades(20 + k)}
        table = result_of(truth, f"v{k}.mp4", seed=k)
        table["AU12_c"] = (table["AU12_p"] >= 0.98).astype(int)
        tables.append(table)
        codings.append(codes_of(truth, f"v{k}.mp4"))
    table = pd.concat(tables, ignore_index=True)
    table["AU06_c"] = (table["AU06_p"] >= 0.6).astype(int)
    table.to_csv(tmp_path / "result.csv", index=False)
    rows = [[one.file, one.au, one.onset_s, one.offset_s] for coding in codings for one in coding.events]
    pd.DataFrame(rows, columns=["file", "au", "onset_s", "offset_s"]).to_csv(tmp_path / "codes.csv", index=False)
    words = [str(tmp_path / "result.csv"), str(tmp_path / "codes.csv"), "--draws", "20"]
    assert run(["agree", *words, "--advice", str(tmp_path / "mine.csv"), "-o", str(tmp_path / "agreement.csv")]) == 0
    found = read_thresholds(tmp_path / "mine.csv")
    assert found["AU12"] < 0.9
    with (tmp_path / "agreement.csv").open() as file:
        assert {"au", "kappa", "kappa_low", "kappa_high", "icc", "facs_ratio"} <= set(next(csv.reader(file)))
    table["AU12_c"] = (table["AU12_p"] >= found["AU12"]).astype(int)
    truth = np.concatenate([grades(20 + k) for k in range(5)]) > 0
    assert cohen_kappa_score(truth, table["AU12_c"]) > cohen_kappa_score(truth, table["AU12_p"] >= 0.98)


def test_events_by_hand():
    p = [0.1, 0.6, 0.9, 0.45, 0.1, 0.1, 0.7, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.6, 0.6, 0.6]
    table = pd.DataFrame(
        {"source": "a.mp4", "frame": range(17), "timestamp_s": np.arange(17) / 10, "face_id": 0, "AU12_p": p}
    )
    table["AU12_c"] = (table["AU12_p"] >= 0.5).astype(int)

    def times(**settings):
        return events(table, EventSettings(**settings))[["onset_s", "apex_s", "offset_s"]].round(3).to_numpy().tolist()

    first, last = (
        [0.1, 0.2, 0.7],
        [1.4, 1.4, 1.7],
    )  # .45 is above .7 of .6; the gap of .2 s to the frame at .6 s closes.
    assert times(leave=0.7) == [first, last]
    assert times(leave=1.0, max_gap_s=0.0) == [[0.1, 0.2, 0.3], [0.6, 0.6, 0.7], last]
    assert times(leave=1.0, max_gap_s=0.0, min_duration_s=0.2) == [[0.1, 0.2, 0.3], last]
    assert times(leave=1.0, max_gap_s=0.0, thresholds={"AU12": 0.65}) == [[0.2, 0.2, 0.3], [0.6, 0.6, 0.7]]
    assert events(table, EventSettings(leave=0.7))["complete"].tolist() == [True, False]
    table.loc[2, "AU12_c"] = 9
    assert events(table, EventSettings(leave=1.0, max_gap_s=0.05))["frames"].tolist() == [1, 1, 3]
    with pytest.raises(UsageError, match="share between 0 and 1"):
        EventSettings(leave=0.0)


def test_events_are_cut_or_marked_where_people_talk():
    table = result_of({"AU06": np.full(100, 4), "AU12": np.full(100, 4)}, noise=0.0)
    out = Exclusion({"anna.mp4": np.array([[1.0, 2.0]])})
    cut = events(table, exclude=out)
    assert cut.groupby("au")["duration_s"].sum().round(2).to_dict() == {"AU06": 4.0, "AU12": 3.0}
    marked = events(table, exclude=out, mark=True)
    assert marked.set_index("au")["excluded_share"].to_dict() == {"AU06": 0.0, "AU12": 0.25}


def test_events_go_to_elan_and_boris_and_come_back(tmp_path, capsys):
    result_of(TRUTH).to_csv(tmp_path / "result.csv", index=False)
    words = [
        "events",
        str(tmp_path / "result.csv"),
        "--elan",
        str(tmp_path / "elan"),
        "--boris",
        str(tmp_path / "b.boris"),
    ]
    assert run([*words, "--output", str(tmp_path / "events.csv")]) == 0
    table = pd.read_csv(tmp_path / "events.csv")
    document = pympi.Elan.Eaf(str(tmp_path / "elan" / "anna.eaf"))
    tier = sorted(document.get_annotation_data_for_tier("face 0 AU12"))
    own = table[table["au"] == "AU12"]
    assert [one[0] / 1000 for one in tier] == pytest.approx(own["onset_s"].tolist(), abs=5e-4)
    assert [one[1] / 1000 for one in tier] == pytest.approx(own["offset_s"].tolist(), abs=5e-4)
    for path in (tmp_path / "b.boris", tmp_path / "events.csv"):
        back = [one for one in read_codes([path]).events if one.au == "AU12"]
        assert [one.onset_s for one in back] == pytest.approx(own["onset_s"].tolist(), abs=5e-4)
    assert run(words) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_names_in_the_table_of_events_are_shown_never_obeyed(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    table = result_of(TRUTH, source="clips\\[red]an\x1b[2Jna.mp4")
    table.assign(person="[bold]kim\x1b]0;title\x07").to_csv(tmp_path / "r.csv", index=False)
    assert run(["events", str(tmp_path / "r.csv")]) == 0
    first = capsys.readouterr().out.splitlines()[1]
    assert first.split()[:2] == ["[red]an\\x1b[2Jna.mp4", "[bold]kim\\x1b]0;title\\x07"]


def test_results_of_all_kinds_are_read_alike(tmp_path):
    table = result_of(TRUTH)
    table.to_csv(tmp_path / "r.csv", index=False)
    table.to_parquet(tmp_path / "r.parquet")
    table.to_json(tmp_path / "r.jsonl", orient="records", lines=True)
    first, *others = (read_results(tmp_path / f"r.{ending}") for ending in ("csv", "parquet", "jsonl"))
    for other in others:
        pd.testing.assert_frame_equal(first, other)
    assert {str(kind) for kind in first.dtypes[5:]} == {"float32", "uint8"}
    lean = read_results(tmp_path / "r.csv", Wanted(("AU12",), "c", others=()))
    assert list(lean) == ["source", "frame", "timestamp_s", "face_id", "AU12_c", "unjudged"]


@pytest.mark.parametrize(
    ("tiers", "told"),
    [
        ({"speech": "hello"}, "'hello' left out; no action unit"),
        ({"AU99": "B"}, "AU99 left out"),
        ({}, "name no action"),
    ],
)
def test_codes_that_name_no_action_unit_are_said_to(tmp_path, tiers, told):
    document = pympi.Elan.Eaf(author="kim")
    document.add_linked_file("file:///v/anna.mp4", mimetype="video/mp4")
    for tier, value in tiers.items():
        document.add_tier(tier)
        document.add_annotation(tier, 1000, 2000, value)
    document.to_file(str(tmp_path / "a.eaf"))
    with pytest.raises(StudyError, match=told):
        agree(result_of(TRUTH), read_codes([tmp_path / "a.eaf"]), QUICK)


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_the_same_frames_count_in_rates_events_and_agreement(tmp_path, monkeypatch, ending):
    """What looks away or is hidden counts nowhere, whoever reads it; files are read in parts."""
    monkeypatch.setattr(results, "_ROWS_AT_ONCE", 300)
    table = result_of(TRUTH).assign(**dict.fromkeys(VISIBILITY, 1.0))
    table.loc[100:399, "yaw_deg"] = 70.0
    table.loc[500:599, [f"v_{k}" for k in range(32, 50)]] = 0.0  # The mouth: AU12, and not AU06.
    judged_of = {"AU06": [*range(100), *range(400, 1000)], "AU12": [*range(100), *range(400, 500), *range(600, 1000)]}
    path = tmp_path / f"r.{ending}"
    if ending == "jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        getattr(table, f"to_{ending}")(path, index=False)
    read = read_results(path)
    rates, found = summary(read).set_index("au"), agree(read, codes_of(TRUTH), QUICK).table.set_index("au")
    spans = events(read)
    for au, rows in judged_of.items():
        assert rates.loc[au, "judged"] == found.loc[au, "frames"] == len(rows)
        assert rates.loc[au, "rate"] == pytest.approx(table[f"{au}_c"][rows].mean())
        assert found.loc[au, "share_first"] == pytest.approx(rates.loc[au, "rate"], abs=1e-4)
        inside = [one for one in spans[spans["au"] == au].itertuples() if 100 / FPS < one.onset_s < 399 / FPS]
        assert inside == []
    read.to_csv(tmp_path / "again.csv", index=False)  # Without pose and visibility of the landmarks.
    assert summary(read_results(tmp_path / "again.csv")).equals(summary(read))


def test_results_with_and_without_landmarks_are_read_together(tmp_path):
    one, other = result_of(TRUTH), result_of(TRUTH, "clips/ben.mp4").assign(yaw_deg=70.0)
    one.drop(columns=["yaw_deg", "pitch_deg"]).to_csv(tmp_path / "a.csv", index=False)
    other.to_csv(tmp_path / "b.csv", index=False)
    read = read_results([tmp_path / "a.csv", tmp_path / "b.csv"], Wanted(others=()))
    assert read.index.is_unique
    named = with_people(read, pd.DataFrame({"source": "*", "face_id": [0], "person": "anna"}))
    assert set(summary(named)["judged"]) == {1000}


def test_a_file_without_faces_is_an_empty_table(tmp_path):
    result_of(TRUTH)[:0].to_csv(tmp_path / "r.csv", index=False)
    result_of(TRUTH)[:0].to_parquet(tmp_path / "r.parquet", index=False)
    result_of(TRUTH).to_csv(tmp_path / "full.csv", index=False)
    full = [dtype.kind for dtype in read_results(tmp_path / "full.csv").dtypes]
    for name in ("r.csv", "r.parquet"):
        empty = read_results(tmp_path / name)
        assert len(empty) == 0
        assert [dtype.kind for dtype in empty.dtypes] == full, name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop(columns="face_id"), "no column face_id"),
        (lambda table: table.assign(AU12_p=1.5), "row 1: AU12_p is 1.5; expected 0 to 1"),
        (lambda table: table.assign(AU12_c=3), "row 1: AU12_c is 3; expected 0, 1 or 9"),
        (lambda table: table.assign(AU12_p=[None, *[0.1] * 999]), "AU12_p is empty"),
    ],
)
def test_results_that_are_none_are_refused(change, said, tmp_path):
    change(result_of(TRUTH)).to_csv(tmp_path / "r.csv", index=False)
    with pytest.raises(StudyError, match=said):
        read_results(tmp_path / "r.csv")


def test_a_sample_gives_intervals_of_the_width_it_promises():
    tables, codings = [], []
    for k in range(8):
        truth = {"AU06": grades(100 + k, 3000, 20), "AU12": grades(200 + k, 3000, 4)}
        tables.append(result_of(truth, f"v{k}.mp4", seed=k, noise=1.3))
        codings.append(codes_of(truth, f"v{k}.mp4"))
    table = pd.concat(tables, ignore_index=True)
    whole = coding_from(
        [one for each in codings for one in each.events], [one for each in codings for one in each.coded]
    )
    kappa = row_of(agree(table, whole, AgreeSettings(bootstrap=Bootstrap(0))), "AU06")["kappa"]
    settings = SampleSettings(width=0.3, kappa=float(kappa), length_s=10, over="segment")
    drawn = sample(table, settings)
    assert 12 <= len(drawn.coding.spans) < drawn.segments == 8 * 12
    assert drawn.coding.spans == sample(table, settings).coding.spans
    assert sum(one.weight for one in drawn.coding.spans) == pytest.approx(drawn.segments, rel=0.01)
    spans = [CodedSpan(one.file, "", one.onset_s, one.offset_s, one.weight) for one in drawn.coding.spans]
    coded = coding_from(whole.events, whole.coded, spans)
    row = row_of(agree(table, coded, AgreeSettings(over="segment", bootstrap=Bootstrap(200))), "AU06")
    assert row["kappa_low"] <= kappa <= row["kappa_high"]
    assert row["kappa_high"] - row["kappa_low"] <= 1.3 * drawn.table.set_index("au")["width"]["AU06"]


def test_coders_get_empty_tiers_and_agree_takes_the_plan(tmp_path, capsys):
    result_of(TRUTH).to_csv(tmp_path / "result.csv", index=False)
    words = [str(tmp_path / "result.csv"), "-o", str(tmp_path / "plan.csv"), "--elan", str(tmp_path / "code")]
    assert run(["sample", *words, "--boris", str(tmp_path / "c.boris"), "--over", "segment"]) == 0
    document = pympi.Elan.Eaf(str(tmp_path / "code" / "anna.eaf"))
    segments = document.get_annotation_data_for_tier("face 0 coded")
    assert len(segments) == len(pd.read_csv(tmp_path / "plan.csv"))
    assert document.get_annotation_data_for_tier("face 0 AU12") == []
    for start in np.flatnonzero(np.diff(TRUTH["AU12"] > 0, prepend=False) & (TRUTH["AU12"] > 0)):
        document.add_annotation("face 0 AU12", int(start * 40), int(start * 40) + 800, "C")
    document.to_file(str(tmp_path / "code" / "anna.eaf"))
    capsys.readouterr()
    codes = [str(tmp_path / "plan.csv"), str(tmp_path / "code" / "anna.eaf")]
    assert run(["agree", str(tmp_path / "result.csv"), *codes, "--over", "segment", "--draws", "20"]) == 0
    assert f"{len(segments)} segments" in capsys.readouterr().err


def test_no_advice_where_a_threshold_cannot_be_tried_on_others():
    truths = [{"AU12": grades(2)}, {"AU12": np.zeros(1000, int)}]
    table = pd.concat([result_of(one, f"v{k}.mp4", seed=k) for k, one in enumerate(truths)], ignore_index=True)
    table["AU12_c"] = (table["AU12_p"] >= 0.98).astype(int)
    each = [codes_of(one, f"v{k}.mp4") for k, one in enumerate(truths)]
    codes = coding_from([e for one in each for e in one.events], [c for one in each for c in one.coded])
    (advice,) = agree(table, codes, QUICK).thresholds.to_dict("records")
    assert not advice["advised"]
    assert advice["why"] == "in a single unit only; nothing to try it on"
