import pytest

from mmkd_ray.config import load, of_variants, to_yaml, validate
from mmkd_ray.errors import ConfigError

TREE = {"name": "t", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}


def test_without_variants_there_is_one_with_an_empty_name():
    config = validate(TREE)
    assert of_variants(config) == {"": config}


def test_a_variant_replaces_its_keys_and_no_others():
    config = validate({**TREE, "study": {"variants": {"a": {"train.alpha": 7, "aspects.count": 5}, "b": {}}}})
    variants = of_variants(config)
    assert list(variants) == ["a", "b"]
    assert (variants["a"].train.alpha, variants["a"].aspects.count) == (7, 5)
    assert variants["b"].train == config.train
    assert variants["a"].study.variants == {}


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"train.alpa": 1}, "study.variants.a: unknown key 'train.alpa'; did you mean 'train.alpha'?"),
        ({"train.alpha": -1}, r"study.variants.a: train.alpha: got -1"),
        ({"data.train_per_class": 1}, "study.variants.a: got 'data.train_per_class'; accepted are student.KEY"),
    ],
)
def test_mistakes_name_the_variant(variant, message):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        validate({**TREE, "study": {"variants": {"a": variant}}})


def test_variants_survive_yaml(tmp_path):
    config = validate({**TREE, "study": {"variants": {"a": {"student.model_args": {"layers": [1, 1]}}}}})
    path = tmp_path / "c.yaml"
    path.write_text(to_yaml(config))
    assert load(path) == config


def test_the_evidence_study_is_valid(repository):
    config = load(repository / "configs" / "evidence.yaml")
    assert len(of_variants(config)) == 18
