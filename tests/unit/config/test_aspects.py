import pytest

from mmkd_ray.config import LlmAspects, OpenAiLlm, PilotConfig, VllmLlm, load, to_yaml, validate
from mmkd_ray.errors import ConfigError

OPENAI = {"kind": "openai", "model": "owl"}
VLLM = {"kind": "vllm", "model": "org/owl"}


def tree(**aspects):
    return {
        "name": "a",
        "data": {"source": "fieldguide"},
        "aspects": {"source": "llm", "llm": OPENAI} | aspects,
    }


def mistake(**aspects):
    with pytest.raises(ConfigError) as raised:
        validate(tree(**aspects))
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_an_llm_needs_a_kind_and_a_model_and_the_rest_has_defaults():
    aspects = validate(tree()).aspects
    assert aspects == LlmAspects(source="llm", llm=OpenAiLlm(kind="openai", model="owl"))
    assert (aspects.candidates, aspects.count, aspects.select) == (100, 50, "llm")
    assert (aspects.llm.base_url, aspects.llm.api_key_env) == ("https://api.openai.com/v1", "OPENAI_API_KEY")
    assert (aspects.llm.temperature, aspects.llm.structured_output) == (0, True)
    assert not aspects.rules.allow_class_names
    assert isinstance(validate(tree(llm=VLLM)).aspects.llm, VllmLlm)
    assert not validate(tree(llm=VLLM)).aspects.llm.trust_remote_code


@pytest.mark.parametrize(
    "aspects",
    [
        {},
        {"llm": VLLM | {"gpus": 2, "engine_args": {"max_num_seqs": 4}}, "select": "mrmr", "count": 3, "candidates": 3},
        {
            "llm": OPENAI | {"requests_per_minute": 9, "timeout_s": 2.5},
            "description": "Größe: 'x', {braces}\nand # more",
        },
        {"rules": {"allow_class_names": True, "duplicate_above": 1.0}, "more_prompt": "not: {questions}"},
    ],
)
def test_what_is_written_is_loaded_again(tmp_path, aspects):
    config = validate(tree(**aspects))
    path = tmp_path / "c.yaml"
    path.write_text(to_yaml(config))
    assert load(path) == config


def test_overrides_reach_the_llm_and_the_rules(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(to_yaml(validate(tree())))
    config = load(
        path,
        ["aspects.llm.model=raven", "aspects.llm.timeout_s=5", "aspects.rules.max_characters=80", "aspects.count=7"],
    )
    assert (config.aspects.llm.model, config.aspects.llm.timeout_s) == ("raven", 5)
    assert (config.aspects.rules.max_characters, config.aspects.count) == (80, 7)
    with pytest.raises(ConfigError, match=r"unknown key 'aspects.llm.modal'; did you mean 'aspects.llm.model'\?"):
        load(path, ["aspects.llm.modal=raven"])


@pytest.mark.parametrize(
    ("aspects", "message"),
    [
        ({"llm": {"kind": "azure", "model": "x"}}, "aspects.llm.kind: got 'azure'; accepted are 'openai', 'vllm'"),
        ({"llm": {"model": "x"}}, "missing key 'aspects.llm.kind': accepted are kind = 'openai', 'vllm'"),
        ({"llm": {"kind": "openai"}}, "missing key 'aspects.llm.model'"),
        ({"llm": OPENAI | {"modal": 1}}, "unknown key 'aspects.llm.modal'; did you mean 'aspects.llm.model'?"),
        ({"llm": OPENAI | {"gpus": 1}}, "unknown key 'aspects.llm.gpus'"),
        ({"llm": OPENAI | {"timeout_s": -1}}, "aspects.llm.timeout_s: got -1; input should be greater than 0"),
        ({"llm": OPENAI | {"max_retries": "x"}}, 'aspects.llm.max_retries: got "x"; input should be a valid integer'),
        ({"llm": OPENAI | {"api_key": "sk-1"}}, "'aspects.llm.api_key'; did you mean 'aspects.llm.api_key_env'?"),
        ({"llm": "owl"}, 'aspects.llm: got "owl"'),
        (
            {"rules": {"max_character": 9}},
            "unknown key 'aspects.rules.max_character'; did you mean 'aspects.rules.max_characters'?",
        ),
        ({"rules": {"zebra": 9}}, "accepted here: max_characters, allow_class_names, duplicate_above"),
        ({"rules": {"duplicate_above": 1.5}}, "aspects.rules.duplicate_above: got 1.5"),
        ({"source": "llms"}, "aspects.source: got 'llms'; accepted are 'fieldguide', 'file', 'llm'"),
        ({"select": "file"}, "aspects.select: got \"file\"; input should be 'llm', 'information' or 'mrmr'"),
        ({"candidate": 9}, "unknown key 'aspects.candidate'; did you mean 'aspects.candidates'?"),
        ({"count": 101}, "aspects.count (101) is more than aspects.candidates (100)"),
        ({"candidates": 10, "count": 11}, "aspects.count (11) is more than aspects.candidates (10)"),
        ({"propose_prompt": "{count} questions"}, "propose_prompt must contain {class_list}"),
        ({"propose_prompt": "Questions!"}, "propose_prompt must contain {count} and {class_list}"),
        ({"more_prompt": "Others!"}, "more_prompt must contain {questions}"),
        ({"select_prompt": "of {questions}"}, "select_prompt must contain {count}"),
        ({"orientation_prompt": "Which?"}, "orientation_prompt must contain {questions}"),
    ],
)
def test_a_mistake_is_one_line_with_the_keys_path(aspects, message):
    assert message in mistake(**aspects)


def test_all_candidates_may_be_selected():
    assert validate(tree(candidates=10, count=10)).aspects.count == 10


def test_an_error_does_not_show_a_key_written_into_the_configuration():
    assert "sk-1" not in mistake(llm=OPENAI | {"api_key": "sk-1"})


def test_a_paraphrase_contains_the_question():
    assert validate({**tree(), "pilot": {"paraphrase": "So: {question}"}}).pilot.paraphrase == "So: {question}"
    with pytest.raises(ConfigError, match=r"paraphrase must contain \{question\}"):
        validate({**tree(), "pilot": {"paraphrase": "So what?"}})
    assert PilotConfig().paraphrase is None
