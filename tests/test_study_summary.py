"""Rates and intensities by person, presence, AUs that occur together, and drawings of them."""

import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.path import Path as MatplotlibPath
from scipy import stats

from duchenne.errors import StudyError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.measures.intervals import Bootstrap
from duchenne.study import plot_face, plot_timeline, presence, summary, with_people
from duchenne.study.cooccurrence import cooccurrence
from duchenne.study.exclusion import Exclusion
from duchenne.study.face_map import face_svg, features, shade, strands_of
from duchenne.study.judged import judged
from duchenne.study.peaks import peaks
from duchenne.study.summary_table import Blocks
from test_study_people import WHO, result, two_videos


def smiling(calls: list[int], **columns: object) -> pd.DataFrame:
    rows = [{"source": "a.mp4", "frame": k, "timestamp_s": k / 10, "AU12_c": call} for k, call in enumerate(calls)]
    return result([{**row, **{name: values[k] for name, values in columns.items()}} for k, row in enumerate(rows)])


def test_rates_count_judged_frames_of_a_person_in_all_sources():
    table = with_people(two_videos(), WHO)
    table.loc[(table["source"] == "a.mp4") & (table["frame"] == 3), "yaw_deg"] = -75.0
    found = summary(table).set_index(["person", "au"])
    assert found.loc[("anna", "AU12"), ["frames", "judged", "rate"]].tolist() == [8, 7, pytest.approx(1 / 7)]
    assert found.loc[("ben", "AU12"), ["frames", "judged", "rate"]].tolist() == [8, 7, pytest.approx(3 / 7)]
    assert found.loc[("anna", "AU12"), ["intensity", "intensity_present", "peak"]].tolist() == pytest.approx(
        [3 / 7, 3, 3]
    )
    assert np.isnan(found.loc[("anna", "AU06"), "peak"])


def test_what_cannot_be_judged_does_not_count():
    table = smiling([1, 9, 1, 0, 0, 0], yaw_deg=[0, 0, 61, 0, 0, 0], pitch_deg=[0, 0, 0, -46, 0, 0])
    mouth = [f"v_{k}" for k in range(32, 50)]
    table.loc[4, mouth] = 0.0
    assert judged(table, ["AU06", "AU12"]).tolist() == [
        [True, True], [True, False], [False, False], [False, False], [True, False], [True, True],
    ]  # fmt: skip
    assert summary(table, ["AU12"])["rate"].tolist() == [0.5]


def test_speech_is_left_out_of_the_lower_face_only():
    table = smiling([1, 1, 0, 0], AU06_c=[1, 1, 0, 0])
    talk = Exclusion({"a.mp4": np.array([[0.1, 0.3]])})
    found = summary(table, exclude=talk).set_index("au")
    assert found["judged"].to_dict() == {"AU06": 4, "AU12": 2}
    assert found["rate"].to_dict() == {"AU06": 0.5, "AU12": 0.5}


def test_intervals_agree_with_scipy_on_block_means():
    rng = np.random.default_rng(3)
    blocks = rng.uniform(0, 1, 40)
    calls = (rng.uniform(size=(40, 20)) < blocks[:, None]).astype(int)
    found = summary(smiling(calls.ravel().tolist()), ["AU12"], blocks=Blocks(2.0, Bootstrap(draws=4000))).iloc[0]
    means = (calls.mean(1),)
    reference = stats.bootstrap(means, np.mean, n_resamples=4000, method="percentile", random_state=rng)
    low, high = reference.confidence_interval
    assert (found["rate_low"], found["rate_high"]) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
    narrow = summary(smiling(calls.ravel().tolist()), ["AU12"], blocks=Blocks(0.1)).iloc[0]
    assert narrow["rate_high"] - narrow["rate_low"] < 0.7 * (high - low)


def test_no_interval_from_fewer_than_five_blocks():
    found = summary(smiling([0, 1] * 8), ["AU12"], blocks=Blocks(0.4)).iloc[0]
    assert found["rate"] == 0.5
    assert np.isnan(found["rate_low"])
    with pytest.raises(UsageError, match="more than 0 s"):
        Blocks(0.0)


