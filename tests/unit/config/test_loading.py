import pytest

from mmkd_ray.config import load, to_yaml, validate
from mmkd_ray.errors import ConfigError

MINIMAL = {"name": "a", "data": {"source": "fieldguide"}, "aspects": {"source": "fieldguide"}}


def write(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return path


def test_defaults_are_filled_in_and_survive_a_round_trip(tmp_path):
    config = validate(MINIMAL)
    assert config.train.alpha == 4
    assert load(write(tmp_path, to_yaml(config))) == config


def test_overrides_reach_nested_keys_and_are_typed(tmp_path):
    path = write(tmp_path, "name: a\ndata: {source: fieldguide}\naspects: {source: fieldguide}\n")
    config = load(path, ["train.lr=1e-3", "study.seeds=[5, 6]", "teacher.yes_token=yes", "teacher.no_token=no"])
    assert config.train.lr == 1e-3
    assert config.study.seeds == (5, 6)
    assert config.teacher.yes_token == "yes"  # not True, as YAML 1.1 would read it


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("train", "alhpa", 1, "unknown key 'train.alhpa'; did you mean 'train.alpha'?"),
        ("train", "seeds", [1], "unknown key 'train.seeds'; did you mean 'study.seeds'?"),
        ("train", "alpha", -1, "train.alpha: got -1; input should be greater than or equal to 0"),
        ("train", "epochs", "ten", 'train.epochs: got "ten"; input should be a valid integer'),
        ("train", "epochs", True, "train.epochs: got true; input should be a valid integer"),
        ("train", "warmup_epochs", 1000, "warmup_epochs (1000.0) must be less than epochs (100)"),
        ("study", "arms", ["ce", "ce"], "arms must not repeat a value"),
        ("study", "seeds", [], "seeds must not be empty"),
        ("study", "arms", ["mackd"], 'study.arms.0: got "mackd"'),
        ("teacher", "prompt", "Yes or no?", "the prompt must contain {question}"),
        ("data", "source", "folders", "data.source: got 'folders'; accepted are 'fieldguide', 'folder'"),
        ("data", "path", "x", "unknown key 'data.path'; did you mean"),
        ("extract", "tensor_parallel_size", 2, "set extract.gpus_per_actor as well"),
    ],
)
def test_a_mistake_is_one_line_with_the_keys_path(section, key, value, message):
    tree = {**MINIMAL, section: {**MINIMAL.get(section, {}), key: value}}
    with pytest.raises(ConfigError) as caught:
        validate(tree)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError, match="missing key 'data'; missing key 'aspects'"):
        validate({"name": "a"})


def test_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path, "")
    with pytest.raises(ConfigError, match=r"no such file; there are: .*c\.yaml"):
        load(tmp_path / "d.yaml")


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "\t- x"])
def test_broken_yaml_names_line_and_column(tmp_path, text):
    with pytest.raises(ConfigError, match=r"line \d+, column \d+: not valid YAML"):
        load(write(tmp_path, text))


def test_a_list_is_no_configuration(tmp_path):
    with pytest.raises(ConfigError, match="expected a mapping of sections"):
        load(write(tmp_path, "- 1"))


@pytest.mark.parametrize("override", ["train.lr", "=3", "name.x=3", "train.lr=[1"])
def test_a_malformed_override_is_named(tmp_path, override):
    with pytest.raises(ConfigError, match="override"):
        load(write(tmp_path, to_yaml(validate(MINIMAL))), [override])


@pytest.mark.parametrize("name", ["quickstart", "own_images", "fresh_study"])
def test_shipped_configurations_are_valid(name, repository):
    assert load(repository / "configs" / f"{name}.yaml").name == name
