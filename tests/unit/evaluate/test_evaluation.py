import json

import numpy as np
import pytest

from mmkd_ray.errors import ArtifactError
from mmkd_ray.evaluate.evaluation import EVALUATION, read_evaluation
from mmkd_ray.tasks import task_of
from tests.support.report_run import Plan, make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("evaluation"), Plan())


def test_what_is_written_is_what_is_read(made):
    read = read_evaluation(made.config, made.run)
    assert read == made.evaluation
    assert (
        read.arms["makd"].measure(read.primary).difference
        == made.evaluation.arms["makd"].measure(read.primary).difference
    )


def test_it_is_plain_json(made):
    found = json.loads(made.run.folder.read_bytes(EVALUATION))
    assert found["task"] == task_of(made.config).name
    assert found["images"]["test"] == 36
    (test,) = [
        measure
        for measure in found["variants"][""]["makd"]["measures"]
        if (measure["split"], measure["metric"]) == ("test", "top1")
    ]
    assert test["values"] == [25 / 36, 26 / 36, 25 / 36]
    assert set(test["difference"]) == {"mean", "low", "high", "per_seed", "over_images"}
    for interval, mean in (
        (test["over_images"], np.mean(test["values"])),
        (test["difference"]["over_images"], test["difference"]["mean"]),
    ):
        assert set(interval) == {"low", "high"}
        assert interval["low"] < mean < interval["high"]


def test_another_study_is_refused(made, tmp_path):
    other = made.config.model_copy(update={"evaluate": made.config.evaluate.model_copy(update={"confidence": 0.9})})
    with pytest.raises(ArtifactError, match="is not of this study: run `mmkd evaluate CONFIG` first"):
        read_evaluation(other, made.run)


def test_that_of_another_version_is_refused(tmp_path):
    made = make(tmp_path, Plan())
    made.run.folder.write_json(EVALUATION, {"classes": [], "arms": {}, "study": made.evaluation.study})
    with pytest.raises(ArtifactError, match=r"is of another version of mmkd_ray: run `mmkd evaluate CONFIG` first"):
        read_evaluation(made.config, made.run)
