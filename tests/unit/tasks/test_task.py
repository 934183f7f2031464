import subprocess
import sys

import pytest

from mmkd_ray.render.units import SHARE
from mmkd_ray.tasks import TASKS
from mmkd_ray.tasks.task import Metric

ACCURACY = Metric("top1", "top-1", SHARE, higher_is_better=True)
ERROR = Metric("error", "error", SHARE, higher_is_better=False)


@pytest.mark.parametrize(("metric", "better", "worse", "mode"), [(ACCURACY, 0.7, 0.6, "max"), (ERROR, 0.3, 0.4, "min")])
def test_a_metric_knows_which_way_is_better(metric, better, worse, mode):
    assert metric.is_better(better, than=worse)
    assert not metric.is_better(worse, than=better)
    assert not metric.is_better(better, than=better)
    assert metric.is_better(worse, than=metric.worst)
    assert metric.best([worse, better, worse]) == better
    assert metric.mode == mode


def test_a_training_names_it_after_the_validation_split():
    assert ACCURACY.val_key == "val_top1"


@pytest.mark.parametrize("task", TASKS.values())
def test_the_primary_metric_is_one_that_is_measured(task):
    assert task.primary in task.metrics
    assert len({metric.name for metric in task.metrics}) == len(task.metrics)


def test_tasks_are_light_to_import():
    """Workers read them before their environment is set, and the command line at every start."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, mmkd_ray.tasks; print('torch' in sys.modules, 'timm' in sys.modules)"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout.split() == ["False", "False"]
