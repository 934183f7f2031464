from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from mmkd_ray.config import load, to_yaml
from mmkd_ray.errors import StudentError
from mmkd_ray.render.units import SHARE
from mmkd_ray.study.students import list_students
from mmkd_ray.tasks import Metric
from mmkd_ray.tune import outcome
from mmkd_ray.tune.heat_map import heat_map
from mmkd_ray.tune.outcome import best_row, best_yaml, facts, shown_trials, trial_table, values_of
from mmkd_ray.tune.parallel import parallel_coordinates
from tests.support.search_run import make

SPACE = {
    "train.alpha": {"log_uniform": [0.1, 40]},
    "aspects.count": {"choice": [2, 8]},
    "train.optimizer": {"choice": ["sgd", "adamw"]},
}


def result(started, alpha, q, curve, *, optimizer="sgd", failure="", error=None):
    config = {"train.alpha": alpha, "aspects.count": q, "train.optimizer": optimizer}
    metrics = {"config": config, "trial_id": f"t{started}", "started": started}
    if curve:
        metrics |= {"curve": curve, "value": curve[-1], "seconds": 2.0 * len(curve), "failure": failure}
    return SimpleNamespace(metrics=metrics, error=error)


@pytest.fixture
def config(tmp_path, run):
    return make(tmp_path, run, tune={"space": SPACE, "arm": "class_mean"}, study={"variants": {"a": {}, "b": {}}})


@pytest.fixture
def table(config):
    results = [
        result(30, 5.0, 8, (0.2, 0.3, 0.4, 0.6)),
        result(10, 0.5, 2, (0.1,)),
        result(20, 1.0, 8, (0.2, 0.5, 0.6, 0.6), optimizer="adamw"),
        result(40, 1.0, 8, (0.9,), failure="the loss is nan"),
        SimpleNamespace(metrics={"trial_id": "t50"}, error=RuntimeError("Traceback\nthe node is gone")),
    ]
    return trial_table(config, results)


def test_a_row_for_each_trial_in_the_order_of_their_beginning(config, table):
    assert table["trial"].to_pylist() == [1, 2, 3, 4, 5]
    assert table["id"].to_pylist() == ["t10", "t20", "t30", "t40", "t50"]
    assert table["status"].to_pylist() == ["stopped", "finished", "finished", "failed", "failed"]
    assert table["epochs"].to_pylist() == [1, 4, 4, 1, 0]
    assert table["reason"].to_pylist() == [None, None, None, "the loss is nan", "the node is gone"]
    assert [values_of(config, row) for row in table.to_pylist()][:2] == [
        {"train.alpha": 0.5, "aspects.count": 2, "train.optimizer": "sgd"},
        {"train.alpha": 1.0, "aspects.count": 8, "train.optimizer": "adamw"},
    ]
    assert [table[key].to_pylist()[4] for key in SPACE] == [None] * 3  # it never said which values it had
    assert facts(config, table) == {
        "trials": {"finished": 2, "stopped": 1, "failed": 2},
        "epochs": 10,
        "full_epochs": 20,
        "seconds": 20.0,
        "best": {
            "trial": 2,
            "val_top1": 0.6,
            "values": {"train.alpha": 1.0, "aspects.count": 8, "train.optimizer": "adamw"},
        },
    }


def test_a_longer_training_of_its_own_counts_as_whole(config):
    short = result(1, 1.0, 2, (0.1, 0.2))
    short.metrics["config"]["train.epochs"] = 2
    assert trial_table(config, [short])["status"].to_pylist() == ["finished"]


def test_the_best_is_the_first_of_the_highest_that_did_not_fail(config, table):
    assert best_row(config, table)["trial"] == 2


def test_where_all_fail_the_first_reason_is_told(config):
    table = trial_table(config, [result(1, 1.0, 2, (), error=RuntimeError("no memory"))])
    with pytest.raises(StudentError, match="all 1 trials of the search failed; the first: no memory"):
        best_row(config, table)