def test_the_same_time_in_two_sources_is_two_blocks():
    one = smiling([0, 1] * 6).assign(person="anna")
    found = summary(pd.concat([one, one.assign(source="b.mp4")]), ["AU12"], blocks=Blocks(0.4)).iloc[0]
    assert not np.isnan(found["rate_low"])


def test_a_table_without_occurrences_is_refused():
    with pytest.raises(StudyError, match="no occurrences"):
        summary(smiling([1])[["source", "face_id", "timestamp_s"]])


def test_presence_says_who_was_found_turned_and_hidden():
    table = smiling([0] * 4, yaw_deg=[0, 70, 0, 0], frame=[0, 3, 6, 12])
    table.loc[2, [f"v_{k}" for k in range(1, 50)]] = 0.0
    found = presence(table).iloc[0]
    assert found[["frames", "found", "turned", "hidden", "clear"]].tolist() == [5, 4, 1, 1, 2]
    assert presence(table, {"a.mp4": 40}).iloc[0]["frames"] == 40


def test_shares_together_are_those_of_a_cross_table():
    rng = np.random.default_rng(1)
    six, twelve = rng.integers(0, 2, (2, 200))
    table = smiling(twelve.tolist(), AU06_c=six.tolist())
    expected = pd.crosstab(table["AU06_c"], table["AU12_c"], normalize="index").loc[1, 1]
    assert cooccurrence(table).loc["AU06", "AU12"] == pytest.approx(expected)


def test_peaks_are_the_strongest_moments_that_occur():
    table = smiling([0, 1, 1, 1], AU12_i=[5.0, 2.0, 4.0, 3.0], yaw_deg=[0, 0, 0, 0]).assign(person="anna")
    (peak,) = peaks(table)
    assert (peak.au, peak.time_s, peak.strength, peak.face.frame) == ("AU12", 0.2, 4.0, 2)


def test_every_action_unit_has_a_muscle_on_both_sides():
    for name in AU_NAMES:
        strands = strands_of(name)
        assert {strand.side for strand in strands} in ({""}, {"L", "R"})
        points = np.concatenate([strand.points for strand in strands])
        mirrored = {tuple(point) for point in (points * [-1, 1]).round(6) + 0.0}
        assert {tuple(point) for point in points.round(6) + 0.0} == mirrored or {s.side for s in strands} == {""}


def test_muscles_lie_within_the_outline_of_the_face():
    outline = MatplotlibPath(features()[0] * 1.05)  # AU27 runs along the jaw.
    outside = [name for name in AU_NAMES for one in strands_of(name) if not outline.contains_points(one.points).all()]
    assert not outside


def test_the_drawing_shades_each_side_by_its_value():
    drawing = ElementTree.fromstring(face_svg({"AU12L": 1.0, "AU12R": 0.0, "AU06": float("nan")}, 1.0, "a <b>"))
    said = {
        path.findtext("title"): path.get("stroke") for path in drawing.iter("path") if path.find("title") is not None
    }
    assert said["AU12 L Lip corner puller: 1.00"] == shade(1, 1)
    assert said["AU12 R Lip corner puller: 0.00"] == shade(0, 1)
    assert said["AU06 R Cheek raiser: not judged"] == "#ececec"
    assert {re.match(r"AU\d\d", title).group() for title in said} == set(AU_NAMES)
    grey = [np.mean(list(bytes.fromhex(shade(k / 10, 1)[1:]))) for k in range(11)]
    assert (np.diff(grey) < 0).all()


def test_faces_and_time_lines_are_drawn():
    axes = plot_face({"AU12": 0.4, "AU06": 0.1})
    colours = [line.get_color() for line in axes.lines]
    assert colours.count(shade(0.4, 0.4)) == len(strands_of("AU12"))
    with pytest.raises(StudyError, match="no action unit AU99"):
        plot_face({"AU99": 1.0})


def test_time_lines_break_where_nothing_can_be_judged():
    table = with_people(two_videos(), WHO)
    table.loc[(table["source"] == "a.mp4") & (table["frame"] == 1), "yaw_deg"] = 80.0
    figure = plot_timeline(table, source="a.mp4")
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
    assert lines["anna"] == pytest.approx([3, np.nan, 0, 0], nan_ok=True)
    assert lines["ben"] == pytest.approx([3, np.nan, 0, 0], nan_ok=True)
    with pytest.raises(StudyError, match="no source is named"):
        plot_timeline(table)
