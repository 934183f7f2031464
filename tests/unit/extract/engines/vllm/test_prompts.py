"""What the teacher reads, by the processors of two families."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoProcessor

from mmkd_ray.config import VllmTeacher
from mmkd_ray.errors import TeacherError
from mmkd_ray.extract.engines.tokens import single_token
from mmkd_ray.extract.engines.vllm.prompts import chat_prompt, prompt_tokens, with_other_question
from tests.support.checkpoints import build_internvl, build_smolvlm

TEACHER = VllmTeacher(model="m", prompt="{question} Yes or No?")


@pytest.fixture(scope="module")
def internvl(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoProcessor.from_pretrained(build_internvl(tmp_path_factory.mktemp("internvl")))


@pytest.fixture(scope="module")
def smolvlm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return AutoProcessor.from_pretrained(build_smolvlm(tmp_path_factory.mktemp("smolvlm")))


def test_the_image_comes_first_and_the_question_last_in_the_checkpoints_own_template(internvl: Any, smolvlm: Any):
    assert chat_prompt(internvl, TEACHER, "Is it blue?") == (
        "<|im_start|>user\n<IMG_CONTEXT>\nIs it blue? Yes or No?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert chat_prompt(smolvlm, TEACHER, "Is it blue?") == (
        "<|im_start|>User:<image>Is it blue? Yes or No?<end_of_utterance>\nAssistant:"
    )


def test_braces_in_template_and_question_are_left_alone(internvl: Any):
    written = chat_prompt(
        internvl, VllmTeacher(prompt="Answer {{}} with {yes}: {question}"), "Is {this} {question} a {0} bird?"
    )
    assert "Answer {{}} with {yes}: Is {this} {question} a {0} bird?" in written


def test_a_checkpoint_without_a_chat_template_is_refused(tmp_path: Path):
    folder = build_internvl(tmp_path / "base")
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(TeacherError, match="instruction-tuned"):
        chat_prompt(AutoProcessor.from_pretrained(folder), TEACHER, "Is it blue?")


@pytest.mark.parametrize(
    ("template", "cause"),
    [
        ("{% for m in messages %}{{ 'USER: ' + m['content'] }}{% endfor %}", "can only concatenate str"),
        ("{% if %}", "Expected an expression"),
        ("{{ raise_exception('only text is supported') }}", "only text is supported"),
        ("{{ messages.nothing.more }}", "has no attribute 'nothing'"),
    ],
)
def test_whatever_a_chat_template_raises_is_a_refusal(
    internvl: Any, monkeypatch: pytest.MonkeyPatch, template: str, cause: str
):
    monkeypatch.setattr(internvl, "chat_template", template)
    with pytest.raises(TeacherError, match=rf"chat template of 'm' does not accept.*{cause}"):
        chat_prompt(internvl, TEACHER, "Is it blue?")


def test_arguments_reach_the_chat_template(internvl: Any, monkeypatch: pytest.MonkeyPatch):
    template = internvl.chat_template + "{% if not enable_thinking %}<think>\n\n</think>{% endif %}"
    monkeypatch.setattr(internvl, "chat_template", template)
    thinking, direct = (
        TEACHER.model_copy(update={"chat_template_args": {"enable_thinking": value}}) for value in (True, False)
    )
    assert "</think>" not in chat_prompt(internvl, thinking, "Is it blue?")
    assert chat_prompt(internvl, direct, "Is it blue?").endswith("</think>")


def test_the_first_token_is_not_written_twice(smolvlm: Any):
    """Tokenizer and chat template of this family both write it, as Llama's do."""
    tokenizer = smolvlm.tokenizer
    first = tokenizer.bos_token_id
    assert tokenizer.encode(chat_prompt(smolvlm, TEACHER, "Is it blue?"))[:2] == [first, first]
    assert prompt_tokens(smolvlm, TEACHER, "Is it blue?").count(first) == 1


def test_the_first_token_is_added_where_the_chat_template_leaves_it_out(smolvlm: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(smolvlm, "chat_template", smolvlm.chat_template.replace("<|im_start|>", ""))
    assert prompt_tokens(smolvlm, TEACHER, "Is it blue?")[0] == smolvlm.tokenizer.bos_token_id


def test_tokens_are_those_of_the_written_prompt(internvl: Any):
    tokens = prompt_tokens(internvl, TEACHER, "Is it blue?")
    assert internvl.tokenizer.decode(tokens) == chat_prompt(internvl, TEACHER, "Is it blue?")
    assert tokens.count(internvl.image_token_id) == 1


def test_prompts_of_two_questions_differ_only_after_the_image(internvl: Any):
    image = internvl.image_token_id
    one, other = (prompt_tokens(internvl, TEACHER, question) for question in ("Is it blue?", "Has it a crest?"))
    assert one[: one.index(image) + 1] == other[: other.index(image) + 1]
    assert one != other


def test_single_token_finds_the_answers(internvl: Any, smolvlm: Any):
    for tokenizer in (internvl.tokenizer, smolvlm.tokenizer):
        yes, no = single_token(tokenizer, "Yes"), single_token(tokenizer, "No")
        assert (tokenizer.decode([yes]), tokenizer.decode([no])) == ("Yes", "No")


def test_an_answer_of_several_tokens_is_refused_and_named(smolvlm: Any):
    with pytest.raises(TeacherError, match=r"'Affirmative' is 10 tokens.*teacher\.yes_token"):
        single_token(smolvlm.tokenizer, "Affirmative")


def test_an_answer_of_no_token_is_refused(internvl: Any):
    with pytest.raises(TeacherError, match="'' is 0 tokens"):
        single_token(internvl.tokenizer, "")


def test_the_tokens_of_another_question_are_derived_without_the_processor():
    """7 stands for the image, which the processor has made three tokens of."""
    first, other = [1, 7, 4, 5, 6, 9], [1, 7, 4, 8, 9]
    assert with_other_question([1, 7, 7, 7, 4, 5, 6, 9], 4, first, other) == [1, 7, 7, 7, 4, 8, 9]
    assert with_other_question([1, 7, 7, 7, 4, 5, 6, 9], 4, first, first) == [1, 7, 7, 7, 4, 5, 6, 9]


@pytest.mark.parametrize(
    ("expanded", "other"),
    [
        ([1, 7, 7, 7, 4, 5, 6, 9], [2, 7, 4, 8, 9]),  # they differ before the image
        ([1, 7, 7, 7, 4, 5, 99, 9], [1, 7, 4, 8, 9]),  # the processor has changed what follows the image
    ],
)
def test_nothing_is_derived_if_prompts_differ_before_the_image(expanded: list[int], other: list[int]):
    assert with_other_question(expanded, 4, [1, 7, 4, 5, 6, 9], other) is None
