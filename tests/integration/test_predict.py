"""Many images are predicted by a Ray cluster: in order, and a worker that is killed loses nothing."""

import psutil
import pytest

import mmkd_ray as mm
from mmkd_ray.prediction import predicting, spreading
from mmkd_ray.prediction.finding import find_images
from tests.support.toy_bundle import save_pictures, untrained_bundle

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_a_killed_worker_loses_no_image_and_no_order(tmp_path, monkeypatch):
    place, paths = untrained_bundle(tmp_path / "student"), save_pictures(tmp_path / "pictures", 240)
    expected = mm.predict(place, paths)
    monkeypatch.setattr(predicting, "HERE", 0)
    monkeypatch.setattr(spreading, "BATCH", 4)
    monkeypatch.setattr(spreading, "_BATCHES", 1)
    rows, killed = [], []
    for table in predicting.PredictionJob.by(place).of(find_images(paths), lambda _: None):
        rows += table.to_pylist()
        if not killed:
            killed = [worker for worker in psutil.process_iter(["cmdline"]) if _predicts(worker)][:1]
            killed[0].kill()
    assert [row["image"] for row in rows] == paths
    assert [row["class"] for row in rows] == expected["class"].to_pylist()


def _predicts(process):
    """Ray calls a worker by its actor's class; other tests' workers are at work as well."""
    return spreading.PredictingActor.__name__ in " ".join(process.info["cmdline"] or ())
