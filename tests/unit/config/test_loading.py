from pathlib import Path

import pytest

from mmkd_ray.config import Config, load, load_yaml, to_yaml, validate
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
        (
            "tracking",
            "trackers",
            ["wandb", "wandb"],
            "tracking.trackers must not repeat a value, got ['wandb', 'wandb']",
        ),
        ("study", "seeds", [], "seeds must not be empty"),
        ("study", "seeds", 3, "study.seeds: got 3; a list is accepted, e.g. [3]"),
        ("study", "arms", "ce", 'study.arms: got "ce"; a list is accepted, e.g. [ce]'),
        (
            "data",
            "nothing",
            3,
            "unknown key 'data.nothing'; accepted here: source, species_seed, image_seed",
        ),
        ("study", "arms", ["mackd"], 'study.arms.0: got "mackd"'),
        ("teacher", "prompt", "Yes or no?", "the prompt must contain {question}"),
        ("teacher", "yes_token", "no", "must differ by more than case and spaces, got 'no' and 'No'"),
        ("teacher", "no_token", " YES ", "must differ by more than case and spaces, got 'Yes' and ' YES '"),
        ("teacher", "yes_token", "", "yes_token is '' and no_token 'No'; each must be a word"),
        ("teacher", "no_token", " \n", "no_token ' \\n'; each must be a word, e.g. Yes and No"),
        ("data", "source", "folders", "data.source: got 'folders'; accepted are 'fieldguide', 'folder'"),
        ("data", "path", "x", "unknown key 'data.path'; it belongs to data.source = 'folder', 'table', '"),
        ("storage", "path", "", 'storage.path: got ""; string should have at least 1 character'),
        ("train", "augment", "trivial", "they need train.views: torchvision"),
        ("data", "fit", "pad", "unknown key 'data.fit'; it belongs to data.source ="),
        ("student", "crop_pct", 1.2, "student.crop_pct: got 1.2; input should be less than or equal to 1"),
        (
            "train",
            "decode_size",
            "half",
            'train.decode_size: got "half"; a number of pixels above 0 is accepted, or `full`',
        ),
        ("train", "crop_scale", [0.5], "train.crop_scale: got [0.5]; value 2 is missing"),
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


def test_pictures_that_are_made_squares_before_have_a_size():
    data = {"source": "folder", "path": "x", "fit": "pad"}
    with pytest.raises(
        ConfigError, match=r"decode_size: full needs data\.fit: crop, got 'pad': set a number of pixels"
    ):
        validate({**MINIMAL, "data": data, "train": {"decode_size": "full"}})


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ConfigError, match="missing key 'data'; missing key 'aspects'"):
        validate({"name": "a"})


def test_a_value_in_place_of_a_section_and_an_odd_name_are_plain_words():
    with pytest.raises(ConfigError, match=r"^train: got 3; a section is accepted: lines of KEY: VALUE, or train.KEY="):
        validate({**MINIMAL, "train": 3})
    with pytest.raises(ConfigError, match=r'^name: got "a/b"; letters, digits, dots, dashes and underscores are acc'):
        validate({**MINIMAL, "name": "a/b"})


def test_a_name_that_no_disk_takes_is_refused():
    with pytest.raises(ConfigError, match=r"^name: got .* at most 100 characters$"):
        validate({**MINIMAL, "name": "n" * 300})


@pytest.mark.parametrize("name", ["shared", "Shared"])
def test_the_name_of_what_runs_share_is_taken(name):
    with pytest.raises(ConfigError, match=rf'name: got "{name}"; STORAGE/shared holds .* choose another name'):
        validate({**MINIMAL, "name": name})


def test_missing_file_names_its_neighbours(tmp_path):
    write(tmp_path, "")
    with pytest.raises(ConfigError, match=r"no such file; there are: .*c\.yaml"):
        load(tmp_path / "d.yaml")


@pytest.mark.parametrize("text", ["a: [1", "a: 1\na: 2\n", "\t- x"])
def test_broken_yaml_names_line_and_column(tmp_path, text):
    with pytest.raises(ConfigError, match=r"line \d+, column \d+: not valid YAML"):
        load(write(tmp_path, text))


@pytest.mark.parametrize(("text", "problem"), [("[" * 2000, "hundreds deep"), ("!!float x", "could not convert")])
def test_yaml_that_no_reader_takes_is_one_line(tmp_path, text, problem):
    with pytest.raises(ConfigError, match=f"c.yaml: not valid YAML: .*{problem}"):
        load(write(tmp_path, text))
    with pytest.raises(ConfigError, match=r"override 'train.lr=.*the value is not valid YAML"):
        load(write(tmp_path, "name: t"), [f"train.lr={text}"])


def test_a_list_is_not_a_configuration(tmp_path):
    with pytest.raises(ConfigError, match="expected a mapping of sections"):
        load(write(tmp_path, "- 1"))


@pytest.mark.parametrize("override", ["train.lr", "=3", "name.x=3", "train.lr=[1"])
def test_a_malformed_override_is_named(tmp_path, override):
    with pytest.raises(ConfigError, match="override"):
        load(write(tmp_path, to_yaml(validate(MINIMAL))), [override])


@pytest.mark.parametrize("name", ["quickstart", "own_images", "imported_teacher", "fresh_study"])
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


