import re

import pytest

import mmkd_ray as mm
from mmkd_ray import cli
from mmkd_ray.config import Config, validate
from mmkd_ray.errors import ArtifactError, ConfigError
from mmkd_ray.evaluate.evaluation import SHIFT_MEAN
from mmkd_ray.metrics.statistics import paired_difference
from mmkd_ray.report.comparison import compare_runs
from mmkd_ray.report.comparison.settings import decides_numbers
from tests.support.finished_runs import finished_run
from tests.support.identities import REPOSITORY, identities

A, B = [20, 21, 19], [23, 22, 24]
"""Test images of 36 that the seeds of `makd` recognise."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The first, one with another epoch count and two seeds more, one with other images, one with other questions."""
    root = tmp_path_factory.mktemp("runs")
    right = {"ce": [20, 20, 20], "makd": A}
    return {
        "first": finished_run(root, name="first", right=right),
        "longer": finished_run(
            root, name="longer", epochs=6, right={"ce": [20, 20, 20, 20, 20], "makd": [*B, 30, 30], "random": [18] * 5}
        ),
        "fewer": finished_run(root / "fewer", name="fewer", right=right, images_per_class=10),
        "asked": finished_run(root / "asked", name="asked", right=right, questions=("Does the bird have a crest?",)),
    }


def row(comparison, arm, metric="top1", split="test"):
    (found,) = [r for r in comparison.results if (r.arm, r.metric.name, r.split) == (arm, metric, split)]
    return found


def test_results_stand_side_by_side_with_the_paired_difference_of_the_seeds_that_both_have(runs):
    comparison = mm.compare(runs["first"], runs["longer"].folder.uri)
    found = row(comparison, "makd")
    assert [measure.mean for measure in found.measures] == pytest.approx([20 / 36, 129 / 5 / 36])
    expected = paired_difference([b / 36 for b in B], [a / 36 for a in A], confidence=0.95)
    assert found.differences[0].mean == pytest.approx(expected.mean)
    assert (found.differences[0].low, found.differences[0].high) == pytest.approx((expected.low, expected.high))
    assert row(comparison, "random").measures[0] is None
    assert row(comparison, "random").differences == (None,)
    assert row(comparison, "makd", split=SHIFT_MEAN).differences[0] is not None
    assert comparison.remarks == []
    assert re.search(r"makd +test top-1 +55\.6 \+- 2\.8 % .*\+8\.3 \[-5\.5, \+22\.1\] \(3 in both\)\n", str(comparison))


def test_keys_that_differ_are_named_and_whether_they_decide_numbers(runs):
    found = {one.key: one for one in mm.compare(runs["first"], runs["longer"]).settings}
    assert set(found) == {"name", "train.epochs", "study.arms", "study.seeds"}
    assert found["train.epochs"].values == (5, 6)
    assert {key: one.decides for key, one in found.items()} == {
        "name": "no", "train.epochs": "yes", "study.arms": "yes", "study.seeds": "yes",
    }  # fmt: skip


def test_on_other_test_images_there_is_no_difference_and_it_says_why(runs):
    comparison = mm.compare(runs["first"], runs["fewer"])
    assert comparison.inputs[0].images["test"] == "A 36, B 30, 0 in both"
    assert row(comparison, "makd").differences == (None,)
    assert comparison.remarks[0] == "no difference B - A on test: test: A 36, B 30, 0 in both"
    assert re.search(r"images    .*test: A 36, B 30, 0 in both", str(comparison))


def test_other_questions_are_named_and_fidelity_to_them_is_not_compared(runs):
    comparison = mm.compare(runs["first"], runs["asked"])
    assert comparison.inputs[0].questions == ("A 3, B 1, 1 in both; A alone: 'Is the bird flying?', 'Is there snow?'")
    assert not any(comparison.inputs[0].images.values())
    assert row(comparison, "makd", "aspect_fidelity_auc", "val").differences == (None,)
    assert row(comparison, "makd").differences[0].mean == 0


def test_the_same_students_have_no_difference(runs):
    comparison = mm.compare(runs["first"], runs["first"], runs["longer"])
    assert row(comparison, "ce").same_students == (True, False)
    shown = str(comparison)
    assert "the same students" in shown
    assert "C - A [95 % over seeds]" in shown


def test_one_command_says_it(runs, capsys):
    places = [runs[name].folder.uri for name in ("first", "longer")]
    assert cli.main(["compare", *places]) == 0
    assert capsys.readouterr().out == f"{mm.compare(*places)}\n"
    assert cli.main(["compare", places[0]]) == 2
    assert "got 1 run(s); 2 to 26 are accepted" in capsys.readouterr().err
    assert cli.main(["compare", places[0], "/nowhere/run"]) == 2
    assert (
        "mmkd: error: /nowhere/run has no config.yaml: nothing is there; give the folder of" in capsys.readouterr().err
    )


def test_too_many_or_too_few_are_refused(runs):
    for count in (0, 27):
        with pytest.raises(ConfigError, match=f"compare: got {count} run"):
            compare_runs([runs["first"]] * count)


def test_an_image_table_that_is_gone_is_said(tmp_path):
    right = {"ce": [20], "makd": [22]}
    one, other = (finished_run(tmp_path / name, name=name, right=right) for name in ("one", "other"))
    other.images.delete()
    comparison = mm.compare(one, other)
    assert comparison.inputs[0].images["test"] == "the image table of B is not there, so nothing is known"
    assert row(comparison, "makd").differences == (None,)
    other.folder.delete_file("evaluation.json")
    with pytest.raises(ArtifactError, match=r"has no evaluation\.json: run `mmkd evaluate CONFIG` first"):
        mm.compare(one, other)


def test_what_decides_numbers_is_what_enters_an_identity(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    config, before = mm.load("configs/quickstart.yaml"), identities("quickstart")

    def said(*overrides):
        return {decides_numbers(override.partition("=")[0], [config]) for override in overrides}

    deciding = (
        "data.train_per_class=14", "teacher.dtype=float16", "teacher.max_model_len=99", "aspects.count=3",
        "train.alpha=3", "student.image_size=32", "evaluate.confidence=0.9",
    )  # fmt: skip
    for override in deciding:
        assert (said(override), identities("quickstart", override) != before) == ({"yes"}, True), override
    others = (
        "pilot.bootstrap=21", "extract.batch_size=7", "extract.actors=1", "cluster.feed=encoded", "name=other",
    )  # fmt: skip
    assert (said(*others), identities("quickstart", *others) != before) == ({"no"}, False)
    assert said("data.fit=pad", "tracking.trackers=[]") == {"no"}  # of squares every fit is the same


def test_every_section_is_known_to_decide_or_not():
    config = validate({"name": "a", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}})
    others = {key for key in Config.model_fields if decides_numbers(f"{key}.any", [config]) == "no"}
    # `pilot` decides where questions are chosen by it; the others say where, how fast and for whom.
    assert others == {"name", "pilot", "tune", "tracking", "extract", "cluster", "storage", "serve"}


def test_a_place_decides_by_what_is_there():
    tree = {"name": "a", "data": {"source": "folder", "path": "x"}, "aspects": {"source": "file", "path": "y"}}
    config = validate(tree)
    assert isinstance(config, Config)
    found = {key: decides_numbers(key, [config]) for key in ("data.path", "aspects.path", "teacher.model", "data.fit")}
    assert found == {
        "data.path": "by content", "aspects.path": "by content", "teacher.model": "by content", "data.fit": "yes",
    }  # fmt: skip
