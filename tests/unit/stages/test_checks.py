import importlib.util

import pytest

from mmkd_ray.config import load
from mmkd_ray.errors import ConfigError
from mmkd_ray.stages.study import Train
from mmkd_ray.stages.tune import Tune


@pytest.mark.parametrize("stage", [Train, Tune])
def test_a_tracker_that_is_not_installed_is_found_before_anything_begins(repository, run, monkeypatch, stage):
    from mmkd_ray.stages import checks

    assert checks.trackers in stage.checks
    quickstart = repository / "configs" / "quickstart.yaml"
    assert checks.trackers(load(quickstart), run) == ""
    asked = load(quickstart, ["tracking.trackers=[trackio]"])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="the package trackio is not installed"):
        checks.trackers(asked, run)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    assert checks.trackers(asked, run) == "curves to trackio"
