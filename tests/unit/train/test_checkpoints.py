import json
from pathlib import Path

import pytest
import torch

from mmkd_ray.artifacts import Folder
from mmkd_ray.train.checkpoints import NOTES, drop_unreadable, load_state
from tests.support.damage import KINDS, damage


@pytest.fixture
def lane(tmp_path):
    """A lane with one checkpoint, as Ray Train leaves it."""
    lane = Folder(f"{tmp_path}/lane-then-0")
    lane.child("checkpoint_1").write_bytes("state.pt", b"state")
    noted = {"checkpoint_results": [{"checkpoint_dir_name": "checkpoint_1"}]}
    lane.write_bytes(NOTES, json.dumps(noted).encode())
    return lane


def test_what_is_whole_stays(lane, tmp_path):
    drop_unreadable(lane)
    assert sorted(lane.names()) == sorted([NOTES, "checkpoint_1"])
    drop_unreadable(Folder(f"{tmp_path}/nowhere"))


@pytest.mark.parametrize("kind", ["empty", "half", "wrong"])
def test_notes_that_cannot_be_read_count_as_none_and_are_named(lane, capsys, kind):
    damage(Path(lane.path, NOTES), kind)
    drop_unreadable(lane)
    assert lane.names() == []
    assert f"{lane.place(NOTES)} is damaged" in capsys.readouterr().err


def test_a_noted_checkpoint_that_is_gone(lane, capsys):
    lane.child("checkpoint_1").delete()
    drop_unreadable(lane)
    assert lane.names() == []
    assert "checkpoint_1 is gone" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_cannot_be_read_counts_as_none_and_is_named(tmp_path, kind):
    path, told = tmp_path / "state.pt", []
    torch.save({"identity": "i", "trainer": {"weights": torch.zeros(1000)}}, path)
    assert load_state(path, "here", told.append)["identity"] == "i"
    assert not told
    damage(path, kind)
    assert load_state(path, "here", told.append) is None
    (line,) = told
    assert line.startswith("here/state.pt is damaged (")
    assert line.endswith("begins from the start")
    assert "\n" not in line
