import importlib.util
import logging
import sys

import pytest

from mmkd_ray.artifacts import Folder
from mmkd_ray.config import load
from mmkd_ray.errors import ConfigError, StudentError
from mmkd_ray.tracking import trackers
from mmkd_ray.tracking.tracker import Subject, plain
from mmkd_ray.tracking.trackers import Trackers, check_trackers
from tests.support.events import scalars

SUBJECT = Subject("run", "makd seed 0", "abc", {"arm": "makd"})
HISTORY = [{"epoch": epoch, "loss": 2.0 - epoch, "lr": 0.5, "val": 0.25 * epoch, "seconds": 9.0} for epoch in range(3)]


@pytest.fixture
def load_with(repository):
    return lambda *overrides: load(repository / "configs" / "quickstart.yaml", overrides)


def test_a_tracker_that_is_not_installed_is_refused(load_with, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    check_trackers(load_with())
    with pytest.raises(ConfigError, match=r"tracking\.trackers: got 'wandb', .* \(`uv pip install wandb`\)"):
        check_trackers(load_with("tracking.trackers=[wandb]"))


def test_the_key_of_earlier_versions_names_the_present_one(load_with):
    with pytest.raises(ConfigError, match=r"unknown key 'tune\.trackers'; it is 'tracking\.trackers' now"):
        load_with("tune.trackers=[wandb]")


def test_trackers_decide_no_number(tmp_path, run, monkeypatch):
    from mmkd_ray.study.students import list_students
    from mmkd_ray.tune.opening import open_search
    from tests.support.search_run import make

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    config, other = (make(tmp_path, run, tracking={"trackers": some}) for some in ([], ["mlflow", "trackio"]))
    assert [one.identity for one in list_students(config, run)] == [one.identity for one in list_students(other, run)]
    assert open_search(config, run).identity == open_search(other, run).identity


def test_tensorboard_has_the_curves_of_the_whole_history(load_with, tmp_path):
    opened = Trackers(load_with(), SUBJECT, Folder(str(tmp_path)))
    opened.update(HISTORY[:2])
    opened.update(HISTORY[:2])
    opened.update(HISTORY)
    opened.close()
    assert scalars(tmp_path) == {
        "loss": [(0, 2.0), (1, 1.0), (2, 0.0)],
        "lr": [(0, 0.5), (1, 0.5), (2, 0.5)],
        "val": [(0, 0.0), (1, 0.25), (2, 0.5)],
    }


class Server:
    """A tracker whose server goes away after an epoch."""

    def __init__(self, *subject_and_package):
        assert len(subject_and_package) == 2
        self.seen = []
        Server.last = self

    def log(self, step, values):
        if step:
            raise ConnectionError("the server is away")
        self.seen.append((step, values))

    def close(self):
        raise ConnectionError("the server is away")


def test_a_tracker_that_fails_ends_no_training(load_with, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(trackers._KINDS, "mlflow", (__name__, "Server"))
    monkeypatch.setattr(trackers, "import_module", sys.modules.get)
    opened = Trackers(load_with("tracking.trackers=[mlflow]"), SUBJECT, Folder(str(tmp_path)))
    with caplog.at_level(logging.WARNING):
        opened.update(HISTORY)
        opened.close()
    assert Server.last.seen == [(0, {"loss": 2.0, "lr": 0.5, "val": 0.0})]
    assert caplog.text.count("tracker mlflow failed and is left out") == 1
    assert [step for step, _ in scalars(tmp_path)["loss"]] == [0, 1, 2]


def test_a_tracker_that_cannot_be_opened_is_an_error_at_once(load_with, tmp_path, monkeypatch):
    monkeypatch.setitem(trackers._KINDS, "mlflow", ("json", "loads"))
    monkeypatch.setattr(trackers, "import_module", lambda name: __import__(name) if name == "json" else None)
    with pytest.raises(StudentError, match=r"tracking\.trackers: 'mlflow' cannot be opened: TypeError: .*; mend it"):
        Trackers(load_with("tracking.trackers=[mlflow]"), SUBJECT, Folder(str(tmp_path)))


def test_parameters_are_numbers_or_text():
    assert plain({"a": 1, "b": 0.5, "c": True, "d": None, "e": (1, 2), "f": "text"}) == {
        "a": 1, "b": 0.5, "c": True, "d": "None", "e": "(1, 2)", "f": "text",
    }  # fmt: skip
