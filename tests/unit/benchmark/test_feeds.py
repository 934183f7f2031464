"""The benchmark of the feeds, in a tiny size: it measures nothing here, but all of it runs."""

import json
import tempfile

from mmkd_ray.benchmark import feeds, our_feed, plain_feed
from mmkd_ray.benchmark.bench import Bench
from mmkd_ray.benchmark.data import write_pictures

TINY = feeds.Size(
    jpegs=48, batch=4, feed_epochs=2, steps=2, train_epochs=2, shared=8, few=8, growth=2, huge=600, small=300
)


def test_both_sides_feed_and_train(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    write_pictures(tmp_path / "jpeg", 48, side=(50, 38), suffix="jpg")
    bench = Bench(True, tmp_path, lambda _: None)
    for how in ("mapped", "encoded"):
        config = feeds._config(bench, how, tmp_path / "jpeg", TINY, how, student=feeds.SMALL_STUDENT)
        our_feed.make_table(config)
        assert our_feed.feed_rate(config, 1, 2) > 0
    times = our_feed.train(config, 2, 2, 1)
    assert [len(epoch) for epoch in times["ends"]] == [len(epoch) for epoch in times["begins"]] == [2, 2]
    assert plain_feed.feed_rate(str(tmp_path / "jpeg" / "train"), 0, 4, 2) > 0


def test_a_huge_table_starts_without_its_pictures_being_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    bench = Bench(True, tmp_path, lambda _: None)
    config = feeds._config(bench, "table", tmp_path, TINY, "mapped", student=feeds.SMALL_STUDENT)
    our_feed.make_huge_table(config, 600)
    times = our_feed.start_of_training(config, 3)
    held = our_feed.memory_of_training(config, 8)
    assert min(*times.values(), *held.values()) > 0


def test_results_are_written(tmp_path, monkeypatch):
    ratio = feeds.Ratio("mapped_over_dataloader", {"JPEG": [5.0, 5.1, 5.2]}, 4)
    monkeypatch.setattr(feeds, "_speeds", lambda *_: [ratio])
    monkeypatch.setattr(feeds, "_memory", lambda *_: [])
    monkeypatch.setattr(feeds, "_huge_table", lambda *_: [])
    feeds.benchmark_feeds(str(tmp_path), quick=True, say=lambda _: None, size=TINY)
    assert json.loads((tmp_path / "feeds.json").read_text())["ratios"]["mapped_over_dataloader"]["reached"]
