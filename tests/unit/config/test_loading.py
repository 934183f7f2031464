from pathlib import Path

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
        ("teacher", "yes_token", "no", "must differ by more than case and spaces, got 'no' and 'No'"),
        ("teacher", "no_token", " YES ", "must differ by more than case and spaces, got 'Yes' and ' YES '"),
        ("teacher", "yes_token", "", "yes_token is '' and no_token 'No'; each must be a word"),
        ("teacher", "no_token", " \n", "no_token ' \\n'; each must be a word, e.g. Yes and No"),
        ("data", "source", "folders", "data.source: got 'folders'; accepted are 'fieldguide', 'folder'"),
        ("data", "path", "x", "unknown key 'data.path'; did you mean"),
        (
            "teacher",
            "kind",
            "vlm",
            "teacher.kind: got 'vlm'; accepted are 'vllm', 'openai', 'imported', 'no_inference'",
        ),
        ("teacher", "promt", "{question}", "unknown key 'teacher.promt'; did you mean 'teacher.prompt'?"),
        ("extract", "gpus_per_actor", 2, "an engine would leave GPUs idle"),
        ("extract", "tensor_parallel_size", 2, "set extract.gpus_per_actor to the same number"),
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


def test_the_name_of_what_runs_share_is_taken():
    with pytest.raises(ConfigError, match=r'name: got "shared".* choose another name'):
        validate({**MINIMAL, "name": "shared"})


def test_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path, "")
    with pytest.raises(ConfigError, match=r"no such file; there are: .*c\.yaml"):
        load(tmp_path / "d.yaml")


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "\t- x"])
def test_broken_yaml_names_line_and_column(tmp_path, text):
    with pytest.raises(ConfigError, match=r"line \d+, column \d+: not valid YAML"):
        load(write(tmp_path, text))


def test_a_list_is_not_a_configuration(tmp_path):
    with pytest.raises(ConfigError, match="expected a mapping of sections"):
        load(write(tmp_path, "- 1"))


@pytest.mark.parametrize("override", ["train.lr", "=3", "name.x=3", "train.lr=[1"])
def test_a_malformed_override_is_named(tmp_path, override):
    with pytest.raises(ConfigError, match="override"):
        load(write(tmp_path, to_yaml(validate(MINIMAL))), [override])


@pytest.mark.parametrize("name", ["quickstart", "own_images", "fresh_study"])
def test_shipped_configurations_are_valid(name, repository):
    assert load(repository / "configs" / f"{name}.yaml").name == name


def test_engines_that_share_a_gpu_may_not_take_more_of_it_than_their_share():
    shared = {"gpus_per_actor": 0.5}
    assert validate({**MINIMAL, "extract": shared}).extract.gpus_per_actor == 0.5
    with pytest.raises(ConfigError, match="engines on one GPU would run out of memory"):
        validate({**MINIMAL, "extract": {**shared, "gpu_memory_utilization": 0.8}})


def test_a_file_replaces_values_of_the_files_it_includes(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "data.yaml").write_text(
        "data: {source: fieldguide, train_per_class: 3, val_per_class: 2}\naspects: {source: fieldguide}\n"
    )
    (tmp_path / "teacher.yaml").write_text("teacher: {prompt: 'So: {question}', processor_args: {max_patches: 1}}\n")
    (tmp_path / "main.yaml").write_text(
        "include: [base/data.yaml, teacher.yaml]\nname: t\ndata: {train_per_class: 4}\n"
        "teacher: {processor_args: {min_patches: 2}}\n"
    )
    config = load(tmp_path / "main.yaml", ["data.val_per_class=7"])
    assert (config.data.train_per_class, config.data.val_per_class) == (4, 7)
    assert config.teacher.prompt == "So: {question}"
    assert config.teacher.processor_args == {"min_patches": 2}, "one model's arguments are not mixed with another's"


def test_each_further_file_on_the_command_line_replaces_values_of_those_before_it(tmp_path):
    (tmp_path / "main.yaml").write_text("name: t\ndata: {source: fieldguide}\naspects: {source: fieldguide}\n")
    (tmp_path / "fast.yaml").write_text("train: {epochs: 3, lr: 0.5}\n")
    config = load(tmp_path / "main.yaml", ["train.lr=0.1", str(tmp_path / "fast.yaml"), "train.epochs=4"])
    assert (config.train.lr, config.train.epochs) == (0.5, 4)


def test_a_file_that_includes_itself_is_an_error(tmp_path):
    (tmp_path / "a.yaml").write_text("include: [b.yaml]\n")
    (tmp_path / "b.yaml").write_text("include: [a.yaml]\n")
    with pytest.raises(ConfigError, match="includes itself, through"):
        load(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    "name", sorted(path.name for path in Path(__file__).parents[3].joinpath("configs/teachers").glob("*.yaml"))
)
def test_shipped_teachers_are_valid_with_other_images(repository, name):
    config = load(repository / "configs/own_images.yaml", [str(repository / "configs/teachers" / name)])
    assert not config.teacher.trust_remote_code
    assert config.teacher.revision
    assert "do_image_splitting" not in config.teacher.processor_args or name == "smolvlm2.yaml"


@pytest.mark.parametrize(
    ("over", "kept"),
    [
        ("teacher: {kind: openai, model: m}", False),
        ("teacher: {kind: vllm, dtype: float32}", True),
        ("teacher: {dtype: float32}", True),
    ],
)
def test_a_section_of_another_kind_replaces_the_whole_section(tmp_path, over, kept):
    base, above = tmp_path / "base.yaml", tmp_path / "above.yaml"
    base.write_text(
        "name: t\ndata: {source: fieldguide}\naspects: {source: fieldguide}\nteacher: {model: x, max_model_len: 77}\n"
    )
    above.write_text(over)
    config = load(base, [str(above)])
    assert (getattr(config.teacher, "max_model_len", None) == 77) == kept


@pytest.mark.parametrize("name", ["openai", "vllm"])
def test_shipped_llms_are_valid_in_other_runs(repository, name):
    for run in ("own_images", "quickstart"):
        config = load(repository / f"configs/{run}.yaml", [str(repository / f"configs/aspects/{name}.yaml")])
        assert (config.aspects.source, config.aspects.llm.kind, config.aspects.count) == ("llm", name, 50)
