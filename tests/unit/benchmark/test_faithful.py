"""The check of the recipe, in a tiny size: both sides train, and see squares and wide pictures."""

import tempfile

from mmkd_ray.benchmark import faithful
from mmkd_ray.benchmark.bench import Bench

TINY = faithful.Size(images=48, epochs=1, seeds=2, image_size=32)


def test_both_sides_train_on_the_same_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(faithful, "in_own_process", lambda function, *arguments: function(*arguments))
    said = []
    bench = Bench(True, tmp_path, said.append)
    for name, (shape, fit) in faithful._ROWS.items():
        rounds = faithful._compare(bench, TINY, name, shape, fit)
        assert len(rounds) == 2
    assert len(said) == 9
    assert {measured.unit for measured in bench.measurements} == {"(share)", "(ratio)"}


def test_a_difference_is_told_from_noise():
    assert abs(faithful._standard_errors([0.5, 0.52, 0.48], [0.51, 0.49, 0.5])) < 1
    assert faithful._standard_errors([0.5, 0.52, 0.48], [0.4, 0.41, 0.39]) > 2.3
