"""The scripts of docs/examples: what needs no cluster is run, the rest is compiled."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.finished_runs import finished_run
from tests.support.identities import REPOSITORY

EXAMPLES = REPOSITORY / "docs" / "examples"
_CLUSTER = "(starts Ray)"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    makd = {"first": [20, 21, 19], "second": [23, 22, 24]}
    return [
        finished_run(root, name=name, right={"ce": [20, 20, 20], "makd": right}).folder.uri
        for name, right in makd.items()
    ]


@pytest.fixture
def play(monkeypatch, no_cluster, tmp_path):
    """Run the cells of a script up to the first that starts a cluster, as in a notebook; gives their variables."""
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def play(name, *arguments):
        script = EXAMPLES / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(script), *arguments])
        cells = re.split(r"(?m)^(?=# %%)", script.read_text())
        found = {"__name__": "__main__"}
        for cell in cells:
            compile(cell, str(script), "exec")
        for cell in cells:
            if _CLUSTER in cell.partition("\n")[0]:
                break
            exec(compile(cell, str(script), "exec"), found)
        return found

    return play


def test_every_example_is_played_here():
    tested = re.findall(r'play\("(\w+)"', Path(__file__).read_text())
    assert sorted(tested) == sorted(path.stem for path in EXAMPLES.glob("*.py"))


def test_own_images(play):
    found = play("own_images")
    assert found["run"].images.record()["images"] == {"train": 42, "val": 6, "test": 12}
    assert found["config"].teacher.prompt == "{question}"


def test_own_questions(play, capsys):
    found = play("own_questions")
    assert found["config"].aspects.source == "file"
    assert "Is the bird facing left? (changes in the mirror)" in capsys.readouterr().out


def test_reading_answers(play, runs, capsys):
    found = play("reading_answers", runs[0])
    assert found["answers"].shape == (72, 3)
    assert list(found["by_class"].index) == ["Orl fennick", "Sut marrel", "Tavi brosk"]
    assert "lowest answer mass: 0.9" in capsys.readouterr().out


def test_comparing_runs(play, runs, capsys):
    found = play("comparing_runs", *runs)
    assert found["difference"].mean == pytest.approx(3 / 36)
    assert "makd 0.083" in capsys.readouterr().out
