"""Predictions made by the evaluate stage on a real cluster."""

import numpy as np
import pytest
import torch

from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import ArtifactError, ClusterError
from mmkd_ray.evaluate.pieces import PREDICTIONS, needs_predictions, study_pieces
from mmkd_ray.evaluate.predict import predict_study
from mmkd_ray.evaluate.stage import evaluate_study
from mmkd_ray.evaluate.worker import predict_pieces
from tests.support.bundles import write_students
from tests.support.search_run import make


def trained(root, **sections):
    """A study of two arms and two seeds, trained for an epoch in this process; its configuration and run."""
    run = open_run(str(root / "runs"), "test")
    config = make(root, run, readable=True, study={"arms": ["ce", "makd"], "seeds": [0, 1]}, **sections)
    write_students(config, run)
    return config, run


def logits(piece, run):
    return np.stack(piece.folder(run).read_table(PREDICTIONS)["class_logits"].to_numpy())


def test_predictions_are_made_on_the_cluster_once_and_are_those_of_one_process(ray_cluster, tmp_path):
    config, run = trained(tmp_path)
    seen = []
    predict_study(config, run, lambda done, total, _: seen.append((done, total)))
    assert seen[-1] == (4, 4)
    assert not needs_predictions(config, run)
    evaluate_study(config, run)
    times = [piece.folder(run).record() for piece in study_pieces(config, run)]
    spread = [logits(piece, run) for piece in study_pieces(config, run)]
    predict_study(config, run, lambda *_: pytest.fail("there was nothing to do"))
    assert [piece.folder(run).record() for piece in study_pieces(config, run)] == times
    torch.set_num_threads(1)
    for piece, there in zip(study_pieces(config, run), spread, strict=True):
        piece.folder(run).delete()
        predict_pieces([piece], run, torch.device("cpu"))
        np.testing.assert_array_equal(logits(piece, run), there)


def test_a_damaged_bundle_is_our_own_error_and_the_others_are_kept(ray_cluster, tmp_path):
    config, run = trained(tmp_path)
    *sound, damaged = study_pieces(config, run)
    for piece in sound:
        predict_pieces([piece], run, torch.device("cpu"))
    damaged.spec.folder(run).write_bytes("student.safetensors", b"half")
    with pytest.raises(ArtifactError, match=r"makd-seed1-\w+/student.safetensors cannot be used"):
        predict_study(config, run, lambda *_: None)
    assert [piece.is_done(run) for piece in (*sound, damaged)] == [True, True, True, False]


def test_a_worker_that_the_cluster_cannot_hold_is_refused(ray_cluster, tmp_path):
    config, run = trained(tmp_path, cluster={"cpus_per_train_worker": 1000})
    with pytest.raises(ClusterError, match=r"evaluation needs 1 x \(1000 CPU"):
        predict_study(config, run, lambda *_: None)
