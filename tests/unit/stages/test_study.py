import pytest
import torch

from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate.pieces import study_pieces
from mmkd_ray.evaluate.worker import predict_pieces
from mmkd_ray.stages.study import Evaluate
from tests.support.bundles import write_students
from tests.support.search_run import make


def test_an_evaluation_takes_a_cluster_as_long_as_predictions_are_lacking(tmp_path, run):
    config = make(tmp_path, run, readable=True, study={"arms": ["ce", "makd"], "seeds": [0]})
    with pytest.raises(ArtifactError, match="run `mmkd train CONFIG` first"):
        Evaluate().needs_cluster(config, run)
    write_students(config, run)
    assert Evaluate().needs_cluster(config, run)
    for piece in study_pieces(config, run):
        predict_pieces([piece], run, torch.device("cpu"))
    assert not Evaluate().needs_cluster(config, run)
    record = Evaluate().run(config, run, lambda *_: pytest.fail("there was nothing to do"))
    assert Evaluate().remark(config, run, record) == "val 24, test 12"