def test_a_file_that_is_not_there_is_looked_for_by_an_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(30):
        (tmp_path / f"other_{number}.yaml").write_text("")
    (tmp_path / "questions.yaml").write_text("")
    with pytest.raises(ConfigError) as caught:
        load("question.yaml")
    message = str(caught.value)
    assert f"(looked at {tmp_path}/question.yaml)" in message
    assert "there are: questions.yaml, " in message
    assert message.endswith("and 26 more")


def test_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, to_yaml(validate(MINIMAL)))
    (tmp_path / "over.yaml").write_text("include: [~/more.yaml]\ntrain: {epochs: 3}\n")
    (tmp_path / "more.yaml").write_text("train: {lr: 0.5}\n")
    config = load("~/c.yaml", ["~/over.yaml"])
    assert (config.train.epochs, config.train.lr) == (3, 0.5)


def test_a_section_in_a_section_that_is_replaced_whole_is_told(tmp_path):
    path = write(
        tmp_path,
        "name: t\ndata: {source: fieldguide}\naspects: {source: llm, llm: {kind: openai, model: m}}\n",
    )
    (tmp_path / "over.yaml").write_text("aspects: {llm: {temperature: 0.5}}\n")
    with pytest.raises(
        ConfigError, match=r"missing key 'aspects.llm.kind'.*replaces aspects.llm whole.*aspects.llm.KEY=VALUE"
    ):
        load(path, [str(tmp_path / "over.yaml")])
    (tmp_path / "over.yaml").write_text("aspects: {llm: {kind: openai}}\n")
    with pytest.raises(ConfigError, match=r"missing key 'aspects.llm.model'.*replaces aspects.llm whole"):
        load(path, [str(tmp_path / "over.yaml")])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("teacher.revision=25921e05", "teacher.revision: got 2592100000.0; .*write it in quotes"),
        ("teacher.revision=1234567", "teacher.revision: got 1234567; .*write it in quotes"),
        ("teacher.prompt={question}", 'teacher.prompt: got {"question": null}; .*a brace in quotes'),
        ("teacher.yes_token=true", "teacher.yes_token: got true; .*write it in quotes"),
    ],
)
def test_what_is_no_text_is_to_be_written_in_quotes(tmp_path, override, message):
    path = write(tmp_path, to_yaml(validate(MINIMAL)))
    with pytest.raises(ConfigError, match=message) as caught:
        load(path, [override])
    key, _, value = override.partition("=")
    assert "e.g. '2592100000.0'" not in str(caught.value), "no advice to write what was not written"
    if "{" not in value:
        assert value in to_yaml(load(path, [f"{key}='{value}'"]))


def test_a_date_is_text(tmp_path):
    path = write(tmp_path, to_yaml(validate(MINIMAL)))
    assert load(path, ["teacher.revision=2024-01-01"]).teacher.revision == "2024-01-01"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.alpha", ".inf"), ("train.lr", "1e400"), ("train.lr", "-.inf"), ("train.crop_scale", "[.nan, 1]"),
        ("train.alpha", "1e39"),
        ("student.model_args", "{drop_rate: .nan}"), ("teacher.engine_args", "{a: {b: [.inf]}}"),
        ("study.variants", "{a: {train.lr: .inf}}"), ("tune.space", "{train.lr: {uniform: [0, .inf]}}"),
        ("train.epochs", "1" * 30), ("cluster.connect_timeout_s", ".inf"), ("evaluate.confidence", ".nan"),
    ],
)  # fmt: skip
def test_no_number_is_infinite_or_too_large(tmp_path, key, value):
    path = write(tmp_path, to_yaml(validate(MINIMAL)))
    with pytest.raises(ConfigError, match=rf"^{key}.*: got .*(must be finite|64 bits at most)"):
        load(path, [f"{key}={value}"])


@pytest.mark.parametrize(
    "key",
    ["data.species_seed", "data.image_seed", "aspects.select_seed", "pilot.seed", "tune.search_seed", "study.seeds",
     "tune.seeds"],
)  # fmt: skip
def test_seeds_have_the_range_that_all_their_users_have(key, tmp_path):
    path = write(tmp_path, to_yaml(validate(MINIMAL)))

    def with_seed(seed):
        return load(path, [f"{key}=[{seed}]" if key.endswith("seeds") else f"{key}={seed}"])

    for seed in (-1, 2**32):
        with pytest.raises(ConfigError, match=f"{key}.*: got {seed}; input should be (greater|less) than or equal to"):
            with_seed(seed)
    with_seed(2**32 - 1)


def test_every_seed_has_these_bounds():
    for name, schema in Config.model_json_schema()["$defs"].items():
        for key, field in schema.get("properties", {}).items():
            if key.endswith(("seed", "seeds")):
                bounds = field.get("items", field)
                assert (bounds["minimum"], bounds["maximum"]) == (0, 2**32 - 1), f"{name}.{key}"


def test_half_a_character_is_refused_by_name(tmp_path):
    path = write(tmp_path, to_yaml(validate(MINIMAL)))
    with pytest.raises(ConfigError, match=r"teacher.prompt: '.*\\ud800.*half of a character"):
        load(path, ['teacher.prompt="{question} \\ud800"'])
    (tmp_path / "questions.yaml").write_text('- Is it red?\n- question: "Is it \\ud83d?"\n')
    with pytest.raises(ConfigError, match=r"questions.yaml: entry 2.question: '.*\\ud83d"):
        load_yaml(tmp_path / "questions.yaml")
