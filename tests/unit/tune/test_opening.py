import pytest

from mmkd_ray.config import validate
from mmkd_ray.errors import ArtifactError
from mmkd_ray.tune.opening import BEGUN, open_search
from tests.support.search_run import make

Q = {"space": {"aspects.count": {"choice": [2, 6]}}}


def changed(config, section, **keys):
    tree = config.model_dump(mode="json")
    return validate({**tree, section: {**tree[section], **keys}})


def begin(search):
    search.run.tune.write_json(BEGUN, search.decides.as_dict())


def test_the_answers_of_the_largest_q_must_be_there(tmp_path, run):
    config = make(tmp_path, run, asked=5, tune=Q)
    with pytest.raises(ArtifactError) as caught:
        open_search(config, run)
    assert "no answers to 1 of the questions" in str(caught.value)
    assert "run `mmkd import-teacher CONFIG`" in str(caught.value)
    assert "add aspects.count=6 to that command" in str(caught.value)
    assert len(open_search(make(tmp_path, run, asked=6, tune=Q), run).aspects) == 6


def test_without_answers_the_command_that_makes_them_is_named(tmp_path, run):
    config = make(tmp_path, run, teacher={"kind": "no_inference"})
    run.teacher.delete()
    with pytest.raises(ArtifactError, match="is not finished: run `mmkd extract CONFIG` first"):
        open_search(config, run)


def test_there_must_be_something_to_resume(tmp_path, run):
    config = make(tmp_path, run)
    with pytest.raises(ArtifactError, match="holds no search to resume: run `mmkd tune CONFIG` without --resume"):
        open_search(config, run, resume=True)


def test_an_interrupted_search_is_only_continued_when_it_is_said(tmp_path, run):
    config = make(tmp_path, run)
    begin(open_search(config, run))
    with pytest.raises(
        ArtifactError, match="holds this search, interrupted: continue it by `mmkd tune CONFIG --resume`"
    ):
        open_search(config, run)
    assert not open_search(config, run, resume=True).finished


def finish(config, run):
    """A search that has been done."""
    search = open_search(config, run)
    begin(search)
    run.tune.finish(search.identity)


@pytest.mark.parametrize("resume", [False, True])
def test_another_search_is_neither_continued_nor_overwritten(tmp_path, run, resume):
    config = make(tmp_path, run)
    finish(config, run)
    with pytest.raises(
        ArtifactError, match=r"holds another search: train\.epochs was 4 and is 5; set it back, or move"
    ):
        open_search(changed(config, "train", epochs=5), run, resume=resume)
    with pytest.raises(ArtifactError, match=r"tune\.trials was 12 and is 13"):
        open_search(changed(config, "tune", trials=13), run, resume=resume)


@pytest.mark.parametrize("resume", [False, True])
def test_a_finished_search_is_found_wherever_it_ran(tmp_path, run, resume):
    config = make(tmp_path, run)
    finish(config, run)
    assert open_search(config, run, resume=resume).finished
    elsewhere = changed(changed(config, "tune", concurrency=7), "cluster", cpus_per_train_worker=2)
    assert open_search(elsewhere, run, resume=resume).finished


def test_a_larger_student_must_be_trained_first(tmp_path, run):
    study = {"arms": ["ce", "makd+kd"], "kd_teacher": {"model": "resnet34", "image_size": 16}}
    config = make(tmp_path, run, study=study, tune={"arm": "makd+kd"})
    with pytest.raises(ArtifactError, match="is not finished: run `mmkd train CONFIG` first"):
        open_search(config, run)
