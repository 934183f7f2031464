import pytest

from mmkd_ray.config import load, to_yaml, validate, with_values
from mmkd_ray.errors import ConfigError

SPACE = "{train.alpha: {log_uniform: [0.1, 40]}, aspects.count: {choice: [8, 16]}, train.batch_size: {integer: [8, 9]}}"


@pytest.fixture
def load_with(repository):
    return lambda *overrides: load(repository / "configs" / "quickstart.yaml", overrides)


def test_a_search_is_alpha_by_default(load_with):
    config = load_with()
    assert {key: (domain.kind, domain.values) for key, domain in config.tune.space.items()} == {
        "train.alpha": ("log_uniform", (0.1, 40.0))
    }


def test_a_space_is_written_as_it_was_read(load_with, tmp_path):
    config = load_with(f"tune.space={SPACE}")
    (tmp_path / "again.yaml").write_text(to_yaml(config))
    assert load(tmp_path / "again.yaml") == config
    assert config.model_dump(mode="json")["tune"]["space"]["aspects.count"] == {"choice": [8, 16]}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tune.space={}", "tune.space is empty: name the keys to search"),
        ("tune.space={data.path: {choice: [a]}}", "tune.space: got 'data.path'; accepted are student.KEY, train.KEY"),
        ("tune.space={train.alhpa: {choice: [1]}}", "unknown key 'train.alhpa'; did you mean 'train.alpha'?"),
        ("tune.space={train.alpha: [1, 2]}", "tune.space.train.alpha: got [1, 2]"),
        ("tune.space={train.alpha: {}}", "one of {choice: [VALUE, ...]}, {uniform: [LOW, HIGH]}"),
        ("tune.space={train.alpha: {chioce: [1]}}", "did you mean 'tune.space.train.alpha.choice'?"),
        ("tune.space={train.alpha: {choice: [1], uniform: [0, 1]}}", "one of {choice: [VALUE, ...]}"),
        ("tune.space={train.alpha: {choice: []}}", "choice must have at least one value and no duplicates"),
        ("tune.space={train.alpha: {choice: [1, 1]}}", "choice must have at least one value and no duplicates"),
        ("tune.space={train.alpha: {choice: [1, 1.0]}}", "choice must have at least one value and no duplicates"),
        ("tune.space={train.alpha: {uniform: [2, 1]}}", "uniform must be [low, high] with low < high"),
        ("tune.space={train.alpha: {log_uniform: [0, 1]}}", "log_uniform must be above 0"),
        ("tune.space={train.alpha: {uniform: [-1, 1]}}", "tune.space.train.alpha: train.alpha: got -1"),
        ("tune.space={train.epochs: {uniform: [5, 9]}}", "train.epochs: got 5.0; input should be a valid integer"),
        ("tune.search=grid", "tune.space.train.alpha: got log_uniform [0.1, 40.0]; a grid is made of values"),
        ("tune.seeds=[]", "tune.seeds must not be empty or repeat a value"),
        ("tune.arm=kd", "tune.arm: 'kd' learns from a larger student, which `mmkd train` trains"),
    ],
)
def test_an_invalid_space_is_refused(load_with, override, message):
    with pytest.raises(ConfigError) as caught:
        load_with(override)
    assert message in str(caught.value)


def test_values_are_replaced_and_checked(load_with):
    config = load_with("study.variants={a: {train.alpha: 1}, b: {train.alpha: 2}}")
    changed = with_values(config, {"train.alpha": 7.5, "aspects.count": 3, "student.image_size": 32}, where="here")
    assert (changed.train.alpha, changed.aspects.count, changed.student.image_size) == (7.5, 3, 32)
    assert changed.study.variants == {}
    assert changed.data == config.data
    with pytest.raises(ConfigError, match=r"^here: train\.alpha: got -1"):
        with_values(config, {"train.alpha": -1}, where="here")


def test_tune_does_not_enter_a_students_identity(load_with, run, tmp_path):
    from mmkd_ray.study.students import list_students
    from tests.support.search_run import make

    config = make(tmp_path, run)
    other = validate({**config.model_dump(mode="json"), "tune": {"trials": 3, "arm": "ce", "seeds": [5]}})
    assert [cell.identity for cell in list_students(other, run)] == [
        cell.identity for cell in list_students(config, run)
    ]
