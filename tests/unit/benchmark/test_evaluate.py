import numpy as np
import torch

from mmkd_ray import schema
from mmkd_ray.artifacts import open_run
from mmkd_ray.benchmark import evaluate, plain_corruptions
from mmkd_ray.evaluate.pieces import PREDICTIONS, study_pieces
from mmkd_ray.evaluate.worker import predict_pieces


def test_the_rival_has_the_same_images_student_and_corruptions(tmp_path):
    config = evaluate.small_study(tmp_path, "small", 1)
    images, bundle = evaluate.prepare(config)
    run = open_run(config.storage.path, config.name)
    (piece,) = (piece for piece in study_pieces(config, run) if (piece.probe, piece.severity) == ("contrast", 3))
    predict_pieces([piece], run, torch.device("cpu"))
    ours = schema.matrix(piece.folder(run).read_table(PREDICTIONS)["class_logits"])
    plain_corruptions.begin(images, bundle)
    np.testing.assert_allclose(plain_corruptions.predict("contrast", 3), ours, atol=1e-5)


def test_what_is_claimed():
    rates = {"plain loop": [100.0, 100], "one core": [60.0, 55], "all cores": [110.0, 90]}
    claimed = {ratio.name: ratio for ratio in evaluate.ratios(rates, [3.0, 4], [1.05, 1.2])}
    assert claimed["corruptions_over_plain"].rounds == [1.1, 0.9]
    assert claimed["two_workers_over_one"].rounds == [110 / 60, 90 / 55]
    assert claimed["rerun_seconds"].reached
    assert claimed["memory_growth"].reached is False
    assert set(claimed) == {note.split("`")[1] for note in evaluate._notes(504)}
