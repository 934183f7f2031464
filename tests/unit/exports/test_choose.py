import pytest

from mmkd_ray.artifacts import open_run
from mmkd_ray.errors import ArtifactError
from mmkd_ray.exports.choose import choose_student
from mmkd_ray.students.bundle import CARD, read_card
from mmkd_ray.study.students import list_students
from tests.support.search_run import make


def choose(trained, arm=None, seed="best"):
    return choose_student(*trained, arm=arm, seed=seed, variant=None)


def test_the_best_seed_is_the_best_on_the_validation_split(trained):
    config, run = trained
    of_makd = {spec.seed: spec for spec in list_students(config, run) if spec.arm == "makd"}
    cards = {seed: read_card(spec.folder(run)) for seed, spec in of_makd.items()}
    for best in of_makd:
        for seed, spec in of_makd.items():
            card = cards[seed].model_copy(update={"metrics": {"val_top1": 0.9 if seed == best else 0.8}})
            spec.folder(run).write_json(CARD, card.model_dump(mode="json"))
        assert choose(trained).seed == best
    for seed, spec in of_makd.items():
        spec.folder(run).write_json(CARD, cards[seed].model_dump(mode="json"))
    assert choose(trained).arm == "makd"
    assert (choose(trained, "ce", 1).arm, choose(trained, "ce", 1).seed) == ("ce", 1)


def test_the_students_that_there_are_stand_in_the_refusal(trained, tmp_path):
    with pytest.raises(
        ArtifactError, match=r"no finished student 'makd seed 7'; there are: makd seed 1, makd seed 0, "
    ):
        choose(trained, seed=7)
    run = open_run(str(tmp_path / "runs"), "test")
    config = make(tmp_path, run)
    with pytest.raises(ArtifactError, match=r"no finished student 'makd'; none is: run `mmkd train CONFIG` first"):
        choose((config, run))
