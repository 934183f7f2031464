"""docs/scale.md says what the newest benchmarks say."""

import importlib.util
import sys

import pytest


@pytest.fixture
def scale(repository, monkeypatch):
    spec = importlib.util.spec_from_file_location("scale", repository / "docs" / "benchmarks" / "scale.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "scale", module)  # where its dataclass looks for its types
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_benchmarks_say(scale):
    text = scale.PAGE.read_text(encoding="utf-8")
    assert text == scale.rewritten(text), "run `python docs/benchmarks/scale.py`"


def test_what_is_asked_for_most_saturates_first_and_slows_training(scale):
    fast = scale.Rates(table=500.0, extraction=500.0, mapped=3_000.0, encoded=200.0, driver_s=300.0)
    loads = scale.loads(fast, 1)
    assert loads["training, encoded feed: a node's cores, for its GPUs"] == pytest.approx(20_000 / 12_800)
    assert scale.first_to_saturate(fast, 1).startswith("image table: the shared storage (176%)")
    assert scale.hours(fast, 16)["image table"] == pytest.approx(scale.ALL * scale.BYTES / scale.STORAGE / 3600)
    slow = scale.Rates(table=None, extraction=500.0, mapped=None, encoded=200.0, driver_s=None)
    assert scale.first_to_saturate(slow, 16).startswith("training, encoded feed: a node's cores, for its GPUs (156%)")
    training = f"{scale.EPOCHS} epochs of ResNet-50"
    assert scale.hours(slow, 1)[training] == pytest.approx(20_000 / 12_800 * scale.hours(fast, 1)[training])
    assert scale.hours(slow, 1)["image table"] is None
