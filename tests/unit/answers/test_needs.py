import pytest
import yaml

from mmkd_ray.answers.needs import queries_to_ask
from mmkd_ray.answers.query import Query, mirrored
from mmkd_ray.artifacts import open_run
from mmkd_ray.config import validate

ASPECTS = ["Is it red?", {"question": "Does it face left?", "orientation_sensitive": True}, "Is it big?"]


@pytest.fixture
def asked(tmp_path):
    path = tmp_path / "questions.yaml"
    path.write_text(yaml.safe_dump(ASPECTS))

    def asked_of(study, **train):
        tree = {
            "name": "t",
            "data": {"source": "fieldguide"},
            "aspects": {"source": "file", "path": str(path), "count": 2},
            "study": study,
            "train": train,
        }
        return queries_to_ask(validate(tree), open_run(str(tmp_path), "t"), ["blue_tit", "owl"])

    return asked_of


def test_the_aspects_alone(asked):
    assert asked({"arms": ["ce", "makd"]}) == [Query("Is it red?"), Query("Does it face left?")]


def test_more_for_arms_and_variants_that_need_more(asked):
    assert asked({"arms": ["ce", "zero_shot_kd"], "class_question": "Is this a {class_name}?"})[2:] == [
        Query("Is this a blue tit?"),
        Query("Is this a owl?"),
    ]
    assert asked({"arms": ["ce", "makd"]}, flip_targets="view")[2:] == [mirrored("Does it face left?")]
    assert asked({"arms": ["ce", "random"]}, flip_targets="view")[2:] == []
    variants = {"two": {}, "all": {"aspects.count": 3}, "seen": {"train.flip_targets": "view"}}
    assert asked({"arms": ["makd"], "variants": variants}) == [
        Query("Is it red?"),
        Query("Does it face left?"),
        Query("Is it big?"),
        mirrored("Does it face left?"),
    ]
