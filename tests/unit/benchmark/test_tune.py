from pathlib import Path

import pytest

from mmkd_ray.benchmark import tune
from mmkd_ray.benchmark.bench import Bench
from mmkd_ray.tune.space import trial_count


def test_the_search_has_twelve_points(tmp_path):
    config = tune.search_config(tmp_path, 27, 2)
    assert trial_count(config.tune) == 12
    assert not config.tune.asha


def test_ratios_of_searches(tmp_path):
    bench = Bench(True, Path(), lambda _: None)
    config = tune.search_config(tmp_path, 27, 2)
    grids = [tune.Searched(60, 100, 324, 0.50), tune.Searched(75, 100, 324, 0.54)]
    ashas = [tune.Searched(30, 40, 108, 0.50), tune.Searched(30, 50, 162, 0.52)]
    ratios = {ratio.name: ratio for ratio in tune._ratios(bench, config, grids, ashas)}
    assert ratios["makespan_over_ideal"].rounds == pytest.approx([1.2, 1.5])
    assert ratios["makespan_over_ideal"].reached is False
    assert ratios["asha_makespan_over_ideal"].median == pytest.approx((1.5 + 1.2) / 2)
    assert ratios["asha_epoch_share"].median == pytest.approx((1 / 3 + 1 / 2) / 2)
    assert ratios["asha_epoch_share"].reached
    assert ratios["asha_best_less_grid_best"].median == pytest.approx(-0.01)
    assert not any(ratio.disturbed for ratio in ratios.values())
    by_name = {measured.name: measured.values for measured in bench.measurements}
    assert by_name["`asha_epoch_share`, round by round"] == [1 / 3, 1 / 2]
    assert 0.02 < by_name["standard error of one accuracy"][0] < 0.03
    assert set(ratios) == {note.split("`")[1] for note in tune._notes(config)}
