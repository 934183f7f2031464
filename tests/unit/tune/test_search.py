from types import SimpleNamespace

import pytest

from mmkd_ray.config import load
from mmkd_ray.tune.early_stopping import ResumableAsha, grace_epochs
from mmkd_ray.tune.search import param_space
from mmkd_ray.tune.space import EPOCHS, OBJECTIVE, asking_most, most_epochs, trial_count


@pytest.fixture
def load_with(repository):
    return lambda *overrides: load(repository / "configs" / "quickstart.yaml", overrides)


def test_the_size_of_a_search(load_with):
    space = "train.alpha: {choice: [1, 4, 16]}, aspects.count: {choice: [8, 9]}, train.epochs: {choice: [9, 90]}"
    grid = load_with("tune.search=grid", f"tune.space={{{space}}}")
    assert trial_count(grid.tune) == 12
    assert most_epochs(grid) == 90
    assert grace_epochs(grid) == 10
    assert grace_epochs(load_with("train.epochs=27", "train.warmup_epochs=3")) == 6
    assert trial_count(load_with("tune.trials=7").tune) == 7
    assert grace_epochs(load_with("tune.grace_epochs=5")) == 5
    assert grace_epochs(load_with("train.epochs=4", "train.warmup_epochs=0")) == 1


def test_the_answers_of_the_largest_q_serve_all_trials(load_with):
    space = "tune.space={aspects.count: {integer: [5, 30]}, train.flip_targets: {choice: [mask, view]}}"
    asked = asking_most(load_with(space, "aspects.count=10"))
    assert (asked.aspects.count, asked.train.flip_targets, asked.study.arms) == (30, "view", ("makd",))
    assert asking_most(load_with("tune.space={aspects.count: {choice: [5, null]}}")).aspects.count is None
    assert asking_most(load_with("aspects.count=10")).aspects.count == 10


def test_a_grid_tries_each_value_in_an_order_that_is_not_the_one_given(load_with):
    """Sorted from bad to good, early stopping would stop nothing."""
    values = list(range(1, 9))

    def tried(*overrides):
        space = f"tune.space={{train.alpha: {{choice: {values}}}, train.lr: {{choice: [0.1, 0.2]}}}}"
        return param_space(load_with("tune.search=grid", space, *overrides).tune)["train.alpha"]["grid_search"]

    assert sorted(tried()) == values
    assert tried() == tried() != values
    assert tried("tune.search_seed=1") != tried()


def trial(name, curve=()):
    return SimpleNamespace(trial_id=name, last_result={"curve": curve})


def asha():
    scheduler = ResumableAsha(time_attr=EPOCHS, max_t=9, grace_period=1, reduction_factor=3)
    scheduler.set_search_properties(OBJECTIVE, "max")
    return scheduler


def decide(scheduler, newcomer, value):
    scheduler.on_trial_add(None, newcomer)
    return scheduler.on_trial_result(None, newcomer, {EPOCHS: 1, OBJECTIVE: value})


def test_asha_remembers_the_trials_of_before_an_interruption():
    assert decide(asha(), trial("new"), 0.4) == "CONTINUE"
    resumed = asha()
    resumed.on_trial_add(None, trial("finished", (0.5, 0.6, 0.7)))
    resumed.on_trial_add(None, trial("stopped", (0.3,)))
    assert decide(resumed, trial("worse"), 0.4) == "STOP"
    assert decide(resumed, trial("better"), 0.6) == "CONTINUE"
