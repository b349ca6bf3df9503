"""No subject in two parts, for each split of each set; samplings against the paper's Table 1."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from duchenne.datasets.loaders import load
from duchenne.datasets.preparing.prepare import PrepareOptions, make_batches
from duchenne.datasets.releases import releases
from duchenne.datasets.samplings import SAMPLINGS, bp4d_chance, fera17_chance, sample_frames
from duchenne.datasets.splits import SPLITS, Split, make_splits
from duchenne.errors import DatasetError, UsageError
from duchenne.facs import AU_NAMES
from duchenne.published import printed
from miniature_releases import (
    write_bp4d,
    write_ck_plus,
    write_disfa,
    write_disfa_plus,
    write_fera17,
    write_picture,
    write_rows,
)
from toy_faces import stills, write_stills

BP4D = [f"F{k:03d}" for k in range(1, 24)] + [f"M{k:03d}" for k in range(1, 19)]
TABLE_1 = printed("labels", "BP4D train", "skew")
RARE = ("AU01", "AU02", "AU04", "AU15", "AU23", "AU24")


def make_release(kind, root):
    if kind == "bp4d":
        write_bp4d(root, {f"{name}_T1": 3 for name in ("F001", "F003", "F004", "M001", "M002", "M003")}, frames=2)
    elif kind == "fera17":
        write_fera17(root, ("F001", "F002", "M001"), frames=2, poses=(6,))
        write_fera17(root, ("F001", "M001"), "Valid", frames=2, poses=(6,))
    elif kind == "disfa":
        write_disfa(root, ("SN001", "SN002", "SN003", "SN004"), frames=2)
    elif kind == "disfa+":
        for subject in ("SN001", "SN003", "SN004"):
            write_disfa_plus(root, subject, frames=2)
            write_disfa_plus(root, subject, "B", frames=2)
    elif kind == "ck+":
        for subject in ("S005", "S010", "S011"):
            write_ck_plus(root, subject)
            write_ck_plus(root, subject, "002")
    elif kind == "generic":
        for subject in "abcd":
            write_picture(root / f"{subject}.png", 0)
        write_rows(root / "mine.csv", [("path", "subject", "AU12"), *((f"{s}.png", s, 1) for s in "abcd")])
    else:
        write_stills(stills(16, 0, "p"), root / "stills-00000.parquet")


@pytest.mark.parametrize("kind", ["bp4d", "fera17", "disfa", "disfa+", "ck+", "stills", "generic"])
def test_no_subject_is_in_two_parts(kind, tmp_path):
    make_release(kind, tmp_path)
    release = load(tmp_path / "mine.csv" if kind == "generic" else tmp_path)
    assert release.name == kind
    subject = np.array([r.subject for r in release.recordings])
    made = [name for name in SPLITS if name != "fera17" or kind == "fera17"]
    for name in made:
        tested: list[str] = []
        for split in make_splits(name, subject):
            rows = split.rows(subject)
            parts = [set(subject[chosen]) for chosen in rows.values()]
            assert all(parts)
            assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
            assert (sum(chosen.astype(int) for chosen in rows.values()) == 1).all()
            tested += split.test
        if name in ("three-fold", "leave-one-out"):
            assert sorted(tested) == sorted(release.subjects)


def test_bp4d_is_held_out_31_to_10_by_seed():
    (split,) = make_splits("holdout", BP4D, seed=3)
    assert len(split.test) == 10
    assert len(split.train) + len(split.valid) == 31
    assert make_splits("holdout", reversed(BP4D), seed=3) == [split]
    assert make_splits("holdout", BP4D, seed=4) != [split]


def test_bp4ds_folds_are_the_usual_ones():
    folds = make_splits("three-fold", BP4D)
    assert [len(fold.test) for fold in folds] == [13, 14, 14]
    assert sorted(sum((fold.test for fold in folds), ())) == BP4D
    assert folds[0].test[:3] == ("F004", "F006", "F007")
    assert folds[1].test[-2:] == ("M017", "M018")
    assert folds[2].test[:2] == ("F001", "F002")
    assert releases()["bp4d"]["subjects"] == BP4D


def test_fera_is_trained_on_its_training_set():
    (split,) = make_splits("fera17", ["F001", "F002", "M001", "VA_F001", "VA_M001"])
    assert split.test == ("VA_F001", "VA_M001")
    with pytest.raises(DatasetError, match="0 of 4 subjects are of the latter"):
        make_splits("fera17", ["F001", "F002", "F003", "M001"])


def test_splits_that_cannot_be_are_refused():
    with pytest.raises(DatasetError, match="F001 is in train and in test"):
        Split("mine", ("F001", "F002"), ("F003",), ("F001",))
    with pytest.raises(DatasetError, match="nobody in valid"):
        Split("mine", ("F001",), (), ("F002",))
    with pytest.raises(DatasetError, match="There are 2 subjects"):
        make_splits("holdout", ["a", "b", "a"])
    with pytest.raises(UsageError, match="no split 'five-fold'"):
        make_splits("five-fold", BP4D)
    with pytest.raises(UsageError, match="between 0 and 1"):
        make_splits("holdout", BP4D, valid_share=1.0)


def simulated_bp4d(rng):
    """Return frames with BP4D's published label rates, its frames with a rare AU, and those with 17 beside one.

    Two numbers are not published: how many frames have a rare AU, and how many of AU17's do. They follow from the total
    of 101,000 kept frames and the printed skew of AU17; what is tested then are the other six skews.
    """
    counts, total = releases()["bp4d"]["positives"], releases()["bp4d"]["frames"]
    kept, chin = 101_000, counts["AU17"]
    kept_chin = kept / (1 + TABLE_1["AU17"])
    chin_alone = (chin - kept_chin) / (1 - 0.35)
    rare_frames = round((kept - 0.35 * chin_alone - 0.15 * (total - chin_alone)) / 0.85)
    occurrence = np.zeros((total, len(AU_NAMES)), bool)
    for name in RARE:
        occurrence[rng.choice(rare_frames, counts[name], replace=False), AU_NAMES.index(name)] = True
    bare = np.flatnonzero(~occurrence[:rare_frames].any(1))
    occurrence[bare, AU_NAMES.index("AU01")] = True  # every frame of these has a rare AU, by definition
    surplus = np.flatnonzero(occurrence[:, AU_NAMES.index("AU01")] & (occurrence.sum(1) > 1))
    occurrence[rng.choice(surplus, len(bare), replace=False), AU_NAMES.index("AU01")] = False
    chin_column = AU_NAMES.index("AU17")
    occurrence[rng.choice(rare_frames, round(chin - chin_alone), replace=False), chin_column] = True
    occurrence[rare_frames + rng.choice(total - rare_frames, round(chin_alone), replace=False), chin_column] = True
    return rng.permutation(occurrence)


def test_the_papers_sampling_keeps_frames_by_chances_worked_by_hand():
    """No AU, AU 1, AU 2, AU 6, and AU 6 with AU 17 and 24: exp of -1.49 and what they add, at most 1."""
    occurrence = np.zeros((5, len(AU_NAMES)), bool)
    for row, names in enumerate(((), ("AU01",), ("AU02",), ("AU06",), ("AU06", "AU17", "AU24"))):
        occurrence[row, [AU_NAMES.index(name) for name in names]] = True
    known = np.ones_like(occurrence)
    assert bp4d_chance(occurrence, known) == pytest.approx([0.22537, 1.0, 0.50158, 0.18825, 0.88692], abs=1e-4)
    assert bp4d_chance(occurrence, ~known) == pytest.approx([0.22537] * 5, abs=1e-4)
    many = occurrence[[2]].repeat(20_000, 0)
    assert sample_frames("paper", many, many, 1, "a").mean() == pytest.approx(0.5016, abs=0.01)


PATTERNS = Path(os.environ.get("BP4D_PATTERNS", Path(__file__).parents[2] / "shared" / "bp4d_patterns.csv"))
"""How often each combination of twelve AUs occurs in BP4D: an aggregate of licensed labels, so it lies elsewhere."""


@pytest.mark.skipif(not PATTERNS.exists(), reason="needs counts of BP4D's label combinations ($BP4D_PATTERNS)")
@pytest.mark.parametrize(("row", "views", "least", "most"), [
    ("BP4D train", None, 99_000, 110_000), ("FERA17 train", "seven", 295_000, 305_000),
    ("FERA17 train", "nine", 295_000, 305_000),
])  # fmt: skip
def test_expected_skews_over_bp4ds_label_combinations_are_those_of_table_1(row, views, least, most):
    with PATTERNS.open() as file:
        names, *rows = csv.reader(file)
    table = np.array(rows, int)
    occurrence, frames = np.zeros((len(table), len(AU_NAMES)), bool), table[:, -1]
    for column, name in enumerate(names[:-1]):
        occurrence[:, AU_NAMES.index(name)] = table[:, column] == 1
    known = np.ones_like(occurrence)
    chance = bp4d_chance(occurrence, known) if views is None else fera17_chance(occurrence, known, views)
    kept = chance * frames
    assert least < kept.sum() * {None: 1, "seven": 7, "nine": 9}[views] < most
    for name, skew in printed("labels", row, "skew").items():
        present = kept[occurrence[:, AU_NAMES.index(name)]].sum()
        assert (kept.sum() - present) / present == pytest.approx(skew, abs=0.05), name


def test_no_sampling_gives_table_1_with_110_000_frames():
    """Its skew of AU01, with all that rounding leaves, is reached with the positives that there are by fewer frames."""
    assert releases()["bp4d"]["positives"]["AU01"] * (1 + TABLE_1["AU01"] + 0.05) < 101_000


def test_the_simpler_rule_turns_bp4ds_skew_nearly_into_table_1():
    occurrence = simulated_bp4d(np.random.default_rng(0))
    counts = releases()["bp4d"]["positives"]
    for name in (*RARE, "AU17"):
        assert occurrence[:, AU_NAMES.index(name)].sum() == counts[name]
    known = np.ones_like(occurrence)
    kept = sample_frames("rare-first", occurrence, known, 1, "F001_T1")
    assert kept.sum() == pytest.approx(101_000, rel=0.005)
    errors = []
    for name in (*RARE, "AU17"):
        rate = occurrence[kept, AU_NAMES.index(name)].mean()
        errors.append(abs(rate - 1 / (1 + TABLE_1[name])))
        before = occurrence[:, AU_NAMES.index(name)].mean()
        assert abs(rate - 1 / (1 + TABLE_1[name])) < abs(before - 1 / (1 + TABLE_1[name]))
    assert np.mean(errors) < 0.01
    assert max(errors) < 0.025  # AU02: all its positives make .249 of 101,000 frames; Table 1 prints .227


def rate_errors(kept, rounding=0.0):
    """Return how far rates of AUs of which every frame is kept are from Table 1's, beyond the rounding of its skew."""
    counts = releases()["bp4d"]["positives"]
    bounds = {name: (1 / (1 + TABLE_1[name] + rounding), 1 / (1 + TABLE_1[name] - rounding)) for name in RARE}
    return np.array([max(low - counts[n] / kept, counts[n] / kept - high, 0) for n, (low, high) in bounds.items()])