def test_the_best_configuration_is_whole_and_can_be_trained(config, table, run, tmp_path):
    text = best_yaml(config, table)
    assert text.startswith(
        "# The best of 5 trials of `mmkd tune`: trial 2, validation top-1 60.0\N{NO-BREAK SPACE}% (seed 0).\n"
    )
    (tmp_path / "best.yaml").write_text(text)
    best = load(tmp_path / "best.yaml")
    assert (best.train.alpha, best.aspects.count, best.train.optimizer) == (1.0, 8, "adamw")
    assert best.study.arms == ("ce", "makd", "class_mean")
    assert best.study.variants == {}
    assert (best.name, best.storage, best.tune) == (config.name, config.storage, config.tune)
    assert to_yaml(best) in text
    assert len(list_students(best, run)) == 9


def test_the_table_for_a_terminal(config, table):
    lines = "\n".join(map(str, shown_trials(config, table))).splitlines()
    assert lines[0].split() == ["trial", *SPACE, "val", "top-1", "epochs"]
    assert lines[2].split() == ["4", "1", "8", "sgd", "90.0", "%", "1", "failed:", "the", "loss", "is", "nan"]
    assert lines[3].split() == ["2", "1", "8", "adamw", "60.0", "%", "4"]
    assert lines[5].split()[-2:] == ["stopped", "early"]
    assert (
        lines[-1]
        == "best: trial 2, 60.0\N{NO-BREAK SPACE}% (seed 0) with train.alpha=1, aspects.count=8, train.optimizer=adamw"
    )


def texts(svg):
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter() if element.tag.endswith("text")]


def test_the_heat_map_has_the_mean_of_each_cell(config, table):
    shown = texts(heat_map(config, table))
    assert {"alpha", "Q", "2", "8"} <= set(shown)
    assert "0.1 \N{EN DASH} 0.27" in shown
    assert shown.count("60.0") == 2  # alpha 1 and alpha 5 fall into two columns
    assert shown.count("1 finished") == 2
    assert shown.count("1 stopped") == shown.count("10.0") == 1
    assert "90.0" not in shown


@pytest.mark.parametrize(
    ("space", "drawn"),
    [
        ({"train.alpha": {"choice": [1, 4]}}, True),
        ({"aspects.count": {"integer": [1, 4]}}, True),
        ({"aspects.count": {"choice": [4, None]}, "train.alpha": {"uniform": [0, 9]}}, True),
        ({"train.lr": {"uniform": [0.1, 0.2]}, "train.flip": {"choice": [0.5]}}, False),
        ({"student.model": {"choice": ["resnet18", "resnet34"]}, "train.lr": {"log_uniform": [0.001, 0.1]}}, False),
    ],
)
def test_charts_of_any_space_are_svg(tmp_path, run, space, drawn):
    config = make(tmp_path, run, tune={"space": space})
    results = []
    for number, position in enumerate((0, -1)):
        values = {key: domain.values[position] for key, domain in config.tune.space.items()}
        metrics = {"config": values, "trial_id": str(number), "started": number, "curve": (0.5,), "value": 0.5}
        results.append(SimpleNamespace(metrics=metrics, error=None))
    table = trial_table(config, results)
    lines = [e for e in ET.fromstring(parallel_coordinates(config, table)).iter() if e.get("stroke-dasharray")]
    assert len(lines) == 2
    assert set(space) <= set(texts(parallel_coordinates(config, table)))
    svg = heat_map(config, table)
    assert (svg is not None) == drawn
    if svg:
        assert "50.0" in texts(svg)


def test_a_metric_that_should_be_low_turns_the_order_around(config, table, monkeypatch):
    error = Metric("top1", "error", SHARE, higher_is_better=False)
    monkeypatch.setattr(outcome, "task_of", lambda _: SimpleNamespace(primary=error))
    assert [row["trial"] for row in outcome.best_first(config, table)] == [1, 2, 3, 4, 5]
    assert best_row(config, table)["trial"] == 1
    assert [outcome.goodness(error, [0.1, 0.3])(value) for value in (0.1, 0.2, 0.3)] == pytest.approx([1, 0.5, 0])
