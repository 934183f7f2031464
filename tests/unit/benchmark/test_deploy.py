"""The benchmark of serving: what it makes of its rounds. Its clients are tried on a real service in tests/cluster."""

import json

from mmkd_ray.benchmark import deploy
from mmkd_ray.benchmark.bare import bare_rate
from mmkd_ray.benchmark.bench import Bench
from mmkd_ray.students.bundle import load_bundle

TINY = deploy.Size(pictures=6, batch=2, replicas=1, warm_s=0, seconds=0)


def test_a_workload_is_a_bundle_and_pictures_that_it_reads(tmp_path):
    place, pictures = deploy._prepared(Bench(True, tmp_path, lambda _: None), deploy.DRAWINGS, TINY)
    said = load_bundle(place).predict(pictures)
    assert said.p_yes_NQ.shape == (6, 50)
    assert said.class_probabilities_NC.shape == (6, 100)
    assert bare_rate(place, pictures, processes=1, batch=2, seconds=0.01) > 0


def test_rounds_become_ratios(tmp_path, monkeypatch):
    monkeypatch.setattr(deploy, "bare_rate", lambda *_, **__: 200.0)
    monkeypatch.setattr(deploy, "_prepared", lambda *_: ("place", []))
    measured = {"rate of 1": 170.0, "rate of 2": 90.0, "p50": 12.0, "p99": 30.0}
    monkeypatch.setattr(deploy, "in_own_process", lambda *_: measured)
    bench = Bench(True, tmp_path, lambda _: None)
    large, small = deploy.photographs(bench, TINY, ("torch",)), deploy.drawings(bench, TINY)
    assert (large.median, large.goal, large.reached) == (0.85, 0.8, True)
    assert small.rows == {"1 image a request": [0.85], "2 images a request": [0.9]}
    assert {one.name.rpartition(": ")[2]: one.median for one in bench.measurements}["p99 at 50 % of that rate"] == 30


def test_results_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(deploy, "photographs", lambda *_: deploy.Ratio("serve_over_bare", {"x": [0.9, 0.91]}, 0.8))
    for name in ("predict_over_plain", "narrow"):
        monkeypatch.setattr(deploy, name, lambda *_, name=name: [deploy.Ratio(name, {"x": [1.0]})])
    monkeypatch.setattr(deploy, "drawings", lambda *_: deploy.Ratio("serve_over_bare_small", {"x": [0.2]}))
    deploy.benchmark_deploy(str(tmp_path), quick=True, say=lambda _: None)
    assert json.loads((tmp_path / "deploy.json").read_text())["ratios"]["serve_over_bare"]["reached"] is True