def test_published_counts_bound_how_near_to_table_1_any_number_of_frames_comes():
    assert rate_errors(101_000).round(4).tolist() == [0.0052, 0.0213, 0.0005, 0.0023, 0.0132, 0.0027]
    assert rate_errors(101_000).sum() / 7 == pytest.approx(0.0065, abs=5e-5)
    assert min(rate_errors(kept).sum() / 7 for kept in range(80_000, 140_000, 50)) == pytest.approx(0.0058, abs=5e-5)
    assert rate_errors(101_000).sum() / 12 == pytest.approx(0.0038, abs=5e-5)
    assert rate_errors(101_000, 0.05).sum() / 12 == pytest.approx(0.0025, abs=5e-5)


def labels(count, rng):
    return rng.random((count, len(AU_NAMES))) < 0.3, rng.random((count, len(AU_NAMES))) < 0.9


def test_drml_takes_at_most_100_and_200_of_each_au_and_all_where_there_are_fewer():
    rng = np.random.default_rng(1)
    occurrence, known = np.zeros((900, len(AU_NAMES)), bool), np.zeros((900, len(AU_NAMES)), bool)
    column = AU_NAMES.index("AU12")
    occurrence[:300, column], known[:800, column] = True, True
    kept = sample_frames("drml", occurrence, known, 1, "a")
    assert (kept[:300].sum(), kept[300:800].sum(), kept[800:].sum()) == (100, 200, 0)
    few = sample_frames("drml", *labels(90, rng), 1, "a")
    assert few.all()


