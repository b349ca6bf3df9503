"""Rendered heads as the renderer writes them, read for face detector, landmarks and pose correction."""

import json

import numpy as np
import pandas as pd
import pytest

from duchenne.errors import TrainingError
from duchenne.synthesis.sets.stills import StillsPlan, write_stills
from duchenne.training.pictures.rendered_heads import faces_in, rendered_faces, stills_in
from toy_faces import stills
from toy_faces import write_stills as write_toy_stills


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    write_stills(StillsPlan(count=10, people_per_file=1), folder)
    return folder


def test_points_pose_and_visibility_are_the_renderer_s(rendered):
    (file,) = stills_in([rendered])
    table = pd.read_parquet(file)
    heads = list(faces_in(rendered))
    assert len(heads) == len(table) == 10
    for head, (_, row) in zip(heads, table.iterrows(), strict=True):
        assert head.landmarks == pytest.approx(np.frombuffer(row["landmarks"], np.float32).reshape(49, 2))
        covered = json.loads(row["params"])["covered"]
        assert not head.visible[covered].any()
        assert (head.pose.yaw_deg, head.pose.roll_deg) == pytest.approx((row["yaw_deg"], row["roll_deg"]))
        assert head.pixels.ndim == 3


def test_files_come_folder_by_folder_in_order(tmp_path):
    for name in ("b/stills-00001", "b/stills-00000", "a/stills-00000"):
        write_toy_stills(stills(2, 0, "p"), tmp_path / f"{name}.parquet")
    found = stills_in([tmp_path / "b", tmp_path / "a"])
    assert [f"{file.parent.name}/{file.stem}" for file in found] == [
        "b/stills-00000", "b/stills-00001", "a/stills-00000",
    ]  # fmt: skip


def test_a_folder_without_heads_and_a_damaged_file_say_what_to_do(tmp_path):
    with pytest.raises(TrainingError, match=r"No stills-\*\.parquet in .* Render some with"):
        next(faces_in(tmp_path))
    (tmp_path / "stills-00000.parquet").write_text("nothing")
    with pytest.raises(TrainingError, match="holds no readable stills"):
        next(rendered_faces(tmp_path / "stills-00000.parquet"))
