import pyarrow.compute as pc
import pytest

from mmkd_ray import schema
from mmkd_ray.config import EvaluateConfig
from mmkd_ray.errors import ConfigError
from mmkd_ray.evaluate.further import (
    AGREEMENT_AURC,
    AGREEMENT_ERRORS,
    AGREEMENT_SHIFT,
    CONFIDENCE_ERRORS,
    CONFIDENCE_SHIFT,
)
from mmkd_ray.evaluate.pieces import PREDICTIONS, needs_predictions, study_pieces
from mmkd_ray.evaluate.stage import RESULTS, STUDENTS, evaluate_study
from mmkd_ray.tasks.classify import CLASSIFY, TOP1
from tests.support.report_run import Plan, make


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("evaluation"), Plan(constant_teacher=True))


def test_results_have_a_row_for_each_number(made):
    table = made.run.folder.read_table(RESULTS)
    assert table.schema.equals(schema.RESULTS)
    rows = table.to_pylist()
    keys = [(row["arm"], row["seed"], row["probe"], row["severity"], row["split"], row["metric"]) for row in rows]
    assert len(set(keys)) == len(keys)
    of_one = [key[4:] for key in keys if key[:4] == ("makd", 1, "clean", 0)]
    names = [metric.name for metric in (*CLASSIFY.metrics, *CLASSIFY.trust)]
    measured = [(split, name) for split in ("val", "test", "shift") for name in names]
    by_agreement = {("test", metric.name) for metric in (AGREEMENT_AURC, AGREEMENT_ERRORS, CONFIDENCE_ERRORS)}
    by_agreement |= {("shift", metric.name) for metric in (AGREEMENT_SHIFT, CONFIDENCE_SHIFT)}
    assert set(of_one) == {*measured, *by_agreement, ("val", "aspect_fidelity_auc")}
    test = [row["value"] for row in rows if (row["arm"], row["split"], row["metric"]) == ("makd", "test", TOP1.name)]
    assert test == list(made.evaluation.arms["makd"].measure(TOP1).values) == [25 / 36, 26 / 36, 25 / 36]


def test_what_is_not_defined_is_null(made):
    rows = made.run.folder.read_table(RESULTS).to_pylist()
    assert {row["value"] for row in rows if row["metric"] == "aspect_fidelity_auc"} == {None}


def test_students_have_the_facts_of_their_training(made):
    table = made.run.folder.read_table(STUDENTS)
    assert table.schema.equals(schema.STUDENTS)
    assert [(row["arm"], row["seed"]) for row in table.to_pylist()] == [
        (arm, seed) for seed in range(3) for arm in ("ce", "makd")
    ]
    assert table["best_epoch"].to_pylist() == [4] * 6
    assert table["epochs"].to_pylist() == [5] * 6
    assert set(table["student"].to_pylist()) == set(made.run.folder.read_table(RESULTS)["student"].to_pylist())


def test_of_a_restricted_split_its_own_classes_are_the_answers_and_nothing_is_predicted_again(tmp_path):
    made = make(tmp_path, Plan(right={"ce": [20]}))
    (piece,) = study_pieces(made.config, made.run)
    table = piece.folder(made.run).read_table(PREDICTIONS)
    table = table.filter(~((pc.field("split") == "shift") & (pc.field("label") == 2)))
    piece.folder(made.run).write_table(PREDICTIONS, table)
    config = made.config.model_copy(update={"evaluate": EvaluateConfig(restricted_splits=("shift",))})
    assert not needs_predictions(config, made.run)
    measured = {split: evaluate_study(config, made.run).arms["ce"].measure(TOP1, split) for split in ("test", "shift")}
    shift = table.filter(pc.field("split") == "shift")
    right = schema.matrix(shift["class_logits"])[:, :2].argmax(axis=1) == shift["label"].to_numpy()
    assert measured["shift"].values == (right.mean(),)
    assert measured["shift"].values != made.evaluation.arms["ce"].measure(TOP1, "shift").values
    assert measured["test"].values == (20 / 36,)
    with pytest.raises(ConfigError, match="there is no split 'imagenet-a'; accepted are test, shift"):
        evaluate_study(
            config.model_copy(update={"evaluate": EvaluateConfig(restricted_splits=("imagenet-a",))}), made.run
        )