@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_sampling_depends_on_seed_and_sequence_alone(name):
    occurrence, known = labels(3000, np.random.default_rng(2))
    occurrence[:, :] &= np.arange(3000)[:, None] % 3 == 0
    first = sample_frames(name, occurrence, known, 1, "a")
    assert (first == sample_frames(name, occurrence, known, 1, "a")).all()
    others = [sample_frames(name, occurrence, known, 2, "a"), sample_frames(name, occurrence, known, 1, "b")]
    assert all((first != other).any() for other in others) == (name != "all")


def test_unknown_labels_do_not_count_as_rare():
    occurrence = np.ones((4000, len(AU_NAMES)), bool)
    kept = sample_frames("rare-first", occurrence, np.zeros_like(occurrence), 1, "a")
    assert kept.mean() == pytest.approx(0.15, abs=0.02)
    with pytest.raises(UsageError, match="no sampling 'most'"):
        sample_frames("most", occurrence, occurrence, 1, "a")


def test_fera_2017s_training_frames_are_kept_by_the_chances_of_docs_method():
    """The first has no AU, the others AU 1 and 23, AU 6, and everything: computed by hand from the weights."""
    occurrence = np.zeros((4, len(AU_NAMES)), bool)
    occurrence[1, [AU_NAMES.index("AU01"), AU_NAMES.index("AU23")]] = True
    occurrence[2, AU_NAMES.index("AU06")] = True
    occurrence[3] = True
    known = np.ones_like(occurrence)
    assert fera17_chance(occurrence, known, "seven") == pytest.approx([0.07808, 0.93239, 0.05670, 1.0], abs=1e-4)
    assert fera17_chance(occurrence, known, "nine") == pytest.approx([0.07413, 0.56440, 0.05659, 1.0], abs=1e-4)
    assert fera17_chance(occurrence, ~known, "nine") == pytest.approx([0.07413] * 4, abs=1e-4)
    many = occurrence[[1]].repeat(20_000, 0)
    assert sample_frames("fera17-nine", many, many, 1, "a").mean() == pytest.approx(0.5644, abs=0.01)


def test_fera_2017s_test_set_is_never_sampled_and_poses_1_and_7_do_not_train(tmp_path):
    write_fera17(tmp_path, ("F001",), frames=8)
    write_fera17(tmp_path, ("F001",), "Valid", frames=8)
    batches = make_batches([load(tmp_path)], PrepareOptions(sampling="paper", poses="seven"))
    frames = {(r.subject, r.pose_number): len(r) for batch in batches for r in batch.recordings}
    assert {pose: frames["VA_F001", pose] for pose in range(1, 10)} == dict.fromkeys(range(1, 10), 8)
    train = {pose: count for (subject, pose), count in frames.items() if subject == "F001"}
    assert set(train) <= {2, 3, 4, 5, 6, 8, 9}
    assert all(count < 8 for count in train.values())
    every = make_batches([load(tmp_path)], PrepareOptions(poses="seven"))
    assert sum(batch.frames for batch in every) == 8 * (7 + 9)
